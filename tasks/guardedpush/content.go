package guardedpush

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/checkout"
	"github.com/guardrails-ci/guardrails/shared/git"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/meaning"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/splice"
)

// submodule is the mode of what is not a file but a commit of another repository.
const submodule = "160000"

// draft is what a commit would change, on a certain commit of the branch.
type draft struct {
	files []draftFile
	// counts: one of the files means something else than before. The others are pushed
	// with it: a checksum of a setting belongs to the setting.
	counts bool
	edits  []splice.Applied // what the edits did, those that had nothing to do left out
	// large are files whose contents are kept by Git LFS, and store is where.
	large []checkout.File
	store string
	// screened is wanted.screened.
	screened map[string]bool
	// veiled are lines that held a secret or do now: what stood there is not shown, nor
	// written into a message.
	veiled map[place]bool
}

// place is a line of a file.
type place struct {
	file string
	line int
}

func (d *draft) veil(file string, line int) {
	if d.veiled == nil {
		d.veiled = map[place]bool{}
	}
	d.veiled[place{file, line}] = true
}

// draftFile is a file that has other bytes than before.
type draftFile struct {
	git.Change
	before []byte // nil if it is new
	images []meaning.ImageChange
}

// wanted is the change that the user wants, before it is known on what.
type wanted struct {
	edits map[string][]splice.Edit // by file
	files []checkout.File          // where there are no edits
	store string                   // of their large contents, see checkout.Changes
	// screened are those of them that hold no secret. They are the same in every attempt.
	screened map[string]bool
}

// want reads the change. What is not to be pushed is refused here, before the network.
func (s *step) want(ctx context.Context) (wanted, error) {
	if len(s.edits) > 0 {
		return s.wantEdits()
	}
	if !s.remote.origin {
		return wanted{}, badInput("repository",
			"it is not where the checkout comes from, so the checkout's files do not belong there",
			"say with edits what to change, or let workingDirectory be a checkout of that repository")
	}
	if err := s.refuseUnpushed(ctx); err != nil {
		return wanted{}, err
	}
	changes, err := checkout.Read(ctx, s.git, checkout.Folder{
		Dir: s.sources, Scratch: filepath.Join(s.scratch, "checkout"), Home: s.home(), Want: s.allowed,
	})
	if err != nil {
		return wanted{}, &task.UserError{
			Rule: "push/checkout", Final: true, Err: err, Msg: redact.Line(err.Error()),
			Hint: "correct that, leave the file out with paths, or say with edits what to change",
		}
	}
	if err := s.screenNames(ctx, changes.Files); err != nil {
		return wanted{}, err
	}
	for _, f := range changes.Files {
		if err := git.CheckPath(f.Path); err != nil {
			return wanted{}, &task.UserError{
				Rule: "push/name", Final: true, Msg: redact.Line(err.Error()),
				Hint: "rename the file, or leave it out with paths",
			}
		}
		if f.Mode == submodule || f.BeforeMode == submodule {
			return wanted{}, &task.UserError{
				Rule: "push/submodule", Final: true, Path: f.Path,
				Msg:  fmt.Sprintf("the submodule %.200q stands at another commit than the branch has", f.Path),
				Hint: "leave it out with paths, or move it by a pull request: nobody else may have that commit",
			}
		}
	}
	if len(changes.Nested) > 0 {
		s.env.Log.Printf("Left out, as they are repositories of their own: %s", redact.Lines(changes.Nested))
	}
	w := wanted{files: changes.Files, store: changes.Store, screened: map[string]bool{}}
	return w, s.others(changes.Others)
}

// allowed reports whether a file may be pushed.
func (s *step) allowed(name string) bool { return len(s.paths) == 0 || s.paths.has(name) }

// home is the folder of the user that the agent runs as.
func (s *step) home() string {
	for _, name := range []string{"HOME", "USERPROFILE"} {
		if dir, ok := s.env.Lookup(name); ok && dir != "" {
			return dir
		}
	}
	return ""
}

// refuseUnpushed refuses to go on when the job has made commits of its own: they would not
// be pushed, and a token that keeps pipelines from starting must not stand above them.
func (s *step) refuseUnpushed(ctx context.Context) error {
	started := git.ID(strings.ToLower(s.env.Var("Build.SourceVersion")))
	if !wholeID.MatchString(string(started)) {
		started = ""
	}
	commits, err := checkout.Unpushed(ctx, s.git, s.sources, started)
	if err != nil {
		return &task.UserError{
			Class: task.Environment, Rule: "push/checkout", Final: true, Err: err, Msg: redact.Line(err.Error()),
			Hint: "check the repository out in this job (checkout: self)",
		}
	}
	if len(commits) == 0 {
		return nil
	}
	var subjects []string
	for _, c := range commits {
		subject, _, _ := strings.Cut(c.Message, "\n")
		subjects = append(subjects, short(c.ID)+" "+strconv.Quote(subject))
	}
	return &task.UserError{
		Rule: "push/unpushed", Final: true,
		Msg: fmt.Sprintf("the checkout has %s that nobody has pushed: %s", count(len(commits), "commit"),
			redact.Lines(subjects)),
		Hint: "do not commit in the job: leave the files changed, and this task commits them",
	}
}

