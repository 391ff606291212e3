package auditdeps

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/npmtest"
)

// realNPM is a job with install: clean and the real npm, whose lock file npm has written
// against a registry on this machine. The packages' own scripts show their output.
func realNPM(t *testing.T, manifest string) *job {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("npm is started through a script of the shell here")
	}
	registry := npmtest.New(
		npmtest.Package{Name: "minimist", Version: "1.2.5"}, npmtest.Package{Name: "minimist", Version: "1.2.8"},
		npmtest.Package{Name: "mkdirp", Version: "0.5.5", Dependencies: map[string]string{"minimist": "^1.2.5"}},
	)
	p := npmtest.NewProject(t, registry, map[string]string{"package.json": manifest})
	p.Must(npmtest.NPM, "install", "--package-lock-only", "--ignore-scripts")
	j := newJob(t, minimist().String())
	j.write("package.json", manifest).write("package-lock.json", p.Read("package-lock.json"))
	j.write(".npmrc", "foreground-scripts=true\naudit=false\nfund=false\nupdate-notifier=false\nregistry="+p.Registry+"/\n")
	program, err := filepath.Abs("../../build/npm/node_modules/" + string(npmtest.NPM))
	j.must(err)
	j.put("bin/npm", "#!/bin/sh\nexec node '"+program+"' \"$@\"\n")
	j.must(os.Chmod(j.path("bin/npm"), 0o700))
	j.env["PATH"] = j.path("bin") + string(filepath.ListSeparator) + j.env["PATH"]
	j.env["NPM_CONFIG_CACHE"] = j.path("npm-cache")
	return j.input("install", "clean", "allowedRegistries", p.Registry)
}

const mkdirp = `{"name": "shop", "version": "1.0.0", "dependencies": {"mkdirp": "^0.5.5"}}`

// What was there before is replaced by what the lock file says, and then audited.
func TestInstallClean(t *testing.T) {
	t.Parallel()
	j := realNPM(t, mkdirp)
	j.install(".", "minimist@1.2.5", "").install(".", "extra@1.0.0", "")
	j.input("install", "off").expect("Failed", "minimist 1.2.5: critical", "!##[group]", "installed/extra")
	j.input("install", "clean").expect("Succeeded", "##[group]package-lock.json: npm ci", "added 2 packages",
		"package-lock.json: npm, 2 packages named, 2 installed.").outputs("result=clean")
}

// A lock file that does not fit fails the step as npm's error; nothing is audited then.
func TestInstallFails(t *testing.T) {
	t.Parallel()
	j := realNPM(t, mkdirp).edit("package.json", `"mkdirp": "^0.5.5"`, `"mkdirp": "^0.5.5", "minimist": "1.2.5"`)
	j.expect("Failed", "EUSAGE", "!Audited")
	j.issue(shownIssue{"error", "auditdeps/install", "", 0, "`npm ci` failed for package-lock.json (npm ended with exit code 1)"})
	j.env["PATH"] = j.path("home")
	j.expect("Failed", "`npm ci` could not be run for package-lock.json", "install npm on the agent", "!Audited")
	if got := j.output()["result"]; got != "" {
		t.Errorf("the output variable result is %q, want none", got)
	}
}

