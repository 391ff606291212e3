package drift_test

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/dirhash"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/drift"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/installed"
)

const goMod = `module example.test/project

go 1.26

toolchain go1.26.8

require (
	example.test/a v1.2.0
	example.test/b v1.0.0
	example.test/old v1.5.0
	example.test/local v1.0.0
)

replace example.test/b => example.test/fork v0.3.0

replace example.test/old => example.test/old v1.1.0

replace example.test/local => ./local
`

// goTree is a project with its module cache and vendor folder; go.sum has the hashes of
// the cache before the changes to it.
func goTree(t *testing.T) fstest.MapFS {
	t.Helper()
	tree := fstest.MapFS{"go.mod": {Data: []byte(goMod)}, "local/go.mod": {Data: []byte("module example.test/local\n")},
		"local/x.go": {}}
	var sums, list strings.Builder
	list.WriteString("# example.test/local v1.0.0 => ./local\n## explicit\nexample.test/local\n")
	for _, m := range [][2]string{{"example.test/a", "v1.2.0"}, {"example.test/fork", "v0.3.0"}, {"example.test/old", "v1.1.0"}} {
		folder := m[0] + "@" + m[1]
		text := "package " + m[0][strings.LastIndex(m[0], "/")+1:] + "\n"
		tree["cache/"+folder+"/x.go"] = &fstest.MapFile{Data: []byte(text)}
		h1, err := dirhash.Hash1([]string{folder + "/x.go"},
			func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil })
		if err != nil {
			t.Fatal(err)
		}
		sums.WriteString(m[0] + " " + m[1] + " " + h1 + "\n" + m[0] + " " + m[1] + "/go.mod " + h1 + "\n")
	}
	for name, line := range map[string]string{"a": "example.test/a v1.2.0", "b": "example.test/b v1.0.0 => example.test/fork v0.3.0",
		"old": "example.test/old v1.5.0 => example.test/old v1.1.0"} {
		list.WriteString("# " + line + "\n## explicit; go 1.20\nexample.test/" + name + "\n")
		tree["vendor/example.test/"+name+"/x.go"] = &fstest.MapFile{Data: []byte("package " + name + "\n")}
	}
	tree["vendor/example.test/local/x.go"] = &fstest.MapFile{}
	tree["vendor/modules.txt"] = &fstest.MapFile{Data: []byte(list.String())}
	tree["go.sum"] = &fstest.MapFile{Data: []byte(sums.String())}
	return tree
}

func TestGoRows(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file, before, after string
		want                []string
	}{
		"as it should be": {},
		// "go build with tampered module cache rc 0"
		"a changed module cache": {"cache/example.test/a@v1.2.0/x.go", "package a", "package evil", []string{
			"fail installed/changed example.test/a@v1.2.0 /cache/example.test/a@v1.2.0"}},
		"a changed replacement": {"cache/example.test/fork@v0.3.0/x.go", "package fork", "package evil", []string{
			"fail installed/changed example.test/fork@v0.3.0 /cache/example.test/fork@v0.3.0"}},
		"a changed older version": {"cache/example.test/old@v1.1.0/x.go", "package old", "package evil", []string{
			"fail installed/changed example.test/old@v1.1.0 /cache/example.test/old@v1.1.0"}},
		// "bad go.sum / missing entry fails"
		"a bad go.sum": {"go.sum", "example.test/a v1.2.0 h1:", "example.test/a v1.2.0 h1:A", []string{
			"fail installed/changed example.test/a@v1.2.0 /cache/example.test/a@v1.2.0"}},
		"nothing in go.sum": {"go.sum", "example.test/a v1.2.0/go.mod", "example.test/a v1.1.0/go.mod", []string{"fail drift/manifest  go.sum"}},
		"a version vendored that go.mod does not ask for": {"vendor/modules.txt", "example.test/a v1.2.0", "example.test/a v1.1.0", []string{
			"fail installed/version example.test/a@v1.1.0 vendor/example.test/a"}},
		"the original vendored, not its replacement": {"vendor/modules.txt", " => example.test/fork v0.3.0", "", []string{
			"fail installed/other example.test/b@v1.0.0 vendor/example.test/b"}},
		"a module vendored from a folder": {"vendor/modules.txt", "example.test/a v1.2.0", "example.test/a v1.2.0 => ./a", []string{
			"fail installed/other example.test/a@v1.2.0 vendor/example.test/a"}},
		"a foreign module vendored": {"vendor/modules.txt", "# example.test/a v1.2.0", "# example.test/evil v1.0.0\n# example.test/a v1.2.0", []string{
			"fail installed/extra example.test/evil@v1.0.0 vendor/example.test/evil"}},
		"a foreign package vendored": {"vendor/modules.txt", "\nexample.test/b\n", "\n", []string{
			"fail installed/changed  vendor/example.test/b/x.go"}},
	} {
		tree := goTree(t)
		if tc.file != "" {
			data := string(tree[tc.file].Data)
			changed := strings.Replace(data, tc.before, tc.after, 1)
			if tc.after == "example.test/a v1.2.0 h1:A" { // of the same length
				at := strings.Index(changed, tc.after) + len(tc.after)
				changed = changed[:at] + changed[at+1:]
			}
			if changed == data {
				t.Fatalf("%s: nothing changed", name)
			}
			tree[tc.file] = &fstest.MapFile{Data: []byte(changed)}
		}
		f := factsOf(t, tree, "go.sum")
		sub := fstest.MapFS{}
		for name, file := range tree {
			if below, ok := strings.CutPrefix(name, "cache/"); ok {
				sub[below] = file
			}
		}
		f.Trees = []installed.Tree{installed.GoModules(context.Background(), sub, "/cache", f.Lock.Entries),
			installed.GoVendor(context.Background(), tree, "", nil), installed.GoStdlib(fstest.MapFS{"VERSION": {Data: []byte("go1.26.8")}}, "/go")}
		if diff := cmp.Diff(tc.want, brief(drift.Find(f))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
