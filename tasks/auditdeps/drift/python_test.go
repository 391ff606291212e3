package drift_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/drift"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/installed"
)

// factsOf reads a lock file as the task does.
func factsOf(t *testing.T, tree fstest.MapFS, name string, trees ...installed.Tree) drift.Facts {
	t.Helper()
	lock, err := lockfile.Read(tree, name)
	if err != nil {
		t.Fatalf("Read(%s): %v", name, err)
	}
	return drift.Facts{Lock: lock, Stale: lockfile.Stale(tree, lock), Trees: trees}
}

// brief is what matters of findings: severity, rule, package and path.
func brief(found []drift.Finding) []string {
	var list []string
	for _, f := range found {
		list = append(list, strings.Join([]string{string(f.Severity), f.Rule, f.Package, f.Path}, " "))
	}
	return list
}

// sitePackages is what pip installed (see the first lines of the file), with changes: pairs
// of names and contents, "-" for a file that is not there.
func sitePackages(t *testing.T, changes ...string) installed.Tree {
	t.Helper()
	archive, err := txtar.ParseFile("../installed/testdata/python.txtar")
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
	for i := 0; i < len(changes); i += 2 {
		if delete(tree, changes[i]); changes[i+1] != "-" {
			tree[changes[i]] = &fstest.MapFile{Data: []byte(changes[i+1])}
		}
	}
	return installed.Python(context.Background(), tree, "venv/lib")
}

const (
	hashed = " --hash=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n"
	proj   = "note installed/extra proj@3.0 venv/lib/proj-3.0.dist-info" // a folder of one's own
)

