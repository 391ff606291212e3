package gittest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// LFS is a server with large files: what Git LFS keeps beside a repository, in front of
// the [Server] that has the repository (github.com/git-lfs/git-lfs, docs/api).
//
// It is as strict: the token in one Authorization header, a content that has the name
// under which it is stored, and at its storage a signature, but never the token.
type LFS struct {
	// Storage is the address of this handler by another name, as of a service that keeps
	// the contents for it; "" is the repository's own.
	Storage string
	// Fault answers a request instead of the server, if it returns true; may be nil.
	Fault func(w http.ResponseWriter, r *http.Request) bool

	git *Server

	mu       sync.Mutex
	contents map[string][]byte
	verified map[string]bool
	wrong    []string
}

// NewLFS returns a server with large files for the repositories of s.
func NewLFS(s *Server) *LFS {
	return &LFS{git: s, contents: map[string][]byte{}, verified: map[string]bool{}}
}

// Contents returns what was uploaded and verified, by SHA-256.
func (l *LFS) Contents() map[string][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := map[string][]byte{}
	for oid, data := range l.contents {
		if l.verified[oid] {
			found[oid] = data
		}
	}
	return found
}

// Wrong returns what clients did that they must not do.
func (l *LFS) Wrong() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append(l.git.Wrong(), l.wrong...)
}

// signature is what storage elsewhere wants instead of the token.
const signature = "sig=of-the-server"

var lfsPath = regexp.MustCompile(`^/(.+)\.git/info/lfs/(objects/batch|locks/verify|verify|objects/([0-9a-f]{64}))$`)

// ServeHTTP answers a request.
func (l *LFS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if l.Fault != nil && l.Fault(w, r) {
		return
	}
	path := lfsPath.FindStringSubmatch(r.URL.Path)
	if path == nil {
		l.git.ServeHTTP(w, r)
		return
	}
	if status, why := l.admit(r, path[1], path[3] != ""); why != "" {
		w.Header().Set("LFS-Authenticate", `Basic realm="gittest"`)
		l.say(w, status, why)
		return
	}
	switch op := r.Method + " " + path[2]; {
	case op == "POST objects/batch":
		l.batch(w, r, path[1])
	case op == "POST verify":
		l.verify(w, r)
	case r.Method == http.MethodPut && path[3] != "":
		l.put(w, r, path[3])
	case r.Method == http.MethodGet && path[3] != "":
		l.get(w, path[3])
	default:
		l.say(w, http.StatusNotFound, "no such request") // locks: the server has none
	}
}

// admit says why a request for a repository, or for a content of it, is refused.
func (l *LFS) admit(r *http.Request, repo string, content bool) (status int, why string) {
	given := len(r.Header.Values("Authorization"))
	signed := content && l.Storage != ""
	if given > 1 || signed && given > 0 {
		l.complain(r, fmt.Sprintf("%d Authorization headers", given))
	}
	if signed && r.URL.RawQuery != signature || !signed && !l.git.authorized(r) {
		return http.StatusUnauthorized, "the token is not accepted"
	}
	if _, err := l.git.path(repo); err != nil {
		return http.StatusNotFound, "there is no such repository"
	}
	return 0, ""
}

func (l *LFS) complain(r *http.Request, what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrong = append(l.wrong, r.Method+" "+r.URL.Path+": "+what)
}

const lfsType = "application/vnd.git-lfs+json"

func (l *LFS) say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", lfsType)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": text}) // the client is gone
}

// lfsObject is a large file, in a request or an answer.
type lfsObject struct {
	Oid           string               `json:"oid"`
	Size          int64                `json:"size"`
	Authenticated bool                 `json:"authenticated,omitempty"`
	Actions       map[string]lfsAction `json:"actions,omitempty"`
	Error         map[string]any       `json:"error,omitempty"`
}

type lfsAction struct {
	Href string `json:"href"`
}

