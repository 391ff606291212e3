package safecache

import (
	"os"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
	"github.com/guardrails-ci/guardrails/tasks/safecache/entry"
)

const packument = "work/1/.npm/_cacache/index-v5/8b/8e/lodash"

// Only what the lock file names is stored: no registry metadata, and no download
// that it does not know.
func TestOnlyWhatTheLockFileNames(t *testing.T) {
	t.Parallel()
	j := newJob(t).npm(map[string]string{"lodash": "lodash!", "minimist": "minimist!"})
	j.expect("main", "Succeeded", "variable=hit;]miss").download("lodash", "minimist")
	j.write(packument, `{"latest":"1.0.0"}`)
	j.write(tarball("evil"), "evil")
	j.write("work/1/.npm/_cacache/tmp/x", "")
	j.expect("post", "Succeeded", "Saved 2 files, 16 bytes", "Left out, not named by the lock file: 3 files.")
	var names []string
	for _, file := range j.stored().Manifest.Files {
		names = append(names, file.Path)
	}
	if got := strings.Join(names, " "); len(names) != 2 || !strings.Contains(got, blobName("lodash!")) ||
		!strings.Contains(got, blobName("minimist!")) {
		t.Errorf("the entry holds %s, want the two tarballs and nothing else", got)
	}
	if got := j.stored().Manifest.Ecosystem; got != "npm" {
		t.Errorf("the entry is of the ecosystem %q, want npm", got)
	}
	j.again().write(packument, "left by somebody")
	j.expect("main", "Succeeded", "variable=hit;]exact", "2 files, 16 bytes, each verified against the lock file",
		"Now run npm ci, hit or miss", "variable=SAFECACHE_REQUIRED_NEXT;]npm ci", "!Left out")
	j.has("lodash!", "minimist!")
}

// A package that was removed or replaced does not come back from an older entry.
func TestPartialHitOfNPM(t *testing.T) {
	t.Parallel()
	j := newJob(t).npm(map[string]string{"lodash@4.17.20": "hole", "minimist": "minimist!", "gone": "gone"})
	j.savedNPM().again()
	j.npm(map[string]string{"lodash@4.17.21": "fixed", "minimist": "minimist!"})
	j.expect("main", "Succeeded", "variable=hit;]partial", "variable=RESTORED;]inexact", "Cache restored",
		"1 file, 9 bytes",
		"Left out, not named by the lock file: 2 files.", "variable=droppedNotInLock;]2", "variable=verifiedFiles;]1",
		"(partial): it was saved for other contents of package-lock.json")
	j.has("minimist!")
	j.download("lodash@4.17.21").expect("post", "Succeeded", "Saved 2 files")
	j.again().expect("main", "Succeeded", "variable=hit;]exact").has("fixed", "minimist!")
}

// An older entry of which nothing is named any more is a miss like any other.
func TestPartialHitOfNothing(t *testing.T) {
	t.Parallel()
	for _, strict := range []string{"INPUT_FAILONMISS", ""} {
		j := lodash(newJob(t))
		j.npm(map[string]string{"minimist": "minimist!"})
		result := "Succeeded"
		if strict != "" {
			j.set(strict, "true")
			result = "Failed"
		}
		j.expect("main", result, "variable=hit;]miss", "variable=matchedKey;]\n",
			"has none of the files that the lock file names", "MISS: segment 2 (package-lock.json) changed",
			"!type=warning", "!trouble", "!Cache restored")
		j.has()
	}
}

// The vulnerable package of the post-mortem: the manifest was corrected, the lock file
// forgotten, and the key therefore the same.
func TestStaleLock(t *testing.T) {
	t.Parallel()
	for enforcement, result := range map[string]string{"enforce": "Failed", "warn": "SucceededWithIssues"} {
		j := newJob(t).npm(map[string]string{"lodash@4.17.20": "hole"}).savedNPM().again()
		j.packageJSON(map[string]string{"lodash": "4.17.21"})
		j.set("INPUT_ENFORCEMENT", enforcement).expect("main", result, "code=cache/stale-lock",
			"s/package-lock.json does not belong to s/package.json", "lodash", "4.17.20", "4.17.21",
			"npm install --package-lock-only, and commit package-lock.json",
			"variable=hit;]miss", "variable=RESTORED;]false", "!Entry found", "!Cache restored")
		j.has()
		j.set("AGENT_JOBSTATUS", "Succeeded").download("lodash@4.17.20")
		j.expect("post", "Succeeded", "!Saved")
		if got := j.objects(".json"); len(got) != 1 {
			t.Errorf("%s: the store has the entries %q, want only the first", enforcement, got)
		}
	}
}

// Without a hash the registry, or the store, could send anything.
func TestNoIntegrity(t *testing.T) {
	t.Parallel()
	j := lodash(newJob(t))
	lock := j.read("work/1/s/package-lock.json")
	j.write("work/1/s/package-lock.json", strings.Replace(lock, `"integrity"`, `"integrty"`, 1))
	j.expect("main", "Failed", "code=cache/integrity", "s/package-lock.json has no hash for lodash@1.0.0",
		"nothing could verify", "npm install", "!Entry found")
	j.has()
	j.packageJSON(map[string]string{"lodash": "2.0.0"}) // all that is wrong is said at once
	j.expect("main", "Failed", "code=cache/integrity", "has no hash for lodash@1.0.0", "code=cache/stale-lock", "2.0.0")
}

