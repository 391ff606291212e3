package lockfile

import (
	"fmt"
	"strings"
	"testing"
)

func TestYarn1(t *testing.T) {
	t.Parallel()
	const hexNone = "da39a3ee5e6b4b0d3255bfef95601890afd80709" // SHA-1 of nothing
	a := func(integrity ...string) Lock {
		return Lock{Format: Yarn1, Packages: []Package{
			{Name: "@s/a", Version: "1.0.0", Integrity: integrity, URL: "https://registry.yarnpkg.com/a.tgz"}}}
	}
	for name, tc := range map[string]struct {
		text string
		want Lock
		err  string // a part of it
	}{
		"both hashes": {
			text: "# comment\n\n\"@s/a@^1.0.0\", \"@s/a@~1.0.0\":\n  version \"1.0.0\"\n" +
				"  resolved \"https://registry.yarnpkg.com/a.tgz#" + hexNone + "\"\n  integrity " + sha512None + "\n" +
				"  dependencies:\n    \"@x/y\" \"^1.0\"\n    z \"2\"\n",
			want: a(sha1None, sha512None),
		},
		"sha1 only, CRLF": {
			text: "\"@s/a@^1.0.0\":\r\n  version \"1.0.0\"\r\n  resolved \"https://registry.yarnpkg.com/a.tgz#" + hexNone + "\"\r\n",
			want: a(sha1None),
		},
		"no hash": {
			text: "a@1:\n  version \"1.0.0\"\n  resolved \"https://registry.yarnpkg.com/a.tgz\"\n",
			want: Lock{Format: Yarn1, Unproven: []string{"a@1.0.0"}},
		},
		"a commit is no hash": {
			text: "a@o/a:\n  version \"1.0.0\"\n  resolved \"https://github.com/o/a.git#" + hexNone + "\"\n\n" +
				"b@o/b:\n  version \"1.0.0\"\n  resolved \"https://codeload.github.com/o/b/tar.gz/" + hexNone + "\"\n\n" +
				"c@o/c:\n  version \"1.0.0\"\n  resolved \"git+ssh://git@example.com/o/c#" + hexNone + "\"\n",
			want: Lock{Format: Yarn1, Notes: []string{"a, b, c: taken from git, by commit and not by hash"}},
		},
		"of the project": {
			text: "\"l@file:./l\":\n  version \"1.0.0\"\n\n\"m@file:./m.tgz\":\n  version \"1.0.0\"\n  resolved \"file:./m.tgz#" + hexNone + "\"\n",
			want: Lock{Format: Yarn1},
		},
		"alias": {
			text: "\"x@npm:@s/a@^1.0.0\":\n  version \"1.0.0\"\n  resolved \"https://registry.yarnpkg.com/a.tgz#" + hexNone + "\"\n",
			want: a(sha1None),
		},
		"nothing":           {text: "# yarn lockfile v1\n\n\n", want: Lock{Format: Yarn1}},
		"conflict markers":  {text: "<<<<<<< HEAD\na@1:\n", err: "line 1 is not Yarn's"},
		"block at the top":  {text: "  version \"1\"\n", err: "line 1 is not Yarn's"},
		"odd indentation":   {text: "a@1:\n   version \"1\"\n", err: "line 2 is not Yarn's"},
		"deep":              {text: "a@1:\n  x:\n    y:\n      z 1\n", err: "line 4 is not Yarn's"},
		"no value":          {text: "a@1:\n  version\n", err: "line 2 is not Yarn's"},
		"colon in between":  {text: "a: b:\n", err: "line 1 is not Yarn's"},
		"only a colon":      {text: ":\n", err: "line 1 is not Yarn's"},
		"unfinished string": {text: "\"a@1:\n", err: "line 1 is not Yarn's"},
		"Go's escapes":      {text: "\"\\x61@1\":\n", err: "line 1 is not Yarn's"},
		"tabs":              {text: "a@1:\n\tversion \"1\"\n", err: "line 2 is not Yarn's"},
		"NUL":               {text: "a\x00@1:\n  version \"1\"\n  resolved \"https://x/y#" + hexNone + "\"\n", err: `"a\x00" has characters`},
		"a key twice":       {text: "a@1:\n  version \"1\"\na@1:\n", err: `line 3 has "a@1" a second time`},
		"too many names":    {text: "a1@1, b@1" + manyNames(maxAliases-1) + ":\n  version \"1\"\n", err: "line 1 is for more than 64 names"},
		"no name twice":     {text: "\"\", \"\":\n", err: `line 1 has "" a second time`},
		"a version twice":   {text: "a@1:\n  version \"1\"\n  version \"2\"\n", err: `line 3 has "version" a second time`},
		"a long line":       {text: strings.Repeat("a", 8<<20), err: `line 1 is not Yarn's: "aaa`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lock, err := Read(mapTree("yarn.lock", tc.text), "yarn.lock")
			lock.Path, lock.SHA256 = "", ""
			checkParse(t, lock, tc.want, err, tc.err)
		})
	}
}

func manyNames(count int) string {
	var b strings.Builder
	for i := range count {
		fmt.Fprintf(&b, ", n%d@1", i)
	}
	return b.String()
}

