package keyvaultenv

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

const npmToken = "//r.example/:_authToken=hX9kk2mm3QzzPPq81\n"

// TestToolSettings: a credential where tools keep credentials is a warning; a secret of
// this run is a leak there, unless the agent empties the folder.
func TestToolSettings(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file, content, result string
	}{
		"a token":             {"home/.npmrc", npmToken, "Succeeded"},
		"a known secret, too": {"home/.npmrc", npmToken + "# " + leakedValue, "Failed"},
		"known, emptied":      {"work/_temp/docker/config.json", "{\"auth\":\"" + leakedValue + "\"}", "Succeeded"},
		"token elsewhere":     {"work/1/s/.npmrc", npmToken, "Failed"},
		"known elsewhere":     {"work/1/s/docker/config.json", "{\"auth\":\"" + leakedValue + "\"}", "Failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := ran(t)
			j.env["DOCKER_CONFIG"] = j.path("work/_temp/docker")
			j.write(tc.file, tc.content)
			j.expect("post", tc.result)
			if n := len(j.issues("warning")) + len(j.issues("error")); n == 0 {
				t.Errorf("nothing is said:\n%s", j.shown())
			}
		})
	}
}

// TestMerelyCalledASecret: in files and logs what only has such a name is a warning.
func TestMerelyCalledASecret(t *testing.T) {
	t.Parallel()
	j := ran(t)
	j.logged("Test", "password = \"hX9-kk2.mm3Qa!zz\"\n")
	j.expect("post", "Succeeded")
	if got := strings.Join(j.issues("warning"), "\n"); !strings.Contains(got, "leak/generic-") || !strings.Contains(got, "fingerprint ") {
		t.Errorf("the warnings are %q, want one with its fingerprint", got)
	}
}

// TestAgentsVariables: nobody can move them to a vault, so only its values count there.
func TestAgentsVariables(t *testing.T) {
	t.Parallel()
	const url = "see postgres://app:hX9kk2mm3Q@db.contoso.com/orders"
	for _, name := range []string{"Build.SourceVersionMessage", "System.PullRequest.SourceBranch", "Agent.JobName"} {
		two(t).variable(name, url).expect("main", "Succeeded")
		j := two(t).variable(name, "see Autumn 2025/reset")
		j.expect("main", "Failed", "the plain variable "+name+" holds the value of the secret db-password", "where it is defined: by the agent")
	}
	two(t).variable("BuildSettings", url).expect("main", "Failed", "the plain variable BuildSettings holds something that looks like a secret")
}

// TestManyFindings: the log is not flooded, and the report has them all.
func TestManyFindings(t *testing.T) {
	t.Parallel()
	j := ran(t)
	var text strings.Builder
	for i := range 70 {
		fmt.Fprintf(&text, "postgres://app:hX9kk2mm3Q%02d@db.contoso.com/orders\n", i)
	}
	j.write("work/1/a/urls.txt", text.String())
	j.expect("post", "Failed", "more")
	if got := len(j.issues("error")) + len(j.issues("warning")); got < 50 || got > 53 {
		t.Errorf("%d issues, want 50 and a few words", got)
	}
	if leaks, _ := j.facts("post")["leaks"].([]any); len(leaks) != 70 {
		t.Errorf("the report has %d leaks, want 70", len(leaks))
	}
	j.hidden("hX9kk2")
}

// TestChecklist: what several kinds share comes once, and what the agent knows stands in
// the place of names in angle brackets.
func TestChecklist(t *testing.T) {
	t.Parallel()
	j := ran(t)
	j.env["SYSTEM_TEAMPROJECT"] = "shop"
	j.logged("Test", leakedValue+"\n")
	j.write("work/1/a/id.pem", privateKey())
	j.expect("post", "Failed", "Rotate: the secret orders-db", "Rotate: leak/private-key", "Then, for all of them", "https://dev.azure.com/contoso/shop/",
		"!<vault>", "!<organization>", "!<project>")
	if n := strings.Count(j.shown(), "Then, for all of them"); n != 1 {
		t.Errorf("the common steps come %d times", n)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(j.shown()) {
		number, step, ok := strings.Cut(line, ". ")
		if ok && strings.Trim(number, "0123456789") == "" && strings.Contains(step, "retains") {
			if seen[step] {
				t.Errorf("%q comes twice", step)
			}
			seen[step] = true
		}
	}
}

// TestOddFiles: a name commands nobody, and a pipe is not waited for.
func TestOddFiles(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("there are no such files")
	}
	j := ran(t)
	j.write("work/1/a/x\n##vso[task.complete result=Succeeded]\x1b[31m.txt", leakedValue)
	j.must(os.MkdirAll(j.path("work/1/s/.git"), 0o755))
	for _, name := range []string{"work/1/s/.git/config", "work/1/s/pipe"} {
		if out, err := exec.CommandContext(t.Context(), "mkfifo", j.path(name)).CombinedOutput(); err != nil {
			t.Skipf("mkfifo: %v\n%s", err, out)
		}
	}
	if result := j.run("post"); result != "Failed" || strings.Count(j.log, "\n##vso[task.complete") != 1 || strings.Contains(j.log, "\x1b") {
		t.Errorf("post ended as %s with\n%s", result, j.log)
	}
}

// TestSettingsAreNotForTheTaking: a step that calls the workspace, or the artifacts, the
// folder of a tool's settings makes no leak a warning.
func TestSettingsAreNotForTheTaking(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"DOCKER_CONFIG", "NPM_CONFIG_USERCONFIG", "HOME", "USERPROFILE"} {
		for _, dir := range []string{"work/1", "work/1/a", "work/1/a/.npmrc"} {
			j := ran(t)
			j.write("work/1/a/.npmrc", npmToken)
			j.env[name] = j.path(dir)
			if j.run("post") != "Failed" {
				t.Errorf("with %s=%s a token in the artifacts is no leak:\n%s", name, dir, j.shown())
			}
		}
	}
}
