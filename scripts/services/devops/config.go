package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/guardrails-ci/guardrails/scripts/services/beside"
	"github.com/guardrails-ci/guardrails/shared/adotest"
	"github.com/guardrails-ci/guardrails/shared/gittest"
)

// document is the configuration as it is written, see the package's comment.
type document struct {
	Project      string
	MaxRuns      int
	Denied       []string
	NoVersion2   bool
	Lacks        []string
	Repositories []repository
	Pipelines    []pipeline
	Runs         []earlierRun
	Faults       []fault
}

type repository struct {
	Name, Folder string
	Files        map[string]string
	Protected    []string
}

type pipeline struct {
	ID                       int
	Name, Repository, Branch string
	QueueStatus              string
	PersistCredentials       bool
	NoTrigger                bool
	Paths                    []string
	Trigger                  []string
}

type earlierRun struct {
	ID, Pipeline                            int
	Reason, Status, Result, Branch, Version string
	Age                                     beside.Duration
}

type fault struct {
	Rest, Git     string
	Times, Status int
}

// projectID is the one that the local agent tells its tasks.
const projectID = "00000000-0000-0000-0000-000000000001"

// readConfig reads a configuration; without a name it is an empty one.
func readConfig(name string) (document, error) {
	d := document{Project: "local", MaxRuns: 47}
	if name == "" {
		return d, nil
	}
	if err := beside.ReadConfig(name, &d); err != nil {
		return d, err
	}
	if err := d.check(filepath.Dir(name)); err != nil {
		return d, fmt.Errorf("%s: %w", name, err)
	}
	return d, nil
}

var plainName = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_.-]*$`)

// check refuses what is wrong, reads the folders, and fills in what was left out.
func (d *document) check(dir string) error {
	if !plainName.MatchString(d.Project) {
		return fmt.Errorf("a project cannot have the name %q", d.Project)
	}
	names := map[string]bool{}
	for i := range d.Repositories {
		r := &d.Repositories[i]
		if !plainName.MatchString(r.Name) || names[r.Name] {
			return fmt.Errorf("repository %d: it cannot have the name %q", i+1, r.Name)
		}
		names[r.Name] = true
		if err := r.read(dir); err != nil {
			return fmt.Errorf("repository %s: %w", r.Name, err)
		}
	}
	ids, err := d.checkPipelines(names)
	if err != nil {
		return err
	}
	for i, r := range d.Runs {
		if r.ID < 1 || !ids[r.Pipeline] {
			return fmt.Errorf("run %d: it needs an id above 0, and the id of a pipeline", i+1)
		}
	}
	for i, f := range d.Faults {
		if (f.Rest == "") == (f.Git == "") || f.Status < 300 {
			return fmt.Errorf("fault %d: it needs either rest or git, and a status from 300 on", i+1)
		}
	}
	return nil
}

// checkPipelines returns their ids.
func (d *document) checkPipelines(repositories map[string]bool) (ids map[int]bool, err error) {
	ids = map[int]bool{}
	for i := range d.Pipelines {
		p := &d.Pipelines[i]
		p.Branch, p.QueueStatus = cmp.Or(p.Branch, "main"), cmp.Or(p.QueueStatus, "enabled")
		switch {
		case p.ID < 1 || ids[p.ID]:
			return nil, fmt.Errorf("pipeline %q: it needs an id of its own, above 0", p.Name)
		case !repositories[p.Repository]:
			return nil, fmt.Errorf("pipeline %d: there is no repository %q", p.ID, p.Repository)
		case !slices.Contains([]string{"enabled", "paused", "disabled"}, p.QueueStatus):
			return nil, fmt.Errorf("pipeline %d: there is no queueStatus %q", p.ID, p.QueueStatus)
		}
		ids[p.ID] = true
	}
	return ids, nil
}

// read adds the files of the folder.
func (r *repository) read(dir string) error {
	if r.Files == nil {
		r.Files = map[string]string{}
	}
	if r.Folder == "" {
		return nil
	}
	root := filepath.Join(dir, filepath.FromSlash(r.Folder))
	return filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(name)
		if _, written := r.Files[filepath.ToSlash(rel)]; !written {
			r.Files[filepath.ToSlash(rel)] = string(data)
		}
		return err
	})
}

// data is what the REST calls know.
func (d *document) data(now time.Time) adotest.Project {
	p := adotest.Project{
		ID: projectID, Name: d.Project, Hub: "build", Plan: projectID, Job: projectID,
		Repositories: map[string]string{}, Denied: d.Denied,
	}
	for i, r := range d.Repositories {
		p.Repositories[repositoryID(i)] = r.Name
	}
	for _, written := range d.Pipelines {
		p.Definitions = append(p.Definitions, adotest.Definition{
			ID: written.ID, Revision: 1, Name: written.Name, QueueStatus: written.QueueStatus,
		})
	}
	for _, r := range d.Runs {
		p.Runs = append(p.Runs, adotest.Run{
			ID: r.ID, Number: fmt.Sprintf("%s.%d", now.Format("20060102"), r.ID), Definition: r.Pipeline, Revision: 1,
			Reason: cmp.Or(r.Reason, "individualCI"), Status: cmp.Or(r.Status, "completed"), Result: r.Result,
			Branch: "refs/heads/" + cmp.Or(r.Branch, "main"), Version: r.Version, Queued: now.Add(-r.Age.Duration),
		})
	}
	return p
}

func repositoryID(i int) string { return fmt.Sprintf("00000000-0000-0000-0000-%012d", 101+i) }

// plan lets go wrong what is to.
func (d *document) plan(rest *adotest.Server, git *gittest.Server) {
	for _, f := range d.Faults {
		times := cmp.Or(f.Times, -1)
		if f.Rest != "" {
			rest.Fail(f.Rest, times, adotest.Answer(f.Status, http.StatusText(f.Status)))
		} else {
			git.Fail(f.Git, times, gittest.Answer(f.Status, http.StatusText(f.Status)))
		}
	}
}
