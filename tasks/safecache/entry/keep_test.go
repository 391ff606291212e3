package entry

import (
	"context"
	"testing"
)

func TestKeep(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	save(t, r, with(one, "b", noise(9<<20, 1)), draft("1", "k", "1"))
	d := draft("2", "k", "2")
	d.Bases = []*Entry{find(t, r, mainScope, "k", "1")}
	files := with(one, "b", noise(9<<20, 1), "c", "new")
	saved := save(t, r, files, d)
	in.objects["v1/something"] = []byte("else")
	if err := r.Keep(context.Background(), saved); err != nil {
		t.Fatal(err)
	}
	if got, want := len(in.names("")), 1+len(saved.Manifest.Packs); got != want {
		t.Errorf("Keep left %q, want %d objects", in.names(""), want)
	}
	if got, _ := restore(t, r, find(t, r, mainScope, "k", "2"), RestoreOptions{}); len(got) != len(files) {
		t.Errorf("after Keep, Restore gives %d files, want %d", len(got), len(files))
	}
}

func TestElsewhere(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	d := draft("1", "k")
	d.Scope = pullScope
	save(t, r, one, d)
	for name, tc := range map[string]struct {
		scope  Scope
		values []string
		want   bool
	}{
		"another branch":   {mainScope, []string{"k"}, true},
		"another key":      {mainScope, []string{"l"}, false},
		"a longer key":     {mainScope, []string{"k", "l"}, false},
		"another pipeline": {Scope{"https://dev.azure.com/org", "p", "8", trusted, "refs/heads/main"}, []string{"k"}, false},
	} {
		e, err := r.Elsewhere(context.Background(), tc.scope, tc.values)
		if err != nil || (e != nil) != tc.want || e != nil && e.Manifest.Scope != pullScope {
			t.Errorf("%s: Elsewhere = %v, %v, want an entry: %v", name, e, err, tc.want)
		}
	}
}
