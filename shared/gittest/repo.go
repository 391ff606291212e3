package gittest

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// beginning is when the first commit of a repository was made.
var beginning = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// CreateRepo makes a bare repository with a branch main, which has a commit if there are
// files. It is at /<name>; a name may have slashes, and whatever else a folder can have.
func (s *Server) CreateRepo(name string, files map[string]string) error {
	dir, err := s.path(name)
	if err == nil {
		return fmt.Errorf("there is a repository %q already", name)
	}
	if dir == "" {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	config := `[core]
	repositoryformatversion = 0
	filemode = true
	bare = true
[http]
	receivepack = true
[receive]
	autogc = false
[gc]
	auto = 0
[uploadpack]
	allowFilter = ` + strconv.FormatBool(!slices.Contains(s.config.Lacks, "filter")) + `
	allowAnySHA1InWant = ` + strconv.FormatBool(!slices.Contains(s.config.Lacks, "allow-reachable-sha1-in-want")) + `
`
	for _, args := range [][]string{
		{"init", "-q", "--bare", "--template=", "."}, {"symbolic-ref", "HEAD", "refs/heads/main"},
	} {
		if _, err := s.run(dir, nil, args...); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o600); err != nil {
		return err
	}
	if len(files) == 0 {
		return nil
	}
	_, err = s.commit(name, "main", commit{"first commit", beginning, files})
	return err
}

// Commit makes a commit on a branch, as if somebody else had pushed it: with the given
// files besides those that are there. It returns the commit's id.
func (s *Server) Commit(repo, branch, message string, files map[string]string) (id string, err error) {
	return s.commit(repo, branch, commit{message, time.Now(), files})
}

type commit struct {
	message string
	when    time.Time
	files   map[string]string
}

func (s *Server) commit(repo, branch string, c commit) (string, error) {
	dir, err := s.path(repo)
	if err != nil {
		return "", err
	}
	ref := "refs/heads/" + branch
	var stream bytes.Buffer
	fmt.Fprintf(&stream, "commit %s\ncommitter Somebody Else <somebody@example.com> %d +0000\ndata %d\n%s\n",
		ref, c.when.Unix(), len(c.message), c.message)
	if _, err := s.run(dir, nil, "rev-parse", "-q", "--verify", ref); err == nil {
		fmt.Fprintf(&stream, "from %s^0\n", ref)
	}
	for _, name := range slices.Sorted(maps.Keys(c.files)) {
		fmt.Fprintf(&stream, "M 100644 inline %s\ndata %d\n%s\n", quote(name), len(c.files[name]), c.files[name])
	}
	if _, err := s.run(dir, stream.Bytes(), "fast-import", "--quiet"); err != nil {
		return "", err
	}
	return s.run(dir, nil, "rev-parse", ref)
}

// quote writes a path as git fast-import reads it.
func quote(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(name) + `"`
}

// Git runs git in a repository of the server, and returns what it prints, without the
// last line end.
func (s *Server) Git(repo string, args ...string) (string, error) {
	dir, err := s.path(repo)
	if err != nil {
		return "", err
	}
	return s.run(dir, nil, args...)
}

// Refs returns where the refs of a repository stand.
func (s *Server) Refs(repo string) (map[string]string, error) {
	text, err := s.Git(repo, "for-each-ref", "--format=%(refname) %(objectname)")
	if err != nil {
		return nil, err
	}
	refs := map[string]string{}
	for line := range strings.Lines(text) {
		name, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		refs[name] = id
	}
	return refs, nil
}

// Hook gives a repository a hook, such as pre-receive: a script for sh.
func (s *Server) Hook(repo, name, script string) error {
	dir, err := s.path(repo)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "hooks"), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "hooks", name), []byte("#!/bin/sh\n"+script), 0o755)
}

func (s *Server) run(dir string, stdin []byte, args ...string) (string, error) {
	cmd := exec.Command(s.git, args...)
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(stdin)
	cmd.Env = append(s.environ(), "GIT_DIR="+dir,
		"GIT_AUTHOR_NAME=Somebody Else", "GIT_AUTHOR_EMAIL=somebody@example.com",
		"GIT_COMMITTER_NAME=Somebody Else", "GIT_COMMITTER_EMAIL=somebody@example.com")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %q: %w: %s", args, err, strings.TrimSpace(said.String()))
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

// environ is what git gets of ours: no configuration of the machine or its user.
func (s *Server) environ() []string {
	env := []string{
		"HOME=" + s.dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + filepath.Join(s.dir, "gitconfig"),
		"LC_ALL=C", "GIT_TERMINAL_PROMPT=0",
	}
	for _, name := range []string{"PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR"} {
		if value := os.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}