// The package manager gets a named environment: no inputs, secrets and variables of the
// job; and what it prints commands nothing and shows no secret.
func TestInstallIsSurrounded(t *testing.T) {
	t.Parallel()
	const secret = "pat-0123456789abcdef"
	j := realNPM(t, `{"name": "shop", "version": "1.0.0", "dependencies": {"mkdirp": "^0.5.5"}, "scripts": {"postinstall": "node show.js"}}`)
	j.write("show.js", `require("fs").writeFileSync("environment.json", JSON.stringify(process.env));
console.log("##vso[task.setvariable variable=pwned]yes"); console.log("the token is `+secret+`");
console.error("##[error]pwned");`)
	j.env["SECRET_TOKEN"], j.env["SYSTEM_ACCESSTOKEN"], j.env["MY_VARIABLE"] = secret, secret, "mine"
	j.env["ENDPOINT_AUTH_SYSTEMVSSCONNECTION"], j.env["NODE_OPTIONS"] = `{"parameters":{"AccessToken":"`+secret+`"}}`, "--no-warnings"
	j.expect("Succeeded", "the token is ***", "!"+secret, "!\n##[error]")
	j.harmless()
	data, err := os.ReadFile(j.source("environment.json"))
	j.must(err)
	for _, name := range []string{"SECRET_TOKEN", "SYSTEM_ACCESSTOKEN", "MY_VARIABLE", "ENDPOINT_", "INPUT_", "NODE_OPTIONS", secret} {
		if strings.Contains(string(data), name) {
			t.Errorf("the package manager was given %s:\n%s", name, data)
		}
	}
	if !strings.Contains(string(data), `"HOME":"`+j.path("home")) {
		t.Errorf("the package manager was not given HOME:\n%s", data)
	}
}

// Nothing of a project is executed unless the input says so.
func TestNothingIsExecuted(t *testing.T) {
	t.Parallel()
	j := realNPM(t, `{"name": "shop", "version": "1.0.0", "dependencies": {"mkdirp": "^0.5.5"}, "scripts": {"postinstall": "node ran.js"}}`)
	j.write("ran.js", `require("fs").writeFileSync("ran", "")`).install(".", "minimist@1.2.8", "").install(".", "mkdirp@0.5.5", "")
	j.put("bin/git", "#!/bin/sh\ntouch '"+j.source("ran")+"'\n")
	j.must(os.Chmod(j.path("bin/git"), 0o700))
	j.input("install", "off").run()
	if got := j.glob("work/1/s/ran"); len(got) > 0 {
		t.Errorf("the step has run a program; log:\n%s", j.log)
	}
}

// Cancelling stops the package manager with all that it has started.
func TestInstallCancelled(t *testing.T) {
	t.Parallel()
	j := realNPM(t, `{"name": "shop", "version": "1.0.0", "dependencies": {"mkdirp": "^0.5.5"}, "scripts": {"postinstall": "node wait.js"}}`)
	j.write("wait.js", `console.log("waiting"); setTimeout(() => {}, 3600000)`)
	stop, cancel := context.WithCancelCause(t.Context())
	j.stop = stop
	stopped := false
	j.watch = func(text string) {
		if strings.HasPrefix(text, "waiting") {
			stopped = true
			cancel(errors.New("the run was cancelled"))
		}
	}
	j.expect("Failed", "cancelled: the run was cancelled", "!Audited", "!`npm ci` failed")
	if !stopped {
		t.Error("the step ended before it was cancelled")
	}
}

func TestInstallArgs(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		format lockfile.Format
		want   string
	}{
		"package-lock.json":      {lockfile.NPM, "npm ci"},
		"pnpm-lock.yaml":         {lockfile.PNPM, "pnpm install --frozen-lockfile"},
		"yarn.lock":              {lockfile.Yarn1, "yarn install --frozen-lockfile --force"},
		"berry/yarn.lock":        {lockfile.Berry, "yarn install --immutable"},
		"requirements.txt":       {lockfile.Pip, "pip install --require-hashes --force-reinstall -r requirements.txt"},
		"a/requirements-dev.txt": {lockfile.Pip, "pip install --require-hashes --force-reinstall -r requirements-dev.txt"},
		"poetry.lock":            {lockfile.Pip, ""},
		"go.sum":                 {lockfile.Go, "go mod download"},
		"Cargo.lock":             {lockfile.Cargo, "cargo fetch --locked"},
		"packages.lock.json":     {lockfile.NuGet, "dotnet restore --locked-mode"},
		"pom.xml":                {lockfile.Maven, ""},
		"gradle.lockfile":        {lockfile.Gradle, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := strings.Join(cleanInstall(lockfile.Lock{Path: name, Format: tc.format}), " ")
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("installArgs(%s, %s) (-want +got):\n%s", name, tc.format, diff)
			}
		})
	}
}
