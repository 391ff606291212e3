// Package gittest is a server of git repositories over HTTP, as an http.Handler: the real
// git http-backend, with the tokens, rules, races and faults of Azure Repos and others in
// front of it.
//
// It is strict: with a token it wants each request to carry it, as a bearer or as the
// password of basic authentication, in exactly one Authorization header. What a client
// did wrong, though it may have got an answer, is told by [Server.Wrong].
//
// A push can be refused in the words of the hosts ([Server.Reject]), raced
// ([Server.Before]) and noticed ([Server.After]); any request can fail in the ways that
// servers and what lies before them do ([Server.Fail]).
package gittest

import (
	"bytes"
	"compress/gzip"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// Config says what a Server is.
type Config struct {
	// Dir holds the repositories. It must be there; if empty, the server makes one, and
	// Close removes it.
	Dir string
	// Token is what each request must show; empty: anybody may do anything.
	Token string
	// V0 makes the server one that does not know version 2 of the protocol.
	V0 bool
	// Lacks are capabilities that the server does not have, such as filter, shallow or
	// deepen-since (the last one with V0 only: version 2 has no word for it).
	Lacks []string
}

// Server is the server. It may be used by several goroutines.
type Server struct {
	config  Config
	git     string // the program
	dir     string
	own     bool // dir is ours
	running sync.WaitGroup

	mu       sync.Mutex
	faults   []*planned
	requests []Request
	wrong    []string
	reject   func(Update) Refusal
	before   func(Update)
	after    func(Update)
}

// Request is a request that was answered.
type Request struct {
	Method string
	Repo   string // as [Server.CreateRepo] was told
	// Op is info/refs?service=git-upload-pack (or git-receive-pack), git-upload-pack or
	// git-receive-pack.
	Op string
	// Command is what git-upload-pack was asked for: ls-refs or fetch. (Version 2 only.)
	Command string
	Header  http.Header
	Body    []byte // not compressed
}

// New returns a Server, whose Close is to be called in the end.
func New(c Config) (*Server, error) {
	program, err := backend()
	if err != nil {
		return nil, err
	}
	s := &Server{config: c, git: program, dir: c.Dir}
	if s.dir == "" {
		if s.dir, err = os.MkdirTemp("", "gittest-"); err != nil {
			return nil, err
		}
		s.own = true
	}
	if s.dir, err = filepath.Abs(s.dir); err == nil {
		err = os.WriteFile(filepath.Join(s.dir, "gitconfig"), nil, 0o600)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// backend finds git, and makes sure that it can serve: some distributions have that in
// a package of its own.
func backend() (string, error) {
	git, err := exec.LookPath("git")
	if err != nil {
		return "", fmt.Errorf("git is not on this machine: install the package git: %w", err)
	}
	if git, err = filepath.Abs(git); err != nil {
		return "", err
	}
	dir, err := exec.Command(git, "--exec-path").Output()
	if err != nil {
		return "", fmt.Errorf("git --exec-path: %w", err)
	}
	for _, name := range []string{"git-http-backend", "git-http-backend.exe"} {
		if _, err := os.Stat(filepath.Join(strings.TrimSpace(string(dir)), name)); err == nil {
			return git, nil
		}
	}
	return "", errors.New("git http-backend is not on this machine: " +
		"apt-get install git has it; on Alpine Linux it is in git-daemon")
}

// Close waits for what is still being answered and removes what New has made.
func (s *Server) Close() error {
	s.running.Wait()
	if !s.own {
		return nil
	}
	return os.RemoveAll(s.dir)
}

// Requests returns the requests so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Wrong returns what clients did that they must not do: several Authorization headers,
// or a token in an address.
func (s *Server) Wrong() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.wrong...)
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.running.Add(1)
	defer s.running.Done()
	body, err := whole(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	request := Request{Method: r.Method, Header: r.Header.Clone(), Body: body}
	request.Repo, request.Op = split(r)
	if request.Op == uploadPack {
		request.Command = command(body)
	}
	s.mu.Lock()
	s.requests = append(s.requests, request)
	s.inspect(r, request)
	fault := s.fault(request)
	s.mu.Unlock()
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, request) })
	if fault != nil {
		fault(w, r, answer)
		return
	}
	answer(w, r)
}

