package entry

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/safecache/seal"
)

var one = map[string]string{"a": "one"}

func TestSignatures(t *testing.T) {
	t.Parallel()
	ours, other := newSigner(t, 0), newSigner(t, 1)
	known := []seal.Key{ours.Key()}
	both := []seal.Key{other.Key(), ours.Key()}
	for name, tc := range map[string]struct {
		signer *seal.Signer
		keys   []seal.Key
		scope  Scope
		prove  bool
		want   string // "" if the entry is restored
	}{
		"nobody signs, nobody asks":   {nil, nil, mainScope, false, ""},
		"signed, nobody asks":         {ours, nil, mainScope, false, ""},
		"signed":                      {ours, known, mainScope, false, ""},
		"signed by one of two":        {ours, both, mainScope, true, ""},
		"not signed":                  {nil, known, mainScope, false, "it is not signed, and every"},
		"signed by somebody":          {other, known, mainScope, false, other.Key().ID()},
		"to prove, signed":            {ours, known, mainScope, true, ""},
		"to prove, not signed":        {nil, nil, mainScope, true, "nothing else proves"},
		"to prove, unknown key":       {ours, nil, mainScope, true, "nothing else proves"},
		"untrusted":                   {nil, known, pullScope, false, ""},
		"untrusted, by somebody":      {other, known, pullScope, false, ""},
		"untrusted, to prove":         {nil, known, pullScope, true, "nothing else proves"},
		"untrusted, signed, to prove": {ours, known, pullScope, true, ""},
	} {
		in := newMemory()
		r := newRepository(in)
		r.Signer = tc.signer
		d := draft("1", "k")
		d.Scope = tc.scope
		save(t, r, one, d)
		r.Keys = tc.keys
		o := RestoreOptions{MustProve: tc.prove}
		if tc.want == "" {
			restore(t, r, find(t, r, tc.scope, "k"), o)
		} else if got := refused(t, r, tc.scope, KindSignature, []string{"k"}, o); !strings.Contains(got.Reason, tc.want) {
			t.Errorf("%s: %v, want %q", name, got, tc.want)
		}
	}
}

// What a signature covers cannot be changed, nor used for something else.
func TestSignedManifestsAreBound(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	r.Signer = newSigner(t, 0)
	r.Keys = []seal.Key{r.Signer.Key()}
	saved := save(t, r, one, draft("1", "k"))
	good := in.objects[saved.Name]
	for name, tc := range map[string]struct {
		scope      Scope
		values     []string
		generation int
		kind       Kind
	}{
		"under another key":        {mainScope, []string{"other"}, 1, KindKey},
		"under a longer key":       {mainScope, []string{"k", "2"}, 1, KindKey},
		"on another branch":        {Scope{mainScope.Collection, "p", "7", trusted, "refs/heads/x"}, []string{"k"}, 1, KindScope},
		"in another pipeline":      {Scope{mainScope.Collection, "p", "8", trusted, "refs/heads/main"}, []string{"k"}, 1, KindScope},
		"in another project":       {Scope{mainScope.Collection, "q", "7", trusted, "refs/heads/main"}, []string{"k"}, 1, KindScope},
		"in another organisation":  {Scope{"https://evil", "p", "7", trusted, "refs/heads/main"}, []string{"k"}, 1, KindScope},
		"in a pull request":        {pullScope, []string{"k"}, 1, KindScope},
		"as a newer generation":    {mainScope, []string{"k"}, 2, KindTampered},
		"as the newest generation": {mainScope, []string{"k"}, 99999999, KindTampered},
	} {
		replayed := newMemory()
		for name, object := range in.objects {
			replayed.objects[name] = object
		}
		replayed.objects[manifestName(tc.scope, tc.values, tc.generation)] = good
		elsewhere := r
		elsewhere.Store = replayed
		t.Log(name)
		refused(t, elsewhere, tc.scope, tc.kind, tc.values, RestoreOptions{})
	}
	// Changed and signed by nobody, or by the wrong one.
	m := clone(t, saved.Manifest)
	m.Expires = m.Expires.Add(1000 * day)
	in.write(t, saved.Name, string(encode(m)), nil)
	refused(t, r, mainScope, KindSignature, []string{"k"}, RestoreOptions{})
	in.write(t, saved.Name, string(encode(m)), newSigner(t, 1))
	refused(t, r, mainScope, KindSignature, []string{"k"}, RestoreOptions{})
	// The genuine signature over something else.
	in.objects[saved.Name] = []byte(strings.Replace(string(good), `"payload":"`, `"payload":"AAAA`, 1))
	refused(t, r, mainScope, KindSignature, []string{"k"}, RestoreOptions{})
}

