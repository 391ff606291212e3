package agent

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxContent is how much of a text attachment goes into the result.
const maxContent = 1 << 20

// finish ends the job: what still runs is ended, what must hold is checked, and
// the table of steps is printed.
func (j *job) finish() {
	j.general = j.server.addTask(newGUID(), "Finalize Job", len(j.records)+2)
	j.general.start(j.Now())
	j.print("##[section]Starting: Finalize Job")
	processes := j.checkProcesses()
	j.readAttachments()
	j.printSummaries()
	j.result.Result = j.status.orSucceeded()
	j.result.BuildNumber, _, _ = j.vars.Get("Build.BuildNumber")
	j.result.Variables = map[string]string{}
	for _, v := range j.vars.Public() {
		j.result.Variables[j.mask.Mask(v.Name)] = j.mask.Mask(v.Value)
	}
	appeared := j.outside.appeared(j.layout.root, j.layout.work)
	j.result.Checks = []Check{processes, j.checkLeftovers(appeared), j.checkSecrets(appeared)}
	for _, c := range j.result.Checks {
		j.report(c)
	}
	j.result.ExitStatus = j.result.ExitCode()
	j.print("##[section]Finishing: Finalize Job")
	j.general.complete(j.Now(), succeeded)
	j.general = nil
	j.printTable()
}

// report prints what a check found; in the result it is masked, too.
func (j *job) report(c Check) {
	for i, problem := range c.Problems {
		c.Problems[i] = j.mask.Mask(problem)
		j.print("##[error]check " + c.Name + ": " + problem)
	}
	for i, warning := range c.Warnings {
		c.Warnings[i] = j.mask.Mask(warning)
		j.print("##[warning]check " + c.Name + ": " + warning)
	}
	if c.Note != "" {
		j.print("check " + c.Name + ": " + c.Note)
	}
}

// checkProcesses finds and ends what outlived the job (JobExtension.cs,
// FinalizeJob). An agent does so quietly; a task that needs it has a bug.
func (j *job) checkProcesses() Check {
	c := Check{Name: "processes", Problems: j.held, Warnings: j.cut}
	if !canFindSurvivors {
		c.Note = "processes that outlive a job are found on Linux only"
	}
	find := func() []survivor { return survivors(j.lookup, j.adopted) }
	for _, s := range lingering(find, j.Timing.Linger) {
		by := ""
		if label, ok := j.labels[s.step]; ok {
			by = " of " + label
		}
		c.Problems = append(c.Problems,
			fmt.Sprintf("process %d (%s)%s outlived the job and was killed", s.pid, s.name, by))
		s.kill()
	}
	c.OK = len(c.Problems) == 0
	return c
}

// noteLeftovers remembers which step an entry of the job's temporary folder
// first appeared in.
func (j *job) noteLeftovers(step string) {
	entries, err := os.ReadDir(j.layout.systemTemp)
	if err != nil {
		return
	}
	for _, e := range entries {
		if _, known := j.left[e.Name()]; !known {
			j.left[e.Name()] = step
		}
	}
}

// checkLeftovers looks at what the job left in the temporary folder that its
// environment names (TMPDIR, TEMP). Nobody else was told of that folder, so
// whatever is there is the job's; on a real machine it would stay for ever. What
// appeared in the folders that are watched besides may be another program's, and
// is a warning.
func (j *job) checkLeftovers(appeared []string) Check {
	c := Check{Name: "leftovers"}
	if warning := appearedWarning(appeared); warning != "" {
		c.Warnings = []string{warning}
	}
	entries, err := os.ReadDir(j.layout.systemTemp)
	if err != nil {
		c.Problems = append(c.Problems, fmt.Sprintf("the machine's temporary folder cannot be read: %v", cause(err)))
	}
	for _, e := range entries {
		step, ok := j.left[e.Name()]
		if !ok {
			step = "an ended step"
		}
		c.Problems = append(c.Problems, fmt.Sprintf("%s left %s in the machine's temporary folder; "+
			"Agent.TempDirectory is the place for it", step, e.Name()))
	}
	c.OK = len(c.Problems) == 0
	return c
}

// checkSecrets looks for every registered secret in the whole log, in every file
// of the work folder and of the job's temporary folder, in attachments, and in
// what appeared outside. The sources and tasks that were given are not the job's
// work and may hold what they like.
func (j *job) checkSecrets(appeared []string) Check {
	c := Check{Name: "secrets"}
	s := j.newSearch()
	if s.short > 0 {
		c.Note = fmt.Sprintf("%d secrets shorter than %d bytes were not looked for", s.short, shortest)
	}
	if what, _ := s.in(strings.NewReader(j.log.String())); what != "" {
		c.Problems = append(c.Problems, found("the log", what))
	}
	for _, folder := range []string{j.layout.work, j.layout.systemTemp} {
		c.Problems = append(c.Problems, j.searchFolder(folder, s)...)
	}
	c.Problems = append(c.Problems, s.searchOutside(appeared)...)
	for _, a := range j.result.Attachments {
		if _, ok := inside(j.layout.work, a.Path); ok {
			continue // searched already
		}
		if what, err := s.file(a.Path); err == nil && what != "" {
			c.Problems = append(c.Problems, found("the attachment "+a.Name+" of "+a.label, what))
		}
	}
	c.OK = len(c.Problems) == 0
	return c
}

func (j *job) searchFolder(folder string, s *search) []string {
	var problems []string
	fail := func(name string, err error) {
		problems = append(problems, fmt.Sprintf("%s cannot be searched: %v", j.relative(name), cause(err)))
	}
	err := filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			fail(name, err)
			if entry != nil && entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		what, err := s.file(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			fail(name, err)
		case what != "" && !j.given(name):
			problems = append(problems, found(j.relative(name), what))
		}
		return nil
	})
	if err != nil {
		fail(folder, err)
	}
	return problems
}

// given reports whether a file is one of the sources or of a task, unchanged.
func (j *job) given(name string) bool {
	after, err := os.ReadFile(name)
	if err != nil {
		return false
	}
	if rel, ok := inside(j.layout.sources, name); ok && j.Sources != "" {
		before, err := os.ReadFile(filepath.Join(j.Sources, rel))
		return err == nil && bytes.Equal(before, after)
	}
	for folder, task := range j.unpacked {
		rel, ok := inside(folder, name)
		if !ok {
			continue
		}
		f, err := task.Open(filepath.ToSlash(rel))
		if err != nil {
			return false
		}
		defer f.Close()
		before, err := io.ReadAll(f)
		return err == nil && bytes.Equal(before, after)
	}
	return false
}

// inside returns the path of name below folder.
func inside(folder, name string) (rel string, ok bool) {
	rel, err := filepath.Rel(folder, name)
	return rel, err == nil && filepath.IsLocal(rel)
}

func (j *job) relative(name string) string {
	if rel, ok := inside(j.layout.work, name); ok {
		return filepath.ToSlash(filepath.Join("_work", rel))
	}
	return name
}

// readAttachments reads attachments at the end of the job, when an agent sends
// them: one that was deleted in between never arrives.
func (j *job) readAttachments() {
	for i := range j.result.Attachments {
		a := &j.result.Attachments[i]
		data, err := os.ReadFile(a.Path)
		if err != nil {
			j.print(fmt.Sprintf("##[warning]attachment %s of %q could not be read when the job ended: %v",
				a.Name, a.Step, cause(err)))
			continue
		}
		if len(data) <= maxContent && !bytes.ContainsRune(data, 0) {
			a.Content = j.mask.Mask(string(data))
		}
	}
}
