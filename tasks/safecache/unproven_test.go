package safecache

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// pnpm makes a project whose cache no lock file proves.
func pnpm(t *testing.T) *job {
	t.Helper()
	j := newJob(t).set("INPUT_ECOSYSTEM", "pnpm", "INPUT_KEY", `"pnpm" | pnpm-lock.yaml`, "INPUT_RESTOREKEYS", `"pnpm"`)
	j.set("INPUT_PATH", j.path("work/1/.pnpm-store"))
	j.write("work/1/s/package.json", `{"name":"app","dependencies":{"lodash":"4.17.21"}}`)
	j.write("work/1/s/pnpm-lock.yaml", fmt.Sprintf(`lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      lodash:
        specifier: 4.17.21
        version: 4.17.21
packages:
  lodash@4.17.21:
    resolution: {integrity: %s}
snapshots:
  lodash@4.17.21: {}
`, integrity("lodash")))
	return j
}

const pnpmFile = "work/1/.pnpm-store/v10/files/00/" + // followed by the rest of a SHA-512
	"1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234ab"

// wipe is again for pnpm's folder.
func (j *job) wipe() *job {
	j.t.Helper()
	j.must(os.RemoveAll(j.path("work/1/.pnpm-store")))
	return j.again()
}

// Without keys nothing could be believed, so nothing begins.
func TestUnprovenWithoutKeys(t *testing.T) {
	t.Parallel()
	j := pnpm(t)
	j.expect("main", "Failed", "code=cache/unproven", "nothing proves what is in a cache of pnpm: ",
		"set verifyKeys, and signingKey in runs of trusted branches", "or set ecosystem: generic").noStore()
	j.set("INPUT_ECOSYSTEM", "auto").expect("main", "Failed", "code=cache/unproven").noStore()
	j.set("INPUT_ECOSYSTEM", "generic").expect("main", "Succeeded", "A generic cache")
}

// Signed by main, it is saved, and everybody restores it.
func TestUnprovenSigned(t *testing.T) {
	t.Parallel()
	p := newPair(t, 1)
	j := pnpm(t).sign(p).as(onMain...).finds("miss")
	j.write(pnpmFile, "hello")
	j.write("work/1/.pnpm-store/v10/projects/x", "a link elsewhere")
	j.expect("post", "Succeeded", "Saved 1 file", "signed with the key "+p.id,
		"Left out, not named by the lock file: 1 file.")
	j.unsign().as(pull("12")...).wipe().finds("exact")
	j.holds("main", "1 file, 5 bytes, each verified to be as it was saved", "!against the lock file")
	if got := j.read(pnpmFile); got != "hello" {
		t.Errorf("restored %q, want hello", got)
	}
	// Another lock file may take of it what it names.
	j.write("work/1/s/pnpm-lock.yaml", strings.ReplaceAll(j.read("work/1/s/pnpm-lock.yaml"), integrity("lodash"),
		integrity("x")))
	j.wipe().finds("partial")
}

// A run that cannot sign saves nothing, and is told why before it tries.
func TestUnprovenIsNotSaved(t *testing.T) {
	t.Parallel()
	p := newPair(t, 1)
	for name, tc := range map[string]struct {
		run  []string
		text string
	}{
		"pull request": {pull("12"),
			"Not saved: only signed entries of trusted branches can be restored here, as pnpm's store"},
		"topic":        {topic, "Not saved: only signed entries of trusted branches can be restored here"},
		"main, no key": {slices.Concat(onMain, []string{"INPUT_SIGNINGKEY", ""}), "Not saved: verifyKeys is set"},
		"fork":         {fork, "Not saved: what a fork's code leaves behind"},
	} {
		j := pnpm(t).sign(p).as(tc.run...).finds("miss")
		j.write(pnpmFile, "evil")
		j.expect("post", "Succeeded", tc.text, "!Saved").noStore()
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

// What somebody has put into the store unsigned is rejected, whoever it names.
func TestUnprovenUnsigned(t *testing.T) {
	t.Parallel()
	p := newPair(t, 1)
	j := pnpm(t).set("INPUT_ECOSYSTEM", "generic").as(onMain...).finds("miss")
	j.write(pnpmFile, "evil")
	j.expect("post", "Succeeded", "Saved 1 file", "not signed")
	j.set("INPUT_ECOSYSTEM", "pnpm", "INPUT_VERIFYKEYS", p.public).wipe().finds("rejected")
	j.holds("main", "it is not signed, and every trusted entry must be", "!Cache restored")
	if got := j.read(pnpmFile); got != "" {
		t.Errorf("restored %q", got)
	}
	// Nor is what an untrusted scope holds, which needs no signature to be found.
	j = pnpm(t).set("INPUT_ECOSYSTEM", "generic").as(pull("12")...).finds("miss")
	j.write(pnpmFile, "evil")
	j.expect("post", "Succeeded", "Saved 1 file", "to the untrusted entries")
	j.set("INPUT_ECOSYSTEM", "pnpm", "INPUT_VERIFYKEYS", p.public).wipe().finds("rejected")
	j.holds("main", "it is not signed by a known key, and nothing else proves what is in its files")
}
