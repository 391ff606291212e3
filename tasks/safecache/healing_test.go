package safecache

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// damage does something to every pack of the store.
func (j *job) damage(how func(file string) error) *job {
	j.t.Helper()
	for _, name := range j.objects(".pack") {
		j.must(how(filepath.Join(j.path("store"), filepath.FromSlash(name))))
	}
	return j
}

var damages = map[string]func(file string) error{
	"flipped": func(file string) error { // of the right size
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		data[len(data)/3] ^= 0x10
		return os.WriteFile(file, data, 0o600)
	},
	"cut":     func(file string) error { return os.Truncate(file, 3) },
	"emptied": func(file string) error { return os.Truncate(file, 0) },
	"missing": os.Remove,
}

// A damaged entry costs one run its cache: that run saves a good one.
func TestDamagedPackHeals(t *testing.T) {
	t.Parallel()
	for name, how := range damages {
		for _, restoreKeys := range []string{"", `"npm"`} {
			t.Run(fmt.Sprintf("%s, restore keys %q", name, restoreKeys), func(t *testing.T) {
				t.Parallel()
				j := newJob(t).npm(map[string]string{"lodash": "lodash!",
					"minimist": "minimist!"}).set("INPUT_RESTOREKEYS", restoreKeys)
				j.savedNPM().again().damage(how)
				j.finds("rejected").has().download("lodash", "minimist").expect("post", "Succeeded", "Saved 2 files",
					"/00000002.json")
				j.again().finds("exact").has("lodash!", "minimist!")
				j.expect("post", "Succeeded", "There is nothing to save")
			})
		}
	}
}

// The explanation of a miss looks for shorter and shorter keys, and so finds an entry
// that cannot be read again and again.
func TestNotesAreToldOnce(t *testing.T) {
	t.Parallel()
	j := newJob(t).saved("hello").again()
	j.must(os.WriteFile(j.manifest(), []byte("bad"), 0o600))
	j.set("INPUT_KEY", `"npm" | "a" | "b" | package-lock.json`, "INPUT_RESTOREKEYS", "").finds("miss")
	if n := strings.Count(j.log, "Note: an entry is passed over: "); n != 1 {
		t.Errorf("an entry that cannot be read is noted %d times, want once:\n%s", n, j.log)
	}
}

// A damaged pack that other entries share: what is saved next does not use it.
func TestDamagedPackIsNotUsedAgain(t *testing.T) {
	t.Parallel()
	for name, how := range damages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			packages := map[string]string{"lodash": strings.Repeat("lodash", 5000), "minimist": "minimist!"}
			j := newJob(t).npm(packages).savedNPM().again().damage(how)
			packages["new"] = "new!"
			j.npm(packages).finds("rejected").has()
			j.download("lodash", "minimist", "new").expect("post", "Succeeded", "Saved 3 files")
			j.again().finds("exact").has(packages["lodash"], "minimist!", "new!")
		})
	}
}

// Two runs missed at the same time. The first saves; the second says so, and tells if
// what it has is something else.
func TestConcurrentSaves(t *testing.T) {
	t.Parallel()
	for second, texts := range map[string][]string{
		"hello": {"it was already saved by build 100 of refs/heads/main. Nothing is saved.", "!type=warning"},
		"other": {
			"type=warning;code=cache/different-content", "the entry that build 100 of refs/heads/main saved under this key has other contents",
			"two runs should download the same",
		},
	} {
		j := newJob(t).finds("miss")
		main := map[string]string{}
		for name, value := range j.env {
			main[name] = value
		}
		j.write(cached, "hello")
		j.expect("post", "Succeeded", "Saved 1 file")
		j.env = main
		j.set("BUILD_BUILDID", "101").write(cached, second)
		j.expect("post", "Succeeded", append(texts, "!Saved 1 file")...)
		want := ""
		if second == "other" {
			want = "build 100 of refs/heads/main"
		}
		if got := j.fact("post", "differentContent"); got != want {
			t.Errorf("with %q the report says differentContent %q, want %q", second, got, want)
		}
		j.again().finds("exact")
		if got := j.read(cached); got != "hello" {
			t.Errorf("restored %q, want what was saved first", got)
		}
	}
}

// Of what a lock file names, one run may have downloaded less than the other.
func TestConcurrentSavesOfDifferentParts(t *testing.T) {
	t.Parallel()
	j := newJob(t).npm(map[string]string{"lodash": "lodash!", "fsevents": "only on macOS"}).finds("miss")
	j.download("lodash").expect("post", "Succeeded", "Saved 1 file")
	j.download("fsevents").expect("post", "Succeeded", "cache/different-content", "!Saved 1 file")
}

// A trusted branch does not build on what it cannot trust: with keys, an unsigned
// entry is no base, and its packs are not used.
func TestUnsignedEntryIsNoBase(t *testing.T) {
	t.Parallel()
	p := newPair(t, 1)
	big := strings.Repeat("lodash", 5000)
	j := newJob(t).npm(map[string]string{"lodash": big}).savedNPM()
	j.npm(map[string]string{"lodash": big, "minimist": "minimist!"}).sign(p).again().finds("rejected")
	j.download("lodash", "minimist").expect("post", "Succeeded", "Saved 2 files", "signed with the key")
	j.again().finds("exact").has(big, "minimist!")
}

// Contents that the last entry has are not stored again.
func TestSecondSaveIsSmall(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("0123456789abcdef", 20_000)
	j := newJob(t).npm(map[string]string{"lodash": "PK" + big}).savedNPM().again()
	j.npm(map[string]string{"lodash": "PK" + big, "minimist": "minimist!"}).finds("partial").download("minimist")
	j.expect("post", "Succeeded", "Saved 2 files, 320.0 kB")
	if got := len(j.objects(".pack")); got != 2 {
		t.Errorf("there are %d packs, want the first, and one for what is new", got)
	}
	m := j.facts("post")["saved"].(map[string]any)
	if m["newBytes"].(float64) >= m["storedBytes"].(float64) {
		t.Errorf("of %v stored bytes %v are new, want less", m["storedBytes"], m["newBytes"])
	}
	j.again().finds("exact").has("PK"+big, "minimist!")
}

// A pull request builds on what it saved itself, wherever it restored from.
func TestPullRequestBuildsOnItsOwn(t *testing.T) {
	t.Parallel()
	packages := map[string]string{"lodash": "PK" + strings.Repeat("0123456789abcdef", 20_000)}
	j := newJob(t).as(onMain...).npm(packages).savedNPM()
	names := []string{"minimist", "other"}
	for i, name := range names {
		packages[name] = name
		j.as(pull("12")...).npm(packages).finds("partial").holds("main", "one of the trusted entries")
		j.download(names[:i+1]...).expect("post", "Succeeded", fmt.Sprintf("Saved %d files", len(packages)))
	}
	if got := j.facts("post")["saved"].(map[string]any)["newBytes"].(float64); got > 10_000 {
		t.Errorf("the second save of the pull request stored %v bytes, want what is new", got)
	}
}