func TestLockFileIsNoLockFile(t *testing.T) {
	t.Parallel()
	j := lodash(newJob(t))
	j.write("work/1/s/package-lock.json", "{")
	j.expect("main", "Failed", "code=cache/lock", "the lock file cannot be read: s/package-lock.json", "!Entry found")
}

// Somebody wrote into the download cache: its name says what it should hold.
func TestPoisonedDownload(t *testing.T) {
	t.Parallel()
	for enforcement, result := range map[string]string{"enforce": "Failed", "warn": "Succeeded"} {
		j := newJob(t).npm(map[string]string{"lodash": "lodash!"}).set("INPUT_ENFORCEMENT", enforcement)
		j.expect("main", "Succeeded")
		j.write(tarball("lodash!"), "evil")
		j.expect("post", result, "code=cache/poisoned", "nothing is saved", blobName("lodash!")[:40],
			"delete the folder and install again", "!Saved")
		if got := j.objects(""); len(got) != 0 {
			t.Errorf("%s: the store holds %q, want nothing", enforcement, got)
		}
	}
}

// forged replaces the store's entry by one that is right in every way but its
// contents: whoever can write to the store can compute hashes too.
func (j *job) forged(files map[string]string) *job {
	j.t.Helper()
	m := j.stored().Manifest
	j.must(os.RemoveAll(j.path("store")))
	fake := &job{t: j.t, root: j.t.TempDir()}
	claims := map[string]bool{}
	for name, content := range files {
		fake.write(name, content)
		claims[name] = true
	}
	_, err := j.repository().Save(j.t.Context(), fake.root, entry.Draft{
		Segments: m.Segments, Scope: m.Scope, Expires: m.Expires, Producer: m.Producer, Ecosystem: m.Ecosystem,
		Claims: func(path string) (claim.Claim, bool) { return claim.Claim{}, claims[path] },
	})
	j.must(err)
	return j
}

// An entry that fits together, with other contents than the lock file says.
func TestPoisonedStore(t *testing.T) {
	t.Parallel()
	const genuine = "lodash 1.0.0"
	for name, files := range map[string]map[string]string{
		"evil":             {blobName(genuine): "evil"},
		"evil among more":  {blobName(genuine): "evil", blobName("other"): "other", "index-v5/aa": "x"},
		"empty":            {blobName(genuine): ""},
		"longer":           {blobName(genuine): genuine + "\n"},
		"nothing of it":    {"index-v5/aa": "evil"},
		"another's hash":   {blobName("evil"): "evil"},
		"below the folder": {"_cacache/" + blobName(genuine): "evil"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := lodash(newJob(t)).forged(files)
			j.expect("main", "Succeeded", "type=warning;code=cache/rejected", "variable=hit;]rejected",
				"nothing of it was restored", "lock file", "!Cache restored").has()
			if got := j.variables()["rejectedReason"]; got == "" || j.variables()["matchedKey"] != "" {
				t.Errorf("rejectedReason is %q and matchedKey %q, want a reason and no key", got,
					j.variables()["matchedKey"])
			}
			// It is healed by the next save, although there is an entry of this key.
			j.download("lodash").expect("post", "Succeeded", "Saved 1 file")
			j.again().expect("main", "Succeeded", "variable=hit;]exact").has(genuine)
		})
	}
}

// What somebody has added to an entry does not get out of it.
func TestAddedToTheStore(t *testing.T) {
	t.Parallel()
	const genuine = "lodash 1.0.0"
	j := lodash(newJob(t)).forged(map[string]string{
		blobName(genuine): genuine, blobName("evil"): "evil", "index-v5/8b/8e": "leads to the evil one",
		"node_modules/lodash/index.js": "evil",
	})
	j.expect("main", "Succeeded", "variable=hit;]exact", "variable=droppedNotInLock;]3").has(genuine)
}

// What else npm keeps in its folder does not matter, as it is not stored.
func TestNpxBesideTheCache(t *testing.T) {
	t.Parallel()
	j := newJob(t).npm(map[string]string{"lodash": "lodash!"})
	j.set("INPUT_PATH", j.path("work/1/.npm")).expect("main", "Succeeded").download("lodash")
	j.write("work/1/.npm/_npx/1f/node_modules/x/index.js", "")
	j.expect("post", "Succeeded", "Saved 1 file", "Left out, not named by the lock file: 1 file.")
	j.again().finds("exact").has("lodash!")
	j.write("work/1/.npm/_npx/1f/node_modules/.package-lock.json", "{}")
	j.expect("main", "Failed", "code=cache/installation")
}

// The path is where another tool keeps its downloads, or where nothing is.
func TestWrongPath(t *testing.T) {
	t.Parallel()
	j := newJob(t).npm(map[string]string{"lodash": "lodash!"})
	j.expect("main", "Succeeded")
	j.write(cached, "a tarball that npm would never keep under this name")
	j.expect("post", "Succeeded", "type=warning;code=cache/empty",
		"there is no file in "+j.realPath("work/1/.npm/_cacache"),
		"that the lock file names", "check that path is where npm keeps its downloads", "set ecosystem: generic", "!Saved")
	if got := j.objects(""); len(got) != 0 {
		t.Errorf("the store holds %q, want nothing", got)
	}
}
