// Package pipeline writes what a task says to the Azure Pipelines agent: log
// lines and logging commands (##vso[area.event properties]data).
//
// It promises that a line is a command only when a method of [Log] says so.
// Text that came from elsewhere (a child process, a lock file, a registry) can
// be printed with [Log.Print] and never starts a command, and no registered
// secret is printed by any method except the ones that hand a secret to the
// agent on purpose.
//
// The wire format is the agent's: src/Agent.Sdk/CommandStringConvertor.cs and
// src/Microsoft.VisualStudio.Services.Agent/Command.cs of
// github.com/microsoft/azure-pipelines-agent, and node/taskcommand.ts of
// github.com/microsoft/azure-pipelines-task-lib. There is nothing to read back:
// the agent answers no command.
package pipeline

import (
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/guardrails-ci/guardrails/shared/redact"
)

// Log is the agent's end of a task's standard output. Its methods are safe for
// concurrent use; each writes whole lines in one call. Writing errors are kept
// and reported by [Log.Err]: a task whose output is gone cannot be trusted to
// have said "no".
type Log struct {
	mu      sync.Mutex
	w       io.Writer
	secrets *redact.Set
	err     error
}

// New returns a Log that writes to w and hides the secrets of the set, which
// may be nil and may grow while the Log is used.
func New(w io.Writer, secrets *redact.Set) *Log {
	if secrets == nil {
		secrets = new(redact.Set)
	}
	return &Log{w: w, secrets: secrets}
}

// Err returns the first error that writing met, or nil.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Print writes text as ordinary log lines. CR, LF and CRLF end a line, as they
// do for the agent; "##vso[" and "##[" in the text are defused.
func (l *Log) Print(text string) {
	var b strings.Builder
	for _, line := range lines(l.secrets.String(text)) {
		b.WriteString(redact.Defuse(line))
		b.WriteByte('\n')
	}
	l.write(b.String())
}

// Printf is Print of a formatted text.
func (l *Log) Printf(format string, args ...any) { l.Print(fmt.Sprintf(format, args...)) }

// Debug writes text that is shown only when System.Debug is true.
func (l *Log) Debug(text string) {
	for _, line := range lines(l.secrets.String(text)) {
		l.write(format("task.debug", nil, line))
	}
}

// Group starts a collapsible group of log lines. Groups do not nest.
func (l *Log) Group(title string) { l.decorate("group", title) }

// EndGroup ends the group.
func (l *Log) EndGroup() { l.write("##[endgroup]\n") }

// Section writes a highlighted heading.
func (l *Log) Section(title string) { l.decorate("section", title) }

// Command writes text highlighted as a command line that is about to run. It is
// decoration only; pass nothing that may hold a secret the set does not know.
func (l *Log) Command(text string) { l.decorate("command", text) }

func (l *Log) decorate(kind, text string) {
	flat := strings.Join(lines(l.secrets.String(text)), " ")
	l.write("##[" + kind + "]" + redact.Defuse(flat) + "\n")
}

// free is a property whose value is somebody's text, and so is masked. The
// agent's own words are not: a secret that happens to be "Failed" must not turn
// a result into stars.
func (l *Log) free(name, value string) property { return property{name, l.secrets.String(value)} }

// command writes a logging command whose data is masked.
func (l *Log) command(name string, properties []property, data string) {
	l.write(format(name, properties, l.secrets.String(data)))
}

func (l *Log) write(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := io.WriteString(l.w, s); err != nil && l.err == nil {
		l.err = fmt.Errorf("writing to the log: %w", err)
	}
}

// lines cuts text where the agent's reader does (.NET StreamReader.ReadLine: LF,
// CRLF or a bare CR). A trailing line end does not make an empty line.
func lines(text string) []string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}
