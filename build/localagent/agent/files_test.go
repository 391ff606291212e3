package agent

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReadEndpoints(t *testing.T) {
	t.Parallel()
	const id = "ABCDEF01-2222-3333-4444-555555555555"
	for name, tc := range map[string]struct{ content, want string }{
		"one":           {`{"id":"` + id + `","name":"c","url":"u","auth":{"scheme":"S","parameters":{"k":"hunter2"}},"data":{"d":"1"}}`, ""},
		"several":       {` [{"id":"` + id + `","name":"c"},{"name":"systemvssconnection","url":"u"}]`, ""},
		"not JSON":      {`{"name":"hunter2`, "the JSON ends too early"},
		"syntax":        {`{"name":hunter2}`, "not valid JSON at byte 9"},
		"wrong type":    {`{"name":{"hunter2":1}}`, `field "name" must be a string`},
		"unknown field": {`{"nam":"hunter2"}`, `unknown field "nam"`},
		"no name":       {`{"id":"` + id + `"}`, "endpoint 1: name is missing"},
		"bad id":        {`[{"id":"hunter2","name":"c"}]`, `endpoint 1: id of "c" is not a GUID`},
		"more text":     {`{"id":"` + id + `","name":"c"} {"hunter2":1}`, "text after the end"},
		"empty":         {``, "the JSON ends too early"},
	} {
		file := filepath.Join(t.TempDir(), "e.json")
		writeFile(t, file, tc.content)
		got, err := ReadEndpoints(file)
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s: ReadEndpoints: %v", name, err)
		case tc.want == "" && got[0].ID != strings.ToLower(id):
			t.Errorf("%s: id: got %q, want it in lower case", name, got[0].ID)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), file)):
			t.Errorf("%s: ReadEndpoints: got %v, want %q and the file's name", name, err, tc.want)
		case err != nil && strings.Contains(err.Error(), "hunter2"):
			t.Errorf("%s: the error quotes the file: %v", name, err)
		}
	}
}

func TestEndpointsGivenTwice(t *testing.T) {
	t.Parallel()
	one := Endpoint{ID: "1", Name: "a"}
	for name, other := range map[string]Endpoint{"id": {ID: "1", Name: "b"}, "name": {ID: "2", Name: "A"}} {
		if err := checkEndpoints([]Endpoint{one, other}); err == nil {
			t.Errorf("same %s: checkEndpoints accepted %+v and %+v", name, one, other)
		}
	}
	if err := checkEndpoints([]Endpoint{one, {ID: "2", Name: "b"}}); err != nil {
		t.Errorf("different endpoints: %v", err)
	}
}

