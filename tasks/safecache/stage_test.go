package safecache

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

const staged = "work/1/.safecache"

// stage is a job that keeps its cache in the folder that Cache@2 carries.
func stage(t *testing.T) *job {
	t.Helper()
	j := newJob(t).npm(map[string]string{"lodash": "lodash!"})
	return j.set("INPUT_STORE", "stage", "INPUT_DIRECTORY", "", "INPUT_COMMAND", "open")
}

// fill is the last step of a job: it saves what was downloaded.
func (j *job) fill(texts ...string) *job {
	j.t.Helper()
	j.carry().command("save").expect("main", "Succeeded", texts...)
	return j.command("open")
}

// carried is the next job, to which Cache@2 has brought the folder as it was.
func (j *job) carried() *job {
	j.t.Helper()
	delete(j.env, "SAFECACHE_REJECTED")
	j.must(os.RemoveAll(j.path("transport")))
	j.must(os.CopyFS(j.path("transport"), os.DirFS(j.path(staged))))
	j.must(os.RemoveAll(j.path(staged)))
	j.must(os.CopyFS(j.path(staged), os.DirFS(j.path("transport"))))
	return j.again()
}

// staged lists the folder's objects.
func (j *job) staged() []string {
	j.t.Helper()
	_ = os.RemoveAll(j.path("store"))
	if err := os.CopyFS(j.path("store"), os.DirFS(j.path(staged))); err != nil {
		return nil
	}
	return j.objects("")
}

func TestStage(t *testing.T) {
	t.Parallel()
	j := stage(t).expect("main", "Succeeded", "variable=hit;]miss").download("lodash").fill("Saved 1 file")
	j.carried().finds("exact").has("lodash!")
	j.fill("already exists", "!Saved 1")
	// What would fill the folder after Cache@2 has saved it is refused.
	j.command("restore+save").expect("main", "Failed", "use two steps: the command open after Cache@2")
}

// The folder holds the newest entry alone, with what it still needs of older ones.
func TestStageKeepsOneEntry(t *testing.T) {
	t.Parallel()
	j := stage(t).finds("miss").download("lodash").fill("Saved 1 file")
	first := j.staged()
	j.carried().npm(map[string]string{"lodash": "lodash!", "minimist": "minimist!"}).finds("partial").has("lodash!")
	j.download("minimist").fill("Saved 2 files").carried()
	second := j.staged()
	manifests := 0
	for _, name := range second {
		if strings.HasSuffix(name, ".json") {
			manifests++
		}
	}
	if manifests != 1 || slices.Contains(second, first[0]) {
		t.Errorf("the folder went from %q to %q, want one manifest, and a new one", first, second)
	}
	j.finds("exact").has("lodash!", "minimist!")
	// What is left belongs to it: nothing else is carried for ever.
	j.carried().npm(map[string]string{"other": "other!"}).finds("miss").download("other").fill("Saved 1 file")
	if got := j.staged(); len(got) != 2 {
		t.Errorf("the folder holds %q, want a manifest and its pack", got)
	}
}

// Whatever the transport does to the folder, what is restored is what the lock file
// says; and the next job has a good one again.
func TestTransportTampers(t *testing.T) {
	t.Parallel()
	for _, suffix := range []string{".pack", ".json"} {
		for name, change := range map[string]func(data []byte) []byte{
			"flips a bit": func(data []byte) []byte { data[len(data)/2] ^= 1; return data },
			"cuts":        func(data []byte) []byte { return data[:len(data)/2] },
			"empties":     func([]byte) []byte { return nil },
			"appends":     func(data []byte) []byte { return append(data, 'x') },
			"deletes":     nil,
		} {
			t.Run(name+suffix, func(t *testing.T) {
				t.Parallel()
				j := stage(t).finds("miss").download("lodash").fill("Saved 1 file").carried()
				for _, object := range j.staged() {
					file := j.path(staged + "/" + object)
					if !strings.HasSuffix(object, suffix) {
						continue
					}
					if change == nil {
						j.must(os.Remove(file))
						continue
					}
					data, err := os.ReadFile(file)
					j.must(err)
					j.must(os.WriteFile(file, change(data), 0o600))
				}
				want := "rejected"
				if change == nil && suffix == ".json" {
					want = "miss"
				}
				j.finds(want).has()
				j.download("lodash").fill("Saved 1 file").carried().finds("exact").has("lodash!")
			})
		}
	}
}

// Cache@2 keeps scopes of its own. What it brings here is still held against ours.
func TestStageKeepsScopes(t *testing.T) {
	t.Parallel()
	j := stage(t).as(pull("12")...).finds("miss").download("lodash").fill("Saved 1 file", "to the untrusted entries")
	j.carried().as(onMain...).finds("miss").download("lodash").fill("Saved 1 file", "to the trusted entries")
	j.carried().as(pull("13")...).finds("exact")
	j.carried().later(8*24*time.Hour).finds("miss").holds("main", "expired")
	j = stage(t).finds("miss").download("lodash").as(fork...).download("lodash").fill("Not saved: ")
	if got := j.staged(); len(got) != 0 {
		t.Errorf("a fork has filled the folder with %q", got)
	}
}
