package safecache

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInstalledBy(t *testing.T) {
	t.Parallel()
	for p, want := range map[string]string{
		"node_modules":                    "npm, Yarn or pnpm",
		"s/web/NODE_MODULES":              "npm, Yarn or pnpm",
		"s/node_modules/.cache":           "npm, Yarn or pnpm",
		".venv/lib/python3/site-packages": "Python",
		"venv":                            "Python",
		"x/__pycache__":                   "Python",
		"s/vendor/bundle":                 "Bundler",
		"vendor/bundle/ruby":              "Bundler",
		"ios/Pods":                        "CocoaPods",
		"bower_components":                "Bower",
		".terraform":                      "Terraform",
		".next/cache":                     "Next.js or Nuxt",
		"src/app/obj":                     ".NET",
		"bin/Release":                     ".NET",
		"target":                          "Cargo or Maven",
		"s/target/debug/deps":             "Cargo or Maven",

		"my-node_modules-tarballs": "", ".npm/_cacache": "", "target/tarballs": "", "obj/x": "", "vendor/cache": "",
		"envenv": "", ".nuget/packages": "", "bin": "", "go/pkg/mod/cache/download": "", "podsx": "",
	} {
		kind, name := installedBy(p)
		got := ""
		if kind != nil {
			got = kind.ecosystem
		}
		if got != want || (got != "" && name == "") {
			t.Errorf("installedBy(%q) = %q by %q, want %q", p, got, name, want)
		}
	}
}

func TestMarkedBy(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]bool{
		"pyvenv.cfg": true, "x/y/pyvenv.cfg": true, ".package-lock.json": true, ".modules.yaml": true,
		".yarn-integrity": true, "x/node_modules/.yarn-integrity": true, "node_modules/.modules.yaml": true,
		"_npx/1/node_modules/.package-lock.json": true,

		"x/.package-lock.json": false, "package-lock.json": false, "x/pyvenv.cfg.txt": false,
		"node_modules/x/package.json": false,
	} {
		if got := markedBy(file) != nil; got != want {
			t.Errorf("markedBy(%q) = %v, want %v", file, got, want)
		}
	}
}

// What a folder's name alone forbids: nothing may be read or written first.
func TestRefusedFolders(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		path  string
		texts []string
	}{
		"installation": {
			"work/1/s/web/Node_Modules",
			[]string{`"Node_Modules"`, "installation (npm, Yarn or pnpm)", "How to fix: ", "npm ci", "pnpm: the store folder, with signatures"},
		},
		"virtual environment": {"work/1/.venv", []string{"installation (Python)", "PIP_CACHE_DIR"}},
		"workspace":           {"work/1", []string{"path is the job's workspace"}},
		"above the workspace": {"work", []string{"path is the agent's work folder"}},
		"the home directory":  {"home", []string{"path is the home directory"}},
		"above everything":    {".", []string{"path contains the sources"}},
		"the agent":           {"agent", []string{"path is the agent's own folder"}},
		"tools":               {"work/_tool", []string{"path is the agent's tools"}},
		"temporary":           {"work/_temp", []string{"path is the agent's temporary folder"}},
		"the store":           {"store", []string{"path is the cache directory"}},
		"in the store":        {"store/v1/x", []string{"path is inside the cache directory"}},
		"root":                {"/", []string{"root of a file system"}},
		"a repository":        {"work/1/s/.git", []string{"path is in a .git folder"}},
		"in a repository":     {"work/1/tool/.GIT/hooks", []string{"path is in a .git folder"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t)
			j.env["INPUT_PATH"] = j.path(tc.path)
			if tc.path == "/" {
				j.env["INPUT_PATH"] = filepath.VolumeName(j.root) + string(filepath.Separator)
			}
			j.expect("main", "Failed", append(tc.texts, "!Resolving key", "variable=RESTORED;]false")...)
			j.noStore()
			j.expect("post", "Succeeded", "restore step did not run")
			j.env["INPUT_ENFORCEMENT"] = "warn"
			j.expect("main", "SucceededWithIssues", append(tc.texts, "!Resolving key")...)
		})
	}
}

// An agent may live in a folder of any name.
func TestAgentBelowCommonNames(t *testing.T) {
	t.Parallel()
	around := surroundings{roots: []string{filepath.FromSlash("/opt/venv/node_modules/work")}}
	for p, want := range map[string]string{
		"/opt/venv/node_modules/work/.npm":         ".npm",
		"/opt/venv/node_modules/work/node_modules": "node_modules",
		"/opt/venv/x": "/opt/venv/x",
	} {
		if got := around.ownPart(filepath.FromSlash(p)); got != want {
			t.Errorf("ownPart(%q) = %q, want %q", p, got, want)
		}
	}
}