// wantEdits sorts the edits by file.
func (s *step) wantEdits() (wanted, error) {
	w := wanted{edits: map[string][]splice.Edit{}}
	for _, e := range s.edits {
		if !s.allowed(e.File) {
			return w, badInput("edits",
				fmt.Sprintf("line %d edits %.200q, which the input paths does not allow", e.Line, e.File),
				"add it to paths, or take the line out")
		}
		w.edits[e.File] = append(w.edits[e.File], e)
	}
	return w, nil
}

// others says what is not pushed, or refuses to push the rest.
func (s *step) others(left []string) error {
	if len(left) == 0 {
		return nil
	}
	if s.in.OnOtherChanges == OnOtherChangesLeave {
		s.env.Log.Printf("Left out, as the input paths does not name them: %s", redact.Lines(left))
		return nil
	}
	return &task.UserError{
		Rule: "push/paths", Final: true, Path: left[0],
		Msg: fmt.Sprintf("the job has changed %s that the input paths does not allow: %s", count(len(left), "file"),
			redact.Lines(left)),
		Hint: "add them to paths, put build results into .gitignore, or set onOtherChanges: leave",
	}
}

// lay makes the draft of the change on a commit of the branch.
func (s *step) lay(ctx context.Context, w wanted, tip git.ID) (*draft, error) {
	names := slices.Sorted(maps.Keys(w.edits))
	for _, f := range w.files {
		names = append(names, f.Path)
	}
	if len(names) == 0 {
		return &draft{}, nil
	}
	there, contents, err := s.read(ctx, tip, names)
	if err != nil {
		return nil, err
	}
	d := &draft{store: w.store, screened: w.screened}
	for _, name := range slices.Sorted(maps.Keys(w.edits)) {
		if err := s.edit(d, there[name], contents, w.edits[name]); err != nil {
			return nil, err
		}
	}
	for _, f := range w.files {
		if err := s.take(d, f, there[f.Path], contents); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// read reads files of a commit: what they are, by path, and what they hold.
func (s *step) read(
	ctx context.Context,
	commit git.ID,
	names []string,
) (map[string]git.Entry, map[git.ID][]byte, error) {
	entries, err := s.repo.Files(ctx, commit, names...)
	if err != nil {
		return nil, nil, err
	}
	there := map[string]git.Entry{}
	var ids []git.ID
	for _, e := range entries {
		there[e.Path] = e
		if e.Mode != submodule {
			ids = append(ids, e.ID)
		}
	}
	contents, err := s.repo.Contents(ctx, ids...)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the files of %s: %w", s.branch, err)
	}
	return there, contents, nil
}

// edit lays the edits of one file on what the branch has.
func (s *step) edit(d *draft, e git.Entry, contents map[git.ID][]byte, edits []splice.Edit) error {
	name := edits[0].File
	if e.Path == "" || e.Mode == submodule || e.Mode == "120000" {
		return badInput("edits",
			fmt.Sprintf("line %d edits %.200q, which is no file of the branch", edits[0].Line, name),
			"correct the name: it starts at the repository's root")
	}
	before := contents[e.ID]
	after, applied, err := splice.Apply(name, before, edits)
	if err != nil {
		return badInput("edits", err.Error(), "") // it says what is there
	}
	for _, a := range applied {
		if a.Old != a.New {
			d.edits = append(d.edits, a)
		}
	}
	s.add(d, git.Change{Path: name, Mode: e.Mode, Data: after}, before, e.Mode)
	return nil
}

// take lays a file of the checkout on what the branch has, which must be what the
// checkout has started from: otherwise somebody else's change would be lost.
func (s *step) take(d *draft, f checkout.File, e git.Entry, contents map[git.ID][]byte) error {
	before, there := contents[e.ID], e.Path != ""
	switch {
	case there && f.Mode == e.Mode && bytes.Equal(f.Data, before), !there && f.Mode == "":
		return nil // somebody else has done just that
	case e.ID != f.Before || there && e.Mode != f.BeforeMode:
		return &task.UserError{
			Rule: "push/conflict", Final: true, Path: f.Path,
			Msg: fmt.Sprintf("%.200q was changed on %s since this run's commit, and by this run, too", f.Path,
				s.branch),
			Hint: "run the pipeline again for the newest commit; with edits, the task makes the change on the " +
				"newest commit itself",
		}
	}
	s.add(d, f.Change, before, e.Mode)
	if f.Large != "" {
		d.large = append(d.large, f)
	}
	return nil
}

// add puts a file into the draft if its bytes differ, and notes whether it means something
// else, too.
func (s *step) add(d *draft, c git.Change, before []byte, mode string) {
	same := mode == c.Mode && mode != ""
	if same && bytes.Equal(before, c.Data) {
		return
	}
	if !same || !meaning.Same(c.Path, before, c.Data, s.ignore) {
		d.counts = true
	}
	d.files = append(d.files, draftFile{
		Change: c, before: before,
		images: meaning.Changes(meaning.Images(c.Path, before), meaning.Images(c.Path, c.Data)),
	})
}
