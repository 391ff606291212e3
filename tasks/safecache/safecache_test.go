package safecache

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSaveThenRestore(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	j.expect("main", "Succeeded", "MISS: there is no entry at all", "!Entry found")
	j.saved("hello")
	j.again()
	j.expect("main", "Succeeded", "variable=RESTORED;]true", "variable=hit;]exact", "variable=matchedKey;]\"npm\"|",
		"It was saved by build 100 of refs/heads/main, just now; it is one of the trusted entries of refs/heads/main and whether it is signed is not looked at", "1 file, 5 bytes, each verified to be as it was saved")
	if got := j.read(cached); got != "hello" {
		t.Errorf("restored %q, want %q", got, "hello")
	}
	j.expect("post", "Succeeded", "!Saved 1 file", "entries never change")
}

func TestRestoreKey(t *testing.T) {
	t.Parallel()
	j := newJob(t).saved("old").again()
	j.write("work/1/s/package-lock.json", "lock 2\n")
	j.expect("main", "Succeeded", "variable=RESTORED;]inexact", "variable=hit;]partial", `Resolved to: "npm"|**`)
	if got := j.read(cached); got != "old" {
		t.Errorf("restored %q, want %q", got, "old")
	}
	j.write(cached, "new")
	j.expect("post", "Succeeded", "Saved 1 file")
	j.again().expect("main", "Succeeded", "variable=RESTORED;]true")
	if got := j.read(cached); got != "new" {
		t.Errorf("restored %q, want %q", got, "new")
	}
}

func TestCachesAreSeparate(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{
		"SYSTEM_DEFINITIONID": "8", "SYSTEM_TEAMPROJECTID": "x", "SYSTEM_COLLECTIONURI": "https://dev.azure.com/x/",
		"AZP_CACHING_SALT": "2", "SECRET_AZP_CACHING_SALT": "1", "SYSTEM_HOSTTYPE": "release",
	} {
		j := newJob(t).saved("hello").again()
		j.env[name] = value
		j.expect("main", "Succeeded", "variable=RESTORED;]false", "!Entry found")
	}
}

func TestOldFolderIsReplaced(t *testing.T) {
	t.Parallel()
	j := newJob(t).saved("hello").again()
	j.write("work/1/.npm/_cacache/left/over", "x")
	j.expect("main", "Succeeded", "variable=hit;]exact")
	if got := j.read("work/1/.npm/_cacache/left/over"); got != "" {
		t.Errorf("a file that is not in the entry is still there: %q", got)
	}
}

func TestNothingIsSaved(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		between func(j *job)
		result  string
		texts   []string
	}{
		"job failed": {
			func(j *job) { j.env["AGENT_JOBSTATUS"] = "Failed" }, "Succeeded", []string{"job status was not 'Succeeded'"},
		},
		"job with issues": {
			func(j *job) { j.env["AGENT_JOBSTATUS"] = "SucceededWithIssues" }, "Succeeded",
			[]string{"Skipping because the job status was not 'Succeeded' (it is 'SucceededWithIssues')."},
		},
		"cancelled": {func(j *job) { j.env["AGENT_JOBSTATUS"] = "Canceled" }, "Succeeded", []string{"not 'Succeeded'"}},
		"main did not run": {
			func(j *job) { delete(j.env, "VSTS_TASKVARIABLE_RESTORE_STEP_RAN") }, "Succeeded",
			[]string{"Skipping because restore step did not run."},
		},
		"lock file edited": {
			func(j *job) { j.write("work/1/s/package-lock.json", "edited") }, "Succeeded",
			[]string{"type=warning", "s/package-lock.json has other contents", "npm install edits package-lock.json"},
		},
		"lock file gone": {
			func(j *job) { j.must(os.Remove(j.path("work/1/s/package-lock.json"))) }, "Succeeded",
			[]string{"File not found: package-lock.json"},
		},
		"text changed": {
			func(j *job) { j.env["INPUT_KEY"] = `"yarn" | package-lock.json` }, "Succeeded",
			[]string{`the text of segment "\"yarn\"" is another`},
		},
		"segment added": {
			func(j *job) { j.env["INPUT_KEY"] += " | x" }, "Succeeded", []string{"had 2 segments and now has 3"},
		},
		"no folder": {
			func(j *job) { j.must(os.RemoveAll(j.path("work/1/.npm"))) }, "Succeeded",
			[]string{"type=warning", "there are no files in"},
		},
		"empty folder": {
			func(j *job) { j.must(os.RemoveAll(j.path("work/1/.npm/_cacache/content-v2"))) }, "Succeeded",
			[]string{"type=warning", "there are no files in"},
		},
		"a name for Linux only": {
			func(j *job) { needsUnix(j.t); j.write("work/1/.npm/_cacache/a:b", "") }, "Succeeded",
			[]string{"cannot be used on every operating system"},
		},
		"an installation in it": {
			func(j *job) { j.write("work/1/.npm/_cacache/x/node_modules/.package-lock.json", "{}") }, "Failed",
			[]string{`"x/node_modules"`, "installation", "npm ci"},
		},
		"the folder became a link to one": {
			func(j *job) {
				needsUnix(j.t)
				j.write("elsewhere/node_modules/x/index.js", "")
				j.must(os.RemoveAll(j.path("work/1/.npm/_cacache")))
				j.must(os.Symlink(j.path("elsewhere/node_modules"), j.path("work/1/.npm/_cacache")))
			}, "Failed", []string{`in "node_modules": that is an installation`},
		},
		"the store's place is taken": {
			func(j *job) { j.write("store", "") }, "Succeeded",
			[]string{
				"type=warning;code=cache/environment", filepath.Join("001", "store") + ": a file is in the place",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t)
			j.expect("main", "Succeeded")
			j.write(cached, "hello")
			tc.between(j)
			j.expect("post", tc.result, append(tc.texts, "!Saved 1 file")...)
			if found, err := filepath.Glob(j.path("store/v1/*/*")); err != nil || len(found) != 0 {
				t.Errorf("the store holds %v, %v, want nothing", found, err)
			}
		})
	}
}

