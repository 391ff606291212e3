package safecache

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func (j *job) command(name string) *job { return j.set("INPUT_COMMAND", name) }

// restore and save as two steps of a job.
func TestRestoreThenSave(t *testing.T) {
	t.Parallel()
	j := newJob(t).npm(map[string]string{"lodash": "lodash!"}).command("restore")
	j.expect("main", "Succeeded", "variable=hit;]miss", "Now run npm ci").download("lodash")
	j.expect("post", "Succeeded", "!Saved 1").noStore()
	j.command("save").expect("main", "Succeeded", "Saved 1 file, 7 bytes", "variable=verifiedFiles;]1",
		"variable=hit;]miss", "variable=RESTORED;]false")
	if v := j.variables(); v["storedBytes"] != j.storedBytes() || v["newBytes"] != v["storedBytes"] {
		t.Errorf("storedBytes is %s and newBytes %s, want %s", v["storedBytes"], v["newBytes"], j.storedBytes())
	}
	j.expect("post", "Succeeded", "!Saved 1")
	j.expect("main", "Succeeded", "already exists: it was already saved by build 100", "!Saved 1", "!different-content")
	j.again().command("restore").finds("exact").has("lodash!")
	j.holds("main", "!variable=SAFECACHE_REJECTED")
	// One step that does both needs no variable of the job.
	j.must(os.WriteFile(j.pack(), []byte("bad"), 0o600))
	j.again().command("restore+save").finds("rejected").holds("main", "!variable=SAFECACHE_REJECTED")
}

// What restore rejected, save replaces: the name goes from step to step in a variable.
func TestSaveReplacesWhatRestoreRejected(t *testing.T) {
	t.Parallel()
	j := lodash(newJob(t)).command("restore")
	j.must(os.WriteFile(j.pack(), []byte("bad"), 0o600))
	j.finds("rejected")
	if got, want := j.variables()["SAFECACHE_REJECTED"], j.objects(".json")[0]; got != want {
		t.Fatalf("SAFECACHE_REJECTED is %q, want %q", got, want)
	}
	// Without it, save finds an entry that looks fine.
	j.download("lodash").command("save").expect("main", "Succeeded", "already exists", "!Saved 1")
	j.command("restore").again().finds("rejected")
	j.carry().download("lodash").command("save").expect("main", "Succeeded", "Saved 1 file", "/00000002.json")
	j.again().command("restore").finds("exact").has("lodash 1.0.0")
	// A name that a step has planted is no licence to replace another.
	j.set("SAFECACHE_REJECTED", "v1/t/x").download("lodash").command("save")
	j.expect("main", "Succeeded", "already exists", "!Saved 1")
}

