package keyvaultenv

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestExportToCommand: the program has the secrets in its environment, and nobody else.
func TestExportToCommand(t *testing.T) {
	t.Parallel()
	j := two(t).child("env", "")
	seen := j.path("seen")
	j.child("env", seen).variable("Build.Public", "to be seen")
	j.env["SECRET_OTHER"], j.env["VSTS_SECRET_VARIABLES"] = "hunter-22", `["other"]`
	j.env["SECUREFILE_NAME_1"], j.env["VSTS_TASKVARIABLE_X_SECRET"] = "file", "hunter-33"
	j.env["DB_PASSWORD"] = "somebody else's"
	j.expect("main", "Succeeded", "with 2 secrets in its environment", "!Autumn", "!correct-horse")
	j.wantSecrets(map[string]string{})
	if got := j.public["secretCount"]; got != "2" {
		t.Errorf("secretCount = %q, want 2", got)
	}
	environ := strings.Split(j.read("seen"), "\n")
	for _, want := range []string{"DB_PASSWORD=Autumn 2025/reset", "API_KEY=correct-horse-9", "BUILD_PUBLIC=to be seen"} {
		if !slices.Contains(environ, want) {
			t.Errorf("the program's environment lacks %s: %q", want, environ)
		}
	}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		for _, prefix := range []string{"INPUT_", "SECRET_", "ENDPOINT_", "SECUREFILE_", "VSTS_TASKVARIABLE_", "VSTS_SECRET", "VSTS_PUBLIC"} {
			if strings.HasPrefix(strings.ToUpper(name), prefix) {
				t.Errorf("the program has %s", name)
			}
		}
		if strings.Contains(value, jobToken) || value == j.cloud.App().Secret || value == "somebody else's" {
			t.Errorf("the program has %s=%s", name, value)
		}
	}
	j.expect("post", "Succeeded")
}

// TestCommandOutput: every form is hidden by the task itself, before the agent sees it,
// and what would command the agent is text.
func TestCommandOutput(t *testing.T) {
	t.Parallel()
	j := two(t).child("forms", "DB_PASSWORD").expect("main", "Succeeded", "plain: ***", "error: ***", "URL: ***")
	const value = "Autumn 2025/reset"
	for _, form := range []string{
		value, hex.EncodeToString([]byte(value)), url.QueryEscape(value),
		base64.StdEncoding.EncodeToString([]byte("user:" + value))[8:],
	} {
		if strings.Contains(j.shown(), form) {
			t.Errorf("the log shows %q:\n%s", form, j.shown())
		}
	}

	// A part of a secret, which the program has taken out of it.
	j = newJob(t)
	j.vault.Set("db", "Server=db;User ID=app;Password='ab;c d-99'")
	j.input("secrets", "DB=db").child("print", "login app with ab;c d-99, "+hex.EncodeToString([]byte("ab;c d-99"))).
		expect("main", "Succeeded", "login app with ***, ***", "!ab;c")

	j = two(t).child("commands").expect("main", "Succeeded")
	if value, set := j.public["INJECTED"]; set {
		t.Errorf("the program has set INJECTED=%q:\n%s", value, j.log)
	}
	if n := strings.Count(j.log, "##vso[task.complete"); n != 1 {
		t.Errorf("%d results, want 1:\n%s", n, j.log)
	}
}

func TestCommandStatus(t *testing.T) {
	t.Parallel()
	none := filepath.ToSlash(filepath.Join(t.TempDir(), "none"))
	for name, tc := range map[string]struct {
		change func(*job)
		result string
		says   string
	}{
		"succeeds":     {func(j *job) { j.child("exit", "0") }, "Succeeded", "Running"},
		"fails":        {func(j *job) { j.child("exit", "3") }, "Failed", "3"},
		"fails, warn":  {func(j *job) { j.child("exit", "3").input("enforcement", "warn") }, "Failed", "3"},
		"not there":    {func(j *job) { j.child().input("command", none) }, "Failed", "the program cannot be run"},
		"no input":     {func(j *job) { j.child("stdin") }, "Succeeded", `read "", EOF`},
		"other folder": {func(j *job) { j.child("exit", "0").input("workingDirectory", j.path("none")) }, "Failed", "the program cannot be run"},
		"NUL": {func(j *job) {
			j.vault.Set("db-password", "Autumn\x002025")
			j.child("exit", "0")
		}, "Failed", "DB_PASSWORD has a NUL in it"},
		"dashes in names": {func(j *job) { j.child("exit", "0").input("secrets", "db-password=db-password") }, "Failed", "db-password"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := two(t)
			tc.change(j)
			j.expect("main", tc.result, tc.says, "!Autumn")
			if tc.result != "Succeeded" {
				j.nothingSet()
			}
			j.run("post")
		})
	}
}

// TestCommandFolder: it runs in the sources folder, or where the step says.
func TestCommandFolder(t *testing.T) {
	t.Parallel()
	j := two(t)
	j.child("touch", "here").expect("main", "Succeeded")
	j.must(os.Mkdir(j.path("work/1/s/sub"), 0o755))
	j.input("workingDirectory", j.path("work/1/s/sub")).expect("main", "Succeeded")
	for _, name := range []string{"work/1/s/here", "work/1/s/sub/here"} {
		if _, err := os.Stat(j.path(name)); err != nil {
			t.Error(err)
		}
	}
}

// TestCommandByPath: a path is meant from the folder in which the program runs.
func TestCommandByPath(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("a script is no program there")
	}
	j := two(t)
	j.write("work/1/s/tools/run.sh", "#!/bin/sh\necho it runs with ${#DB_PASSWORD} characters\n")
	j.must(os.Chmod(j.path("work/1/s/tools/run.sh"), 0o755))
	j.inputs("exportTo", "command", "command", "tools/run.sh").expect("main", "Succeeded", "it runs with 17 characters")
}

// TestCommandCancelled: the program ends with the step.
func TestCommandCancelled(t *testing.T) {
	t.Parallel()
	j := two(t).child("wait")
	stop, cancel := context.WithCancelCause(t.Context())
	j.stop = stop
	j.watch = func(text string) {
		if strings.Contains(text, "waiting as") {
			cancel(errors.New("the job was cancelled"))
		}
	}
	j.expect("main", "Failed", "cancelled: the job was cancelled")
	j.nothingSet()
}