// The sources are copied as a checkout would be made, links and modes included,
// and the folder they come from stays as it was.
func TestSources(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "sub", "run.sh"), "#!/bin/sh\necho ran\n")
	for _, err := range []error{
		os.Chmod(filepath.Join(dir, "sub", "run.sh"), 0o555), os.Symlink("sub/run.sh", filepath.Join(dir, "link")),
		os.Symlink("/nowhere", filepath.Join(dir, "broken")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	l := newLab(t, "steps:\n- bash: ./link && readlink link broken && rm -rf sub && echo new > file && ls\n")
	l.Sources = dir
	r := l.run(t)
	if gone := missing(log(r, "Bash"), "ran\n", "sub/run.sh\n/nowhere\n", "broken\nfile\nlink\n"); gone != "" {
		t.Errorf("log: want %q in\n%s", gone, log(r, "Bash"))
	}
	if _, err := os.Stat(filepath.Join(dir, "sub", "run.sh")); err != nil {
		t.Errorf("the job changed the folder given: %v", err)
	}
	wantClean(t, r)
}

// A work folder that is used again keeps tools and binaries and nothing else;
// the tasks in it are always those given.
func TestWorkFolderUsedAgain(t *testing.T) {
	t.Parallel()
	work := filepath.Join(t.TempDir(), "w")
	run := func(task string) *Result {
		l := newLab(t, "steps:\n- task: A@1\n- bash: ls _* 1/*; mkdir -p $(Agent.ToolsDirectory)/x; touch $(Agent.ToolsDirectory)/x/t "+
			"$(Build.BinariesDirectory)/b a c; cp a $(Agent.TempDirectory)/; cp a $(Build.StagingDirectory)/\n  workingDirectory: $(Agent.WorkFolder)\n")
		l.Work = work
		l.Tasks = makeTasks(t, map[string]jsTask{"A": {main: "console.log('task " + task + "')"}})
		return l.run(t)
	}
	run("one")
	r := run("two")
	if gone := missing(log(r, "A"), "task two"); gone != "" {
		t.Errorf("task: want %q in\n%s", gone, log(r, "A"))
	}
	if gone := missing(log(r, "Bash"), "\n1/TestResults:\n\n1/a:\n\n1/b:\nb\n\n1/s:\n", "_temp:\n", ".sh\n", "_tool:\nx\n"); gone != "" {
		t.Errorf("folders: want %q in\n%s", gone, log(r, "Bash"))
	}
}

// Everything is removed, also what is read-only, and kept when asked for.
func TestKeep(t *testing.T) {
	t.Parallel()
	for _, keep := range []bool{false, true} {
		l := newLab(t, "steps:\n- bash: mkdir ro && touch ro/f $(Agent.TempDirectory)/t && chmod 555 ro\n")
		l.Keep = keep
		r := l.run(t)
		work := l.layoutRoot(r)
		for _, name := range []string{"_temp/t", "1/s/ro/f"} {
			if _, err := os.Stat(filepath.Join(work, name)); (err == nil) != keep {
				t.Errorf("keep %v: %s is there: %v", keep, name, err == nil)
			}
		}
		if err := removeAll(filepath.Dir(work)); err != nil {
			t.Error(err)
		}
	}
}

func TestReadCheckout(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	environ := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1"}
	if c := readCheckout(dir, environ); c.branch != "refs/heads/main" || c.version != strings.Repeat("0", 40) || c.name != filepath.Base(dir) {
		t.Errorf("a folder without git: got %+v", c)
	}
	for _, args := range [][]string{
		{"init", "-q", "-b", "topic/x"}, {"remote", "add", "origin", "https://me:tok@host.example/o/repo.git"},
		{"-c", "user.name=N", "-c", "user.email=e@x", "commit", "-q", "--allow-empty", "-m", "say ##vso[task.complete]"},
	} {
		cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
		cmd.Env = environ
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	got := readCheckout(dir, environ)
	if len(got.version) != 40 || got.version[:3] == "000" {
		t.Errorf("version: got %q", got.version)
	}
	got.version = ""
	want := checkout{name: "repo", uri: "https://host.example/o/repo.git", branch: "refs/heads/topic/x",
		message: "say ##vso[task.complete]", author: "N <e@x>"}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(checkout{})); diff != "" {
		t.Errorf("readCheckout (-want +got):\n%s", diff)
	}
}

// What outsiders write has no force, whatever letters stand before it.
func TestFactsAreDeactivated(t *testing.T) {
	t.Parallel()
	for _, hostile := range []string{"##vso[a.b]x", "\u023a\u023a\u023a##vso[a.b]x", "\u212a\u212a##VSO[a.b]x"} {
		c := checkout{message: hostile, author: hostile}
		seen := 0
		for _, p := range jobVariables(&Options{File: hostile + ".yml"}, &layout{}, c, time.Now()) {
			if strings.Contains(strings.ToLower(p.value), "##vso") {
				t.Errorf("commit message %q: variable %s is %q, want no ##vso", hostile, p.key, p.value)
			}
			if strings.Contains(p.value, "**vso[a.b]x") {
				seen++
			}
		}
		if seen != 4 {
			t.Errorf("commit message %q: %d variables carry it, want 4", hostile, seen)
		}
	}
}
