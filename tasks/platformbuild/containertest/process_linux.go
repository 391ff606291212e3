package containertest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// space is what of a daemon is its own. Processes and mounts always are.
type space struct {
	name     string
	network  bool   // a network of its own
	emulator string // runs arm64 programs; needs a space of users of its own
}

// process is a daemon.
type process struct {
	name  string
	cmd   *exec.Cmd
	log   journal
	ended chan struct{}
}

// possible says why daemons cannot run here.
func possible() error {
	if os.Geteuid() != 0 {
		return errors.New("this is not root")
	}
	return nil
}

// lock holds a folder's lock until it is closed or this process has ended; it fails if another holds it.
func lock(dir string) (io.Closer, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// The first process of a space of processes must see them in /proc, and mounts must not come out.
const enter = `mount --make-rprivate / && mount -t proc proc /proc && `

// The machine type is at offset 18 of an ELF file: 183 is arm64. See Linux' admin-guide/binfmt-misc.rst; F opens
// the program now, so that it need not be in a container.
const emulation = `mount -t binfmt_misc none /proc/sys/fs/binfmt_misc && ` +
	`printf %s ':arm64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00` +
	`:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:EMULATOR:FPOC'` +
	` >/proc/sys/fs/binfmt_misc/register && `

// start starts a daemon.
func (d *Daemons) start(in space, program string, arguments ...string) (*process, error) {
	script, flags := enter, uintptr(unix.CLONE_NEWNS|unix.CLONE_NEWPID)
	attributes := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if in.network {
		flags |= unix.CLONE_NEWNET
	}
	if in.emulator != "" {
		script += strings.Replace(emulation, "EMULATOR", in.emulator, 1)
		flags |= unix.CLONE_NEWUSER
		all := []syscall.SysProcIDMap{{Size: 65536}}
		attributes.UidMappings, attributes.GidMappings, attributes.GidMappingsEnableSetgroups = all, all, true
	}
	attributes.Cloneflags = flags
	cmd := exec.Command("/bin/sh", append([]string{"-c", script + `exec "$@"`, "sh", program}, arguments...)...)
	cmd.Env = []string{
		"PATH=" + d.programs + "/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + d.Dir, "XDG_RUNTIME_DIR=" + d.Dir,
	}
	cmd.Dir, cmd.SysProcAttr = d.Dir, attributes
	p, err := launch(in.name, cmd)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSPC) {
		err = fmt.Errorf("%w: %s cannot have spaces of its own: %w", ErrUnavailable, in.name, err)
	}
	if err != nil {
		return nil, err
	}
	d.processes = append(d.processes, p)
	return p, nil
}

// launch starts a process that does not outlive this one.
func launch(name string, cmd *exec.Cmd) (*process, error) {
	p := &process{name: name, cmd: cmd, ended: make(chan struct{})}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	}
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	started := make(chan error)
	go func() {
		// The process is killed when the thread that started it ends, so that thread waits for it.
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // it is killed in the end
		}
		close(p.ended)
	}()
	return p, <-started
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// kill ends the process, and with it all others of its space.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// listenIn listens on an address in the network of a process.
func listenIn(pid int, address string) (net.Listener, error) {
	type result struct {
		net.Listener
		error
	}
	done := make(chan result)
	go func() {
		// A network is a thread's. This one is not given back: it ends with the function.
		runtime.LockOSThread()
		l, err := listenThere(pid, address)
		done <- result{l, err}
	}()
	r := <-done
	return r.Listener, r.error
}

func listenThere(pid int, address string) (net.Listener, error) {
	network, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return nil, err
	}
	defer network.Close()
	if err := unix.Setns(int(network.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("entering the network of process %d: %w", pid, err)
	}
	// A new network's loopback is down.
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(socket)
	loopback, err := unix.NewIfreq("lo")
	if err != nil {
		return nil, err
	}
	loopback.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, loopback); err != nil {
		return nil, fmt.Errorf("switching the loopback on: %w", err)
	}
	return net.Listen("tcp", address)
}