// The inputs are expanded again for the post stage; path and directory may not
// wander.
func TestFrozenFolders(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	j.expect("main", "Succeeded")
	j.write(cached, "hello")
	j.env["INPUT_PATH"], j.env["INPUT_DIRECTORY"] = j.path("home"), j.path("other")
	j.expect("post", "Succeeded", "Saved 1 file")
	j.manifest()
}

func TestAlreadySaved(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	j.expect("main", "Succeeded")
	j.write(cached, "hello")
	j.expect("post", "Succeeded", "Saved")
	j.env["BUILD_BUILDID"] = "101"
	j.expect("post", "Succeeded", "already exists: it was already saved by build 100 of refs/heads/main", "!Saved 1 file")
}

// A rejected entry costs the cache, and of a critical step the step.
func TestTamperedEntry(t *testing.T) {
	t.Parallel()
	for _, critical := range []string{"false", "true"} {
		for _, object := range []func(*job) string{(*job).pack, (*job).manifest} {
			j := newJob(t)
			j.env["BUILD_SOURCEVERSION"] = strings.Repeat("a1", 20)
			j.env["INPUT_KEY"] = `"npm" | package-lock.json | "` + j.env["BUILD_SOURCEVERSION"] + `"`
			j.env["INPUT_RESTOREKEYS"] = ""
			j.npm(map[string]string{"lodash": strings.Repeat("hello", 1000)})
			j.expect("main", "Succeeded").download("lodash").expect("post", "Succeeded", "Saved 1 file")
			j.again()
			file := object(j)
			content, err := os.ReadFile(file)
			j.must(err)
			content[len(content)/2] ^= 1
			j.must(os.WriteFile(file, content, 0o600))
			j.env["INPUT_CRITICAL"] = critical
			result := map[string]string{"false": "Succeeded", "true": "Failed"}[critical]
			j.expect("main", result, "variable=RESTORED;]false", "variable=hit;]rejected", "nothing of it was restored",
				"find out who writes to the store", "!Cache restored")
			if left, err := filepath.Glob(j.path("work/1/.npm/*")); err != nil || len(left) != 0 {
				t.Errorf("critical %s: the refused entry left %v, %v", critical, left, err)
			}
		}
	}
}

// Trouble with the store or the disk is never the build's.
func TestTroubleIsAMiss(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(j *job){
		"a file where the store should be": func(j *job) {
			j.must(os.RemoveAll(j.path("store")))
			j.write("store", "")
		},
		"a file where the folder should be made": func(j *job) { j.write("work/1/.npm", "") },
		"an unreadable store": func(j *job) {
			needsUnix(j.t)
			if os.Getuid() == 0 {
				j.t.Skip("root reads everything; TestUnprivileged runs this as another user")
			}
			j.must(os.Chmod(j.path("store"), 0))
			j.t.Cleanup(func() { _ = os.Chmod(j.path("store"), 0o755) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t).saved("hello").again()
			prepare(j)
			j.expect("main", "Succeeded", "type=warning", "no cache is restored, as there is trouble",
				"variable=RESTORED;]false", "variable=hit;]miss")
		})
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	j := newJob(t).saved("hello").again()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	j.stop = ctx
	j.expect("main", "Failed", "!Cache restored")
}

func TestBadInputs(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		input, value string
		texts        []string
	}{
		"unquoted version": {"INPUT_KEY", "npm | v1.0", []string{
			"File not found: v1.0 (key, segment 2)", "then write **/v1.0)", "If it is only a text, such as a version, put it in double quotes",
		}},
		"lock file not there yet": {
			"INPUT_KEY", "npm | ./yarn.lock",
			[]string{
				"check that it is there when this step runs: is the checkout before it, is it in a subfolder " +
					"(then write **/yarn.lock)? If it is only a text", "!\"./yarn.lock\"",
			},
		},
		"folder not there yet": {
			"INPUT_KEY", "npm | web/yarn.lock", []string{"there is no folder s/web", "is the checkout before it"},
		},
		"two of them": {
			"INPUT_KEY", "v1.0 | */x", []string{
				"File not found: v1.0 (key, segment 1)", "No matching files found for pattern: */x (key, segment 2)", "**/*.lock",
			},
		},
		"reserved":                  {"INPUT_KEY", "*", []string{"reserved key segment"}},
		"missing in restore":        {"INPUT_RESTOREKEYS", "npm | no.lock", []string{"File not found: no.lock (restoreKeys, key 1, segment 2)"}},
		"relative path":             {"INPUT_PATH", "caches", []string{`path "caches" is not absolute`, "$(Pipeline.Workspace)/"}},
		"relative directory":        {"INPUT_DIRECTORY", "caches", []string{"directory is not an absolute path"}},
		"hit variable is an output": {"INPUT_CACHEHITVAR", "HIT", []string{`cacheHitVar cannot be "HIT"`, "CACHE_RESTORED"}},
		"hit variable has a space":  {"INPUT_CACHEHITVAR", "my hit", []string{`cacheHitVar is "my hit"`}},
		"no key":                    {"INPUT_KEY", "", []string{"ecosystem: generic needs key"}},
		"the repository":            {"INPUT_PATH", "", []string{"ecosystem: generic needs path"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t)
			j.env[tc.input] = tc.value
			j.env["INPUT_ENFORCEMENT"] = "warn" // does not make wrong inputs right
			j.expect("main", "Failed", tc.texts...)
			j.noStore()
		})
	}
}
