package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

const foldNames = true

// group is a console process group, which can be interrupted, in a job object,
// which can be killed.
type group struct {
	pid     uint32
	process windows.Handle
	job     windows.Handle
}

// startGroup starts cmd and puts it into a job object. A grandchild that is
// started in the moment between the two stays outside the job.
func startGroup(cmd *exec.Cmd) (*group, error) {
	job, err := newJob()
	if err != nil {
		return nil, fmt.Errorf("making a job object: %w", err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP, HideWindow: true}
	if err := cmd.Start(); err != nil {
		_ = windows.CloseHandle(job)
		return nil, err
	}
	g := &group{pid: uint32(cmd.Process.Pid), job: job}
	const access = windows.PROCESS_SET_QUOTA | windows.PROCESS_TERMINATE | windows.SYNCHRONIZE
	if g.process, err = windows.OpenProcess(access, false, g.pid); err == nil {
		err = windows.AssignProcessToJobObject(job, g.process)
	}
	if err != nil && !errors.Is(err, windows.ERROR_ACCESS_DENIED) { // denied: it has ended already
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		g.release()
		return nil, fmt.Errorf("putting it into a job object: %w", err)
	}
	return g, nil
}

// newJob makes a job object whose processes end with its last handle, so also
// when this process is killed.
func newJob() (windows.Handle, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return 0, err
	}
	var limits windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	limits.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	if err != nil {
		_ = windows.CloseHandle(job)
		return 0, err
	}
	return job, nil
}

// interrupt sends CTRL_BREAK: CTRL_C is switched off in a new process group.
func (g *group) interrupt() { _ = windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, g.pid) }

func (g *group) kill() {
	_ = windows.TerminateJobObject(g.job, 1)
	if g.process != 0 { // in case it never came into the job
		_ = windows.TerminateProcess(g.process, 1)
	}
}

func (g *group) awaitExit() {
	if g.process != 0 {
		_, _ = windows.WaitForSingleObject(g.process, windows.INFINITE)
	}
}

func (g *group) release() {
	if g.process != 0 {
		_ = windows.CloseHandle(g.process)
	}
	_ = windows.CloseHandle(g.job)
}

func signalName(*os.ProcessState) string { return "" }

// checkArgs refuses what a batch file would take for syntax: cmd.exe parses its
// command line again, and nothing quotes for it reliably (CVE-2024-24576).
func checkArgs(path string, args []string) error {
	if ext := strings.ToLower(filepath.Ext(path)); ext != ".bat" && ext != ".cmd" {
		return nil
	}
	for i, arg := range args {
		if strings.ContainsAny(arg, "\"%!^&|<>()\r\n") {
			return fmt.Errorf("argument %d holds a character that a batch file would run", i+1)
		}
	}
	return nil
}

// lookPath finds name in the PATH of env. Relative entries, and the current
// directory that Windows would search first, are left out.
func lookPath(name string, env []string) (string, error) {
	extensions := strings.Split(lookup(env, "PATHEXT", true), ";")
	if extensions[0] == "" {
		extensions = []string{".com", ".exe", ".bat", ".cmd"}
	}
	if strings.ContainsAny(name, `/\:`) {
		if !filepath.IsAbs(name) {
			return "", fmt.Errorf("starting %s: the program must be a bare name or an absolute path", baseName(name))
		}
		if path, ok := withExtension(name, extensions); ok {
			return path, nil
		}
		return "", fmt.Errorf("%s was not found: %w", baseName(name), fs.ErrNotExist)
	}
	if name == "" {
		return "", errors.New("no program is named")
	}
	search := lookup(env, "PATH", true)
	if search == "" {
		return "", fmt.Errorf("finding %s: the environment it is given has no PATH", name)
	}
	for _, dir := range filepath.SplitList(search) {
		if !filepath.IsAbs(dir) {
			continue
		}
		if path, ok := withExtension(filepath.Join(dir, name), extensions); ok {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s was not found on PATH: %w", name, fs.ErrNotExist)
}

func withExtension(path string, extensions []string) (string, bool) {
	if filepath.Ext(path) != "" && isFile(path) {
		return path, true
	}
	for _, ext := range extensions {
		if isFile(path + ext) {
			return path + ext, true
		}
	}
	return "", false
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}
