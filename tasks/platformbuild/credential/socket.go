package credential

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	maxRequest = 4 << 10           // bytes of a line
	maxAnswer  = maxToken + 16<<10 // likewise
	maxClients = 16                // at once; Docker has a few
	patience   = 10 * time.Second  // with a client, to say what it wants and to take the answer
	wait       = 3 * time.Minute   // of a client, for an answer: Entra and the registry may be slow
)

// request is what our helper asks; each connection has one, and ends.
type request struct {
	Word   string `json:"word"` // see socketVariable
	Action string `json:"action"`
	Server string `json:"server,omitempty"` // as Docker writes it
}

// reply is the answer.
type reply struct {
	User    string            `json:"user,omitempty"`
	Secret  string            `json:"secret,omitempty"`
	List    map[string]string `json:"list,omitempty"`    // users by server
	Unknown bool              `json:"unknown,omitempty"` // there are no credentials for it
	Error   string            `json:"error,omitempty"`
}

// listener is our end of the socket.
type listener struct {
	net.Listener
	path   string
	word   string // the helper must know it: permissions of a folder do not mean the same everywhere
	folder string // of its own; "" if there is none

	patience time.Duration
}

// listen opens a socket in a private folder: in ours, unless its path is too long, or its file system has no sockets.
func listen(private string, others []string) (*listener, error) {
	l := &listener{word: rand.Text(), patience: patience}
	err := l.open(private)
	for _, folder := range others {
		if err == nil {
			return l, nil
		}
		var own string
		if own, err = os.MkdirTemp(folder, "gr-"); err != nil {
			continue
		}
		if err = l.open(own); err != nil {
			_ = os.Remove(own)
			continue
		}
		l.folder = own
	}
	if err != nil {
		return nil, fmt.Errorf("making the socket of Docker's credential helper: %w", err)
	}
	return l, nil
}

func (l *listener) open(folder string) (err error) {
	l.path = filepath.Join(folder, "s")
	l.Listener, err = net.Listen("unix", l.path)
	return err
}

// serve answers until stop is called or ctx ends.
func (l *listener) serve(ctx context.Context, sources map[string]*Source) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	places := make(chan struct{}, maxClients)
	context.AfterFunc(ctx, func() { _ = l.Close() })
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
					return
				}
				pause(ctx) // too many files are open, for example
				continue
			}
			select {
			case places <- struct{}{}:
			case <-ctx.Done():
				_ = conn.Close()
				return
			}
			running.Go(func() {
				defer func() { <-places }()
				l.answer(ctx, conn, sources)
			})
		}
	})
	return func() {
		cancel()
		_ = l.Close()
		running.Wait()
		if l.folder != "" {
			_ = os.RemoveAll(l.folder)
		}
	}
}

func pause(ctx context.Context) {
	select {
	case <-time.After(50 * time.Millisecond):
	case <-ctx.Done():
	}
}

// answer answers one request.
func (l *listener) answer(ctx context.Context, conn net.Conn, sources map[string]*Source) {
	defer func() { _ = conn.Close() }()
	hangUp := func() { _ = conn.Close() }
	defer context.AfterFunc(ctx, hangUp)()
	timer := time.AfterFunc(l.patience, hangUp)
	defer timer.Stop()
	line, err := bufio.NewReader(io.LimitReader(conn, maxRequest)).ReadBytes('\n')
	var asked request
	if err != nil || json.Unmarshal(line, &asked) != nil ||
		subtle.ConstantTimeCompare([]byte(asked.Word), []byte(l.word)) != 1 {
		return
	}
	timer.Stop()
	said, _ := json.Marshal(handle(ctx, asked, sources)) // texts only
	timer.Reset(l.patience)
	_, _ = conn.Write(append(said, '\n')) // whoever is gone does not get it
}

// handle does what is asked. Docker may only read.
func handle(ctx context.Context, asked request, sources map[string]*Source) reply {
	switch asked.Action {
	case "get":
		host, _ := hostOf(asked.Server) // of none, there are no credentials
		s := sources[host]
		if s == nil {
			return reply{Unknown: true}
		}
		user, secret, err := s.Get(ctx, false)
		if err != nil {
			return reply{Error: err.Error()}
		}
		s.config.debug("handed the credentials of %s to Docker", host)
		return reply{User: user, Secret: secret}
	case "list":
		users := map[string]string{}
		for host, s := range sources {
			user := s.user
			if s.exchange != nil {
				user = nobody
			}
			users[keysOf(host)[0]] = user
		}
		return reply{List: users}
	}
	return reply{Error: "the credentials are those of the service connection: they are neither stored nor erased here"}
}
