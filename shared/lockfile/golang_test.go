package lockfile

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const (
	h1A = "h1:wk8382ETsv4JYUZwIsn6YpYiWiBsYLSJiTsyBybVuN8="
	h1B = "h1:pXiqmnSA92OHEEa9HXL2W4E7lf9JzCmGVUdgjX3N/iU="
)

// mapTree makes a tree of name, contents, name, contents, ...
func mapTree(files ...string) fs.FS {
	tree := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		tree[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return tree
}

func TestGoSum(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		sum  string
		want Lock
		err  string // a part of it
	}{
		"zip and go.mod": {
			sum: "example.com/b v1.0.0 " + h1A + "\nexample.com/b v1.0.0/go.mod " + h1B + "\n\n" +
				"example.com/A v0.0.0-20180906233101-161cd47e91fd/go.mod " + h1B + "\r\n",
			want: Lock{Packages: []Package{
				{Name: "example.com/A", Version: "v0.0.0-20180906233101-161cd47e91fd/go.mod", Integrity: []string{h1B}},
				{Name: "example.com/b", Version: "v1.0.0", Integrity: []string{h1A}},
				{Name: "example.com/b", Version: "v1.0.0/go.mod", Integrity: []string{h1B}},
			}},
		},
		"nothing": {},
		"the same line twice": {
			sum:  "example.com/b v1.0.0 " + h1A + "\nexample.com/b v1.0.0 " + h1A,
			want: Lock{Packages: []Package{{Name: "example.com/b", Version: "v1.0.0", Integrity: []string{h1A}}}},
		},
		"an algorithm of the future": {
			sum:  "example.com/b v1.0.0 h2:xyz\n",
			want: Lock{Unproven: []string{"example.com/b@v1.0.0"}},
		},
		"a future algorithm beside h1": {
			sum:  "example.com/b v1.0.0 h2:xyz\nexample.com/b v1.0.0 " + h1A,
			want: Lock{Packages: []Package{{Name: "example.com/b", Version: "v1.0.0", Integrity: []string{h1A}}}},
		},
		"empty go.mod by an old bug": {sum: "example.com/b v1.0.0/go.mod " + emptyGoMod},
		"two hashes":                 {sum: "example.com/b v1.0.0 " + h1A + "\nexample.com/b v1.0.0 " + h1B, err: "line 2 gives"},
		"two fields":                 {sum: "example.com/b v1.0.0", err: "line 1 has 2 fields"},
		"conflict markers":           {sum: "<<<<<<< HEAD", err: "line 1 has 2 fields"},
		"traversal":                  {sum: "example.com/../../etc v1.0.0 " + h1A, err: "does not name a module"},
		"absolute":                   {sum: "/etc v1.0.0 " + h1A, err: "does not name a module"},
		"backslash":                  {sum: `example.com\..\x v1.0.0 ` + h1A, err: "does not name a module"},
		"traversal in the version":   {sum: "example.com/b v1.0.0/../../x " + h1A, err: "does not name a module"},
		"reserved name":              {sum: "example.com/con v1.0.0 " + h1A, err: "does not name a module"},
		"no version":                 {sum: "example.com/b master " + h1A, err: "does not name a module"},
		"short hash":                 {sum: "example.com/b v1.0.0 h1:YWJj", err: "not base64 of 32 bytes"},
		"no base64":                  {sum: "example.com/b v1.0.0 h1:" + strings.Repeat("!", 44), err: "not base64"},
		"other trailing bits":        {sum: "example.com/b v1.0.0 " + h1A[:len(h1A)-2] + "9=", err: "not base64"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Lock{}
			err := parseGoSum([]byte(tc.sum), mapTree(), &got)
			got.tidy()
			got.Format = "" // always the same
			checkParse(t, got, tc.want, err, tc.err)
		})
	}
}