func TestNothingIsSavedThatNobodyWouldBelieve(t *testing.T) {
	t.Parallel()
	ours, other := newSigner(t, 0), newSigner(t, 1)
	for name, tc := range map[string]struct {
		signer *seal.Signer
		scope  Scope
		want   bool
	}{
		"no key":               {nil, mainScope, false},
		"a key nobody knows":   {other, mainScope, false},
		"the key":              {ours, mainScope, true},
		"no key, untrusted":    {nil, pullScope, true},
		"wrong key, untrusted": {other, pullScope, true},
	} {
		in := newMemory()
		r := newRepository(in)
		r.Keys, r.Signer = []seal.Key{ours.Key()}, tc.signer
		d := draft("1", "k")
		d.Scope = tc.scope
		_, err := r.Save(context.Background(), folder(t, one), d)
		if (err == nil) != tc.want || !tc.want && (!isRejected(err) || len(in.objects) > 0) {
			t.Errorf("%s: Save: error %v, and %d objects, want success: %v", name, err, len(in.objects), tc.want)
		}
	}
}

func TestAge(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	save(t, r, one, draft("1", "k"))
	for name, tc := range map[string]struct {
		now    time.Time
		maxAge time.Duration
		want   bool
	}{
		"now":                {noon, 0, true},
		"slow clock":         {noon.Add(-5 * time.Minute), 0, true},
		"before it was":      {noon.Add(-time.Hour), 0, false},
		"the last moment":    {noon.Add(7*day - 1), 0, true},
		"expired":            {noon.Add(7 * day), 0, false},
		"within its time":    {noon.Add(2 * day), 2 * day, true},
		"too old for us":     {noon.Add(2*day + 1), 2 * day, false},
		"later than it says": {noon.Add(8 * day), 99 * day, false},
	} {
		r := r.at(tc.now)
		r.MaxAge = tc.maxAge
		if tc.want {
			restore(t, r, find(t, r, mainScope, "k"), RestoreOptions{})
		} else {
			t.Log(name)
			refused(t, r, mainScope, KindExpired, []string{"k"}, RestoreOptions{})
		}
	}
	// It expires between Find and Restore.
	e := find(t, r.at(noon), mainScope, "k")
	if _, err := r.at(noon.Add(8*day)).Restore(context.Background(), e, t.TempDir()+"/dst", RestoreOptions{}); !isRejected(err) {
		t.Errorf("Restore of an entry that has expired since: error %v", err)
	}
	if _, err := r.Restore(context.Background(), &Entry{Name: e.Name, Manifest: e.Manifest}, t.TempDir()+"/dst", RestoreOptions{}); err == nil {
		t.Error("Restore of an entry that Find has not seen succeeded")
	}
}

