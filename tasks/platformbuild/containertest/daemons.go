package containertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// Settings are which daemons to start.
type Settings struct {
	// Engine starts the Docker engine, and with it the docker driver of buildx. It is in a network of its own,
	// so that its bridge is not the machine's.
	Engine bool
	// BuildKit starts buildkitd, which is the builder [Daemons.Builder] of the driver remote.
	BuildKit bool
	// Emulate lets that BuildKit run arm64 programs, by qemu. The machine itself does not get to do that. It
	// needs Linux 6.7.
	Emulate bool
	// Registries are trusted, and reached from everywhere by the address that they have here.
	Registries []*Registry
}

// Daemons are programs of which nothing stays: they have a process space and mounts of their own, which end
// with them, even when this process is killed, and write into one folder.
type Daemons struct {
	// Env are variables for docker and for whoever starts it: PATH, DOCKER_CONFIG, BUILDX_CONFIG and
	// DOCKER_HOST. The configuration is private; there is no engine at DOCKER_HOST unless Settings.Engine was
	// set.
	Env []string
	// Builder is the name of the builder of the driver remote, which is what buildx takes if there is no
	// engine. Empty if there is no BuildKit.
	Builder string
	// Buildx is the version of buildx that docker runs, such as v0.38.2. The variable GUARDRAILS_BUILDX names
	// another than the newest, such as 0.20, which scripts/containers-heavy.sh builds.
	Buildx string
	// Dir is the private folder, with config/config.json, engine.sock and buildkit.sock in it.
	Dir string

	settings  Settings
	programs  string
	plugins   string    // the folder of buildx
	lock      io.Closer // as long as we live
	processes []*process
	closing   sync.Once
}

// Start starts daemons that end with the test. Where they cannot run, the test is skipped; in CI (one of the
// variables CI and TF_BUILD is set) it fails.
func Start(t testing.TB, s Settings) *Daemons {
	t.Helper()
	d, err := StartDaemons(s)
	switch {
	case errors.Is(err, ErrUnavailable) && os.Getenv("CI")+os.Getenv("TF_BUILD") == "":
		t.Skipf("NOT TESTED: %v", err)
	case err != nil:
		t.Fatalf("containertest.StartDaemons(%+v): %v", s, err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of what the daemons wrote:\n%s", d.Log())
		}
		d.Close()
	})
	return d
}

// StartDaemons starts daemons, which are to be closed. The error is [ErrUnavailable] where they cannot run.
func StartDaemons(s Settings) (d *Daemons, err error) {
	if err := Available(); err != nil {
		return nil, err
	}
	dir, err := programs()
	if err != nil {
		return nil, err
	}
	d = &Daemons{settings: s, programs: dir}
	sweep()
	// Not a test's own folder: the path of a socket has 107 bytes at most.
	if d.Dir, err = os.MkdirTemp("", prefix); err != nil {
		return nil, err
	}
	if d.lock, err = lock(d.Dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			d.Close()
			d = nil
		}
	}()
	if err := d.configure(); err != nil {
		return d, err
	}
	if s.Engine {
		if err := d.startEngine(); err != nil {
			return d, err
		}
	}
	if s.BuildKit {
		return d, d.startBuildKit()
	}
	return d, nil
}

// configure makes Docker's private configuration.
func (d *Daemons) configure() error {
	bin := filepath.Join(d.programs, "bin")
	older := os.Getenv("GUARDRAILS_BUILDX")
	if d.plugins = bin; older != "" {
		if err := d.takeBuildx(older); err != nil {
			return err
		}
	}
	separator := string(filepath.ListSeparator)
	d.Env = []string{
		"PATH=" + d.plugins + separator + bin + separator + os.Getenv("PATH"),
		"DOCKER_CONFIG=" + filepath.Join(d.Dir, "config"),
		"BUILDX_CONFIG=" + filepath.Join(d.Dir, "buildx"),
		"DOCKER_HOST=unix://" + filepath.Join(d.Dir, "engine.sock"),
	}
	if err := os.Mkdir(filepath.Join(d.Dir, "config"), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.Dir, "config", "config.json"),
		fmt.Appendf(nil, `{"cliPluginsExtraDirs":[%q]}`, d.plugins), 0o600); err != nil {
		return err
	}
	// "github.com/docker/buildx v0.20.1 245093b"
	out, err := d.Docker("buildx", "version")
	if words := strings.Fields(out); len(words) > 1 {
		d.Buildx = words[1]
	}
	if err == nil && !strings.HasPrefix(d.Buildx, "v"+older) {
		err = fmt.Errorf("GUARDRAILS_BUILDX is %q, and docker runs %q", older, d.Buildx)
	}
	return err
}

