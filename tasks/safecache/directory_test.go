package safecache

import (
	"os"
	"strings"
	"testing"
)

// Where entries are kept if the step does not say it, and if it does.
func TestDirectories(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		inputs []string
		want   string // below the agent's folder; "" if the step fails
	}{
		"the agent's tools":   {[]string{"INPUT_DIRECTORY", ""}, "work/_tool/guardrails-cache"},
		"stage":               {[]string{"INPUT_DIRECTORY", "", "INPUT_STORE", "stage"}, "work/1/.safecache"},
		"stage, given":        {[]string{"INPUT_STORE", "stage"}, "store"},
		"given":               {nil, "store"},
		"no tools":            {[]string{"INPUT_DIRECTORY", "", "AGENT_TOOLSDIRECTORY", ""}, ""},
		"stage, no workspace": {[]string{"INPUT_DIRECTORY", "", "INPUT_STORE", "stage", "PIPELINE_WORKSPACE", ""}, "work/_tool/guardrails-cache"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t).command("save").set(tc.inputs...)
			j.write(cached, "hello")
			if tc.want == "" {
				j.expect("main", "Failed", "directory is not an absolute path", "such as $(Agent.ToolsDirectory)/")
				return
			}
			j.expect("main", "Succeeded", "Saved 1 file")
			if _, err := os.Stat(j.path(tc.want + "/v1")); err != nil {
				t.Errorf("nothing was saved to %s: %v", tc.want, err)
			}
		})
	}
}

// The local tier is looked up anew as little as the directory is.
func TestFrozenLocalTier(t *testing.T) {
	t.Parallel()
	f := frozen{Path: "/p", Directory: "/was"}
	for store, want := range map[Store][2]string{
		StoreAzureBlob: {"/is", "/was"}, StoreDirectory: {"/was", "/is"}, StoreStage: {"/was", "/is"},
	} {
		in := f.in(Inputs{Store: store, Directory: "/is", LocalTier: "/is", Path: "/is"})
		if got := [2]string{in.Directory, in.LocalTier}; got != want || in.Path != "/p" {
			t.Errorf("with %s the directory and the local tier are %v and the path is %s, want %v and /p", store, got, in.Path, want)
		}
	}
}

// Of a pattern, the log names what is new or other, and nothing else.
func TestFilesOfAPatternChange(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(j *job)
		texts  []string
	}{
		"new":    {func(j *job) { j.write("work/1/s/c.lock", "3") }, []string{"s/c.lock is new", "!a.lock", "!b.lock"}},
		"edited": {func(j *job) { j.write("work/1/s/b.lock", "x") }, []string{"s/b.lock has other contents", "!a.lock"}},
		"gone": {
			func(j *job) { j.must(os.Remove(j.path("work/1/s/a.lock"))) },
			[]string{`the files of segment "*.lock" are others`, "!is new", "!has other contents"},
		},
		"the same": {func(j *job) { j.write("work/1/s/b.lock", "2") }, nil},
	} {
		j := newJob(t).set("INPUT_KEY", `"tools" | *.lock`, "INPUT_RESTOREKEYS", "")
		j.write("work/1/s/a.lock", "1")
		j.write("work/1/s/b.lock", "2")
		j.finds("miss").write(cached, "hello")
		tc.change(j)
		if tc.texts == nil {
			j.expect("post", "Succeeded", "Saved 1 file")
			continue
		}
		j.run("post")
		_, warning, _ := strings.Cut(j.log, "##vso[task.logissue type=warning")
		if j.log = warning; !strings.Contains(warning, "cache/key-changed") {
			t.Errorf("%s: there is no warning that the key changed: %s", name, warning)
		}
		j.holds("post", tc.texts...)
	}
}
