package safecache

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/safecache/entry"
	"github.com/guardrails-ci/guardrails/tasks/safecache/store"
)

// job is an agent with one step: it has the folders of a job, and carries task
// variables from main to post. A new job of the same agent is made by again.
type job struct {
	t    *testing.T
	root string // the agent's folder
	env  map[string]string
	stop context.Context
	log  string // of the last stage
	// stays is set when a test makes the cache directory itself.
	stays bool
	// now is when the next stage starts.
	now time.Time
	// tarballs are the packages of the project, see npm.
	tarballs map[string]string
	// watch is told what is printed, as it is.
	watch func(text string)
}

// Write takes the log of a stage.
func (j *job) Write(p []byte) (int, error) {
	j.log += string(p)
	if j.watch != nil {
		j.watch(string(p))
	}
	return len(p), nil
}

func newJob(t *testing.T) *job {
	t.Helper()
	j := &job{t: t, root: t.TempDir(), stop: t.Context(), now: startOfTests}
	j.env = map[string]string{
		"AGENT_HOMEDIRECTORY":            j.path("agent"),
		"AGENT_WORKFOLDER":               j.path("work"),
		"AGENT_TEMPDIRECTORY":            j.path("work/_temp"),
		"AGENT_TOOLSDIRECTORY":           j.path("work/_tool"),
		"AGENT_JOBSTATUS":                "Succeeded",
		"PIPELINE_WORKSPACE":             j.path("work/1"),
		"BUILD_SOURCESDIRECTORY":         j.path("work/1/s"),
		"SYSTEM_DEFAULTWORKINGDIRECTORY": j.path("work/1/s"),
		"SYSTEM_COLLECTIONURI":           "https://dev.azure.com/org/",
		"SYSTEM_TEAMPROJECTID":           "5f0b",
		"SYSTEM_DEFINITIONID":            "7",
		"SYSTEM_TASKINSTANCEID":          "1f",
		"BUILD_BUILDID":                  "100",
		"BUILD_SOURCEBRANCH":             "refs/heads/main",
		"HOME":                           j.path("home"),
		"USERPROFILE":                    j.path("home"),
		"INPUT_KEY":                      `"npm" | package-lock.json`,
		"INPUT_RESTOREKEYS":              `"npm"`,
		"INPUT_PATH":                     j.path("work/1/.npm/_cacache"),
		"INPUT_CACHEHITVAR":              "RESTORED",
		"INPUT_DIRECTORY":                j.path("store"),
		"INPUT_ENFORCEMENT":              "enforce",
		"INPUT_ECOSYSTEM":                "generic",
		"BUILD_REASON":                   "IndividualCI",
		"SYSTEM_HOSTTYPE":                "build",
	}
	for _, dir := range []string{"agent", "work/_temp", "work/_tool", "work/1/s", "home"} {
		j.must(os.MkdirAll(j.path(dir), 0o755))
	}
	j.write("work/1/s/package-lock.json", "lock 1\n")
	return j
}

func (j *job) path(name string) string { return filepath.Join(j.root, filepath.FromSlash(name)) }

func (j *job) must(err error) {
	j.t.Helper()
	if err != nil {
		j.t.Fatal(err)
	}
}

func (j *job) write(name, content string) {
	j.t.Helper()
	j.must(errors.Join(os.MkdirAll(filepath.Dir(j.path(name)), 0o755), os.WriteFile(j.path(name), []byte(content), 0o600)))
}

func (j *job) mkdir(name string) {
	j.t.Helper()
	j.must(os.MkdirAll(j.path(name), 0o755))
}

// link makes name a link to target, both below the agent's folder.
func (j *job) link(target, name string) {
	j.t.Helper()
	needsUnix(j.t)
	j.must(errors.Join(os.MkdirAll(filepath.Dir(j.path(name)), 0o755), os.Symlink(j.path(target), j.path(name))))
}

// realPath is path without links, such as those that lead to a system's temporary
// folder.
func (j *job) realPath(name string) string {
	j.t.Helper()
	root, err := filepath.EvalSymlinks(j.root)
	j.must(err)
	return filepath.Join(root, filepath.FromSlash(name))
}

func (j *job) read(name string) string {
	j.t.Helper()
	content, err := os.ReadFile(j.path(name))
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	j.must(err)
	return string(content)
}

const cached = "work/1/.npm/_cacache/content-v2/a.tgz"

// again starts the next job: nothing is left of the last but the store.
func (j *job) again() *job {
	j.must(os.RemoveAll(j.path("work/1/.npm")))
	maps.DeleteFunc(j.env, func(name, _ string) bool { return strings.HasPrefix(name, "VSTS_TASKVARIABLE_") })
	j.env["BUILD_BUILDID"] = "101"
	return j
}