// save is held to the same rules.
func TestSaveRules(t *testing.T) {
	t.Parallel()
	j := newJob(t).npm(map[string]string{"lodash": "lodash!"}).command("save").download("lodash")
	j.as(fork...).download("lodash").expect("main", "Succeeded", "Not saved: what a fork's").noStore()
	j.as(onMain...).write(tarball("lodash!"), "evil")
	j.expect("main", "Failed", "code=cache/poisoned").download("lodash")
	j.packageJSON(map[string]string{"lodash": "2.0.0"})
	j.expect("main", "Failed", "code=cache/stale-lock", "variable=hit;]miss")
	j.set("INPUT_PATH", j.path("work/1/node_modules")).expect("main", "Failed", "code=cache/installation")
	if got := j.objects(".json"); len(got) != 0 {
		t.Errorf("the store holds %q, want nothing", got)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	j := newJob(t).npm(map[string]string{"lodash": "lodash!", "minimist": "minimist!"}).command("verify")
	j.expect("main", "Failed", "type=error;code=cache/environment", "cannot be read: it does not exist",
		"is the install step before this one")
	j.download("lodash", "minimist").write(packument, "{}")
	j.write(tarball("evil"), "evil")
	folder := j.realPath("work/1/.npm/_cacache")
	j.expect("main", "Succeeded", "Verified in "+folder+": 2 files the lock file names, each as the lock file says; "+
		"2 files not named by it, which would not be saved.", "variable=verifiedFiles;]2", "variable=droppedNotInLock;]2", "variable=hit;]miss")
	if got := j.fact("main", "verified.files"); got != "2" {
		t.Errorf("the report says that %q files were verified, want 2", got)
	}
	j.write(tarball("lodash!"), "evil")
	j.write(tarball("minimist!"), "minimist!!")
	j.expect("main", "Failed", "code=cache/poisoned",
		"2 files in "+j.path("work/1/.npm/_cacache")+" not as the lock file says: "+
			blobName("minimist!")[:30], "its SHA-512 begins with ", "delete the folder and install again", "!Verified in")
	if got := j.fact("main", "verified.bad"); !strings.Contains(got, blobName("lodash!")) {
		t.Errorf("the report says that %s are bad", got)
	}
	j.noStore()
	j.set("INPUT_ECOSYSTEM", "generic").expect("main", "Failed", "ecosystem: a generic cache cannot be verified")
	j = pnpm(t).sign(newPair(t, 1)).command("verify")
	j.write(pnpmFile, "who knows")
	j.expect("main", "Succeeded", "Verified in", "That says little: ")
}

func TestVerifyLinks(t *testing.T) {
	t.Parallel()
	j := newJob(t).npm(map[string]string{"lodash": "lodash!"}).command("verify").download("lodash")
	j.link("home", "work/1/.npm/_cacache/link")
	j.expect("main", "Succeeded", "1 file not named by it")
}

func TestExplain(t *testing.T) {
	t.Parallel()
	j := newJob(t).npm(map[string]string{"lodash@4.17.20": "hole", "minimist": "minimist!",
		"gone": "gone"}).command("explain")
	j.expect("main", "Succeeded", "MISS: there is no entry at all", "variable=hit;]miss").noStore()
	j.command("restore+save").savedNPM().again().command("explain")
	j.expect("main", "Succeeded", "HIT (exact): a restore would take this entry.", "variable=hit;]exact",
		"It was saved by build 100 of refs/heads/main").has()
	j.npm(map[string]string{"lodash@4.17.21": "fixed", "minimist": "minimist!", "new": "new", "newer": "newer"})
	j.expect("main", "Succeeded", "HIT (partial)", "variable=hit;]partial",
		"Not exact: segment 2 (package-lock.json) changed since build 100",
		"lodash 4.17.20 -> 4.17.21", "+2 -1 packages", "the other segment is the same", "Nearest: the entry of build 100",
		"33.3 % of its packages are reusable").has()
	j.set("INPUT_RESTOREKEYS", "").expect("main", "Succeeded", "variable=hit;]miss", "lodash 4.17.20 -> 4.17.21",
		"!HIT")
	if got := j.fact("main", "miss.cause"); got != "segment changed" {
		t.Errorf("the report says that the cause is %q, want segment changed", got)
	}
	j.command("restore").finds("miss").holds("main", "lodash 4.17.20 -> 4.17.21")
	j.npm(map[string]string{"lodash@4.17.20": "hole", "minimist": "minimist!", "gone": "gone"}).command("explain")
	j.must(os.WriteFile(j.manifest(), []byte("{}"), 0o600))
	j.expect("main", "Succeeded", "REJECTED: ", "variable=hit;]rejected", "!type=warning")
	j.must(os.RemoveAll(j.path("store")))
	j.write("store", "")
	j.expect("main", "Failed", "there is trouble with the cache directory", "a file is in the place of a folder")
}

func TestList(t *testing.T) {
	t.Parallel()
	j := lodash(newJob(t)).as(pull("12")...).set("INPUT_RESTOREKEYS", "", "INPUT_KEY",
		`"x" | package-lock.json`).savedNPM()
	j.as("SYSTEM_DEFINITIONID", "8").set("INPUT_KEY", "a").download("lodash").expect("main", "Failed", "no lock file")
	j.command("list").expect("main", "Succeeded", "0 entries in the cache directory "+j.path("store"))
	j.as(pull("13")...).later(3*24*time.Hour).expect("main", "Succeeded", "2 entries in",
		"trusted   refs/heads/main", "untrusted refs/pull/12/merge", `  "npm"|`, "1 file, 12 bytes", "expires 2026-03-08",
		", by build 100 of refs/heads/main", "  expired, by build 101 of refs/pull/12/merge")
	if got := j.fact("main", "entries"); got != "2" {
		t.Errorf("the report says that there are %q entries, want 2", got)
	}
	j.must(os.WriteFile(j.path("store/"+j.objects(".json")[0]), []byte("{}"), 0o600))
	j.expect("main", "Succeeded", "2 entries", "cannot be read: ")
}

// The entries of the key, and those that begin with a restore key.
func TestDelete(t *testing.T) {
	t.Parallel()
	lock := func(j *job, n string) *job { j.write("work/1/s/package-lock.json", "lock "+n+"\n"); return j }
	j := newJob(t).saved("one")
	lock(j, "2").again().set("INPUT_RESTOREKEYS", "").saved("two")
	j.again().set("INPUT_KEY", `"npmx" | package-lock.json`).saved("three")
	j.again().set("INPUT_KEY", `"npm" | package-lock.json | "more"`).saved("four")
	j.again().set("INPUT_KEY", `"npm" | package-lock.json`).command("delete")
	j.expect("main", "Succeeded", "Deleted: ", "1 entry deleted. gc removes its packs when they are 30 days old")
	if got := j.fact("main", "deleted"); got != "1" || len(j.objects(".json")) != 3 {
		t.Errorf("the report says %q deleted, and %q are left; want 1 and 3", got, j.objects(".json"))
	}
	j.expect("main", "Succeeded", "0 entries deleted")
	j.set("INPUT_RESTOREKEYS", `"npm"`).expect("main", "Succeeded", "2 entries deleted")
	j.command("list").expect("main", "Succeeded", `"npmx"|`, "1 entry in")
}

// Nobody deletes what he may not write, but main everything of the pipeline.
func TestWhoDeletes(t *testing.T) {
	t.Parallel()
	j := newJob(t).saved("of main")
	j.as(pull("12")...).command("delete").expect("main", "Succeeded", "0 entries deleted")
	j.as("SYSTEM_DEFINITIONID", "8").expect("main", "Succeeded", "0 entries deleted")
	for _, run := range [][]string{fork, tagged, release} {
		for _, command := range []string{"delete", "gc"} {
			j.as(run...).command(command).expect("main", "Failed", "code=cache/scope",
				"this run may not remove entries: ",
				"run it on a trusted branch")
		}
	}
	j.as(pull("12")...).command("restore+save").set("INPUT_KEY", `"other"`, "INPUT_RESTOREKEYS", "").writes("x",
		"Saved 1 file")
	j.as(pull("13")...).command("delete").expect("main", "Succeeded", "0 entries deleted")
	j.as(onMain...).expect("main", "Succeeded", "1 entry deleted")
	if got := len(j.objects(".json")); got != 1 {
		t.Errorf("there are %d entries, want that of main", got)
	}
	j.set("INPUT_KEY", `"npm" | package-lock.json`).expect("main", "Succeeded", "1 entry deleted")
	j.as(pull("12")...).command("restore+save").set("INPUT_KEY", `"other"`).writes("x", "Saved 1 file")
	j.as(pull("12")...).command("delete").expect("main", "Succeeded", "1 entry deleted")
}

// gc removes what has expired, and packs only after a month.
func TestCollect(t *testing.T) {
	t.Parallel()
	j := newJob(t).set("INPUT_RESTOREKEYS", "").saved("old")
	old := j.pack()
	j.later(6*24*time.Hour).write("work/1/s/package-lock.json", "lock 2\n")
	j.again().saved("young").again()
	age := func(name string) { j.must(os.Chtimes(name, j.now, j.now)) }
	for _, name := range j.objects("") {
		age(j.path("store/" + name))
	}
	j.command("gc").expect("main", "Succeeded", "Removed 0 expired entries and 0 packs")
	j.later(2*24*time.Hour).expect("main", "Succeeded", "Removed 1 expired entry and 0 packs")
	if got := len(j.objects(".pack")); got != 2 {
		t.Errorf("there are %d packs, want both: somebody may be using them", got)
	}
	j.set("INPUT_KEY", `"npm" | package-lock.json`).command("restore").finds("exact")
	at := j.now.Add(-31 * 24 * time.Hour)
	for _, name := range j.objects(".pack") {
		j.must(os.Chtimes(j.path("store/"+name), at, at))
	}
	j.command("gc").expect("main", "Succeeded", "Removed 0 expired entries and 1 pack; 3 bytes are free again.")
	if _, err := os.Stat(old); err == nil || j.fact("main", "collected.Packs") != "1" {
		t.Errorf("the old pack is still there (%v), or the report does not say that it went", err)
	}
	j.again().command("restore").finds("exact")
}

// A pull request collects only its own.
func TestWhoCollects(t *testing.T) {
	t.Parallel()
	j := newJob(t).saved("of main").as(pull("12")...).set("INPUT_KEY", `"x"`, "INPUT_RESTOREKEYS", "").writes("x",
		"Saved")
	j.later(30 * 24 * time.Hour)
	for _, run := range [][]string{pull("13"), topic, {"SYSTEM_DEFINITIONID", "8"}} {
		j.as(run...).command("gc").expect("main", "Succeeded", "Removed 0 expired entries")
	}
	j.as(pull("12")...).expect("main", "Succeeded", "Removed 1 expired entry")
	j.as(onMain...).expect("main", "Succeeded", "Removed 1 expired entry")
	if got := j.objects(".json"); len(got) != 0 {
		t.Errorf("%q are left", got)
	}
}

// A broken store fails the commands that are about it.
func TestCommandsWithABrokenStore(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"list", "delete", "gc", "explain"} {
		j := newJob(t).command(command)
		j.write("store", "")
		j.expect("main", "Failed", "code=cache/environment", "there is trouble with the cache directory",
			filepath.Base(j.path("store")), "correct what is there and its permissions")
	}
}