func TestRefusedContents(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		prepare func(j *job)
		texts   []string
	}{
		"a file": {func(j *job) { j.write("work/1/.npm/_cacache", "") }, []string{"path is a file, not a folder"}},
		"a marker": {
			func(j *job) { j.write("work/1/.npm/_cacache/pyvenv.cfg", "") },
			[]string{`path holds "pyvenv.cfg"`, "installation (Python)"},
		},
		"a repository": {
			func(j *job) { j.write("work/1/.npm/_cacache/x/y/.git/config", "") },
			[]string{`path holds "x/y/.git"`, "hooks"},
		},
		"a submodule": {
			func(j *job) { j.write("work/1/.npm/_cacache/x/.git", "gitdir: ../y") }, []string{`path holds "x/.git"`},
		},
		"a link to nothing": {
			func(j *job) { j.link("no/such/folder", "work/1/.npm/_cacache") }, []string{"a link to something that does not exist"},
		},
		"below a link to nothing": {
			func(j *job) { j.link("no/such/folder", "work/1/.npm") }, []string{"a link to something that does not exist"},
		},
		"a link to a file": {
			func(j *job) { j.write("file", ""); j.link("file", "work/1/.npm/_cacache") }, []string{"path is a file, not a folder"},
		},
		"a link into an installation, not there yet": {
			func(j *job) { j.write("x/node_modules/y/z", ""); j.link("x/node_modules", "work/1/.npm") },
			[]string{`path is in "node_modules"`},
		},
		"a link into the store, not there yet": {
			func(j *job) { j.mkdir("store"); j.link("store", "work/1/.npm"); j.stays = true },
			[]string{"path is inside the cache directory"},
		},
		"the store through a link": {
			func(j *job) {
				j.mkdir("real")
				j.link("real", "linked")
				j.env["INPUT_DIRECTORY"], j.env["INPUT_PATH"] = j.path("linked/new/store"), j.path("real/new")
			}, []string{"path contains the cache directory"},
		},
		"in the store through a link": {
			func(j *job) {
				j.mkdir("real")
				j.link("real", "linked")
				j.env["INPUT_DIRECTORY"], j.env["INPUT_PATH"] = j.path("linked/new"), j.path("real/new/store")
			}, []string{"path is inside the cache directory"},
		},
		"the home directory through a link": {
			func(j *job) {
				j.mkdir("homes/me")
				j.link("homes/me", "linked")
				j.env["HOME"], j.env["INPUT_PATH"] = j.path("linked"), j.path("homes/me")
			}, []string{"path is the home directory"},
		},
		"a link to the sources": {
			func(j *job) {
				needsUnix(j.t)
				j.must(os.MkdirAll(j.path("work/1/.npm"), 0o755))
				j.must(os.Symlink(j.path("work/1/s"), j.path("work/1/.npm/_cacache")))
			}, []string{"path is the sources"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t)
			tc.prepare(j)
			j.expect("main", "Failed", tc.texts...)
			if !j.stays {
				j.noStore()
			}
		})
	}
}

// A folder that is a link is filled where the link leads.
func TestLinkedFolder(t *testing.T) {
	t.Parallel()
	needsUnix(t)
	j := newJob(t)
	j.must(os.MkdirAll(j.path("big-disk/npm"), 0o755))
	j.must(os.MkdirAll(j.path("work/1/.npm"), 0o755))
	link := func() { j.must(os.Symlink(j.path("big-disk/npm"), j.path("work/1/.npm/_cacache"))) }
	link()
	j.saved("hello")
	j.again()
	j.must(os.RemoveAll(j.path("big-disk/npm/content-v2")))
	j.must(os.MkdirAll(j.path("work/1/.npm"), 0o755))
	link()
	j.expect("main", "Succeeded", "variable=hit;]exact")
	if got := j.read("big-disk/npm/content-v2/a.tgz"); got != "hello" {
		t.Errorf("restored %q through the link, want %q", got, "hello")
	}
	if info, err := os.Lstat(j.path("work/1/.npm/_cacache")); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is no longer one: %v, %v", info, err)
	}
}

// What does not exist yet is made where the links before it lead.
func TestNewFolderBelowALink(t *testing.T) {
	t.Parallel()
	needsUnix(t)
	j := newJob(t)
	j.mkdir("big-disk")
	j.link("big-disk", "work/1/.npm")
	j.saved("hello")
	j.must(os.RemoveAll(j.path("big-disk")))
	j.mkdir("big-disk")
	j.again()
	j.link("big-disk", "work/1/.npm")
	j.expect("main", "Succeeded", "variable=hit;]exact", "Cache restored to "+j.realPath("big-disk/_cacache"))
	if got := j.read("big-disk/_cacache/content-v2/a.tgz"); got != "hello" {
		t.Errorf("restored %q through the link, want %q", got, "hello")
	}
}

// The post stage does not believe what it was handed: the rules hold for the name
// too, not only for where a link leads.
func TestFrozenPathIsRefused(t *testing.T) {
	t.Parallel()
	needsUnix(t)
	j := newJob(t)
	j.expect("main", "Succeeded")
	j.write("elsewhere/a.tgz", "hello")
	j.link("elsewhere", "work/1/node_modules")
	const frozen = "VSTS_TASKVARIABLE_RESTORE_STEP_FROZEN_SECRET"
	j.env[frozen] = strings.Replace(j.env[frozen], ".npm/_cacache", "node_modules", 1)
	j.expect("post", "Failed", `path is in "node_modules"`, "!Saved 1 file")
}
