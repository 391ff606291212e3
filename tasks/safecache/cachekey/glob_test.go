package cachekey

import (
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	type paths = map[string]bool
	for _, tc := range []struct {
		os   system
		glob string
		want paths
	}{
		// Filters of MatchingTests.cs.
		{linux, "/working/good1.tmp", paths{"/working/good1.tmp": true, "/working/something.else": false, "/junk": false}},
		{linux, "/working/*.tmp", paths{"/working/good.tmp": true, "/working/something.else": false}},
		{linux, "/working/**blah/.tmp", paths{"/working/good.tmp": false, "/working/bad.tmp": false}},
		{windows, `C:\working\*.tmp`, paths{`C:\working\good.tmp`: true, `c:\WORKING\A.TMP`: true, `D:\junk`: false}},

		{linux, "/w/**/a", paths{"/w/a": true, "/w/x/a": true, "/w/x/.y/a": true, "/w/b": false, "/w/xa": false}},
		{linux, "/w/**", paths{"/w/a": true, "/w/.a/b": true, "/w": false}},
		{linux, "/w/**/b/**/c", paths{"/w/b/c": true, "/w/x/b/y/z/c": true, "/w/x/c": false}},
		{linux, "/w/a**b", paths{"/w/axb": true, "/w/a/b": false}},
		{linux, "/w/*", paths{"/w/a": true, "/w/.a": true, "/w/a/b": false, "/w/": false}},
		{linux, "/w/?", paths{"/w/a": true, "/w/é": true, "/w/ab": false, "/w/😀": false}},
		{linux, "/w/??", paths{"/w/😀": true}},
		{linux, "/w/[a-c]x", paths{"/w/bx": true, "/w/dx": false, "/w/Bx": false}},
		{linux, "/w/[!a-c]x", paths{"/w/bx": false, "/w/dx": true}},
		{linux, "/w/[^a]", paths{"/w/a": false, "/w/b": true}},
		{linux, "/w/[]a]", paths{"/w/]": true, "/w/a": true, "/w/b": false}},
		{linux, "/w/[abc", paths{"/w/[abc": true, "/w/a": false}},
		{linux, `/w/[\]]`, paths{"/w/]": true}},
		{linux, "/w/[a-]", paths{"/w/-": true, "/w/a": true, "/w/b": false}},
		{linux, `/w/\*`, paths{"/w/*": true, "/w/a": false}},
		{linux, "/w/{a,b}", paths{"/w/{a,b}": true, "/w/a": false}},
		{linux, "/w/A", paths{"/w/a": false}},
		{"darwin", "/w/A*", paths{"/w/ab": true}},
		{linux, "/w/a.b+(c)", paths{"/w/a.bc": true, "/w/a.bcc": true, "/w/a.b": false, "/w/axbc": false}},
		{linux, "/w/*(a|b)c", paths{"/w/c": true, "/w/abac": true, "/w/xc": false}},
		{linux, "/w/?(a)c", paths{"/w/c": true, "/w/ac": true, "/w/aac": false}},
		{linux, "/w/@(a|b*)", paths{"/w/a": true, "/w/bxx": true, "/w/c": false}},
		// Minimatch's look-ahead refuses every name that begins so.
		{linux, "/w/!(a)", paths{"/w/a": false, "/w/ab": false, "/w/b": true}},
		{linux, "/w/**/!(node_modules)/x", paths{"/w/src/x": true, "/w/node_modules/x": false}},
		{linux, "/w/+(a", paths{"/w/+(a": true, "/w/a": false}},
		{linux, "/w/a)", paths{"/w/a)": true}},
		{linux, "/w/@(a@(b)", paths{"/w/@(ab": true}},
		{linux, "/w//a", paths{"/w/a": true}},
		{linux, "/w/a/", paths{"/w/a": false}},
		{linux, "/w/$a.^", paths{"/w/$a.^": true, "/w/$axx": false}},
	} {
		p, err := tc.os.compile(tc.glob)
		if err != nil {
			t.Errorf("%s: compile(%q): %v", tc.os, tc.glob, err)
			continue
		}
		for path, want := range tc.want {
			if got := p.match(path); got != want {
				t.Errorf("%s: %q matches %q = %v, want %v", tc.os, tc.glob, path, got, want)
			}
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	for _, glob := range []string{"/w/[z-a]", "/w/" + strings.Repeat("@(", 60) + "a" + strings.Repeat(")", 60)} {
		if p, err := linux.compile(glob); err == nil {
			t.Errorf("compile(%q) = %+v, want an error", glob, p)
		}
	}
}

// Patterns that take a backtracking matcher or parser for ever.
func TestMatchIsQuick(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 200)
	for _, glob := range []string{
		"/" + strings.Repeat("*a", 100) + "b",
		"/" + strings.Repeat("+(", maxNesting) + "a" + strings.Repeat(")", maxNesting) + "b",
		"/" + strings.Repeat("+(", 2000) + "a",
		"/" + strings.Repeat("**/a/", 100) + "b",
	} {
		p, err := linux.compile(glob)
		if err != nil {
			continue // nested too deeply: just as quick
		}
		if p.match("/" + strings.Repeat("a/", 100) + long) {
			t.Errorf("%.20q... matches, want not", glob)
		}
		p.match("/" + long)
	}
}
