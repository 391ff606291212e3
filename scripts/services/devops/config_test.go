package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/scripts/services/beside"
	"github.com/guardrails-ci/guardrails/shared/adotest"
)

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	name = filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestReadConfig(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "repo/deploy/a.yaml", "a: 1\n")
	write(t, dir, "repo/b.yaml", "b: 1\n")
	name := write(t, dir, "c.json", `{
	  "project": "shop", "maxRuns": 5, "denied": ["Stop builds"], "noVersion2": true, "lacks": ["filter"],
	  "repositories": [{"name": "config", "folder": "repo", "files": {"b.yaml": "b: 2\n"}, "protected": ["main"]}],
	  "pipelines": [{"id": 7, "name": "badge", "repository": "config", "branch": "trunk", "queueStatus": "disabled",
	    "persistCredentials": true, "trigger": ["a", "$SOURCES"], "paths": ["x"], "noTrigger": true}, {"id": 8, "repository": "config"}],
	  "runs": [{"id": 5, "pipeline": 7, "age": "5m", "version": "abc", "branch": "b", "result": "failed"},
	    {"id": 6, "pipeline": 8, "reason": "manual", "status": "inProgress"}],
	  "faults": [{"rest": "builds", "times": 2, "status": 503}, {"git": "git-receive-pack", "status": 500}]
	}`)
	got, err := readConfig(name)
	if err != nil {
		t.Fatalf("readConfig: %v", err)
	}
	want := document{
		Project: "shop", MaxRuns: 5, Denied: []string{"Stop builds"}, NoVersion2: true, Lacks: []string{"filter"},
		Repositories: []repository{{
			Name: "config", Folder: "repo", Files: map[string]string{"b.yaml": "b: 2\n", "deploy/a.yaml": "a: 1\n"},
			Protected: []string{"main"},
		}},
		Pipelines: []pipeline{{
			ID: 7, Name: "badge", Repository: "config", Branch: "trunk", QueueStatus: "disabled", PersistCredentials: true,
			Trigger: []string{"a", "$SOURCES"}, Paths: []string{"x"}, NoTrigger: true,
		}, {ID: 8, Repository: "config", Branch: "main", QueueStatus: "enabled"}},
		Runs: []earlierRun{
			{ID: 5, Pipeline: 7, Result: "failed", Branch: "b", Version: "abc", Age: beside.Duration{Duration: 5 * time.Minute}},
			{ID: 6, Pipeline: 8, Reason: "manual", Status: "inProgress"},
		},
		Faults: []fault{{Rest: "builds", Times: 2, Status: 503}, {Git: "git-receive-pack", Status: 500}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("readConfig (-want +got):\n%s", diff)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	wantRuns := []adotest.Run{{
		ID: 5, Number: "20260102.5", Definition: 7, Revision: 1, Reason: "individualCI", Status: "completed", Result: "failed",
		Branch: "refs/heads/b", Version: "abc", Queued: now.Add(-5 * time.Minute),
	}, {
		ID: 6, Number: "20260102.6", Definition: 8, Revision: 1, Reason: "manual", Status: "inProgress",
		Branch: "refs/heads/main", Queued: now,
	}}
	if diff := cmp.Diff(wantRuns, got.data(now).Runs); diff != "" {
		t.Errorf("the runs that were there before (-want +got):\n%s", diff)
	}
}

func TestWrongConfigurations(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for text, want := range map[string]string{
		``:                       "EOF",
		`{"repository": {}}`:     `unknown field "repository"`,
		`{"project": "../x"}`:    `name "../x"`,
		`{"repositories": [{}]}`: `repository 1: it cannot have the name ""`,
		`{"repositories": [{"name": "a"}, {"name": "a"}]}`:                                                     `repository 2: it cannot`,
		`{"repositories": [{"name": "a", "folder": "none"}]}`:                                                  "none",
		`{"pipelines": [{"name": "p"}]}`:                                                                       `pipeline "p": it needs an id`,
		`{"pipelines": [{"id": 1, "repository": "b"}]}`:                                                        `pipeline 1: there is no repository "b"`,
		`{"repositories": [{"name": "a"}], "pipelines": [{"id": 1, "repository": "a"}, {"id": 1}]}`:            "an id of its own",
		`{"repositories": [{"name": "a"}], "pipelines": [{"id": 1, "repository": "a", "queueStatus": "off"}]}`: `no queueStatus "off"`,
		`{"runs": [{"id": 1, "pipeline": 2}]}`:                                                                 "run 1: it needs",
		`{"faults": [{"status": 500}]}`:                                                                        "fault 1: it needs either",
		`{"faults": [{"rest": "a", "git": "b", "status": 500}]}`:                                               "fault 1: it needs either",
		`{"faults": [{"rest": "a"}]}`:                                                                          "a status from 300 on",
		`{"runs": [{"id": 1, "age": "soon"}]}`:                                                                 "soon",
	} {
		if _, err := readConfig(write(t, dir, "c.json", text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("readConfig(%s): %v, want %q", text, err, want)
		}
	}
	if _, err := readConfig(filepath.Join(dir, "none")); err == nil {
		t.Error("readConfig of a file that is not there: no error")
	}
}
