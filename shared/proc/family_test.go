package proc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"
)

// family starts a grandchild that keeps our stdout open and a connection to addr,
// and lives for ever. Then it ends, or lives for ever too.
func family(addr, parent string) int {
	if parent == "grandchild" {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return 1
		}
		_, _ = conn.Write([]byte("x"))
		// Not select {}: the runtime would end a program of which nothing can run any
		// more, and its parent with it, perhaps before the test has cancelled.
		_, _ = io.Copy(io.Discard, conn)
		return 0
	}
	name, err := os.Executable()
	if err != nil {
		return 1
	}
	child := exec.Command(name, helperArg, "family", addr, "grandchild")
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	if err := child.Start(); err != nil {
		return 1
	}
	if parent == "waits" {
		_ = child.Wait()
	}
	// Ends when the grandchild is up, which the test says by closing stdin.
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// grandchild is the test's end of the connection that a grandchild holds.
type grandchild struct {
	listener net.Listener
	up, gone chan struct{}
}

func listen(t *testing.T) *grandchild {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	g := &grandchild{l, make(chan struct{}), make(chan struct{})}
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		b := make([]byte, 1)
		if _, err := io.ReadFull(conn, b); err != nil {
			return
		}
		close(g.up)
		_, _ = io.Copy(io.Discard, conn) // until the system closes it for a dead process
		close(g.gone)
	}()
	return g
}

func (g *grandchild) mustBeGone(t *testing.T) {
	t.Helper()
	select {
	case <-g.gone:
	case <-time.After(time.Minute): // far more than a kill takes; only a failure waits
		t.Error("the grandchild is still alive after Run has returned")
	}
}

func TestNoGrandchildOutlivesASuccess(t *testing.T) {
	t.Parallel()
	g := listen(t)
	r, w := io.Pipe()
	c := self(t, "family", g.listener.Addr().String(), "leaves")
	c.Stdin = r
	go func() {
		<-g.up
		_ = w.Close() // now the parent ends, and the grandchild holds its stdout
	}()
	if err := Run(context.Background(), c); err != nil {
		t.Errorf("Run = %v, want success: the program itself succeeded", err)
	}
	g.mustBeGone(t)
}

func TestCancelEndsGrandchildren(t *testing.T) {
	t.Parallel()
	g := listen(t)
	c := self(t, "family", g.listener.Addr().String(), "waits")
	c.Grace = 10 * time.Millisecond
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() {
		<-g.up
		cancel(errCancelled)
	}()
	if err := Run(ctx, c); !errors.Is(err, errCancelled) {
		t.Errorf("Run = %v, want %v", err, errCancelled)
	}
	g.mustBeGone(t)
}

func ExampleOnly() {
	environ := []string{"PATH=/usr/bin", "HOME=/home/me", "SECRET_TOKEN=hunter2", "LANG=C"}
	fmt.Println(Only(environ, "PATH", "LANG", "SECRET_TOKEN"))
	// Output: [PATH=/usr/bin LANG=C]
}
