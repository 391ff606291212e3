package safecache

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/safecache/entry"
)

// Whoever can write to the store decides what an unsigned manifest says of itself: who
// saved it, from which branch, with which packages. All of that goes into the log, the
// summary and output variables, where a line that begins with ##vso[ is a command to
// the agent.
func TestHostileWords(t *testing.T) {
	t.Parallel()
	const words = "\n##vso[task.setvariable variable=NODE_OPTIONS]--require=/tmp/evil.js\r##[error]evil\n<img src=x>|`x`"
	producer := entry.Producer{
		BuildID: words, BuildNumber: words, Definition: words, Commit: words, Branch: words, Reason: words, Agent: words,
		OS: words, Arch: words, Tool: words, DownloadSeconds: -1e300,
	}
	plant := func(j *job, key []entry.Segment) {
		j.t.Helper()
		scope := j.stored().Manifest.Scope
		j.must(os.RemoveAll(j.path("store")))
		j.write("evil/content-v2/a", "evil")
		_, err := j.repository().Save(j.t.Context(), j.path("evil"), entry.Draft{
			Scope: scope, Segments: key, Producer: producer, Expires: startOfTests.Add(time.Hour), Ecosystem: words,
			Packages: []string{"lodash@4.17.20 " + words, words + "@1 x", words},
		})
		j.must(err)
	}
	t.Run("in an exact hit", func(t *testing.T) {
		t.Parallel()
		j := newJob(t).saved("hello")
		plant(j, j.stored().Manifest.Segments)
		j.again().expect("main", "Succeeded", "variable=hit;]exact")
		j.harmless()
	})
	t.Run("in a partial hit", func(t *testing.T) {
		t.Parallel()
		j := newJob(t).saved("hello")
		key := slices.Clone(j.stored().Manifest.Segments)
		last := &key[len(key)-1]
		last.Source, last.Kind, last.Value = words, words, words
		last.Files = []entry.KeyFile{{Path: words, SHA256: words}}
		plant(j, key)
		j.again().expect("main", "Succeeded", "variable=hit;]partial")
		j.harmless()
	})
	t.Run("in a miss that is explained", func(t *testing.T) {
		t.Parallel()
		j := newJob(t).saved("hello")
		key := slices.Clone(j.stored().Manifest.Segments)
		key[0].Source, key[0].Kind, key[0].Value = words, words, words
		plant(j, key)
		j.again().expect("main", "Succeeded", "variable=hit;]miss", "MISS")
		j.harmless()
	})
	t.Run("in a list", func(t *testing.T) {
		t.Parallel()
		j := newJob(t).saved("hello")
		plant(j, j.stored().Manifest.Segments)
		j.env["INPUT_COMMAND"] = "list"
		j.again().expect("main", "Succeeded", "1 entry in")
		j.harmless()
	})
}

// harmless wants a log that a person can read, with no command in it that SafeCache
// did not mean.
func (j *job) harmless() {
	j.t.Helper()
	if len(j.log) > 64<<10 {
		j.t.Errorf("the log has %d bytes, want at most 64 KiB", len(j.log))
	}
	for line := range bytes.Lines([]byte(strings.ReplaceAll(j.log, "\r", "\n"))) {
		if bytes.HasPrefix(line, []byte("##vso[task.setvariable variable=NODE_OPTIONS")) ||
			bytes.HasPrefix(line, []byte("##[error]")) {
			j.t.Errorf("the log has the line %.200q", line)
		}
	}
}
