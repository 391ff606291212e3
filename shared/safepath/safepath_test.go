package safepath

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

func TestCheckPortable(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		path string
		want string // part of the error, "" if the path is good
	}{
		"file":                    {"a", ""},
		"folders":                 {"a/b/c.tar.gz", ""},
		"hidden":                  {".npmrc", ""},
		"dots inside":             {"a..b/...c", ""},
		"space inside":            {"a b/ c", ""},
		"not ASCII":               {"grün/日本語", ""},
		"scope":                   {"@types/node", ""},
		"at the length limit":     {strings.Repeat("x", 255), ""},
		"name with device inside": {"console/CONX/aux1/com10/LPT", ""},
		"empty":                   {"", "empty"},
		"absolute":                {"/etc/passwd", "absolute"},
		"parent":                  {"..", `".."`},
		"parent in front":         {"../x", `".."`},
		"parent inside":           {"a/../../x", `".."`},
		"parent at the end":       {"a/..", `".."`},
		"itself":                  {"./a", `"."`},
		"double slash":            {"a//b", "empty component"},
		"slash at the end":        {"a/", "empty component"},
		"backslash":               {`a\b`, "Windows"},
		"parent with backslash":   {`..\x`, "Windows"},
		"drive":                   {"C:/x", "Windows"},
		"drive relative":          {"c:x", "Windows"},
		"stream":                  {"a:b", "Windows"},
		"UNC":                     {`\\host\share`, "Windows"},
		"device namespace":        {"//?/C:/x", "absolute"},
		"star":                    {"a*", "Windows"},
		"question mark":           {"a?", "Windows"},
		"less":                    {"a<", "Windows"},
		"greater":                 {"a>", "Windows"},
		"pipe":                    {"a|b", "Windows"},
		"double quote":            {`a"b`, "Windows"},
		"NUL byte":                {"a\x00b", "U+0000"},
		"line feed":               {"a\nb", "U+000A"},
		"escape":                  {"a\x1b[31m", "U+001B"},
		"delete":                  {"a\x7f", "U+007F"},
		"C1 control":              {"a\u0085b", "U+0085"},
		"invalid UTF-8":           {"a\xff", "UTF-8"},
		"surrogate":               {"a\xed\xa0\x80", "UTF-8"},
		"dot at the end":          {"a./b", "dot or a space"},
		"space at the end":        {"a/b ", "dot or a space"},
		"dot space":               {"x. ", "dot or a space"},
		"three dots":              {"...", "dot or a space"},
		"too long":                {"a/" + strings.Repeat("x", 256), "256 bytes"},
		"too long in bytes":       {strings.Repeat("é", 128), "256 bytes"},
		"CON":                     {"CON", "device"},
		"con in a folder":         {"a/con/b", "device"},
		"NUL with extension":      {"NUL.txt", "device"},
		"two extensions":          {"nul.tar.gz", "device"},
		"space before extension":  {"AUX .c", "device"},
		"COM1":                    {"COM1", "device"},
		"COM superscript":         {"COM¹", "device"},
		"lpt superscript":         {"lpt³.x", "device"},
		"LPT0":                    {"LPT0", "device"},
		"PRN":                     {"Prn", "device"},
		"CONOUT$":                 {"conout$", "device"},
		"CONIN$":                  {"CONIN$.log", "device"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := CheckPortable(tc.path)
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("CheckPortable(%q) = %v, want no error", tc.path, err)
			case tc.want != "" && err == nil:
				t.Errorf("CheckPortable(%q) accepts it, want an error with %q", tc.path, tc.want)
			case tc.want != "" && !strings.Contains(err.Error(), tc.want):
				t.Errorf("CheckPortable(%q) = %v, want an error with %q", tc.path, err, tc.want)
			}
			if err != nil && strings.ContainsAny(err.Error(), "\n\r\x00\x1b") {
				t.Errorf("CheckPortable(%q): the error %q holds control characters of the name", tc.path, err)
			}
		})
	}
}

