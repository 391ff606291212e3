package agent

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	// maxOutside is the largest file that is searched outside the work folder,
	// maxInside how many files of one new folder are.
	maxOutside = 1 << 20
	maxInside  = 1000
	// maxNamed is how many new entries are named.
	maxNamed = 20
)

// outside is what stood in folders that a job shares with all other programs.
type outside struct {
	folders []string
	before  map[string]bool
}

// lookOutside lists the watched folders before the first step.
func lookOutside(watch []string) outside {
	o := outside{before: map[string]bool{}}
	for _, folder := range watch {
		// Two names of one folder (/tmp on macOS) would show everything twice.
		folder, err := filepath.EvalSymlinks(folder)
		if err != nil || slices.Contains(o.folders, folder) {
			continue
		}
		o.folders = append(o.folders, folder)
		for _, name := range entriesOf(folder) {
			o.before[name] = true
		}
	}
	return o
}

func entriesOf(folder string) []string {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil // a folder that cannot be listed shows nothing new
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = filepath.Join(folder, e.Name())
	}
	return names
}

// appeared lists the entries that are new, except apart, and that belong to the
// user who runs the job. Other programs of that user may have made them.
func (o outside) appeared(apart ...string) []string {
	var names []string
	for _, folder := range o.folders {
		for _, name := range entriesOf(folder) {
			info, err := os.Lstat(name)
			if err == nil && !o.before[name] && !slices.Contains(apart, name) && ours(info) {
				names = append(names, name)
			}
		}
	}
	return names
}

// appearedWarning names the new entries, empty when there are none.
func appearedWarning(names []string) string {
	if len(names) == 0 {
		return ""
	}
	more := ""
	if n := len(names) - maxNamed; n > 0 {
		names, more = names[:maxNamed], fmt.Sprintf(", and %d more", n)
	}
	return "appeared during the job outside its work folder: " + strings.Join(names, ", ") + more
}

// searchOutside looks for secrets in what is new. That a secret of this job
// stands in it shows well enough who wrote it.
func (s *search) searchOutside(names []string) (problems []string) {
	for _, top := range names {
		files := 0
		// What vanishes or cannot be read is another program's.
		_ = filepath.WalkDir(top, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return nil
			}
			if files++; files > maxInside {
				return fs.SkipAll
			}
			info, err := entry.Info()
			if err != nil || info.Size() > maxOutside || !ours(info) {
				return nil
			}
			if what, err := s.file(name); err == nil && what != "" {
				problems = append(problems, found(name, what))
			}
			return nil
		})
	}
	return problems
}
