package installed

import (
	"context"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

// sitePackages is the folder that pip made, see its comment.
func sitePackages(t testing.TB) fstest.MapFS {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/python.txtar")
	if err != nil {
		t.Fatal(err)
	}
	tree := fstest.MapFS{}
	for _, f := range archive.Files {
		if strings.HasSuffix(f.Name, "direct_url.json") {
			f.Data = []byte(strings.TrimSuffix(string(f.Data), "\n"))
		}
		tree[f.Name] = &fstest.MapFile{Data: slices.Clip(f.Data)}
	}
	return tree
}

func TestPythonReadsWhatPipInstalled(t *testing.T) {
	t.Parallel()
	got := Python(context.Background(), sitePackages(t), "venv/lib")
	want := Tree{Kind: SitePackages, Path: "venv/lib", Ecosystem: "PyPI", Packages: []Package{
		{Name: "Name-Space", Version: "0.1.post1", Key: "name-space", Path: "venv/lib/Name_Space-0.1.post1.dist-info"},
		{Name: "depa", Version: "1.0", Key: "depa", Path: "venv/lib/depa-1.0.dist-info", Requires: []lockfile.Require{
			{Name: "depb", Range: ">=1.0", Kind: lockfile.Prod, To: -1},
			{Name: "colorama", Range: ">=0.4", Kind: lockfile.Optional, To: -1},
			{Name: "extra-thing", Kind: lockfile.Optional, To: -1},
		}},
		{Name: "depb", Version: "1.0", Key: "depb", Path: "venv/lib/depb-1.0.dist-info"},
		{Name: "proj", Version: "3.0", Key: "proj", Path: "venv/lib/proj-3.0.dist-info", Source: lockfile.Folder,
			Requires: []lockfile.Require{{Name: "depa", Kind: lockfile.Prod, To: -1}}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Python of what pip installed (-want +got):\n%s", diff)
	}
}

func TestPythonSeesChanges(t *testing.T) {
	t.Parallel()
	const record = "depb-1.0.dist-info/RECORD"
	for name, tc := range map[string]struct {
		file, data string // "-" removes it
		path, want string // of the problem; empty if there is none
		unread     bool
	}{
		"a changed module":           {"depb.py", "value = 1\nevil()\n", "depb.py", "a file of depb was changed", false},
		"a module gone":              {"depa/cli.py", "-", "depa/cli.py", "a file of depa is missing", false},
		"changed metadata":           {"depb-1.0.dist-info/WHEEL", "x", "depb-1.0.dist-info/WHEEL", "was changed", false},
		"another version claimed":    {"depb-1.0.dist-info/METADATA", "Name: depb\nVersion: 2.0\n", "depb-1.0.dist-info", "named for another", false},
		"another name claimed":       {"depb-1.0.dist-info/METADATA", "Name: depc\nVersion: 1.0\n", "depb-1.0.dist-info", "named for another", false},
		"two versions claimed":       {"depb-1.0.dist-info/METADATA", "Name: depb\nVersion: 1.0\nVersion: 2\n", "depb-1.0.dist-info", "two versions", true},
		"no metadata":                {"depb-1.0.dist-info/METADATA", "-", "depb-1.0.dist-info", "metadata is missing", true},
		"metadata without name":      {"depb-1.0.dist-info/METADATA", "Version: 1\n", "depb-1.0.dist-info", "no name and version", true},
		"a name of another kind":     {"depb-1.0.dist-info/METADATA", "Name: ../x\nVersion: 1\n", "depb-1.0.dist-info", "no name and version", true},
		"large metadata":             {"depb-1.0.dist-info/METADATA", strings.Repeat("x", maxNote+1), "depb-1.0.dist-info", "too large", true},
		"no RECORD":                  {record, "-", "depb-1.0.dist-info", "depb has no RECORD", true},
		"RECORD of another form":     {record, "depb.py,\n", record, "cannot be understood", true},
		"RECORD with a quote":        {record, "depb.py,sha256=x,1\n\"", record, "cannot be understood", true},
		"a file without hash":        {record, "depb.py,,10\n", "depb.py", "no hash of this file", false},
		"a weak hash":                {record, "depb.py,md5=1B2M2Y8AsgTpgAmY7PhCfg,10\n", "depb.py", "no hash of this file", false},
		"a hash that is none":        {record, "depb.py,sha256=xx,10\n", "depb.py", "a hash of this file that is none", false},
		"a module of nobody":         {"evil.py", "x", "evil.py", "no package's RECORD has it", false},
		"a library of nobody":        {"depa/_fast.cpython-311-x86_64-linux-gnu.so", "x", "depa/_fast.cpython-311-x86_64-linux-gnu.so", "no package's RECORD has it", false},
		"run at the start":           {"evil.pth", "import evil\n", "evil.pth", "no package's RECORD has it", false},
		"compiled beside nothing":    {"depa/evil.pyc", "x", "depa/evil.pyc", "no package's RECORD has it", false},
		"compiled beside its source": {"depa/cli.pyc", "x", "", "", false},
		"a hash in hex":              {record, "depb.py,sha256=585c93666fcb046b7b264d3fa73202aa2a38254ae82a4b3ba19e873c2d5a9886,10\n", "", "", false},
		"a wrong hash in hex":        {record, "depb.py,sha256=685c93666fcb046b7b264d3fa73202aa2a38254ae82a4b3ba19e873c2d5a9886,10\n", "depb.py", "was changed", false},
		"compiled by Python":         {"depa/__pycache__/cli.cpython-311.pyc", "x", "", "", false},
		"compiled, by time":          {"depa/__pycache__/cli.cpython-311.pyc", "\xa7\r\r\n\x00\x00\x00\x00evil", "", "", false},
		"compiled, by checked hash":  {"depa/__pycache__/cli.cpython-311.pyc", "\xa7\r\r\n\x03\x00\x00\x00evil", "", "", false},
		"compiled, by nothing": {
			"depa/__pycache__/cli.cpython-311.pyc", "\xa7\r\r\n\x01\x00\x00\x00evil",
			"depa/__pycache__/cli.cpython-311.pyc", "without comparing it with its source", false,
		},
		"of virtualenv":        {"_virtualenv.pth", "import _virtualenv", "", "", false},
		"data of nobody":       {"depa/notes.txt", "x", "", "", false},
		"an origin of no form": {"proj-3.0.dist-info/direct_url.json", "[", "proj-3.0.dist-info/direct_url.json", "cannot be read", true},
		"left by pip":          {"~epb-0.9.dist-info/METADATA", "Name: depb\nVersion: 0.9\n", "", "", false},
		"an egg link":          {"old.egg-link", "/home/me/old\n.\n", "old.egg-link", "does not say which package", true},
		"installed twice":      {"depb-0.9.dist-info/METADATA", "Name: depb\nVersion: 0.9\n", "depb-1.0.dist-info", "twice, as 0.9 and 1.0", false},
		"an egg":               {"egg-1.0.egg-info/PKG-INFO", "Name: egg\nVersion: 1.0\n", "egg-1.0.egg-info", "egg has no RECORD", true},
	} {
		tree := sitePackages(t)
		if tc.data == "-" {
			delete(tree, tc.file)
		} else {
			tree[tc.file] = &fstest.MapFile{Data: []byte(tc.data)}
		}
		got := Python(context.Background(), tree, "").Problems
		if tc.want == "" && len(got) > 0 {
			t.Errorf("%s: got %v, want no problem", name, got)
		}
		if tc.want != "" && !slices.ContainsFunc(got, func(p Problem) bool {
			return p.Path == tc.path && strings.Contains(p.Text, tc.want) && p.Unread == tc.unread
		}) {
			t.Errorf("%s: got %v, want one of %s with %q, unread %v", name, got, tc.path, tc.want, tc.unread)
		}
	}
}

// What stands in RECORD and leads out of the folder is neither opened nor a problem.
func TestPythonStaysInTheFolder(t *testing.T) {
	t.Parallel()
	tree := sitePackages(t)
	record := tree["depb-1.0.dist-info/RECORD"]
	record.Data = append(record.Data, "../../../bin/depb,sha256=x,1\n/etc/passwd,,\n..\\..\\Scripts\\depb.exe,,\nC:\\x,,\n"...)
	got := Python(context.Background(), opened{tree, t}, "")
	if len(got.Problems) != 0 {
		t.Errorf("Python with a RECORD that leads out: got %v, want no problem", got.Problems)
	}
}

// opened fails the test when a name is asked for that is outside of the tree.
type opened struct {
	fs.FS
	t testing.TB
}

func (o opened) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		o.t.Errorf("opened %q", name)
	}
	return o.FS.Open(name)
}

func TestPythonSaysWhenItWasStopped(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	got := Python(ctx, sitePackages(t), "x")
	if n := len(got.Problems); n != 1 || !got.Problems[0].Unread {
		t.Errorf("Python, cancelled: got %v, want that it was not looked at to its end", got.Problems)
	}
}

// A pipe would block whoever opens it.
func TestPythonOpensFilesOnly(t *testing.T) {
	t.Parallel()
	tree := sitePackages(t)
	tree["depb.py"].Mode = fs.ModeNamedPipe
	got := Python(context.Background(), tree, "").Problems
	if len(got) != 1 || !got[0].Unread || !strings.Contains(got[0].Text, "is not a file") {
		t.Errorf("Python with a pipe in the place of depb.py: got %v, want that it is not a file", got)
	}
}

// A tree in which everything is wrong does not bury the rest.
func TestPythonBoundsProblems(t *testing.T) {
	t.Parallel()
	tree := sitePackages(t)
	for i := range 100 {
		tree["evil/m"+strings.Repeat("x", i)+".py"] = &fstest.MapFile{}
	}
	got := Python(context.Background(), tree, "").Problems
	if len(got) != maxComplaints+1 || !strings.Contains(got[maxComplaints].Text, "90 more") {
		t.Errorf("Python with 100 foreign files: got %d problems, %v; want %d, the last of which counts the rest",
			len(got), got, maxComplaints+1)
	}
}

func FuzzPython(f *testing.F) {
	tree := sitePackages(f)
	f.Add(tree["depa-1.0.dist-info/METADATA"].Data, tree["depa-1.0.dist-info/RECORD"].Data,
		tree["proj-3.0.dist-info/direct_url.json"].Data)
	f.Fuzz(func(t *testing.T, metadata, record, origin []byte) {
		tree := fstest.MapFS{"depa/__init__.py": {}, "depa-1.0.dist-info/METADATA": {Data: metadata},
			"depa-1.0.dist-info/RECORD": {Data: record}, "depa-1.0.dist-info/direct_url.json": {Data: origin}}
		got := Python(context.Background(), opened{tree, t}, "")
		if len(got.Packages)+len(got.Problems) == 0 {
			t.Errorf("neither a package nor a problem")
		}
	})
}
