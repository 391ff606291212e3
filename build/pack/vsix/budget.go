package vsix

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Limits are sizes in bytes. Server 2022 refuses packages over 100 MiB, the marketplace asks to
// stay below 50 MB, and a task is downloaded by every fresh agent at the start of its job.
type Limits struct{ Task, Extension, Warning int64 }

// Budget is what this extension may take.
var Budget = Limits{Task: 12_000_000, Extension: 49_000_000, Warning: 47_000_000}

// Check returns an error for a package that is over the limits and a warning for one that is close.
// total is the size of the package; tasks are the names of the task folders.
func (l Limits) Check(sizes []Size, total int64, tasks []string) (warning string, err error) {
	var failed []error
	for _, task := range tasks {
		parts := slices.DeleteFunc(slices.Clone(sizes), func(s Size) bool {
			return !strings.HasPrefix(s.Name, task+"/")
		})
		if sum := sumOf(parts); sum > l.Task {
			failed = append(failed, fmt.Errorf("task %s takes %s in the package, more than its budget of %s; %s",
				task, MB(sum), MB(l.Task), biggest(parts)))
		}
	}
	if total > l.Extension {
		failed = append(failed, fmt.Errorf("the extension takes %s, more than its budget of %s; %s",
			MB(total), MB(l.Extension), biggest(sizes)))
	} else if total > l.Warning {
		warning = fmt.Sprintf("the extension takes %s and may take %s; %s", MB(total), MB(l.Extension), biggest(sizes))
	}
	return warning, errors.Join(failed...)
}

func sumOf(sizes []Size) (sum int64) {
	for _, s := range sizes {
		sum += s.Bytes
	}
	return sum
}

func biggest(sizes []Size) string {
	sorted := slices.SortedFunc(slices.Values(sizes), func(a, b Size) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.Name, b.Name))
	})
	var list []string
	for _, s := range sorted[:min(3, len(sorted))] {
		list = append(list, fmt.Sprintf("%s %s", s.Name, MB(s.Bytes)))
	}
	return "the biggest parts are " + strings.Join(list, ", ")
}

// MB formats a size in megabytes of 1,000,000 bytes.
func MB(bytes int64) string { return fmt.Sprintf("%.2f MB", float64(bytes)/1e6) }
