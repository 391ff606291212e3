package cachekey

import "testing"

func TestFull(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		os               system
		path, base, want string
	}{
		{linux, "a", "/w", "/w/a"},
		{linux, "./a//b/../c/.", "/w", "/w/a/c"},
		{linux, "a/", "/w", "/w/a/"},
		{linux, "../../../a", "/w/s", "/a"},
		{linux, "/x/../y", "/w", "/y"},
		{linux, "", "/w", "/w"},
		{linux, `a\b`, "/w", `/w/a\b`},
		{"darwin", "a", "/w", "/w/a"},
		{windows, "a/b", `C:\w`, `C:\w\a\b`},
		{windows, `.\a\..\b`, `C:\w\`, `C:\w\b`},
		{windows, `D:/x//y`, `C:\w`, `D:\x\y`},
		{windows, `\x`, `C:\w`, `C:\x`},
		{windows, `/x`, `C:\w`, `C:\x`},
		{windows, `C:x`, `C:\w`, `C:\w\x`},
		{windows, `D:x`, `C:\w`, `D:\x`},
		{windows, `\\srv\share\..\..\x`, `C:\w`, `\\srv\share\x`},
		{windows, `..\..\..\x`, `\\srv\share\w`, `\\srv\share\x`},
		{windows, `C:\a\..\..`, `C:\w`, `C:\`},
	} {
		got, err := tc.os.full(tc.path, tc.base)
		if err != nil || got != tc.want {
			t.Errorf("%s: full(%q, %q) = %q, %v, want %q", tc.os, tc.path, tc.base, got, err, tc.want)
		}
	}
	if got, err := linux.full("a", ""); err == nil {
		t.Errorf(`full("a", "") = %q, want an error: there is no base`, got)
	}
}

func TestRelative(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		os               system
		root, path, want string
	}{
		{linux, "/w/1", "/w/1/s/a", "s/a"},
		{linux, "/w/1/", "/w/1/s/a", "s/a"},
		{linux, "/w/1", "/x/go.sum", "../../x/go.sum"},
		{linux, "/w/S", "/w/s/a", "../s/a"},
		{"darwin", "/w/S", "/w/s/a", "a"},
		{linux, "/", "/a", "a"},
		{windows, `C:\w\1`, `c:\W\1\s\x`, `s\x`},
		{windows, `C:\w\1`, `D:\x`, `D:\x`},
		{windows, `C:\w\1`, `C:\x`, `..\..\x`},
		{windows, `\\srv\a`, `\\srv\b\x`, `\\srv\b\x`},
		{linux, "/w", "/w", "."},
	} {
		if got := tc.os.relative(tc.root, tc.path); got != tc.want {
			t.Errorf("%s: relative(%q, %q) = %q, want %q", tc.os, tc.root, tc.path, got, tc.want)
		}
	}
}

// DetermineFileEnumeration* of MatchingTests.cs, on both kinds of systems.
func TestSearchFor(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		os   system
		glob string
		want search
	}{
		{windows, `C:\dir\file.txt`, search{`C:\dir`, "file.txt", false}},
		{windows, `C:\dir\*.txt`, search{`C:\dir`, "", false}},
		{windows, `C:\dir\**\*.txt`, search{`C:\dir`, "", true}},
		{windows, `C:\dir\node_modules\**\package-lock.json`, search{`C:\dir\node_modules`, "", true}},
		{windows, `C:\file.txt`, search{`C:\`, "file.txt", false}},
		{linux, `/dir/file.txt`, search{`/dir`, "file.txt", false}},
		{linux, `/dir/*.txt`, search{`/dir`, "", false}},
		{linux, `/dir/**/*.txt`, search{`/dir`, "", true}},
		{linux, `/dir/a**b/x`, search{`/dir`, "", true}},
		{linux, `/file.txt`, search{`/`, "file.txt", false}},
	} {
		got, err := tc.os.searchFor(tc.glob)
		if err != nil || got != tc.want {
			t.Errorf("%s: searchFor(%q) = %+v, %v, want %+v", tc.os, tc.glob, got, err, tc.want)
		}
	}
	for os, glob := range map[system]string{linux: "/**/a", windows: `C:\**\a`} {
		if got, err := os.searchFor(glob); err == nil {
			t.Errorf("%s: searchFor(%q) = %+v, want an error: it would search everything", os, glob, got)
		}
	}
}
