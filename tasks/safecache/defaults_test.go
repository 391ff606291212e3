package safecache

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// program puts a shell script on the PATH, and nothing else.
func (j *job) program(name, script string) *job {
	j.t.Helper()
	needsUnix(j.t)
	syscall.ForkLock.RLock() // a program that a test starts meanwhile would keep the script open for writing
	defer syscall.ForkLock.RUnlock()
	j.write("bin/"+name, "#!/bin/sh\n"+script+"\n")
	j.must(os.Chmod(j.path("bin/"+name), 0o755))
	return j.set("PATH", j.path("bin"))
}

// bare leaves key, restore keys and path to the task.
func bare(t *testing.T) *job {
	t.Helper()
	j := newJob(t).npm(map[string]string{"lodash": "lodash!"})
	return j.set("INPUT_KEY", "", "INPUT_RESTOREKEYS", "", "INPUT_PATH", "", "NPM_CONFIG_CACHE", j.path("work/1/.npm"),
		"AGENT_OS", "Linux", "AGENT_OSARCHITECTURE", "X64")
}

// The key, the restore key and the path follow from the ecosystem.
func TestNothingButTheEcosystem(t *testing.T) {
	t.Parallel()
	for _, ecosystem := range []string{"npm", "auto"} {
		j := bare(t).program("node", "echo v20.11.1").set("INPUT_ECOSYSTEM", ecosystem)
		j.expect("main", "Succeeded",
			`follows from the ecosystem: "npm" | "Linux" | "X64" | "node 20" | package-lock.json`,
			"The path follows from the ecosystem: "+j.path("work/1/.npm/_cacache"), `Resolved to: "npm"|"Linux"|"X64"|"node 20"|**`)
		j.download("lodash").expect("post", "Succeeded", "Saved 1 file")
		if got := j.stored().Manifest.Producer.Tool; got != "node 20" {
			t.Errorf("%s: the entry was saved with the tool %q, want node 20", ecosystem, got)
		}
		j.again().expect("main", "Succeeded", "variable=hit;]exact").has("lodash!")
		j.again().npm(map[string]string{"lodash": "lodash!", "minimist": "minimist!"}).set("INPUT_ECOSYSTEM", ecosystem)
		j.expect("main", "Succeeded", "variable=hit;]partial").has("lodash!")
		// Another Node.js, system or architecture is another cache.
		for _, change := range []func(){
			func() { j.program("node", "echo v22.1.0") },
			func() { j.program("node", "echo v20.12.0").set("AGENT_OSARCHITECTURE", "ARM64") },
			func() { j.set("AGENT_OSARCHITECTURE", "X64", "AGENT_OS", "Darwin") },
		} {
			j.again()
			change()
			j.expect("main", "Succeeded", "variable=hit;]miss")
		}
		j.again().set("AGENT_OS", "Linux").expect("main", "Succeeded", "variable=hit;]partial")
	}
}

// What a tool prints is cut down to what the form of its downloads depends on.
func TestToolVersion(t *testing.T) {
	t.Parallel()
	for script, want := range map[string]string{
		"echo v20.11.1":            `"node 20"`,
		"echo v0.12.18":            `"node 0.12"`,
		"echo 1.22.19":             `"node 1.22"`,
		"echo 'node version 18.3'": `"node 18"`,
		"echo v9":                  `"node 9"`,
		"echo hello":               "",
		"echo v20.11.1; exit 1":    "",
		"exit 0":                   "",
	} {
		j := bare(t).program("node", script)
		if want == "" {
			j.expect("main", "Failed", "needs the version of node, which `node --version` did not say",
				"install node before this step, or write a key")
			j.noStore()
			continue
		}
		j.expect("main", "Succeeded", want)
	}
}

func TestNoTool(t *testing.T) {
	t.Parallel()
	j := bare(t).set("PATH", t.TempDir())
	j.expect("main", "Failed", "needs the version of node", "install node before this step, or write a key",
		"code=cache/key")
	j.noStore()
}

// A step that is stopped while it asks says so, and blames no tool.
func TestStoppedWhileAskingTheTool(t *testing.T) {
	t.Parallel()
	j := bare(t).program("node", "echo v20")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	j.stop = ctx
	j.expect("main", "Failed", "cancelled", "!needs the version of node")
}

// The tool that is asked for its version gets none of the secrets.
func TestToolSeesNoSecrets(t *testing.T) {
	t.Parallel()
	j := bare(t)
	j.program("node", "/usr/bin/env > "+j.path("seen")+"; echo v20.0.0")
	j.set("SECRET_TOKEN", "hunter2-hunter2", "INPUT_SASTOKEN", "sv=1&sig=hunter2-hunter2", "SYSTEM_ACCESSTOKEN",
		"hunter2-x")
	j.set("NODE_OPTIONS", "--require evil", "LD_PRELOAD", "")
	j.expect("main", "Succeeded", `"node 20"`)
	if seen := j.read("seen"); seen == "" || strings.Contains(seen, "hunter2") || strings.Contains(seen,
		"NODE_OPTIONS") {
		t.Errorf("the tool saw the environment\n%s", seen)
	}
}

