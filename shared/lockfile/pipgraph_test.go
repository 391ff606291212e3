package lockfile

import (
	"slices"
	"strings"
	"testing"
)

// TestRequirementsArePips compares with what pip would install: the same packages in the
// same versions and with the same hashes, and what is not for this machine.
func TestRequirementsArePips(t *testing.T) {
	t.Parallel()
	tree := testProject(t, "pip")
	lock, err := Read(tree, "requirements.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"unnamed 0b3774fa52d78a01a496ff10cf9b005d6aff4a16c726119ce2d99cbdc2814818"} // eta, by its path
	for line := range strings.Lines(string(tree["report"].Data)) {
		words := strings.Fields(line)
		if words[0] != "eta" {
			want = append(want, PythonName(words[0])+" "+words[1]+" "+strings.TrimPrefix(words[2], "sha256="))
		}
	}
	var got []string
	for _, e := range lock.Entries[1:] {
		if e.Optional {
			if e.Name != "winonly" {
				t.Errorf("%s is optional", e.Name)
			}
			continue
		}
		got = append(got, strings.Join(strings.Fields(e.Name+" "+e.Version+" "+strings.TrimPrefix(e.Integrity[0], "sha256:")), " "))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("Read: got\n%s\nwant as pip\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got, want := lines(lock), []int{0, 3, 5, 6, 8, 10, 11, 7, 7}; !slices.Equal(got, want) {
		t.Errorf("lines: got %v, want %v", got, want)
	}
}

func TestRequirementsEntries(t *testing.T) {
	t.Parallel()
	lock := checkShown(t, mapTree("a/requirements.txt", `
foo[x]>=1.0,<2 ; python_version < "3" --hash=md5:aa
bar==1.* # floats
baz
Pinned_2 (==2.0)
===
far @ https://user:secret@x.test/far.zip#sha256=aa
-e git+https://x.test/g.git#egg=g
--editable=./here
-r ../b/more.txt
-r ../../out.txt
-r https://x.test/r.txt
-c limits.txt
`, "b/more.txt", "more==1\n-r ../a/requirements.txt\n-r gone.txt\n-e .\n", "a/limits.txt", "limit==1\n"),
		"a/requirements.txt", []string{
			"requirements.txt  project > foo >=1.0,<2 optional foo  > bar ==1.* prod bar  > baz  prod baz " +
				" > Pinned_2 ==2.0 prod pinned-2 2.0 > unnamed  prod unnamed  > far  prod far " +
				" > g  prod g  > unnamed  prod unnamed  > more ==1 prod more 1 > unnamed  prod unnamed ",
			"foo  registry md5:aa optional",
			"bar  registry",
			"baz  registry",
			"pinned-2 2.0 registry",
			"unnamed  folder ===",
			"far  remote https://x.test/far.zip sha256:aa",
			"g  git git+https://x.test/g.git",
			"unnamed  folder ./here",
			"more 1 registry",
			"unnamed  folder .",
		})
	want := []string{
		"it includes gone.txt, which cannot be read, so nothing is known of the packages in there",
		"it includes ../../out.txt, which cannot be read, so nothing is known of the packages in there",
		"it includes https://x.test/r.txt, which cannot be read, so nothing is known of the packages in there",
	}
	if got := contradictions(lock); !slices.Equal(got, want) {
		t.Errorf("contradictions: got %q, want %q", got, want)
	}
	if len(lock.Packages) != 0 || len(lock.Notes) != 4 || len(lock.Unproven) != 5 {
		t.Errorf("packages %v, notes %q, unproven %q: included files and links are not for a cache",
			lock.Packages, lock.Notes, lock.Unproven)
	}
}