var taskVariable = regexp.MustCompile(`##vso\[task\.settaskvariable variable=([^;\]]+)[^\]]*\](.*)`)

// run runs one stage and returns its result as the agent is told.
func (j *job) run(stage string) string {
	j.t.Helper()
	return j.runTask(Task, stage)
}

// startOfTests is when every stage starts, unless a test says otherwise.
var startOfTests = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func (j *job) runTask(t task.Task[Inputs], stage string) string {
	j.t.Helper()
	var environ []string
	for name, value := range j.env {
		environ = append(environ, name+"="+value)
	}
	j.log = ""
	clock := j.now
	status := task.Exec(task.World{
		Args: []string{stage}, Environ: environ, Stdout: j, Stop: j.stop, Grace: time.Minute,
		Now: func() time.Time { clock = clock.Add(time.Second); return clock },
	}, t)
	for _, m := range taskVariable.FindAllStringSubmatch(j.log, -1) {
		j.env["VSTS_TASKVARIABLE_"+strings.ToUpper(strings.ReplaceAll(m[1], ".", "_"))] = strings.NewReplacer("%5D", "]", "%3B", ";").Replace(m[2])
	}
	result := regexp.MustCompile(`##vso\[task\.complete result=(\w+)`).FindStringSubmatch(j.log)
	if status != 0 || result == nil {
		j.t.Fatalf("%s ended with status %d and log\n%s", stage, status, j.log)
	}
	return result[1]
}

// debugLine is one that only shows if the pipeline is debugged.
var debugLine = regexp.MustCompile(`(?m)^##vso\[task\.debug\].*\n`)

// expect runs a stage and checks its result and what stands in its log, debug lines
// aside; texts that begin with ! must stand in none.
func (j *job) expect(stage, result string, texts ...string) *job {
	j.t.Helper()
	if got := j.run(stage); got != result {
		j.t.Errorf("%s ended as %s, want %s; log:\n%s", stage, got, result, j.log)
	}
	j.holds(stage, texts...)
	return j
}

func (j *job) holds(stage string, texts ...string) {
	j.t.Helper()
	var lacks, has []string
	shown := debugLine.ReplaceAllString(j.log, "")
	for _, text := range texts {
		unwanted, not := strings.CutPrefix(text, "!")
		switch {
		case not && strings.Contains(j.log, unwanted):
			has = append(has, unwanted)
		case !not && !strings.Contains(shown, text):
			lacks = append(lacks, text)
		}
	}
	if lacks != nil || has != nil {
		j.t.Errorf("%s: the log lacks %q, and holds %q, which it must not; log:\n%s", stage, lacks, has, j.log)
	}
}

// saved runs a whole job that saves content.
func (j *job) saved(content string) *job {
	j.t.Helper()
	j.expect("main", "Succeeded", "variable=RESTORED;]false", "variable=hit;]miss")
	j.write(cached, content)
	j.expect("post", "Succeeded", "Saved 1 file")
	return j
}

// pack is the only pack in the store.
func (j *job) pack() string { return j.object("pack") }

// manifest is the only manifest in the store.
func (j *job) manifest() string { return j.object("json") }

func (j *job) object(suffix string) string {
	j.t.Helper()
	var found []string
	j.must(filepath.WalkDir(j.path("store"), func(name string, entry fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, "."+suffix) {
			found = append(found, name)
		}
		return err
	}))
	if len(found) != 1 {
		j.t.Fatalf("the store holds %v, want one .%s", found, suffix)
	}
	return found[0]
}

// repository is the store, as somebody sees it who may write to it.
func (j *job) repository() entry.Repository {
	return entry.Repository{Store: store.NewDir(j.path("store")), Now: func() time.Time { return startOfTests }}
}

// stored is the only entry in the store.
func (j *job) stored() *entry.Entry {
	j.t.Helper()
	all, err := j.repository().List(j.t.Context(), nil)
	j.must(err)
	if len(all) != 1 {
		j.t.Fatalf("the store has %d entries, want one", len(all))
	}
	j.must(all[0].Err)
	return all[0].Entry
}

// storedText is all that the store says of its only entry.
func (j *job) storedText() string {
	j.t.Helper()
	text, err := json.Marshal(j.stored().Manifest)
	j.must(err)
	return string(text)
}

// noStore fails if anything was written to the cache directory.
func (j *job) noStore() {
	j.t.Helper()
	if _, err := os.Lstat(j.path("store")); !errors.Is(err, os.ErrNotExist) {
		j.t.Errorf("there is a cache directory (%v), want none", err)
	}
}

func needsUnix(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs a Unix file system")
	}
}