// The requests that git makes.
const (
	uploadPack  = "git-upload-pack"
	receivePack = "git-receive-pack"
	advertise   = "info/refs?service="
)

// split tells the repository's name from what is asked of it.
func split(r *http.Request) (repo, op string) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	for _, op := range []string{"info/refs", uploadPack, receivePack} {
		if repo, ok := strings.CutSuffix(path, "/"+op); ok {
			if service := r.URL.Query().Get("service"); service != "" {
				op += "?service=" + service
			}
			return repo, op
		}
	}
	return path, ""
}

// whole reads the body of a request, and makes it one of known length that is not
// compressed, which is all that CGI can do.
func whole(r *http.Request) ([]byte, error) {
	var from io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, fmt.Errorf("reading a compressed request: %w", err)
		}
		from = unpacked
		r.Header.Del("Content-Encoding")
	}
	body, err := io.ReadAll(from)
	if err != nil {
		return nil, fmt.Errorf("reading a request: %w", err)
	}
	r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	return body, nil
}

// inspect notes what a client must not do; s.mu is held.
func (s *Server) inspect(r *http.Request, request Request) {
	complain := func(what string) {
		s.wrong = append(s.wrong, fmt.Sprintf("%s /%s/%s: %s", request.Method, request.Repo, request.Op, what))
	}
	if n := len(r.Header.Values("Authorization")); n > 1 {
		complain(fmt.Sprintf("%d Authorization headers", n))
	}
	if s.config.Token != "" && strings.Contains(r.URL.RequestURI(), s.config.Token) {
		complain("the token is in the address")
	}
}

// answer checks what every request must have, then lets git answer.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, request Request) {
	if !s.authorized(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="gittest"`)
		plain(w, http.StatusUnauthorized, "the token is not accepted")
		return
	}
	if _, err := s.path(request.Repo); err != nil || request.Op == "" {
		plain(w, http.StatusNotFound, "TF401019: The Git repository with name or identifier "+request.Repo+
			" does not exist or you do not have permissions for the operation you are attempting.")
		return
	}
	switch {
	case request.Op == receivePack:
		s.receive(w, r, request)
	case strings.HasPrefix(request.Op, advertise) && len(s.config.Lacks) > 0:
		s.poorer(w, r)
	default:
		s.backend(w, r)
	}
}

func (s *Server) authorized(r *http.Request) bool {
	if s.config.Token == "" {
		return true
	}
	given := r.Header.Values("Authorization")
	if len(given) != 1 {
		return false
	}
	scheme, token, _ := strings.Cut(given[0], " ")
	if !strings.EqualFold(scheme, "bearer") {
		_, token, _ = r.BasicAuth()
	}
	return subtle.ConstantTimeCompare([]byte(token), []byte(s.config.Token)) == 1
}

// plain answers with a text, which git shows as the words of the remote.
func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // the client is gone
}

// path is the folder of a repository. What would lead elsewhere is none.
func (s *Server) path(repo string) (string, error) {
	local, err := filepath.Localize(repo)
	if err != nil {
		return "", fmt.Errorf("a repository cannot have the name %q", repo)
	}
	dir := filepath.Join(s.dir, local)
	if _, err := os.Stat(filepath.Join(dir, "HEAD")); err != nil {
		return dir, fmt.Errorf("there is no repository %q: %w", repo, fs.ErrNotExist)
	}
	return dir, nil
}

// backend lets git http-backend answer.
func (s *Server) backend(w http.ResponseWriter, r *http.Request) {
	env := append(s.environ(), "GIT_PROJECT_ROOT="+s.dir, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=somebody")
	if version := r.Header.Get("Git-Protocol"); version != "" && !s.config.V0 {
		env = append(env, "GIT_PROTOCOL="+version)
	}
	r = r.Clone(r.Context())
	r.Header.Del("Authorization")
	r.Header.Del("Git-Protocol") // newer ones read it themselves
	var said bytes.Buffer
	(&cgi.Handler{
		Path: s.git, Args: []string{"http-backend"}, Root: "/", Dir: s.dir, Env: env,
		Stderr: &said, Logger: log.New(&said, "", 0),
	}).ServeHTTP(w, r)
}