// checkParse compares what a parser found, or its error with the part wanted of it.
func checkParse(t *testing.T, got, want Lock, err error, part string) {
	t.Helper()
	if part != "" {
		var format *FormatError
		if !errors.As(err, &format) || !strings.Contains(err.Error(), part) {
			t.Fatalf("got error %v, want a FormatError with %q", err, part)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	got.Entries, got.Contradictions = nil, nil // have tests of their own
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func goSum(mods ...string) string {
	var b strings.Builder
	for _, m := range mods {
		b.WriteString(m + "/go.mod " + h1B + "\n")
	}
	return b.String()
}

func TestStaleGoSum(t *testing.T) {
	t.Parallel()
	const head = "module example.com/m\n\ngo 1.26\n\n"
	for name, tc := range map[string]struct {
		lock string
		tree fs.FS
		want []string // differences
		err  string
	}{
		"fits": {tree: mapTree("go.mod", head+"require example.com/b v1.0.0\n", "go.sum", goSum("example.com/b v1.0.0"))},
		"the go.mod was changed": {
			tree: mapTree("go.mod", head+"require example.com/b v1.0.1 // indirect\n", "go.sum", goSum("example.com/b v1.0.0")),
			want: []string{"example.com/b: go.mod says v1.0.1, the lock file v1.0.0"},
		},
		"a module was added": {
			tree: mapTree("go.mod", head+"require (\n\texample.com/c v1.0.0\n)\n", "go.sum", ""),
			want: []string{"example.com/c: go.mod says v1.0.0, the lock file has nothing of it"},
		},
		"replaced by a folder": {tree: mapTree("go.mod",
			head+"require example.com/c v1.0.0\nreplace example.com/c => ../c\n", "go.sum", "")},
		"replaced by a module": {
			tree: mapTree("go.mod", head+"require example.com/c v1.0.0\nreplace example.com/c v1.0.0 => example.com/d v1.2.0\n",
				"go.sum", goSum("example.com/c v1.0.0")),
			want: []string{"example.com/d: go.mod says v1.2.0, the lock file has nothing of it"},
		},
		"a replacement of another version": {
			tree: mapTree("go.mod", head+"require example.com/c v1.0.0\nreplace example.com/c v1.1.0 => ../c\n", "go.sum", ""),
			want: []string{"example.com/c: go.mod says v1.0.0, the lock file has nothing of it"},
		},
		"excluded": {tree: mapTree("go.mod",
			head+"require example.com/c v1.0.0\nexclude example.com/c v1.0.0\n", "go.sum", "")},
		"a statement of the future": {
			tree: mapTree("go.mod", head+"require example.com/c v1.0.0\nfrobnicate (\n\tx y z\n)\nfrob x\nreplace example.com/c => ../c\n",
				"go.sum", ""),
		},
		"no go.mod":          {tree: mapTree("go.sum", goSum("example.com/b v1.0.0"))},
		"broken go.mod":      {tree: mapTree("go.mod", "require (\n", "go.sum", ""), err: "go.mod: line"},
		"no version":         {tree: mapTree("go.mod", head+"require example.com/c master\n", "go.sum", ""), err: "line 5 is not valid"},
		"sums of workspace":  {lock: "a/go.sum", tree: workspaceTree("example.com/b v1.0.0")},
		"work sum, complete": {lock: "go.work.sum", tree: workspaceTree("example.com/b v1.0.0")},
		"work sum, stale": {lock: "go.work.sum", tree: workspaceTree("example.com/c v1.0.0"),
			want: []string{"example.com/b: go.mod says v1.0.0, the lock file has nothing of it"}},
		"module of a workspace, stale": {lock: "a/go.sum", tree: workspaceTree("example.com/c v1.0.0"),
			want: []string{"example.com/b: go.mod says v1.0.0, the lock file has nothing of it"}},
		"not of the workspace above": {lock: "x/go.sum", tree: workspaceTree(""),
			want: []string{"example.com/z: go.mod says v1.0.0, the lock file has nothing of it"}},
		"workspace that reaches out": {lock: "go.sum", tree: mapTree("go.work", "go 1.26\nuse (\n\t.\n\t../../out\n)\n",
			"go.mod", head+"require example.com/c v1.0.0\n", "go.sum", "")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.lock == "" {
				tc.lock = "go.sum"
			}
			checkStale(t, tc.tree, reader{parseGoSum, staleGoSum}, tc.lock, tc.want, tc.err)
		})
	}
}

// workspaceTree has a module that requires another of the workspace and
// example.com/b, and the go.mod hashes of the given module in go.work.sum.
func workspaceTree(sum string) fs.FS {
	if sum != "" {
		sum = goSum(sum)
	}
	return mapTree("go.work", "go 1.26\nuse ./a\nuse ./b\n", "go.work.sum", sum,
		"a/go.mod", "module example.com/a\nrequire example.com/b v1.0.0\nrequire example.com/mine v0.1.0\n", "a/go.sum", "",
		"b/go.mod", "module example.com/mine\n",
		"x/go.mod", "module example.com/x\nrequire example.com/z v1.0.0\n", "x/go.sum", "")
}

// checkStale reads a lock file and compares it with its manifests.
func checkStale(t *testing.T, tree fs.FS, r reader, name string, want []string, part string) {
	t.Helper()
	data, err := fs.ReadFile(tree, name)
	if err != nil {
		t.Fatal(err)
	}
	lock := Lock{Path: name}
	if err := r.parse(data, tree, &lock); err != nil {
		t.Fatal(err)
	}
	err = r.stale(data, tree, lock)
	var stale *StaleError
	switch {
	case part != "":
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Fatalf("stale: got %v, want an error with %q", err, part)
		}
	case errors.As(err, &stale):
		if diff := cmp.Diff(want, stale.Differences); diff != "" {
			t.Errorf("stale: differences (-want +got):\n%s", diff)
		}
		if stale.Fix == "" || stale.Manifest == "" || stale.Path != name {
			t.Errorf("stale: %#v lacks the fix, the manifest or the lock file's path", stale)
		}
	case err != nil || want != nil:
		t.Errorf("stale: got %v, want differences %q", err, want)
	}
}

func FuzzGoSum(f *testing.F) {
	f.Add("example.com/b v1.0.0 "+h1A+"\n"+goSum("example.com/b v1.0.0"), "module m\nrequire example.com/b v1.0.0\n")
	f.Add("example.com/../b v1.0.0 "+h1A, "module m\nreplace x => y\nfrob (\n)\n")
	f.Fuzz(func(t *testing.T, sum, mod string) {
		lock := Lock{Path: "go.sum"}
		if err := parseGoSum([]byte(sum), mapTree(), &lock); err != nil {
			var format *FormatError
			if !errors.As(err, &format) {
				t.Fatalf("parseGoSum(%q): got %T, want *FormatError", sum, err)
			}
			return
		}
		for _, p := range lock.Packages {
			if len(p.Integrity) != 1 || !isH1(p.Integrity[0]) || strings.Contains(p.Name, "..") {
				t.Errorf("parseGoSum(%q): package %v", sum, p)
			}
		}
		_ = staleGoSum([]byte(sum), mapTree("go.mod", mod, "go.sum", sum), lock)
	})
}
