package lockfile

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// cargoMetadata is what cargo metadata prints.
type cargoMetadata struct {
	Packages []struct {
		ID, Name, Version string
		Source            *string
		Dependencies      []struct {
			Name, Req    string
			Kind, Target *string
			Optional     bool
		}
	}
	Resolve struct {
		Nodes []struct {
			ID   string
			Deps []struct {
				Pkg string
			}
		}
	}
}

// edges writes a graph down as "from 1.0 > to 2.0 kind range", sorted; without the kind and
// range, if from is no project: Cargo.lock does not say.
func (m cargoMetadata) edges() []string {
	names := map[string]int{}
	for i, p := range m.Packages {
		names[p.ID] = i
	}
	var list []string
	for _, node := range m.Resolve.Nodes {
		from := m.Packages[names[node.ID]]
		for _, dep := range node.Deps {
			to := m.Packages[names[dep.Pkg]]
			edge := from.Name + " " + from.Version + " > " + to.Name + " " + to.Version
			if from.Source == nil {
				for _, d := range from.Dependencies {
					if d.Name != to.Name || to.Source != nil && !cargoAllows(d.Req, to.Version) {
						continue
					}
					kind := Prod
					switch {
					case d.Kind != nil && *d.Kind == "dev":
						kind = Dev
					case d.Optional || d.Target != nil:
						kind = Optional
					}
					list = append(list, edge+" "+string(kind))
				}
				continue
			}
			list = append(list, edge)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// TestCargoGraphIsCargos compares with what cargo metadata says of the same workspace.
func TestCargoGraphIsCargos(t *testing.T) {
	t.Parallel()
	tree := testProject(t, "cargo")
	var metadata cargoMetadata
	if err := json.Unmarshal(tree["metadata.json"].Data, &metadata); err != nil {
		t.Fatal(err)
	}
	lock, err := Read(tree, "Cargo.lock")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range lock.Entries {
		for _, r := range e.Requires {
			to := lock.Entries[r.To]
			edge := e.Name + " " + e.Version + " > " + to.Name + " " + to.Version
			if e.Source == Project {
				edge += " " + string(r.Kind)
			}
			got = append(got, edge)
		}
	}
	slices.Sort(got)
	want := metadata.edges()
	// What nobody switches on is in Cargo.lock all the same.
	want = append(want, "core-lib 0.2.0 > beta 2.0.0 optional")
	slices.Sort(want)
	if diff := cmp.Diff(slices.Compact(want), got); diff != "" {
		t.Errorf("edges (-cargo +ours):\n%s", diff)
	}
	var packages, listed []string
	for _, p := range metadata.Packages {
		packages = append(packages, p.Name+" "+p.Version)
	}
	for _, e := range lock.Entries {
		listed = append(listed, e.Name+" "+e.Version)
	}
	slices.Sort(packages)
	slices.Sort(listed)
	if diff := cmp.Diff(packages, listed); diff != "" {
		t.Errorf("entries (-cargo +ours):\n%s", diff)
	}
}

func TestCargoEntries(t *testing.T) {
	t.Parallel()
	tree := testProject(t, "cargo")
	lock, err := Read(tree, "Cargo.lock")
	if err != nil {
		t.Fatal(err)
	}
	entries := map[string]Entry{}
	for _, e := range lock.Entries {
		entries[e.Name+" "+e.Version] = e
	}
	for name, want := range map[string]Entry{
		"app 0.1.0":      {Line: 17, Source: Project},
		"core-lib 0.2.0": {Line: 51, Source: Project, Location: "crates/core"},
		"side 0.0.1":     {Line: 96, Source: Project, Location: "side"},
		"fromgit 0.9.0": {Line: 70, Source: Git,
			URL: "git+file:///src/gitdep?branch=main#cca5d7206e8838dd18c8d18e0119dbacae41d871"},
		"gamma 0.1.9": {Line: 78, Source: Registry, URL: cratesIO,
			Integrity: []string{"sha256:2baa6a991220278b208e45a9452b120acbfcecc255fb3855d13a50369a15cd9c"}},
	} {
		got := entries[name]
		got.Name, got.Version, got.Requires = "", "", nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	want := Require{Name: "devtool", Range: "5", Kind: Dev, To: 6}
	if !slices.Contains(entries["app 0.1.0"].Requires, want) {
		t.Errorf("app requires %v, want %v", entries["app 0.1.0"].Requires, want)
	}
}

func TestCargoEntriesOfOddFiles(t *testing.T) {
	t.Parallel()
	const other = "git+https://user:secret@x.test/b"
	two := cratePackage("b", "1.0.0", cratesIO, sumA) + cratePackage("b", "1.0.0", other+"#abc", "")
	for name, tc := range map[string]struct {
		lock string
		to   []int // of the first entry's requires
		bad  int   // contradictions
	}{
		"by name":                     {lock: cratePackage("b", "1.0.0", cratesIO, sumA), to: []int{1}},
		"another version":             {lock: cratePackage("b", "2.0.0", cratesIO, sumA), to: []int{1}},
		"two of the name":             {lock: two, to: []int{-1}},
		"nothing of the name":         {to: []int{-1}},
		"there twice":                 {lock: cratePackage("b", "1.0.0", cratesIO, sumA) + cratePackage("b", "1.0.0", cratesIO, sumB), to: []int{-1}, bad: 1},
		"two, and a line that is not": {lock: two + "x = '''\n[[package]]\n'''\n", to: []int{-1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lock, err := Read(mapTree("Cargo.lock", cratePackage("app", "0.1.0", "", "", "b")+tc.lock), "Cargo.lock")
			if err != nil {
				t.Fatal(err)
			}
			var to []int
			for _, r := range lock.Entries[0].Requires {
				to = append(to, r.To)
			}
			if !slices.Equal(to, tc.to) || len(lock.Contradictions) != tc.bad {
				t.Errorf("got requires %v and %d contradictions, want %v and %d", to, len(lock.Contradictions), tc.to, tc.bad)
			}
			for _, e := range lock.Entries {
				if e.Name == "b" && e.Source == Git && e.URL != "git+https://x.test/b#abc" {
					t.Errorf("URL: got %s, want it without user and password", e.URL)
				}
			}
		})
	}
	qualified := cratePackage("app", "0.1.0", "", "", "b 1.0.0 ("+cratesIO+")", "b 1.0.0 ("+other+")") + two
	lock, err := Read(mapTree("Cargo.lock", qualified), "Cargo.lock")
	if err != nil || lock.Entries[0].Requires[0].To != 1 || lock.Entries[0].Requires[1].To != 2 {
		t.Errorf("Read: got %v, %v, want requirements told apart by their sources", lock.Entries, err)
	}
	replaced := cratePackage("app", "0.1.0", "", "", "b 1.0.0 ("+cratesIO+")") +
		cratePackage("b", "1.0.0", cratesIO, "") + "replace = 'b 1.0.0 (" + other + ")'\n" + cratePackage("b", "1.0.0", other+"#abc", "")
	lock, err = Read(mapTree("Cargo.lock", replaced), "Cargo.lock")
	if err != nil || len(lock.Entries[1].Requires) != 1 || lock.Entries[1].Requires[0].To != 2 {
		t.Errorf("Read: got %v, %v, want the replaced crate to lead to the other", lock.Entries, err)
	}
}