// takeBuildx lets docker find a version of buildx.
func (d *Daemons) takeBuildx(version string) error {
	name := "docker-buildx-" + version
	program := filepath.Join(d.programs, "heavy", name)
	if _, err := os.Stat(program); err != nil {
		return fmt.Errorf("%w; build it with: scripts/containers-heavy.sh %s", err, name)
	}
	d.plugins = filepath.Join(d.Dir, "plugins")
	if err := os.Mkdir(d.plugins, 0o700); err != nil {
		return err
	}
	return os.Symlink(program, filepath.Join(d.plugins, "docker-buildx"))
}

// Docker runs docker with [Daemons.Env], and returns what it wrote on either channel.
func (d *Daemons) Docker(arguments ...string) (string, error) {
	cmd := exec.Command(filepath.Join(d.programs, "bin", "docker"), arguments...)
	cmd.Env = append(os.Environ(), d.Env...)
	cmd.Dir = d.Dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("docker %s: %w\n%s", strings.Join(arguments, " "), err, out)
	}
	return string(out), err
}

// ContainerBuilder makes a builder of the driver docker-container, which needs the engine, and returns its
// name. Its image is pushed to the first of the registries.
func (d *Daemons) ContainerBuilder() (string, error) {
	if !d.settings.Engine || len(d.settings.Registries) == 0 {
		return "", errors.New("the driver docker-container needs an engine and a registry")
	}
	image, err := d.settings.Registries[0].PushBuildKit("moby/buildkit", "test")
	if err != nil {
		return "", err
	}
	config := filepath.Join(d.Dir, "container.toml")
	if err := os.WriteFile(config, []byte(d.registriesTOML()), 0o600); err != nil {
		return "", err
	}
	_, err = d.Docker("buildx", "create", "--name", "container", "--driver", "docker-container",
		"--driver-opt", "image="+image, "--driver-opt", "network=host", "--buildkitd-config", config, "--bootstrap")
	return "container", err
}

// Log is the end of what the daemons wrote.
func (d *Daemons) Log() string {
	var b strings.Builder
	for _, p := range d.processes {
		fmt.Fprintf(&b, "== %s\n%s\n", p.name, p.log.tail(4000))
	}
	return b.String()
}

// Close ends the daemons and what they run, and removes what they wrote. It may be called twice.
func (d *Daemons) Close() {
	d.closing.Do(func() {
		for _, p := range d.processes {
			p.kill()
		}
		remove(d.Dir)
		_ = d.lock.Close()
	})
}

// prefix is how the names of our folders begin, and those of the control groups of what runs in containers.
const prefix = "guardrails-c-"

// group is the parent of the control groups.
func (d *Daemons) group() string { return "/" + filepath.Base(d.Dir) }

// remove removes a folder and the control groups of its containers, which a killed daemon leaves.
func remove(dir string) {
	for _, pattern := range []string{"/sys/fs/cgroup/*/", "/sys/fs/cgroup/"} {
		tops, _ := filepath.Glob(pattern + filepath.Base(dir)) // the pattern is good
		for _, top := range tops {
			// For a moment a group is busy with processes that have ended.
			for tries := 200; !removeGroup(top) && tries > 0; tries-- {
				time.Sleep(10 * time.Millisecond)
			}
		}
	}
	_ = os.RemoveAll(dir) // a temporary folder
}

// sweep removes what processes have left that were killed: nobody holds the lock of such a folder.
func sweep() {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*")) // the pattern is good
	for _, dir := range dirs {
		info, err := os.Stat(filepath.Join(dir, "lock"))
		if err != nil || time.Since(info.ModTime()) < time.Minute {
			continue // it is about to be locked
		}
		if held, err := lock(dir); err == nil {
			remove(dir)
			_ = held.Close()
		}
	}
}

// removeGroup removes a control group and those in it, and reports whether it has.
func removeGroup(dir string) bool {
	entries, _ := os.ReadDir(dir) // it may be gone
	for _, e := range entries {
		if e.IsDir() && !removeGroup(filepath.Join(dir, e.Name())) {
			return false
		}
	}
	err := os.Remove(dir)
	return err == nil || errors.Is(err, fs.ErrNotExist)
}

// ready waits until a socket is listened on, or the process has ended.
func (d *Daemons) ready(p *process, socket string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		if c, err := net.Dial("unix", socket); err == nil {
			return c.Close()
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s has ended:\n%s", p.name, p.log.tail(2000))
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen:\n%s", p.name, p.log.tail(2000))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// arch is this machine's architecture, as images name it.
func arch() string { return runtime.GOARCH }

// journal keeps what a daemon writes.
type journal struct {
	lock sync.Mutex
	text bytes.Buffer
}

var _ io.Writer = (*journal)(nil)

// Write is of io.Writer.
func (j *journal) Write(p []byte) (int, error) {
	j.lock.Lock()
	defer j.lock.Unlock()
	return j.text.Write(p)
}

func (j *journal) tail(n int) string {
	j.lock.Lock()
	defer j.lock.Unlock()
	all := j.text.String()
	return all[max(0, len(all)-n):]
}