// The home directory is HOME, but on Windows.
func TestHome(t *testing.T) {
	t.Parallel()
	j := bare(t).program("node", "echo v20")
	delete(j.env, "NPM_CONFIG_CACHE")
	j.set("USERPROFILE", j.path("elsewhere")).expect("main", "Succeeded", j.path("home/.npm/_cacache"))
}

// Where the tool keeps its downloads must be known for sure.
func TestFolderCannotBeTold(t *testing.T) {
	t.Parallel()
	for folder, inputs := range map[string][]string{
		"./.npm/_cacache":    {"HOME", "", "USERPROFILE", "", "NPM_CONFIG_CACHE", "", "LOCALAPPDATA", ""},
		".npm-here/_cacache": {"NPM_CONFIG_CACHE", ".npm-here"},
	} {
		j := bare(t).program("node", "echo v20").set(inputs...)
		j.expect("main", "Failed", "code=cache/path", "where npm keeps its downloads cannot be told", folder+`" is not absolute`,
			"write the folder").noStore()
	}
}

// With a critical cache the commit goes into the key, and restore keys keep the rest.
func TestDefaultKeyOfACriticalCache(t *testing.T) {
	t.Parallel()
	j := bare(t).program("node", "echo v20.11.1").set("INPUT_CRITICAL", "true", "BUILD_SOURCEVERSION",
		strings.Repeat("a1", 20))
	j.expect("main", "Succeeded", `"node 20" | package-lock.json | "a1a1`, "variable=hit;]miss")
	j.download("lodash").expect("post", "Succeeded", "Saved 1 file")
	j.again().expect("main", "Succeeded", "variable=hit;]exact")
	// Another commit with the same lock file takes it, if somebody has signed it.
	j.again().set("BUILD_SOURCEVERSION", strings.Repeat("b2", 20)).expect("main", "Succeeded", "variable=hit;]miss",
		"Critical, and no verifyKeys: entries of other commits are not looked for.")
	j.must(os.RemoveAll(j.path("store")))
	j.again().sign(newPair(t, 1)).savedNPM().again().set("BUILD_SOURCEVERSION", commit).finds("partial").has("lodash!")
}

// Restore keys of one's own go with the key that follows.
func TestDefaultKeyWithRestoreKeys(t *testing.T) {
	t.Parallel()
	j := bare(t).program("node", "echo v20.11.1").set("INPUT_RESTOREKEYS", `"npm" | "Windows"`)
	j.expect("main", "Succeeded", `Resolved to: "npm"|"Windows"|**`, `!"node 20"|**`)
}

func TestNoLockFile(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		inputs []string
		texts  []string
	}{
		"auto": {[]string{"INPUT_ECOSYSTEM", "auto"}, []string{"there is no key, and no lock file in"}},
		"npm":  {nil, []string{"there is no key, and no lock file of npm (npm-shrinkwrap.json, package-lock.json) in"}},
	} {
		j := bare(t).program("node", "echo v20").set(tc.inputs...)
		j.must(os.Remove(j.path("work/1/s/package-lock.json")))
		j.expect("main", "Failed", append(tc.texts, j.path("work/1/s"), "is the checkout before this step?",
			"subfolder")...)
		j.noStore()
		if t.Failed() {
			t.Fatal("with " + name)
		}
	}
}

func TestSeveralEcosystems(t *testing.T) {
	t.Parallel()
	const text = "there are lock files of several package managers: npm, yarn"
	j := bare(t).program("node", "echo v20").set("INPUT_ECOSYSTEM", "auto")
	j.write("work/1/s/yarn.lock", "# yarn lockfile v1\n")
	j.expect("main", "Failed", "code=cache/ecosystem", text, "set ecosystem to the one whose downloads path holds")
	j.set("INPUT_KEY", "package-lock.json | yarn.lock").expect("main", "Failed", "code=cache/ecosystem", text)
	j.set("INPUT_ECOSYSTEM", "npm").expect("main", "Succeeded")
	// A folder of that name is none.
	j.must(os.Remove(j.path("work/1/s/yarn.lock")))
	j.mkdir("work/1/s/yarn.lock")
	j.set("INPUT_KEY", "", "INPUT_ECOSYSTEM", "auto").expect("main", "Succeeded", "| package-lock.json")
	j.set("INPUT_KEY", "package-lock.json").expect("main", "Succeeded", "Now run npm ci")
	j.set("INPUT_KEY", "", "INPUT_ECOSYSTEM", "npm").expect("main", "Succeeded", "| package-lock.json")
}

// With auto, a key without a known lock file makes a generic cache.
func TestAutoIsGeneric(t *testing.T) {
	t.Parallel()
	j := newJob(t).set("INPUT_ECOSYSTEM", "auto", "INPUT_KEY", `"tools" | tools.lock`)
	j.write("work/1/s/tools.lock", "1")
	j.expect("main", "Succeeded", "A generic cache: no lock file says", "variable=hit;]miss")
	j.write(cached, "hello")
	j.expect("post", "Succeeded", "Saved 1 file")
	j.again().expect("main", "Succeeded", "variable=hit;]exact")
	j.set("INPUT_PATH", "").expect("main", "Failed", "path: it is empty", "write the folder to restore and to save")
}

