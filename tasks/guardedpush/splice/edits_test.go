package splice

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestParseEdits(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		line string
		want []string // file, path, value, and "text"
	}{
		"plain":               {"a.yaml: b.c = d", []string{"a.yaml", "b.c", "d"}},
		"tight":               {"a.yaml: b=d", []string{"a.yaml", "b", "d"}},
		"loose":               {"  a.yaml :\t$.b   =   d e  ", []string{"a.yaml", "$.b", "d e"}},
		"blanks in the name":  {"my app/värden.yml: b = d", []string{"my app/värden.yml", "b", "d"}},
		"current folder":      {"./a.yaml: b = d", []string{"a.yaml", "b", "d"}},
		"filter":              {"a.yaml: b[?(@.n == 'x: y = z')].c = d", []string{"a.yaml", "b[?(@.n == 'x: y = z')].c", "d"}},
		"anything":            {"a.yaml: b = c: d = \"e# 'f", []string{"a.yaml", "b", "c: d = \"e# 'f"}},
		"hash, no comment":    {"a.yaml: b =#c#", []string{"a.yaml", "b", "#c#"}},
		"hash, double":        {`a.yaml: b = "c \" # d"`, []string{"a.yaml", "b", `c " # d`, "text"}},
		"hash, single":        {`a.yaml: b = 'c '' # d \'`, []string{"a.yaml", "b", `c ' # d \`, "text"}},
		"hash, in the path":   {`a.yaml: b['c #'] = d`, []string{"a.yaml", "b['c #']", "d"}},
		"hash, in the name":   {`./# a.yaml: b = d`, []string{"# a.yaml", "b", "d"}},
		"double":              {`a.yaml: b = " \"c\"\n\u00e4 "`, []string{"a.yaml", "b", " \"c\"\nä ", "text"}},
		"single":              {`a.yaml: b = 'it''s \n'`, []string{"a.yaml", "b", `it's \n`, "text"}},
		"number":              {"a.json: b = 2.0", []string{"a.json", "b", "2.0"}},
		"number, text":        {"a.json: b = '2.0'", []string{"a.json", "b", "2.0", "text"}},
		"empty":               {`a.json: b = ""`, []string{"a.json", "b", "", "text"}},
		"dollar":              {`a.json: b = $5 $x ${y} $(z z)`, []string{"a.json", "b", "$5 $x ${y} $(z z)"}},
		"variable, escaped":   {`a.json: b = "\x24(date)"`, []string{"a.json", "b", "$(date)", "text"}},
		"equals in the value": {"a.yaml: b = = c", []string{"a.yaml", "b", "= c"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			edits, err := ParseEdits([]string{"", tc.line})
			if err != nil || len(edits) != 1 {
				t.Fatalf("ParseEdits(%q) = %v, %v", tc.line, edits, err)
			}
			e := edits[0]
			got := []string{e.File, e.Path.String(), e.Value}
			if e.Text {
				got = append(got, "text")
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || e.Line != 2 {
				t.Errorf("ParseEdits(%q), line %d (-want +got):\n%s", tc.line, e.Line, diff)
			}
		})
	}
}

func TestWrongEdits(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"a.yaml":                                      "no colon with a blank",
		"a.yaml:b = c":                                "no colon with a blank",
		": b = c":                                     "no file before the colon",
		"a.yaml: = c":                                 "it is empty: name a place",
		"a.yaml: b":                                   "no = after the path",
		"a.yaml: b c = d":                             "no = after the path",
		"a.yaml: b =":                                 "a variable may be empty",
		"a.yaml: b[ = c":                              "not closed",
		"a.yaml: b = $(tag)":                          `"$(tag)", a variable that is not set`,
		"a.yaml: b = v1-$(Build.Id)":                  "a variable that is not set",
		"a.yaml: b = '$(tag)'":                        "a variable that is not set",
		"a.yaml: b = \"c":                             "begins with a quote",
		"a.yaml: b = \"":                              "begins with a quote",
		"a.yaml: b = \"c\" d":                         "begins with a quote",
		"a.yaml: b = c # by me":                       `the value holds " #": edits have no comments; take it out, or put`,
		"a.yaml: b = c\t#by me":                       `the value holds " #"`,
		"a.yaml: b =  # by me":                        `the value holds " #"`,
		"a.yaml: b = \"c\" # by me":                   `after the value comes " #": edits have no comments; take it out`,
		"a.yaml: b = \"c\" # \"":                      `after the value comes " #"`,
		"a.yaml: b = 'c''' # by me":                   `after the value comes " #"`,
		"a.yaml: b = \"c\"# by me":                    "begins with a quote",
		"# a.yaml: b = c":                             `it begins with "#": edits have no comments; take the line out`,
		" #a":                                         `it begins with "#"`,
		"a.yaml: b = \"c\" \"d\"":                     "begins with a quote",
		"a.yaml: b = \"c\": \"d\"":                    "begins with a quote",
		"a.yaml: b = 'c' 'd'":                         "begins with a quote",
		`a.yaml: b = "\q"`:                            "begins with a quote",
		"a.toml: b = c":                               "neither YAML nor JSON",
		"/a.yaml: b = c":                              "is absolute",
		"C:/a.yaml: b = c":                            "is absolute",
		`b\a.yaml: b = c`:                             "has a backslash",
		"../a.yaml: b = c":                            "is not plain",
		"b//a.yaml: b = c":                            "is not plain",
		"b/./a.yaml: b = c":                           "is not plain",
		"b/../a.yaml: b = c":                          "is not plain",
		".git/a.yaml: b = c":                          "git's own folder",
		"x/.GIT./a.yaml: b = c":                       "git's own folder",
		"git~1/a.yaml: b = c":                         "git's own folder",
		".git::$INDEX/a.yaml: b = c":                  "git's own folder",
		".g\u200cit/a.yaml: b = c":                    "cannot be seen",
		"a\x1b.yaml: b = c":                           "cannot be seen",
		"a\u202e.yaml: b = c":                         "cannot be seen",
		"a\xff.yaml: b = c":                           "not UTF-8",
		"a.yaml: b = " + strings.Repeat("c", maxLine): "bytes",
	} {
		edits, err := ParseEdits([]string{line})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "line 1: ") {
			t.Errorf("ParseEdits(%.60q) = %+v, %v, want an error with %q", line, edits, err, want)
		}
		if err != nil && (len(err.Error()) > 500 || !utf8.ValidString(err.Error()) || !isPrintable(err.Error())) {
			t.Errorf("ParseEdits(%.60q): %q is no harmless line", line, err)
		}
	}
}

func TestAllWrongEditsAreTold(t *testing.T) {
	t.Parallel()
	_, err := ParseEdits([]string{"a.yaml: b = c", "x", " ", "a.yaml: b = ", "/a.yaml: b = c"})
	for _, want := range []string{"line 2: there is no colon", "; line 4: there is no value", `; line 5: the file "/a.yaml"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseEdits = %v, want %q in it", err, want)
		}
	}
	if _, err := ParseEdits(strings.Split(strings.Repeat("a.yaml: b = c\n", maxEdits+1), "\n")); err == nil {
		t.Errorf("ParseEdits of %d edits = nil, want an error", maxEdits+1)
	}
}
