package agent

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/windows"

	"github.com/guardrails-ci/guardrails/build/localagent/workflow"
)

// configure puts a program into a console group of its own. Windows can send
// Ctrl-Break to such a group but not Ctrl-C, so both requests are Ctrl-Break;
// the agent, which attaches to the console, sends Ctrl-C first.
func configure(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}

func interrupt(p *os.Process) error {
	return windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(p.Pid))
}

func terminate(p *os.Process) error { return interrupt(p) }

func killGroup(p *os.Process) { _ = p.Kill() }

// endGroup does nothing: a console group cannot be killed once its leader ended.
func endGroup(int) {}

// ours holds for every file: Windows has no owner in what it lists.
func ours(os.FileInfo) bool { return true }

func tooLong(err error) bool { return errors.Is(err, windows.ERROR_FILENAME_EXCED_RANGE) }

func sameEnvName(a, b string) bool { return strings.EqualFold(a, b) }

// newline is what .NET calls Environment.NewLine.
const newline = "\r\n"

// tempVariables name the machine's temporary folder.
var tempVariables = []string{"TEMP", "TMP"}

// cleanInput does to a filePath input what TaskRunner.cs does on Windows.
func cleanInput(value string) string {
	return strings.ReplaceAll(strings.Trim(value, `"`), "/", `\`)
}

// invalidFileNameChars may not be in the name of an attachment.
const invalidFileNameChars = "\x00\x01\x02\x03\x04\x05\x06\a\b\t\n\v\f\r\x0e\x0f\x10\x11\x12\x13\x14\x15" +
	"\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\"<>|:*?\\/"

func shellFor(kind workflow.Kind) shell {
	if kind == workflow.Bash {
		return bashShell("Bash", "bash")
	}
	return shell{
		name: "Cmd.exe", title: "Command line", description: "Run a script with cmd.exe", programs: []string{"cmd.exe"},
		suffix: ".cmd", before: "@echo off\n", newline: "\r\n",
		args: func(_, file string) []string { return []string{"/D", "/E:ON", "/V:OFF", "/S", "/C", "CALL", file} },
	}
}
