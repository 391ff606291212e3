package safecache

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/safecache/entry"
)

// Looking up and explaining say what a restore would do: a critical step restores
// no entry of another commit that nobody has signed.
func TestLookUpAsARestoreWould(t *testing.T) {
	t.Parallel()
	for name, set := range map[string][2]string{
		"look up": {"INPUT_LOOKUPONLY", "true"}, "explain": {"INPUT_COMMAND", "explain"},
		"restore": {"INPUT_COMMAND", "restore"},
	} {
		j := newJob(t).npm(map[string]string{"lodash": "lodash!"})
		key := func(commit string) {
			j.env["BUILD_SOURCEVERSION"] = strings.Repeat(commit, 40)
			j.env["INPUT_KEY"] = `"npm" | package-lock.json | "` + j.env["BUILD_SOURCEVERSION"] + `"`
			j.env["INPUT_RESTOREKEYS"] = `"npm" | package-lock.json`
		}
		key("a")
		j.expect("main", "Succeeded").download("lodash").expect("post", "Succeeded", "Saved 1 file")
		j.again().env["INPUT_CRITICAL"] = "true"
		key("b")
		j.env["INPUT_VERIFYKEYS"] = newPair(t, 1).public
		j.env[set[0]] = set[1]
		j.run("main")
		j.holds(name, "variable=hit;]rejected", "it is not signed")
	}
}

// An entry that nobody can read is deleted by its key, and another one is not.
func TestDeleteWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{`"npm" | package-lock.json`: "1 entry deleted", `"npm"`: "0 entries deleted"} {
		j := newJob(t).saved("hello").again()
		j.must(os.WriteFile(j.manifest(), []byte("bad"), 0o600))
		j.env["INPUT_COMMAND"], j.env["INPUT_KEY"], j.env["INPUT_RESTOREKEYS"] = "delete", key, ""
		j.expect("main", "Succeeded", want)
	}
}

// Trouble that says nothing about an entry does not make the next save replace it.
func TestTroubleReplacesNothing(t *testing.T) {
	t.Parallel()
	f := found{entry: &entry.Entry{Name: "e"}, hit: exact}
	if got := f.replaced(syscall.EMFILE); got != "" {
		t.Errorf("replaced(EMFILE) = %q, want nothing", got)
	}
	if got := f.replaced(&entry.RejectedError{Entry: "p"}); got != "e" {
		t.Errorf("replaced of a rejected pack = %q, want the entry", got)
	}
	f.hit = partial
	if got := f.replaced(&entry.RejectedError{Entry: "p"}); got != "" {
		t.Errorf("replaced of another key's entry = %q, want nothing", got)
	}
}

// Inputs that do nothing, and keys that are no secret, are told.
func TestInputsThatDeserveAWord(t *testing.T) {
	t.Parallel()
	p := newPair(t, 1)
	j := newJob(t).set("INPUT_STORAGEACCOUNT", "contosocache")
	j.expect("main", "Succeeded", "type=warning;code=cache/input", "do nothing with store: directory")
	j.set("INPUT_STORAGEACCOUNT", "").sign(p).expect("main", "Succeeded", "type=warning;code=cache/input",
		"signingKey is not the value of a secret variable")
	j.set("SECRET_KEY", p.private).expect("main", "Succeeded", "!is not the value of a secret variable")
}

// delete takes what was asked for: a key that follows from the ecosystem has a
// restore key that nobody has written.
func TestDeleteWithoutAKey(t *testing.T) {
	t.Parallel()
	j := bare(t).program("node", "echo v20.11.1")
	j.expect("main", "Succeeded").download("lodash").expect("post", "Succeeded", "Saved 1 file")
	j.npm(map[string]string{"lodash": "another"}).again().set("INPUT_COMMAND", "delete")
	j.expect("main", "Succeeded", "0 entries deleted")
}
