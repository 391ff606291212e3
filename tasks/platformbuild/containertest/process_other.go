//go:build !linux

package containertest

import (
	"errors"
	"io"
	"net"
	"os/exec"
	"runtime"
)

// space, process and their functions are as in process_linux.go. Nothing gets to them.
type space struct {
	name     string
	network  bool
	emulator string
}

type process struct {
	name  string
	log   journal
	ended chan struct{}
}

var errNotHere = errors.New("this is " + runtime.GOOS + ", not linux")

func lock(string) (io.Closer, error) { return nil, errNotHere }

func possible() error { return errNotHere }

func (d *Daemons) start(space, string, ...string) (*process, error) { return nil, errNotHere }

func launch(string, *exec.Cmd) (*process, error) { return nil, errNotHere }

func (p *process) pid() int { return 0 }

func (p *process) kill() {}

func listenIn(int, string) (net.Listener, error) { return nil, errNotHere }
