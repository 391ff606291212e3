package agent

import (
	"slices"
	"strconv"
	"strings"
)

// Status is the result of a step or a job, in the agent's words. The empty
// Status is "none yet".
type Status string

const (
	succeeded           Status = "Succeeded"
	succeededWithIssues Status = "SucceededWithIssues"
	failed              Status = "Failed"
	canceled            Status = "Canceled"
	skipped             Status = "Skipped"
	abandoned           Status = "Abandoned"
)

// ranks is the order of the agent's TaskResult: later is worse.
var ranks = []Status{succeeded, succeededWithIssues, failed, canceled, skipped, abandoned}

func (s Status) rank() int { return slices.Index(ranks, s) }

// merge returns the worse of two results. What is above Failed stays as it is:
// a canceled job cannot fail (TaskResultUtil.cs).
func (s Status) merge(coming Status) Status {
	switch {
	case s == "":
		return coming
	case s.rank() > failed.rank():
		return s
	case coming.rank() >= s.rank():
		return coming
	default:
		return s
	}
}

// orSucceeded is the result of what ended without saying anything.
func (s Status) orSucceeded() Status {
	if s == "" {
		return succeeded
	}
	return s
}

// parseStatus reads a result as .NET's Enum.TryParse does: names in their exact
// case, or the number behind a name.
func parseStatus(text string) (Status, bool) {
	text = strings.TrimSpace(text)
	if n, err := strconv.Atoi(text); err == nil && n >= 0 && n < len(ranks) {
		return ranks[n], true
	}
	s := Status(text)
	return s, s.rank() >= 0
}
