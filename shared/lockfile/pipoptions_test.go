package lockfile

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The wanted values are those that pip 23.2 (req_file.py, get_line_parser) makes of the line.
func TestOptionsArePips(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"--pre -r b.txt":                         "r[b.txt]",
		"--edit git+https://e":                   "e[git+https://e]",
		"-e . -e ./c":                            "e[. ./c]", // of which pip takes one
		"-rb.txt":                                "r[b.txt]",
		"--requirement=b.txt":                    "r[b.txt]",
		"-c c.txt":                               "c[c.txt]",
		"--extra-index http://e -i http://x":     "--extra-index-url http://e --index-url http://x",
		"-ihttp://x":                             "--index-url http://x",
		"--index-url='http://x y'":               "--index-url http://x y",
		`--index-url "http://x" six==1`:          "--index-url http://x",
		"-f ./wheels":                            "--find-links ./wheels",
		`--find-links a\ b`:                      "--find-links a b",
		`--find-links 'a\b' -f "c\d\"e"`:         `--find-links a\b --find-links c\d"e`,
		"--trusted-host a --trusted-host=b":      "--trusted-host a --trusted-host b",
		"--pypi-url=http://u":                    "--index-url http://u",
		"--no-index --prefer-binary":             "--no-index ",
		"--only-binary :all: --index-url http:x": "--index-url http:x",
		"-- -r b.txt":                            "",
		"-r":                                     "odd -r",
		"--no-index=1":                           "odd --no-index=1",
		"--extra-index-url='a":                   "odd --extra-index-url='a",
		"--unknown -r b.txt":                     "odd --unknown",
		"-x":                                     "odd -x",
	} {
		l := readOptions(line)
		var got []string
		for kind, list := range map[string][]string{"r": l.included, "e": l.editable, "c": l.constraints} {
			if list != nil {
				got = append(got, fmt.Sprintf("%s%v", kind, list))
			}
		}
		for _, index := range l.indexes {
			got = append(got, index.Option+" "+index.URL)
		}
		if l.odd != "" {
			got = append(got, "odd "+l.odd)
		}
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("readOptions(%q) (-want +got):\n%s", line, diff)
		}
	}
}

func TestIndexes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		files []string // the first is the lock file
		want  []string
	}{
		"requirements": {
			[]string{"requirements.txt", "--extra-index-url https://u:p@x.test/simple --trusted-host x.test\n\n-r a/b.txt\na==1 --index-url http://z\n",
				"a/b.txt", "# more\n--find-links=./wheels\n-c ../c.txt\n", "c.txt", "c==1\n-i http://c.test\n"},
			[]string{"requirements.txt:1 --extra-index-url https://x.test/simple", "requirements.txt:1 --trusted-host x.test",
				"a/b.txt:2 --find-links ./wheels", "c.txt:2 --index-url http://c.test"},
		},
		"none": {[]string{"requirements.txt", "a==1\n# -i http://x\n"}, nil},
		"uv": {
			[]string{"app/uv.lock", "version = 1\n", "app/pyproject.toml", "[tool.uv]\nextra-index-url = ['http://e.test']\n" +
				"[[tool.uv.index]]\nurl = 'https://a.test'\n[[tool.uv.index]]\nurl = 'https://b.test'\nexplicit = true\n"},
			[]string{"app/pyproject.toml:3 tool.uv.index https://a.test", "app/pyproject.toml:0 --extra-index-url http://e.test"},
		},
		"Poetry": {
			[]string{"poetry.lock", "", "pyproject.toml", "[[tool.poetry.source]]\nname = 'a'\nurl = 'https://a.test'\npriority = 'explicit'\n" +
				"[[tool.poetry.source]]\nurl = 'https://b.test'\n"},
			[]string{"pyproject.toml:5 tool.poetry.source https://b.test"},
		},
		"PDM": {
			[]string{"pdm.lock", "", "pyproject.toml", "[[tool.pdm.source]]\nurl = 'https://b.test'\nverify_ssl = false\n"},
			[]string{"pyproject.toml:1 tool.pdm.source https://b.test", "pyproject.toml:1 verify_ssl https://b.test"},
		},
		"Pipenv": {
			[]string{"Pipfile.lock", `{"_meta": {"sources": [{"url": "https://pypi.org/simple", "verify_ssl": true},` + "\n" +
				`{"url": "https://u@b.test", "verify_ssl": false}]}}`},
			[]string{"Pipfile.lock:1 source https://pypi.org/simple", "Pipfile.lock:2 source https://b.test",
				"Pipfile.lock:2 verify_ssl https://b.test"},
		},
	} {
		lock, err := Read(mapTree(tc.files...), tc.files[0])
		var got []string
		for _, i := range lock.Indexes {
			got = append(got, fmt.Sprintf("%s:%d %s %s", i.Path, i.Line, i.Option, i.URL))
		}
		if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
			t.Errorf("Read, %s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// What hides behind another option is read, and what pip does not take is told.
func TestOptionsHideNothing(t *testing.T) {
	t.Parallel()
	lock := checkShown(t, mapTree("requirements.txt", "--pre -r b.txt\n--edit git+https://x.test/e.git#egg=e\n--odd -r c.txt\n",
		"b.txt", "b==1\n"), "requirements.txt",
		[]string{
			"requirements.txt  project > e  prod e  > b ==1 prod b 1",
			"e  git git+https://x.test/e.git", "b 1 registry",
		})
	want := []string{"requirements.txt has an option that pip does not take, --odd, and who does may install more"}
	if got := contradictions(lock); !slices.Equal(got, want) {
		t.Errorf("contradictions: got %q, want %q", got, want)
	}
}
