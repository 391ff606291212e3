package agent

import (
	"time"
)

// Result is all that is known about a job that ran. Every text in it has passed
// the masker. It is also the JSON form; Schema changes when a field changes.
type Result struct {
	Schema int    `json:"schema"`
	Name   string `json:"name"`
	Result Status `json:"result"`
	// ExitStatus is that of the program.
	ExitStatus  int               `json:"exitStatus"`
	BuildNumber string            `json:"buildNumber"`
	Steps       []*Step           `json:"steps"`
	Variables   map[string]string `json:"variables"`
	Attachments []Attachment      `json:"attachments"`
	Artifacts   []Artifact        `json:"artifacts"`
	Tags        []string          `json:"tags"`
	Checks      []Check           `json:"checks"`
}

// Step is one stage of one step.
type Step struct {
	// Name is what other steps refer to, DisplayName what people see.
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
	// Task is Name@Version, empty for script steps. Stage is pre, main or post.
	Task   string  `json:"task,omitempty"`
	Stage  string  `json:"stage"`
	Line   int     `json:"line"`
	Result Status  `json:"result"`
	Issues []Issue `json:"issues"`
	// ExitCode is that of the last try, absent when nothing was run.
	ExitCode      *int              `json:"exitCode,omitempty"`
	Tries         int               `json:"tries"`
	Duration      time.Duration     `json:"durationNanoseconds"`
	Log           []string          `json:"log"`
	Outputs       map[string]string `json:"outputs"`
	TaskVariables map[string]string `json:"taskVariables"`
	Progress      int               `json:"progress,omitempty"`
	Operation     string            `json:"operation,omitempty"`
}

// Issue is an error or a warning that the run's page would show.
type Issue struct {
	Type    string            `json:"type"`
	Message string            `json:"message"`
	Data    map[string]string `json:"data,omitempty"`
}

// Attachment is a file that a step asked to attach to the run.
type Attachment struct {
	Step string `json:"step"`
	Type string `json:"type"`
	Name string `json:"name"`
	Path string `json:"path"`
	// Content is the text as it was at the end of the job, when the agent would
	// send it, and empty for other files and above 1 MiB.
	Content string `json:"content,omitempty"`
	// label names the step in messages.
	label string
}

// Artifact is a file or folder that a step published.
type Artifact struct {
	Step   string `json:"step"`
	Name   string `json:"name"`
	Folder string `json:"folder,omitempty"`
	Type   string `json:"type,omitempty"`
	Path   string `json:"path"`
}

// Check is one of the things that must hold when a job has ended.
type Check struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Problems say what was found; Note says what could not be looked at.
	Problems []string `json:"problems,omitempty"`
	// Warnings are what may be another program's doing, or nobody's fault.
	Warnings []string `json:"warnings,omitempty"`
	Note     string   `json:"note,omitempty"`
}

// ExitCode is the exit status for the result: 0 for success, with or without
// issues, 1 for a failed job or a failed check, 3 for a canceled job.
func (r *Result) ExitCode() int {
	for _, c := range r.Checks {
		if !c.OK {
			return 1
		}
	}
	switch r.Result {
	case succeeded, succeededWithIssues:
		return 0
	case canceled:
		return 3
	default:
		return 1
	}
}
