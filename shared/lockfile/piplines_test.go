package lockfile

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The wanted lines are those that pip 23.2 (req_file.py, preprocess) makes of the text.
func TestRequirementLinesArePips(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"a==1\u2028b==2":                   {"a==1", "b==2"},
		"# x\u2028evil==1.0":               {"evil==1.0"},
		"six==1\rurllib3==1.26\r\nz==3":    {"six==1", "urllib3==1.26", "z==3"},
		"a\vb\fc\x1cd\x1de\x1ef\u0085g":    {"a", "b", "c", "d", "e", "f", "g"},
		"a\u2029b\u2028\u2028":             {"a", "b"},
		"a\x1fb==1":                        {"a\x1fb==1"},
		"six==1.1\\\n7.0":                  {"six==1.17.0"},
		"evi\\\nl==1.0":                    {"evil==1.0"},
		"a==1\\\\\nb==2":                   {"a==1b==2"},
		"\\a\\\nb":                         {"ab"},
		"a==1\u00a0# c":                    {"a==1"},
		"a==1\x1f#c":                       {"a==1"},
		"a#b":                              {"a#b"},
		"\u00a0# c \\\nevil==1":            {"evil==1"},
		"a==1 \\\n\u2003# c\nb==1":         {"a==1", "b==1"},
		"a==1\\\n#c\nb==1":                 {"a==1", "b==1"},
		"a==1 \\":                          {"a==1"},
		"a \\\r\n --hash=x \\\u2028 --h=y": {"a  --hash=x  --h=y"},
		"\n\n a \n\n":                      {"a"},
		"# \u00fcber\n\u00e4==1\n":         {"\u00e4==1"},
		// Not of UTF-8: pip 23.2 reads this with the encoding of the machine, here Latin-1.
		"# \xe4\x85evil==1.0": {"evil==1.0"},
	} {
		var got []string
		for line := range requirementLines(text) {
			got = append(got, line)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("requirementLines(%q) (-want +got):\n%s", text, diff)
		}
	}
}

func TestRequirementLinesAreNumbered(t *testing.T) {
	t.Parallel()
	var got []int
	for _, number := range requirementLines("a\r\n\r\nb \\\n --hash=x\nc\u2028d\n\n\fe") {
		got = append(got, number)
	}
	if want := []int{1, 3, 5, 5, 7}; !slices.Equal(got, want) {
		t.Errorf("requirementLines: got numbers %v, want %v", got, want)
	}
}

// Nothing hides in what other programs show as one line.
func TestRequirementsHideNothing(t *testing.T) {
	t.Parallel()
	checkShown(t, mapTree("requirements.txt", "six==1.17.0 # by pip-compile\u2028evil==1.0\rodd\\\nly==1\n"), "requirements.txt",
		[]string{
			"requirements.txt  project > six ==1.17.0 prod six 1.17.0 > evil ==1.0 prod evil 1.0 > oddly ==1 prod oddly 1",
			"six 1.17.0 registry", "evil 1.0 registry", "oddly 1 registry",
		})
}

func TestIncludedFilesOfAnotherEncodingAreNotGuessedAt(t *testing.T) {
	t.Parallel()
	lock, err := Read(mapTree("requirements.txt", "-r a.txt\n-r b.txt\n", "a.txt", "# coding: utf-7\na==1\n", "b.txt", "b==1\n"),
		"requirements.txt")
	want := []string{"it includes a.txt, which cannot be read, so nothing is known of the packages in there"}
	if got := contradictions(lock); err != nil || !slices.Equal(got, want) {
		t.Errorf("Read: got contradictions %q, %v, want %q", got, err, want)
	}
}
