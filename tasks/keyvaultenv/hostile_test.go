package keyvaultenv

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/adotest"
)

// TestCommittedFiles: git add hides no secret of the run; the rules leave alone what is
// committed.
func TestCommittedFiles(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip(err)
	}
	for content, want := range map[string]string{
		"pw=" + leakedValue: "Failed", "URL=postgres://app:hX9kk2mm3Q@db.contoso.com/orders": "Succeeded",
	} {
		j := ran(t)
		j.write("work/1/s/settings.env", content+"\n")
		for _, args := range [][]string{{"init", "-q"}, {"add", "settings.env"}} {
			git := exec.CommandContext(t.Context(), "git", args...)
			git.Dir = j.path("work/1/s")
			if out, err := git.CombinedOutput(); err != nil {
				t.Fatalf("git %q: %v\n%s", args, err, out)
			}
		}
		j.expect("post", want, "!"+leakedValue)
		if found := strings.Contains(j.shown(), "s/settings.env, line 1"); found != (want == "Failed") {
			t.Errorf("the file with %q is a finding: %v\n%s", content, found, j.shown())
		}
	}
}

// TestPublishedLinks: an artifact is what its links lead to.
func TestPublishedLinks(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege there")
	}
	j := ran(t)
	j.write("elsewhere/one.txt", leakedValue)
	j.write("elsewhere/folder/two.txt", leakedValue)
	j.must(os.Symlink(j.path("elsewhere/one.txt"), j.path("work/1/a/one.txt")))
	j.must(os.Symlink(j.path("elsewhere/folder"), j.path("work/1/a/folder")))
	j.must(os.Symlink(j.path("elsewhere"), j.path("work/1/s/not-an-artifact")))
	j.expect("post", "Failed", "a/one.txt, line 1", "folder/two.txt, line 1", "!not-an-artifact")
}

// TestFileNames are searched, too, and not shown.
func TestFileNames(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	j.vault.Set("a", "correct-horse-9")
	j.input("secrets", "A=a").expect("main", "Succeeded")
	j.write("work/1/s/dump-correct-horse-9.txt", "")
	j.expect("post", "Failed", "the secret a of the vault contoso-kv stands in the name of s/dump-***.txt", "!correct-horse")
}

// TestVariablesOfTheScanAreThoseOfMain: a step that sets others leads the scan nowhere.
func TestVariablesOfTheScanAreThoseOfMain(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"PIPELINE_WORKSPACE", "SYSTEM_DEFAULTWORKINGDIRECTORY", "BUILD_ARTIFACTSTAGINGDIRECTORY", "BUILD_BUILDID", "SYSTEM_JOBID",
		"SYSTEM_TEAMPROJECTID", "SYSTEM_COLLECTIONID", "TASK_DISPLAYNAME",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := ran(t, "scanPaths", "named.txt")
			j.logged("Test", leakedValue).write("work/1/a/x", leakedValue)
			j.write("work/1/b/y", leakedValue)
			j.write("work/1/s/named.txt", leakedValue)
			j.server.Update(func(p *adotest.Project) { p.Runs = append(p.Runs, adotest.Run{ID: 101, Definition: 7, Revision: 1}) })
			j.env[name] = map[bool]string{true: "101", false: j.path("home")}[name == "BUILD_BUILDID"]
			j.expect("post", "Failed", "log of Build / Test, line 1", "a/x, line 1", "!could not be scanned")
			leaks, _ := j.facts("post")["leaks"].([]any)
			one, _ := leaks[0].(map[string]any)
			if got := fmt.Sprint(one["places"]); !strings.Contains(got, "b/y:1:1") || !strings.Contains(got, "s/named.txt:1:1") {
				t.Errorf("the places are %s", got)
			}
		})
	}
}

// TestCollisions: two variables that are one in the environment cannot both be audited.
func TestCollisions(t *testing.T) {
	t.Parallel()
	j := two(t).variable("Db.Password", "a").variable("DB_PASSWORD_", "b")
	j.expect("main", "Succeeded")
	j = two(t).variable("Db.Password", "a").variable("DB_Password", "b")
	j.expect("main", "Failed", "the variables", "are one in the environment of a step (DB_PASSWORD)")
	j.nothingSet()
}

// TestWeakPlainVariables: a short secret is not looked for inside of texts, but a variable
// may be all of it.
func TestWeakPlainVariables(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"k3y9": "Failed", " k3y9 ": "Failed", "x-k3y9-y": "Succeeded"} {
		j := newJob(t)
		j.vault.Set("pin", "k3y9")
		j.variable("DOOR", value).input("secrets", "PIN=pin").expect("main", want)
		if want == "Failed" {
			j.nothingSet()
			if got := j.issues("error"); len(got) != 1 || !strings.Contains(got[0], "the plain variable DOOR holds the value of the secret pin") {
				t.Errorf("DOOR=%q: the errors are %q", value, got)
			}
		}
	}
}

// TestRouteByVariables: a proxy or an authority that a step has set gets a warning.
func TestRouteByVariables(t *testing.T) {
	t.Parallel()
	j := two(t).variable("Https_Proxy", "http://"+newJob(t).cloud.Address())
	j.run("main")
	if got := strings.Join(j.issues("warning"), "\n"); !strings.Contains(got, "the way to the vault goes by the pipeline's variable Https_Proxy") {
		t.Errorf("the warnings are %q", got)
	}
}

// TestNoSARIF: a report that cannot be written hides no finding.
func TestNoSARIF(t *testing.T) {
	t.Parallel()
	j := ran(t)
	j.write("work/_temp/guardrails/keyvaultenv-"+stepID+".sarif/x", "x")
	j.logged("Test", leakedValue).expect("post", "Failed", "log of Build / Test, line 1 (owner team-orders)", "the findings cannot be written as SARIF", "Rotate: ")
	if got := j.issues("error"); len(got) != 2 {
		t.Errorf("the errors are %q, want the leak and the report", got)
	}
}