// winClean resolves a path as Windows does: both separators, and trailing dots
// and spaces dropped from each component.
func winClean(root, name string) string {
	var parts []string
	for _, part := range strings.FieldsFunc(name, func(c rune) bool { return c == '/' || c == '\\' }) {
		switch trimmed := strings.TrimRight(part, ". "); {
		case part == "..":
			if len(parts) == 0 {
				return "outside"
			}
			parts = parts[:len(parts)-1]
		case trimmed != "":
			parts = append(parts, trimmed)
		}
	}
	return root + `\` + strings.Join(parts, `\`)
}

func FuzzCheckPortable(f *testing.F) {
	for _, seed := range []string{"a/b", "../a", `a\..\..\b`, "CON", "a:b", "x. ", "/a", "", "\xff", "a/./b", "COM¹"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if CheckPortable(name) != nil {
			return
		}
		root := filepath.FromSlash("/root/dir")
		if rel, err := Rel(root, filepath.Join(root, name)); err != nil || rel != name {
			t.Errorf("CheckPortable accepts %q, which lands at %q (%v) below the root", name, rel, err)
		}
		if !filepath.IsLocal(name) {
			t.Errorf("CheckPortable accepts %q, which is not local", name)
		}
		want := `C:\root\` + strings.ReplaceAll(name, "/", `\`)
		if got := winClean(`C:\root`, name); got != want {
			t.Errorf("CheckPortable accepts %q, which Windows takes for %q", name, got)
		}
		if strings.ContainsRune(name, ':') {
			t.Errorf("CheckPortable accepts %q, which has a drive or a stream", name)
		}
	})
}

func TestFoldKey(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		a, b string
		same bool
	}{
		"ASCII case":           {"Makefile", "makefile", true},
		"different":            {"a", "b", false},
		"umlaut case":          {"GRÜN", "grün", true},
		"composed":             {"gr\u00fcn", "gru\u0308n", true},
		"composed and case":    {"GR\u00dcN", "gru\u0308n", true},
		"sharp s":              {"straße", "STRASSE", true},
		"Kelvin sign":          {"\u212a", "k", true},
		"long s":               {"\u017f", "s", true},
		"final sigma":          {"ς", "Σ", true},
		"accent counts":        {"resume", "résumé", false},
		"dotted capital i":     {"\u0130", "i\u0307", true},
		"full width counts":    {"ａ", "a", false},
		"order of marks":       {"a\u0323\u0307", "a\u0307\u0323", true},
		"separator kept":       {"a/B", "A/b", true},
		"separator counts":     {"a/b", "ab", false},
		"ypogegrammeni at end": {"\u0345", "\u03b9", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if same := FoldKey(tc.a) == FoldKey(tc.b); same != tc.same {
				t.Errorf("FoldKey(%q) == FoldKey(%q): got %v, want %v", tc.a, tc.b, same, tc.same)
			}
		})
	}
}

func FuzzFoldKey(f *testing.F) {
	f.Add("Straße/GRÜN")
	f.Add("\u0345\u0390")
	f.Add("\u13f8 \u13f0 \uab70 \u13a0") // Cherokee, which folds to and fro
	f.Add(strings.Repeat("\xcd", 28) + "\u035b\xf2\xdb\xf2\u00ff")
	f.Fuzz(func(t *testing.T, name string) {
		key := FoldKey(name)
		for _, same := range []string{norm.NFC.String(name), norm.NFD.String(name), key} {
			if got := FoldKey(same); got != key {
				t.Errorf("FoldKey(%q) = %q, but FoldKey of the equivalent %q = %q", name, key, same, got)
			}
		}
	})
}

func TestRel(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ root, path, want string }{
		"inside":            {"/w/1", "/w/1/s/a.txt", "s/a.txt"},
		"root itself":       {"/w/1", "/w/1", "."},
		"root with slash":   {"/w/1/", "/w/1/x", "x"},
		"relative":          {"/w/1", "s/a", "s/a"},
		"relative, cleaned": {"/w/1", "s/../a", "a"},
		"dots in a name":    {"/w/1", "/w/1/..a", "..a"},
		"sibling":           {"/w/1", "/w/2", ""},
		"same beginning":    {"/w/1", "/w/10/x", ""},
		"parent":            {"/w/1", "/w", ""},
		"climbing out":      {"/w/1", "/w/1/../2", ""},
		"relative outside":  {"/w/1", "../2", ""},
		"in and out":        {"/w/1", "a/../../1/../x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			abs := func(p string) string { // an absolute path on every system
				if !strings.HasPrefix(p, "/") {
					return filepath.FromSlash(p)
				}
				return filepath.FromSlash(filepath.ToSlash(filepath.VolumeName(t.TempDir())) + p)
			}
			got, err := Rel(abs(tc.root), abs(tc.path))
			if (err != nil) != (tc.want == "") || got != tc.want {
				t.Errorf("Rel(%q, %q) = %q, %v; want %q", tc.root, tc.path, got, err, tc.want)
			}
		})
	}
}