// The lock file of a project in a folder, named by the key.
func TestLockFileInAFolder(t *testing.T) {
	t.Parallel()
	for _, key := range []string{`"npm" | web/package-lock.json`, `"npm" | **/package-lock.json`} {
		j := newJob(t).npm(map[string]string{"lodash": "lodash!"}).set("INPUT_KEY", key)
		j.mkdir("work/1/s/web")
		for _, name := range []string{"package.json", "package-lock.json"} {
			j.must(os.Rename(j.path("work/1/s/"+name), j.path("work/1/s/web/"+name)))
		}
		j.savedNPM().again().expect("main", "Succeeded", "variable=hit;]exact").has("lodash!")
		if got := j.stored().Manifest.Packages; len(got) != 1 || !strings.HasPrefix(got[0], "lodash@1.0.0 sha512-") {
			t.Errorf("%s: the entry says that it has the packages %q", key, got)
		}
		j.write("work/1/s/web/package.json", `{"name":"app","dependencies":{"lodash":"2.0.0"}}`)
		j.expect("main", "Failed", "s/web/package-lock.json does not belong to s/web/package.json")
	}
}

// Several projects: what any of them names is stored.
func TestSeveralLockFiles(t *testing.T) {
	t.Parallel()
	j := newJob(t).npm(map[string]string{"minimist": "minimist!"})
	j.mkdir("work/1/s/web")
	for _, name := range []string{"package.json", "package-lock.json"} {
		j.must(os.Rename(j.path("work/1/s/"+name), j.path("work/1/s/web/"+name)))
	}
	j.npm(map[string]string{"lodash": "lodash!", "minimist": "minimist!"}).set("INPUT_KEY",
		`"npm" | **/package-lock.json`)
	j.savedNPM()
	if got := j.stored().Manifest.Packages; len(got) != 2 {
		t.Errorf("the entry says that it has the packages %q, want each once", got)
	}
	j.again().expect("main", "Succeeded", "variable=hit;]exact").has("lodash!", "minimist!")
}

func TestLockFileIsNotInTheKey(t *testing.T) {
	t.Parallel()
	j := newJob(t).npm(map[string]string{"lodash": "lodash!"}).set("INPUT_KEY", `"npm" | package.json`)
	j.expect("main", "Failed", "no lock file of npm is part of the key, so nothing says what may be cached",
		"add it to the key (npm-shrinkwrap.json, package-lock.json)", "set ecosystem: generic")
	j.noStore()
}

// A lock file may be anywhere that the key leads to.
func TestLockFileOutsideOfTheWorkspace(t *testing.T) {
	t.Parallel()
	j := newJob(t).npm(map[string]string{"lodash": "lodash!"})
	j.mkdir("elsewhere")
	for _, name := range []string{"package.json", "package-lock.json"} {
		j.must(os.Rename(j.path("work/1/s/"+name), j.path("elsewhere/"+name)))
	}
	j.set("INPUT_KEY", `"npm" | `+filepath.ToSlash(j.path("elsewhere/package-lock.json")))
	j.savedNPM().again().expect("main", "Succeeded", "variable=hit;]exact").has("lodash!")
	j.packageJSON(map[string]string{"lodash": "2.0.0"})
	j.must(os.Rename(j.path("work/1/s/package.json"), j.path("elsewhere/package.json")))
	j.expect("main", "Failed", "code=cache/stale-lock")
}

// A link that leads out of the workspace is not followed.
func TestLockFileIsALink(t *testing.T) {
	t.Parallel()
	needsUnix(t)
	j := newJob(t).npm(map[string]string{"lodash": "lodash!"})
	j.must(os.Rename(j.path("work/1/s/package-lock.json"), j.path("home/package-lock.json")))
	j.link("home/package-lock.json", "work/1/s/package-lock.json")
	j.expect("main", "Failed", "code=cache/lock", "the lock file s/package-lock.json cannot be read: ",
		"no link out of it").noStore()
}

// Between the stages of a step the lock file became something else.
func TestLockFileGoesBetweenTheStages(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(j *job) error{
		"gone": func(j *job) error { return os.Remove(j.path("work/1/s/package-lock.json")) },
		"folder": func(j *job) error {
			name := j.path("work/1/s/package-lock.json")
			return errors.Join(os.Remove(name), os.Mkdir(name, 0o755))
		},
		"edited": func(j *job) error { j.write("work/1/s/package-lock.json", "{}"); return nil },
	} {
		j := newJob(t).npm(map[string]string{"lodash": "lodash!"}).expect("main", "Succeeded").download("lodash")
		j.must(change(j))
		j.expect("post", "Succeeded", "type=warning;code=cache/key-changed", "the cache is not saved", "!Saved")
		j.noStore()
		if t.Failed() {
			t.Fatal(name)
		}
	}
}