// What must be replaced can be: the next saver makes a new generation.
func TestGenerations(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	first := save(t, r, one, draft("1", "k"))
	var exists *ExistsError
	_, err := r.Save(context.Background(), folder(t, one), draft("2", "k"))
	if !errors.As(err, &exists) || !exists.SameContent || exists.Manifest.Producer.BuildID != "1" ||
		err.Error() != "already saved by build 1 of refs/heads/main" {
		t.Errorf("second Save: error %v, want an *ExistsError that names build 1", err)
	}
	_, err = r.Save(context.Background(), folder(t, with(one, "b", "2")), draft("2", "k"))
	if !errors.As(err, &exists) || exists.SameContent || !strings.Contains(err.Error(), "different contents") {
		t.Errorf("second Save of other files: error %v, want an *ExistsError that says so", err)
	}
	// Expired: replaced.
	later := r.at(noon.Add(7 * day))
	d := draft("3", "k")
	d.Expires = noon.Add(14 * day)
	third := save(t, later, one, d)
	if third.Manifest.Generation != 2 || find(t, later, mainScope, "k").Manifest.Producer.BuildID != "3" {
		t.Errorf("Save after an expired entry made %s", third.Name)
	}
	// Too old for this pipeline: replaced.
	strict := r.at(noon.Add(10 * day))
	strict.MaxAge = day
	if got := save(t, strict, one, d); got.Manifest.Generation != 3 {
		t.Errorf("Save after an entry that is too old made %s", got.Name)
	}
	// Tampered with: replaced.
	in.objects[manifestName(mainScope, []string{"k"}, 7)] = []byte("junk")
	if got := save(t, strict, one, d); got.Manifest.Generation != 8 {
		t.Errorf("Save after junk made %s", got.Name)
	}
	// Rejected when it was restored: replaced, but only that one.
	d.Replaces = manifestName(mainScope, []string{"k"}, 8)
	if got := save(t, strict, one, d); got.Manifest.Generation != 9 {
		t.Errorf("Save after a rejected entry made %s", got.Name)
	}
	if _, err := strict.Save(context.Background(), folder(t, one), d); !errors.As(err, &exists) {
		t.Errorf("Save after a rejected entry that was replaced already: error %v, want an *ExistsError", err)
	}
	// No more numbers.
	in.objects[manifestName(mainScope, []string{"k"}, 99999999)] = []byte("junk")
	if _, err := r.Save(context.Background(), folder(t, one), d); err == nil || !strings.Contains(err.Error(), "too often") {
		t.Errorf("Save after the last generation: error %v", err)
	}
	if first.Manifest.Generation != 1 {
		t.Errorf("the first Save made %s", first.Name)
	}
}

func TestFindPrefix(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	long := strings.Split(strings.Repeat("s|", 9)+"1", "|")
	for i, key := range [][]string{
		{"npm", "Linux", "1"}, {"npm", "Linux", "2"}, {"npm", "Linux"}, {"npm", "Windows", "3"}, {"npm-x", "Linux", "4"},
		{"npm|Linux", "5"}, long,
	} {
		at := noon.Add(time.Duration(i) * time.Minute)
		if i == 1 {
			at = noon.Add(time.Hour)
		}
		save(t, r.at(at), one, draft("1", key...))
	}
	later := r.at(noon.Add(2 * time.Hour))
	for name, tc := range map[string]struct {
		prefix []string
		want   string
	}{
		"newest of several":       {[]string{"npm", "Linux"}, "npm|Linux|2"},
		"one segment":             {[]string{"npm"}, "npm|Linux|2"},
		"other branch of the key": {[]string{"npm", "Windows"}, "npm|Windows|3"},
		"whole key":               {[]string{"npm", "Linux", "1"}, "npm|Linux|1"},
		"not by characters":       {[]string{"np"}, ""},
		"nor by text":             {[]string{"npm|Linux"}, "npm|Linux|5"},
		"none":                    {nil, "npm|Linux|2"},
		"longer than any":         {[]string{"npm", "Linux", "1", "x"}, ""},
		"more than the name has":  {long[:8], strings.Join(long, "|")},
		"wrong beyond the name":   {append(long[:8:8], "x"), ""},
	} {
		e, err := later.FindPrefix(context.Background(), mainScope, tc.prefix)
		got := ""
		if e != nil {
			got = e.Manifest.Fingerprint
		}
		if err != nil || got != tc.want {
			t.Errorf("%s: FindPrefix(%q) = %q, %v, want %q", name, tc.prefix, got, err, tc.want)
		}
		if e, err := later.FindPrefix(context.Background(), pullScope, tc.prefix); e != nil || err != nil {
			t.Errorf("%s: FindPrefix(%q) in another scope = %v, %v, want nothing", name, tc.prefix, e, err)
		}
	}
	// The newest is damaged: the next one is found, and if all are, that is said.
	in.objects[manifestName(mainScope, []string{"npm", "Linux", "2"}, 1)] = []byte("junk")
	var notes []string
	later.Note = func(text string) { notes = append(notes, text) }
	e, err := later.FindPrefix(context.Background(), mainScope, []string{"npm", "Linux"})
	if err != nil || e == nil || e.Manifest.Fingerprint != "npm|Linux" || len(notes) != 1 {
		t.Errorf("FindPrefix beside a damaged entry = %v, %v, with notes %q", e, err, notes)
	}
	for _, name := range in.names(jsonSuffix) {
		in.objects[name] = []byte("junk")
	}
	if e, err := later.FindPrefix(context.Background(), mainScope, []string{"npm"}); e != nil || !isRejected(err) {
		t.Errorf("FindPrefix among damaged entries = %v, %v, want a *RejectedError", e, err)
	}
}