func TestPipRows(t *testing.T) {
	t.Parallel()
	full := "depa==1.0" + hashed + "depb==1.0" + hashed + "name-space==0.1.post1" + hashed
	for name, tc := range map[string]struct {
		lock    string
		changes []string
		want    []string
	}{
		"as it should be": {full, nil, []string{proj}},
		"the same version, written otherwise": {
			strings.Replace(full, "depb==1.0", "DepB==1.0.0", 1), nil, []string{proj}},
		// "un-hashed pins: the transitive floats"
		"a transitive floats": {"depa==1.0\nname-space==0.1.post1\n", nil, []string{
			"warn lint/integrity-missing depa@1.0 requirements.txt", "warn lint/integrity-missing name-space@0.1.post1 requirements.txt",
			"warn installed/extra depb@1.0 venv/lib/depb-1.0.dist-info", proj}},
		"a direct one floats": {"depa==1.0" + hashed + "depb\nname-space==0.1.post1" + hashed, nil, []string{
			"warn lint/unpinned depb requirements.txt", proj}},
		"a direct one floats within a range": {"depa==1.0" + hashed + "depb>=2\nname-space==0.1.post1" + hashed, nil, []string{
			"fail installed/version depb@1.0 venv/lib/depb-1.0.dist-info", "warn lint/unpinned depb requirements.txt", proj}},
		// "a cached venv keeps old depb 1.0"
		"an environment from the cache": {strings.Replace(full, "depb==1.0", "depb==2.0", 1), nil, []string{
			"fail installed/version depb@1.0 venv/lib/depb-1.0.dist-info", proj}},
		"not all have hashes": {strings.Replace(full, "depb==1.0"+hashed, "depb==1.0\n", 1), nil, []string{
			"fail lint/integrity-missing depb@1.0 requirements.txt", proj}},
		// "tampered site-packages not seen by pip check and pip install"
		"a changed module": {full, []string{"depb.py", "value = 666\n"}, []string{
			"fail installed/changed  venv/lib/depb.py", proj}},
		"a foreign module": {full, []string{"evil.pth", "import evil\n"}, []string{
			"fail installed/changed  venv/lib/evil.pth", proj}},
		"a package of nobody": {full, []string{"evil-1.0.dist-info/METADATA", "Name: evil\nVersion: 1.0\n",
			"evil-1.0.dist-info/RECORD", "evil-1.0.dist-info/METADATA,sha256=bad,\n"}, []string{
			"fail installed/changed  venv/lib/evil-1.0.dist-info/METADATA",
			"warn installed/extra evil@1.0 venv/lib/evil-1.0.dist-info", proj}},
		"pip itself": {full, []string{"pip-26.0.dist-info/METADATA", "Name: pip\nVersion: 26.0\n",
			"pip-26.0.dist-info/RECORD", "pip-26.0.dist-info/RECORD,,\npip-26.0.dist-info/METADATA,sha256=3sijEQjh4J0Snig0k2H2s3Kr1FJfs6rBVXBckAXWrUQ,\n"},
			[]string{"fail installed/changed  venv/lib/pip-26.0.dist-info/METADATA", proj}},
		"one is not there": {full, []string{"depb.py", "-", "depb-1.0.dist-info/METADATA", "-", "depb-1.0.dist-info/RECORD", "-",
			"depb-1.0.dist-info/WHEEL", "-", "depb-1.0.dist-info/INSTALLER", "-", "depb-1.0.dist-info/REQUESTED", "-"}, []string{
			"warn installed/missing depb@1.0 requirements.txt", "warn edges/missing depa@1.0 venv/lib/depa-1.0.dist-info", proj}},
		"one for another system is not there": {full + "colorama==0.4 ; sys_platform == 'win32'" + hashed, nil, []string{proj}},
		"not from the index": {full, []string{"depb-1.0.dist-info/direct_url.json",
			`{"url": "https://x.test/depb.whl", "archive_info": {"hash": "sha256=` + strings.Repeat("0", 64) + `"}}`}, []string{
			"fail installed/other depb@1.0 venv/lib/depb-1.0.dist-info", proj}},
		"the same file, not from the index": {full, []string{"depb-1.0.dist-info/direct_url.json",
			`{"url": "file:///w/depb.whl", "archive_info": {"hashes": {"sha256": "` + hashed[15:79] + `"}}}`}, []string{proj}},
	} {
		f := factsOf(t, fstest.MapFS{"requirements.txt": {Data: []byte(tc.lock)}}, "requirements.txt", sitePackages(t, tc.changes...))
		if diff := cmp.Diff(tc.want, brief(drift.Find(f))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestPythonEdges(t *testing.T) {
	t.Parallel()
	tree := func(range_ string, kind lockfile.Kind) installed.Tree {
		return installed.Tree{Kind: installed.SitePackages, Packages: []installed.Package{
			{Name: "a", Version: "1.0", Key: "a", Path: "a", Requires: []lockfile.Require{{Name: "B", Range: range_, Kind: kind, To: -1}}},
			{Name: "b", Version: "1.0", Key: "b", Path: "b"},
		}}
	}
	lock := func(version string) lockfile.Lock {
		return lockfile.Lock{Path: "poetry.lock", Format: lockfile.Pip, Entries: []lockfile.Entry{
			{Name: "a", Version: "1.0", Source: lockfile.Registry, Integrity: []string{"sha256:x"}},
			{Name: "b", Version: version, Source: lockfile.Registry, Integrity: []string{"sha256:x"}}}}
	}
	for name, tc := range map[string]struct {
		tree installed.Tree
		lock lockfile.Lock
		want []string
	}{
		"in range":                   {tree(">=1.0,<2", lockfile.Prod), lock("1.0"), nil},
		"not in range":               {tree(">=2", lockfile.Prod), lock("2.0"), []string{"fail edges/range a@1.0 a", "fail installed/version b@1.0 b"}},
		"not in range, and locked":   {tree(">=2", lockfile.Prod), lock("1.0"), []string{"warn edges/range a@1.0 a"}},
		"with a marker":              {tree(">=2", lockfile.Optional), lock("1.0"), nil},
		"a range of no form":         {tree(">=?", lockfile.Prod), lock("1.0"), []string{"note edges/range a@1.0 a"}},
		"a package of a later epoch": {tree(">=1!1", lockfile.Prod), lock("1.0"), []string{"warn edges/range a@1.0 a"}},
	} {
		if diff := cmp.Diff(tc.want, brief(drift.Find(drift.Facts{Lock: tc.lock, Trees: []installed.Tree{tc.tree}}))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	asked := lock("1.0")
	asked.Entries = asked.Entries[:1]
	f := drift.Facts{Lock: asked, Trees: []installed.Tree{tree("", lockfile.Prod)}}
	if diff := cmp.Diff([]string{"warn installed/extra b@1.0 b"}, brief(drift.Find(f))); diff != "" {
		t.Errorf("a package that a locked one requires (-want +got):\n%s", diff)
	}
	extra := tree("", lockfile.Prod)
	extra.Packages[0].Requires = nil
	some := lock("1.0")
	some.Entries = some.Entries[:1]
	want := []string{"fail installed/extra b@1.0 b"}
	if diff := cmp.Diff(want, brief(drift.Find(drift.Facts{Lock: some, Trees: []installed.Tree{extra}}))); diff != "" {
		t.Errorf("a package that a whole lock file does not have (-want +got):\n%s", diff)
	}
}

// A name does not excuse a package, except where venv itself puts it, nor does another that
// nobody asked for.
func TestPythonExtras(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		lock  string
		asker string // what requires the package
		want  []string
	}{
		"pip":                {lock: "poetry.lock"},
		"setuptools":         {lock: "poetry.lock"},
		"wheel":              {lock: "requirements.txt"},
		"distribute":         {lock: "poetry.lock", want: []string{"fail installed/extra distribute@1.0 distribute"}},
		"uv":                 {lock: "uv.lock", want: []string{"warn installed/extra uv@1.0 uv"}},
		"asked by a":         {lock: "uv.lock", asker: "a", want: []string{"warn installed/extra asked-by-a@1.0 asked by a"}},
		"asked in part by x": {lock: "requirements.txt", asker: "x", want: []string{"warn installed/extra asked-in-part-by-x@1.0 asked in part by x", "warn installed/extra x@1.0 x"}},
		"asked by x":         {lock: "uv.lock", asker: "x", want: []string{"fail installed/extra asked-by-x@1.0 asked by x", "fail installed/extra x@1.0 x"}},
	} {
		key := strings.ReplaceAll(name, " ", "-")
		tree := installed.Tree{Kind: installed.SitePackages, Packages: []installed.Package{
			{Name: "a", Version: "1.0", Path: "a", Key: "a"}, {Name: key, Version: "1.0", Path: name, Key: key},
		}}
		require := []lockfile.Require{{Name: key, Kind: lockfile.Prod, To: -1}}
		switch tc.asker {
		case "a":
			tree.Packages[0].Requires = require
		case "x":
			tree.Packages = append(tree.Packages, installed.Package{Name: "x", Version: "1.0", Path: "x", Key: "x", Requires: require})
		}
		lock := lockfile.Lock{Path: tc.lock, Format: lockfile.Pip, Entries: []lockfile.Entry{
			{Name: "a", Version: "1.0", Source: lockfile.Registry, Integrity: []string{"sha256:x"}}}}
		got := brief(drift.Find(drift.Facts{Lock: lock, Trees: []installed.Tree{tree}}))
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s in %s (-want +got):\n%s", name, tc.lock, diff)
		}
	}
}