func (l *LFS) batch(w http.ResponseWriter, r *http.Request, repo string) {
	var asked struct {
		Operation string      `json:"operation"`
		Objects   []lfsObject `json:"objects"`
	}
	err := json.NewDecoder(r.Body).Decode(&asked)
	if err != nil || len(asked.Objects) == 0 || !strings.HasPrefix(r.Header.Get("Accept"), lfsType) ||
		!strings.HasPrefix(r.Header.Get("Content-Type"), lfsType) {
		l.complain(r, "not a request as the specification has it")
		l.say(w, http.StatusUnprocessableEntity, "not a request as the specification has it")
		return
	}
	own := "http://" + r.Host
	if r.TLS != nil {
		own = "https://" + r.Host
	}
	storage, query := own, ""
	if l.Storage != "" {
		storage, query = l.Storage, "?"+signature
	}
	base := "/" + strings.ReplaceAll(repo, " ", "%20") + ".git/info/lfs/"
	for i, o := range asked.Objects {
		l.mu.Lock()
		data, here := l.contents[o.Oid]
		l.mu.Unlock()
		href := lfsAction{storage + base + "objects/" + o.Oid + query}
		switch {
		case asked.Operation == "download" && here:
			asked.Objects[i].Size = int64(len(data))
			asked.Objects[i].Actions = map[string]lfsAction{"download": href}
		case asked.Operation == "download":
			asked.Objects[i].Error = map[string]any{"code": 404, "message": "there is no such content"}
		case !here:
			asked.Objects[i].Actions = map[string]lfsAction{"upload": href, "verify": {own + base + "verify"}}
		}
		asked.Objects[i].Authenticated = l.Storage != ""
	}
	w.Header().Set("Content-Type", lfsType)
	_ = json.NewEncoder(w).Encode(map[string]any{"transfer": "basic", "objects": asked.Objects}) // the client is gone
}

func (l *LFS) get(w http.ResponseWriter, oid string) {
	l.mu.Lock()
	data, ok := l.contents[oid]
	l.mu.Unlock()
	if !ok {
		l.say(w, http.StatusNotFound, "there is no such content")
		return
	}
	_, _ = w.Write(data) // the client is gone
}

func (l *LFS) put(w http.ResponseWriter, r *http.Request, oid string) {
	data, err := io.ReadAll(r.Body)
	if sum := sha256.Sum256(data); err != nil || hex.EncodeToString(sum[:]) != oid {
		l.complain(r, "the content has another name")
		l.say(w, http.StatusUnprocessableEntity, "the content has another name")
		return
	}
	l.mu.Lock()
	l.contents[oid] = data
	l.mu.Unlock()
}

func (l *LFS) verify(w http.ResponseWriter, r *http.Request) {
	var o lfsObject
	err := json.NewDecoder(r.Body).Decode(&o)
	l.mu.Lock()
	defer l.mu.Unlock()
	data, ok := l.contents[o.Oid]
	if err != nil || !ok || int64(len(data)) != o.Size {
		l.say(w, http.StatusNotFound, "there is no such content")
		return
	}
	l.verified[o.Oid] = true
}

var gitLFS struct {
	sync.Once
	dir string
	err error
}

// GitLFS builds the pinned git-lfs and returns the folder that has it, for PATH. From
// the second time on, Go's cache has it.
func GitLFS() (string, error) {
	gitLFS.Do(func() { gitLFS.dir, gitLFS.err = buildLFS() })
	return gitLFS.dir, gitLFS.err
}

func buildLFS() (string, error) {
	root, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(root, "build", "lfs", "go.mod")); err == nil {
			break
		}
		if root == filepath.Dir(root) {
			return "", errors.New("build/lfs is in no folder above: run the test in the repository")
		}
		root = filepath.Dir(root)
	}
	dir := filepath.Join(root, "build", "out", "lfs")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	// Several packages' tests may do this at once.
	own, err := os.MkdirTemp(dir, "new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(own)
	cmd := exec.Command("go", "build", "-o", own+string(filepath.Separator), "github.com/git-lfs/git-lfs/v3")
	cmd.Dir = filepath.Join(root, "build", "lfs")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=readonly")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building git-lfs in build/lfs: %w\n%s", err, out)
	}
	name := "git-lfs"
	if _, err := os.Stat(filepath.Join(own, name)); err != nil {
		name += ".exe"
	}
	return dir, os.Rename(filepath.Join(own, name), filepath.Join(dir, name))
}
