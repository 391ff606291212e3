package auditdeps

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/git"
	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/shared/proc"
	"github.com/guardrails-ci/guardrails/shared/safepath"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/remedy"
)

// knownKey is a vulnerability of a package, whatever its version: an update that does not
// mend it makes it no new one. One that was needed for development alone is, elsewhere.
type knownKey struct {
	path, name, id string
	dev            bool
}

// subtract marks what the baseline's lock files have already.
func (a *audit) subtract(ctx context.Context, source *advisorySource) error {
	if !a.step.wantsBaseline() {
		return nil
	}
	repo, err := a.step.repository(ctx)
	if err != nil {
		return err
	}
	ref, err := a.step.baselineRef(ctx, repo)
	if err != nil || ref == "" {
		return err
	}
	old := a.known(ctx, source, repo, ref)
	for i := range a.found {
		v := &a.found[i]
		// What is on the disk alone is in no lock file, also not in the baseline's.
		if len(v.entries) > 0 && old[knownKey{v.project.full(), v.name, v.hit.ID, v.dev}] {
			v.verdict = verdict{known, "known: " + ref + " has it, too"}
		}
	}
	return nil
}

// known is what the baseline has.
func (a *audit) known(ctx context.Context, source *advisorySource, repo *git.Repo, ref string) map[knownKey]bool {
	old := map[knownKey]bool{}
	for _, p := range a.projects {
		if p.unread != nil {
			continue
		}
		before, err := a.step.before(ctx, p, repo, ref)
		if err != nil {
			a.step.env.Log.Printf("%s: everything counts, as %s has no such file that can be read.", p.shown, ref)
			continue
		}
		for _, c := range (&audit{step: a.step}).components(before) {
			hits, _ := source.hits(before.lock.Ecosystem(), c.name, c.version)
			for _, hit := range hits {
				for _, id := range append([]string{hit.ID}, hit.Aliases...) {
					old[knownKey{p.full(), c.name, id, c.dev}] = true
				}
			}
		}
	}
	return old
}

// wantsBaseline reports whether there may be a commit to compare with.
func (s *step) wantsBaseline() bool {
	switch strings.TrimSpace(s.in.Baseline) {
	case "off":
		return false
	case "auto", "":
		return s.env.Var("System.PullRequest.TargetBranch") != ""
	}
	return true
}

// repository is the one that the sources are checked out from; nil if they are not, or
// there is no git to ask, which counts as a commit that is not there.
func (s *step) repository(ctx context.Context) (*git.Repo, error) {
	g, err := git.New(ctx, git.Config{Environ: s.env.Environ(), Secrets: s.env.Secrets})
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		s.env.Log.Printf("Baseline: %v.", err)
		return nil, nil
	}
	repo, err := g.Open(s.sources)
	if err != nil {
		s.env.Log.Printf("Baseline: %v.", err)
		return nil, nil
	}
	return repo, nil
}

// plainRef is what a branch, tag or commit may be called here; git takes some others.
var plainRef = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_./-]*[~^0-9]*$`)

// baselineRef is the commit to compare with, as git knows it; "" for none.
func (s *step) baselineRef(ctx context.Context, repo *git.Repo) (string, error) {
	wanted := strings.TrimSpace(s.in.Baseline)
	var candidates []string
	switch wanted {
	case "auto", "":
		branch := strings.TrimPrefix(s.env.Var("System.PullRequest.TargetBranch"), "refs/heads/")
		candidates = []string{"refs/remotes/origin/" + branch}
		// What is checked out for a pull request usually is its merge into the target; of any
		// other commit the parent is the author's own.
		if strings.HasSuffix(s.env.Var("Build.SourceBranch"), "/merge") && isCommit(ctx, repo, "HEAD^2") {
			candidates = append(candidates, "HEAD^1")
		}
	default:
		candidates = []string{wanted, "refs/remotes/origin/" + strings.TrimPrefix(wanted, "refs/heads/")}
	}
	for _, ref := range candidates {
		if !plainRef.MatchString(ref) || strings.Contains(ref, "..") {
			if ref == wanted {
				return "", badInput("baseline", fmt.Sprintf("%.60q is not the name of a branch, tag or commit", ref),
					"write auto, off, or a name such as main")
			}
			continue
		}
		if isCommit(ctx, repo, ref) {
			s.env.Log.Printf("Baseline: %s. What it has already does not fail the step.", ref)
			return ref, nil
		}
	}
	if wanted != "auto" && wanted != "" {
		return "", badInput("baseline", fmt.Sprintf("there is no commit %q in the sources", wanted),
			"fetch it (checkout with fetchDepth: 0), or correct the name")
	}
	s.env.Log.Print("Baseline: everything counts, as the target branch is not in the sources; " +
		"checkout with fetchDepth: 0 brings it.")
	return "", nil
}

// isCommit reports whether git knows a commit by this name.
func isCommit(ctx context.Context, repo *git.Repo, ref string) bool {
	if repo == nil {
		return false
	}
	_, err := repo.Run(ctx, nil, "rev-parse", "--verify", "--quiet", ref+"^{commit}")
	return err == nil
}

// before is a project as the baseline has it.
func (s *step) before(ctx context.Context, p *project, repo *git.Repo, ref string) (*project, error) {
	dir, err := safepath.Rel(s.sources, filepath.Dir(p.full()))
	if err != nil {
		return nil, err // outside of the repository
	}
	lock, err := lockfile.Read(&gitTree{ctx: ctx, repo: repo, dir: dir, ref: ref}, path.Base(p.path))
	if err != nil {
		return nil, err
	}
	return &project{
		place: place{root: p.root, tree: p.tree, path: p.path}, shown: p.shown, lock: lock, graph: remedy.New(lock),
	}, nil
}

// gitTree is the files of a commit, below a folder. It is read file by file.
type gitTree struct {
	ctx  context.Context
	repo *git.Repo
	dir  string // below the repository's root
	ref  string
}

// Open returns a file of the commit. Folders there are none.
func (t *gitTree) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	data, err := t.repo.Run(t.ctx, nil, "cat-file", "blob", t.ref+":"+path.Join(t.dir, name))
	var exit *proc.ExitError
	if errors.As(err, &exit) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if err != nil {
		return nil, err
	}
	return &gitFile{Reader: bytes.NewReader(data), name: path.Base(name), size: int64(len(data))}, nil
}

// gitFile is an open file of a commit.
type gitFile struct {
	io.Reader
	name string
	size int64
}

// Stat describes the file.
func (f *gitFile) Stat() (fs.FileInfo, error) { return gitInfo{f.name, f.size}, nil }

// Close does nothing.
func (f *gitFile) Close() error { return nil }

type gitInfo struct {
	name string
	size int64
}

// Name, Size and the others make a regular file.
func (i gitInfo) Name() string       { return i.name }
func (i gitInfo) Size() int64        { return i.size }
func (i gitInfo) Mode() fs.FileMode  { return 0o444 }
func (i gitInfo) ModTime() time.Time { return time.Time{} }
func (i gitInfo) IsDir() bool        { return false }
func (i gitInfo) Sys() any           { return nil }
