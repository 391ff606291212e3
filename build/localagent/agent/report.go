package agent

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// printSummaries prints what the run's page would show on its summary tab.
func (j *job) printSummaries() {
	for _, a := range j.result.Attachments {
		if a.Type == summaryType {
			j.print("##[group]Summary of " + a.Step + ": " + a.Name)
			j.print(strings.TrimRight(a.Content, "\r\n"))
			j.print("##[endgroup]")
		}
	}
}

// failedChecks explains an exit status that the job's result does not.
func (r *Result) failedChecks() string {
	n := 0
	for _, c := range r.Checks {
		n += len(c.Problems)
	}
	switch n {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf(`, but 1 check failed (see "check ..." above): exit status %d`, r.ExitStatus)
	default:
		return fmt.Sprintf(`, but %d checks failed (see "check ..." above): exit status %d`, n, r.ExitStatus)
	}
}

// printTable prints how each step ended.
func (j *job) printTable() {
	rows := [][]string{{"Step", "Stage", "Result", "Time"}}
	for _, s := range j.result.Steps {
		took := s.Duration.Round(time.Millisecond).String()
		rows = append(rows, []string{s.DisplayName, s.Stage, string(s.Result), took})
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	j.print("")
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		j.print(strings.TrimRight(line.String(), " "))
	}
	j.print("\nJob result: " + string(j.result.Result) + j.result.failedChecks())
}
