//go:build unix

package agent

import (
	"errors"
	"os"
	"os/exec"
	"syscall"

	"github.com/guardrails-ci/guardrails/build/localagent/workflow"
)

// configure puts a program into a group of its own. A Ctrl-C in the terminal
// then reaches only us, and we pass it on as the agent does: to that program
// alone.
func configure(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func interrupt(p *os.Process) error { return p.Signal(syscall.SIGINT) }

func terminate(p *os.Process) error { return p.Signal(syscall.SIGTERM) }

func killGroup(p *os.Process) { endGroup(p.Pid) }

// endGroup kills what is left of the group that a program led. The system does
// not give the number to another process while the group has members.
func endGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

// ours reports whether a file belongs to the user who runs us.
func ours(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid()
}

func tooLong(err error) bool { return errors.Is(err, syscall.E2BIG) }

func sameEnvName(a, b string) bool { return a == b }

// newline is what .NET calls Environment.NewLine.
const newline = "\n"

// tempVariables name the machine's temporary folder.
var tempVariables = []string{"TMPDIR"}

// cleanInput leaves a filePath input as it is; on Windows the agent edits it.
func cleanInput(value string) string { return value }

// invalidFileNameChars may not be in the name of an attachment.
const invalidFileNameChars = "\x00/"

func shellFor(kind workflow.Kind) shell {
	if kind == workflow.Bash {
		return bashShell("Bash", "bash")
	}
	return bashShell("Command line", "bash", "sh")
}