// hex512None is the SHA-512 of nothing.
const hex512None = "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"

func TestBerry(t *testing.T) {
	t.Parallel()
	lockOf := func(lines ...string) string {
		return "__metadata:\n  version: 8\n  cacheKey: 10c0\n\n\"a@npm:^1.0.0\":\n  " + strings.Join(lines, "\n  ") + "\n"
	}
	a := func(integrity string) Lock {
		return Lock{Format: Berry, Packages: []Package{{Name: "a", Version: "1.10", Integrity: []string{integrity}, URL: "npm:1.10"}}}
	}
	const resolution = `resolution: "a@npm:1.10"`
	for name, tc := range map[string]struct {
		text string
		want Lock
		err  string // a part of it
	}{
		"with cache key": {text: lockOf("version: 1.10", resolution, "checksum: 8c0/"+hex512None), want: a("8c0/" + hex512None)},
		"without":        {text: lockOf("version: 1.10", resolution, "checksum: "+hex512None), want: a("10c0/" + hex512None)},
		"patched and from git": {
			text: lockOf("version: 1", `resolution: "@s/a@patch:@s/a@npm%3A1#x::version=1"`, "checksum: 8/"+hex512None, "linkType: hard") +
				"\"g@o/g\":\n  version: 2\n  resolution: \"g@https://github.com/o/g.git#commit=abc\"\n  checksum: 8/" + hex512None + "\n",
			want: Lock{Format: Berry, Packages: []Package{
				{Name: "@s/a", Version: "1", Integrity: []string{"8/" + hex512None}, URL: "patch:@s/a@npm%3A1#x::version=1"},
				{Name: "g", Version: "2", Integrity: []string{"8/" + hex512None}, URL: "https://github.com/o/g.git#commit=abc"}}},
		},
		"workspace": {text: lockOf("version: 0.0.0-use.local", `resolution: "a@workspace:."`, "linkType: soft"), want: Lock{Format: Berry}},
		"for other machines": {
			text: lockOf("version: 1.10", resolution, "conditions: os=darwin"),
			want: Lock{Format: Berry, Notes: []string{"a: for some machines only and without a checksum, so downloaded at every install there"}},
		},
		"no checksum":       {text: lockOf("version: 1.10", resolution), want: Lock{Format: Berry, Unproven: []string{"a@1.10"}}},
		"another checksum":  {text: lockOf("version: 1.10", resolution, "checksum: 8/abc"), err: `"a@npm:^1.0.0" has a checksum that is not SHA-512`},
		"upper case":        {text: lockOf(resolution, "checksum: 8/"+strings.ToUpper(hex512None)), err: "a checksum that is not SHA-512"},
		"path as cache key": {text: lockOf(resolution, "checksum: 8/../../"+hex512None), err: "a checksum that is not SHA-512"},
		"no resolution":     {text: lockOf("version: 1.10", "checksum: 8/"+hex512None), err: `"a@npm:^1.0.0" has no resolution`},
		"no entry":          {text: "__metadata:\n  version: 8\n\"a@1\": x\n", err: `"a@1" in "yarn.lock" is not an object`},
		"two documents":     {text: lockOf(resolution, "checksum: 8/"+hex512None) + "---\n{}\n", err: "it has 2 YAML documents"},
		"a key twice":       {text: lockOf("version: 1", "version: 2"), err: `the key "version" is there twice`},
		"an alias":          {text: lockOf("version: &a 1", "resolution: *a"), err: `"a@npm:^1.0.0" has no resolution`},
		"merged entry":      {text: "__metadata: {}\nx: &x\n  resolution: a@npm:1\n  linkType: soft\na@1:\n  <<: *x\n", err: `"a@1" has no resolution`},
		"alias bomb": {
			text: "__metadata: {}\na: &a [x,x,x,x,x,x,x,x,x]\n" + aliasBomb(30) + "\n", err: `is not an object`},
		"deep":          {text: "__metadata:\n  x: " + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "\n", err: "nests deeper than 100"},
		"very deep":     {text: "__metadata:\n  x: " + strings.Repeat("[", 1<<20), err: "it is not YAML"},
		"NUL":           {text: "__metadata:\n  x: \x00\n", err: "it is not YAML"},
		"list as a key": {text: "__metadata:\n  ? [a]\n  : b\n", err: "line 2 has a key that is not a string"},
		"too large":     {text: "__metadata:\n" + strings.Repeat("#\n", maxYAML/2), err: "larger than 8 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lock, err := Read(mapTree("yarn.lock", tc.text), "yarn.lock")
			lock.Path, lock.SHA256 = "", ""
			checkParse(t, lock, tc.want, err, tc.err)
		})
	}
}

// aliasBomb is n lists of nine aliases of the list before: expanded, 9^n strings.
func aliasBomb(n int) string {
	var b strings.Builder
	for i := range n {
		before, name := string(rune('a'+i%26))+strings.Repeat("_", i/26), string(rune('a'+(i+1)%26))+strings.Repeat("_", (i+1)/26)
		b.WriteString(name + ": &" + name + " [" + strings.Repeat("*"+before+",", 8) + "*" + before + "]\n")
	}
	return b.String()
}
