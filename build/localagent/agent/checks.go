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

// shortest is the length from which a secret is looked for in files and logs. A
// shorter one stands there by chance.
const shortest = 6

// maxContent is how much of a text attachment goes into the result.
const maxContent = 1 << 20

// finish ends the job: what still runs is ended, what must hold is checked, and
// the table of steps is printed.
func (j *job) finish() {
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
	j.result.Checks = []Check{processes, j.checkLeftovers(), j.checkSecrets()}
	for _, c := range j.result.Checks {
		for _, problem := range c.Problems {
			j.print("##[error]check " + c.Name + ": " + problem)
		}
		if c.Note != "" {
			j.print("check " + c.Name + ": " + c.Note)
		}
	}
	j.print("##[section]Finishing: Finalize Job")
	j.printTable()
}

// checkProcesses finds and ends what outlived the job (JobExtension.cs,
// FinalizeJob). An agent does so quietly; a task that needs it has a bug.
func (j *job) checkProcesses() Check {
	c := Check{Name: "processes"}
	for _, step := range j.held {
		c.Problems = append(c.Problems, fmt.Sprintf(
			"%q ended while a process it had started still held its output open", step))
	}
	if !canFindSurvivors {
		c.Note = "processes that outlive a job are found on Linux only"
	}
	for _, s := range lingering(j.lookup, j.Timing.Linger) {
		c.Problems = append(c.Problems, fmt.Sprintf("process %d (%s) outlived the job and was killed", s.pid, s.name))
		s.kill()
	}
	c.OK = len(c.Problems) == 0
	return c
}

// noteLeftovers remembers which step an entry of the machine's temporary folder
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

// checkLeftovers looks at what the job left in the temporary folder of the
// machine. Nobody else was told of that folder, so whatever is there is the
// job's; on a real machine it would stay for ever.
func (j *job) checkLeftovers() Check {
	c := Check{Name: "leftovers"}
	entries, err := os.ReadDir(j.layout.systemTemp)
	if err != nil {
		c.Problems = append(c.Problems, fmt.Sprintf("the machine's temporary folder cannot be read: %v", cause(err)))
	}
	for _, e := range entries {
		step, ok := j.left[e.Name()]
		if !ok {
			step = "an ended step"
		}
		c.Problems = append(c.Problems, fmt.Sprintf("%q left %s in the machine's temporary folder; "+
			"Agent.TempDirectory is the place for it", step, e.Name()))
	}
	c.OK = len(c.Problems) == 0
	return c
}

// checkSecrets looks for every registered secret in the whole log and in every
// file of the work folder, attachments included. The sources and tasks that were
// given are not the job's work and may hold what they like.
func (j *job) checkSecrets() Check {
	c := Check{Name: "secrets"}
	var short int
	var needles []string
	for _, secret := range j.mask.Values() {
		if len(secret) < shortest {
			short++
			continue
		}
		needles = append(needles, secret)
	}
	if short > 0 {
		c.Note = fmt.Sprintf("%d secrets shorter than %d bytes were not looked for", short, shortest)
	}
	if i := findSecret(strings.NewReader(j.log.String()), needles); i >= 0 {
		c.Problems = append(c.Problems, "a secret stands in the log")
	}
	for _, folder := range []string{j.layout.work, j.layout.systemTemp} {
		c.Problems = append(c.Problems, j.searchFolder(folder, needles)...)
	}
	for _, a := range j.result.Attachments {
		if _, ok := inside(j.layout.work, a.Path); ok {
			continue // searched already
		}
		if found, err := searchFile(a.Path, needles); err == nil && found {
			c.Problems = append(c.Problems, fmt.Sprintf("a secret stands in the attachment %s of %q", a.Name, a.Step))
		}
	}
	c.OK = len(c.Problems) == 0
	return c
}

func (j *job) searchFolder(folder string, needles []string) []string {
	var problems []string
	err := filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s cannot be searched: %v", j.relative(name), cause(err)))
			if entry != nil && entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		found, err := searchFile(name, needles)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			problems = append(problems, fmt.Sprintf("%s cannot be searched: %v", j.relative(name), cause(err)))
		case found && !j.given(name):
			problems = append(problems, "a secret stands in "+j.relative(name))
		}
		return nil
	})
	if err != nil {
		problems = append(problems, fmt.Sprintf("%s cannot be searched: %v", folder, cause(err)))
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

func searchFile(name string, needles []string) (bool, error) {
	f, err := os.Open(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	return findSecret(f, needles) >= 0, nil
}

// findSecret returns the index of the first needle found in what r holds, or -1.
// It reads in pieces that overlap, so that a needle on a border is found.
func findSecret(r io.Reader, needles []string) int {
	longest := 0
	for _, n := range needles {
		longest = max(longest, len(n))
	}
	if longest == 0 {
		return -1
	}
	buf := make([]byte, 0, 1<<20+longest)
	for {
		n, err := io.ReadFull(r, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		for i, needle := range needles {
			if bytes.Contains(buf, []byte(needle)) {
				return i
			}
		}
		if err != nil {
			return -1
		}
		keep := min(longest-1, len(buf))
		buf = append(buf[:0], buf[len(buf)-keep:]...)
	}
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