func TestListAndDelete(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	save(t, r, one, draft("1", "k"))
	d := draft("2", "k", "l")
	d.Scope = pullScope
	save(t, r, one, d)
	in.objects[manifestName(mainScope, []string{"k"}, 2)] = []byte("junk")
	all, err := r.List(context.Background(), nil)
	if err != nil || len(all) != 3 || all[0].Entry == nil || !isRejected(all[1].Err) || all[2].Entry.Manifest.Fingerprint != "k|l" {
		t.Errorf("List = %+v, %v, want three entries, the second of them rejected", all, err)
	}
	some, err := r.List(context.Background(), &pullScope)
	if err != nil || len(some) != 1 || some[0].Entry.Manifest.Scope != pullScope || some[0].Size == 0 {
		t.Errorf("List of one scope = %+v, %v, want one entry", some, err)
	}
	elsewhere := mainScope
	elsewhere.Definition = "8"
	d.Scope = elsewhere
	saved := save(t, r, one, d)
	pipeline := Scope{Collection: mainScope.Collection, Project: mainScope.Project, Definition: mainScope.Definition}
	if some, err = r.List(context.Background(), &pipeline); err != nil || len(some) != 3 {
		t.Errorf("List of one pipeline = %+v, %v, want its three entries", some, err)
	}
	for _, tc := range []struct {
		scope  Scope
		values []string
		want   bool
	}{
		{mainScope, []string{"k"}, true}, {pipeline, []string{"k"}, true}, {pullScope, []string{"k"}, false},
		{elsewhere, []string{"k"}, false}, {mainScope, []string{"k", "l"}, false},
	} {
		if got := all[1].IsOf(tc.scope, tc.values); got != tc.want {
			t.Errorf("junk of the key k on main: IsOf(%v, %q) = %v, want %v", tc.scope, tc.values, got, tc.want)
		}
	}
	delete(in.objects, saved.Name)
	for _, name := range append(in.names(packSuffix), "", "v1", "../x/e/y/00000001.json", "v1/t/a/b/e/c") {
		if err := r.Delete(context.Background(), name); err == nil {
			t.Errorf("Delete(%q) succeeded", name)
		}
	}
	if err := r.Delete(context.Background(), all[0].Name); err != nil {
		t.Fatal(err)
	}
	if e, err := r.Find(context.Background(), mainScope, []string{"k"}); e != nil || err != nil {
		t.Errorf("Find after Delete = %v, %v, want nothing", e, err)
	}
	if left := in.names(jsonSuffix); len(left) != 1 {
		t.Errorf("Delete left %q, want the other scope's entry", left)
	}
}
