package dirstore

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/guardrails-ci/guardrails/shared/archive"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newStore(dir string) Store {
	return Store{
		Dir: dir, Now: noon, Limits: archive.DefaultLimits(),
		Scope: Scope{Collection: "https://dev.azure.com/org", Project: "p", Definition: "7"},
	}
}

func manifest(build string, values ...string) Manifest {
	m := Manifest{Producer: Producer{BuildID: build, Branch: "refs/heads/main"}}
	for _, v := range values {
		m.Segments = append(m.Segments, Segment{Source: v, Kind: "string", Value: v})
	}
	return m
}

// folder makes a folder with the given files.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		full := filepath.Join(root, filepath.FromSlash(name))
		err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(content), 0o600))
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func save(t testing.TB, s Store, content string, m Manifest) Manifest {
	t.Helper()
	m, err := s.Save(context.Background(), folder(t, map[string]string{"dir/file": content}), m)
	if err != nil {
		t.Fatalf("Save(%v): %v", m.values(), err)
	}
	return m
}

func restored(t testing.TB, e *Entry) string {
	t.Helper()
	dst := filepath.Join(t.TempDir(), "dst")
	if err := e.Restore(context.Background(), dst); err != nil {
		t.Fatalf("Restore of %s: %v", e.Manifest.Fingerprint, err)
	}
	content, err := os.ReadFile(filepath.Join(dst, "dir", "file"))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestSaveAndRestore(t *testing.T) {
	t.Parallel()
	s := newStore(filepath.Join(t.TempDir(), "not", "there", "yet"))
	if e, err := s.Find([]string{"a", "b"}); e != nil || err != nil {
		t.Fatalf("Find in no store = %v, %v, want nothing", e, err)
	}
	saved := save(t, s, "content", manifest("1", "a", "b"))
	e, err := s.Find([]string{"a", "b"})
	if err != nil || e == nil {
		t.Fatalf("Find after Save = %v, %v", e, err)
	}
	if diff := cmp.Diff(saved, e.Manifest); diff != "" {
		t.Errorf("Find after Save (-saved +found):\n%s", diff)
	}
	if saved.Fingerprint != "a|b" || saved.Files != 1 || saved.Bytes != 7 || !saved.Created.Equal(noon) {
		t.Errorf("Save filled in %+v", saved)
	}
	if got := restored(t, e); got != "content" {
		t.Errorf("Restore gave %q, want %q", got, "content")
	}
}

func TestOneEntryForEachKeyAndScope(t *testing.T) {
	t.Parallel()
	s := newStore(t.TempDir())
	save(t, s, "content", manifest("1", "a", "b"))
	other := s
	other.Scope.Definition = "8"
	if e, err := other.Find([]string{"a", "b"}); e != nil || err != nil {
		t.Errorf("Find in another pipeline's scope = %v, %v, want nothing", e, err)
	}
	var exists *ExistsError
	_, err := s.Save(context.Background(), folder(t, map[string]string{"x": ""}), manifest("2", "a", "b"))
	if !errors.As(err, &exists) || err.Error() != "already saved by build 1 of refs/heads/main" {
		t.Errorf("second Save: error %v, want an *ExistsError that names build 1", err)
	}
}

func TestFindPrefix(t *testing.T) {
	t.Parallel()
	s := newStore(t.TempDir())
	long := strings.Split(strings.Repeat("s|", 9)+"1", "|")
	for i, key := range [][]string{
		{"npm", "Linux", "1"}, {"npm", "Linux", "2"}, {"npm", "Linux"}, {"npm", "Windows", "3"}, {"npm-x", "Linux", "4"},
		{"npm|Linux", "5"}, long,
	} {
		s.Now = noon.Add(time.Duration(i) * time.Minute)
		if i == 1 {
			s.Now = noon.Add(time.Hour)
		}
		save(t, s, strings.Join(key, "|"), manifest(strconv.Itoa(i), key...))
	}
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
		e, err := s.FindPrefix(context.Background(), tc.prefix)
		got := ""
		if e != nil {
			got = e.Manifest.Fingerprint
		}
		if err != nil || got != tc.want {
			t.Errorf("%s: FindPrefix(%q) = %q, %v, want %q", name, tc.prefix, got, err, tc.want)
		}
	}
}

// Every change of an entry is noticed, and nothing of it is restored.
func TestTampering(t *testing.T) {
	t.Parallel()
	edit := func(name string, change func(string) string) func(string) error {
		return func(dir string) error {
			text, err := os.ReadFile(filepath.Join(dir, name))
			return errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte(change(string(text))), 0o600))
		}
	}
	replace := func(old, text string) func(string) string {
		return func(s string) string { return strings.ReplaceAll(s, old, text) }
	}
	for name, tc := range map[string]struct {
		change func(dir string) error
		file   string
	}{
		"data changed":        {edit(dataName, func(s string) string { return s[:9] + "x" + s[10:] }), dataName},
		"data cut":            {edit(dataName, func(s string) string { return s[:len(s)-1] }), dataName},
		"data longer":         {edit(dataName, func(s string) string { return s + s }), dataName},
		"file renamed":        {edit(indexName, replace("dir/file", "dir/evil")), indexName},
		"file made a program": {edit(indexName, replace(`"size"`, `"executable":true,"size"`)), indexName},
		"index a folder": {func(d string) error {
			return errors.Join(os.Remove(filepath.Join(d, indexName)), os.Mkdir(filepath.Join(d, indexName), 0o755))
		}, indexName},
		"manifest empty":  {edit(manifestName, func(string) string { return "" }), manifestName},
		"manifest digest": {edit(manifestName, replace(`"sha256": "`, `"sha256": "0`)), indexName},
		"other key":       {edit(manifestName, replace(`"value": "b"`, `"value": "c"`)), manifestName},
		"other name":      {edit(manifestName, replace(`"a|b"`, `"a|c"`)), manifestName},
		"other project":   {edit(manifestName, replace(`"project": "p"`, `"project": "q"`)), manifestName},
		"other schema":    {edit(manifestName, replace(`"schema": 1`, `"schema": 2`)), manifestName},
		"other count":     {edit(manifestName, replace(`"files": 1`, `"files": 2`)), indexName},
		"other bytes":     {edit(manifestName, replace(`"bytes": 80`, `"bytes": 81`)), indexName},
		"huge":            {edit(manifestName, replace("a|b", strings.Repeat(" ", maxManifest))), manifestName},
		"file of another": {edit(indexName, replace("dir/file", "../../file")), indexName},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t.TempDir())
			save(t, s, strings.Repeat("content ", 10), manifest("1", "a", "b"))
			e, err := s.Find([]string{"a", "b"})
			if err != nil {
				t.Fatal(err)
			}
			if err := tc.change(e.Dir); err != nil {
				t.Fatal(err)
			}
			parent := t.TempDir()
			if e, err = s.Find([]string{"a", "b"}); err == nil {
				err = e.Restore(context.Background(), filepath.Join(parent, "dst"))
			}
			var tampered *TamperedError
			if !errors.As(err, &tampered) || tampered.File != tc.file {
				t.Errorf("Restore: error %v, want a *TamperedError of %s", err, tc.file)
			}
			if left, err := os.ReadDir(parent); err != nil || len(left) != 0 {
				t.Errorf("Restore left %v, %v", left, err)
			}
		})
	}
}

// An entry that somebody deletes is a miss, not damage.
func TestDeletedEntry(t *testing.T) {
	t.Parallel()
	s := newStore(t.TempDir())
	save(t, s, "x", manifest("1", "a"))
	e, err := s.Find([]string{"a"})
	if err != nil || os.RemoveAll(e.Dir) != nil {
		t.Fatal(err)
	}
	if e, err := s.Find([]string{"a"}); e != nil || err != nil {
		t.Errorf("Find of a deleted entry = %v, %v, want nothing", e, err)
	}
}

func TestConcurrentSavers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	roots := make([]string, 8)
	for i := range roots {
		roots[i] = folder(t, map[string]string{"dir/file": strconv.Itoa(i)})
	}
	errs := make([]error, len(roots))
	var start, done sync.WaitGroup
	start.Add(1)
	for i := range roots {
		done.Go(func() {
			start.Wait()
			_, errs[i] = newStore(dir).Save(context.Background(), roots[i], manifest(strconv.Itoa(i), "k"))
		})
	}
	start.Done()
	done.Wait()
	e, err := newStore(dir).Find([]string{"k"})
	if err != nil || e == nil {
		t.Fatalf("Find after %d savers = %v, %v", len(roots), e, err)
	}
	winner := restored(t, e)
	if winner != e.Manifest.Producer.BuildID {
		t.Errorf("the entry of build %s holds what build %s saved", e.Manifest.Producer.BuildID, winner)
	}
	for i, err := range errs {
		var exists *ExistsError
		switch {
		case strconv.Itoa(i) == winner && err != nil:
			t.Errorf("saver %d won, but was told %v", i, err)
		case strconv.Itoa(i) != winner && (!errors.As(err, &exists) || exists.Manifest.Producer.BuildID != winner):
			t.Errorf("saver %d was told %v, want that build %s has saved", i, err, winner)
		}
	}
	noTmp(t, newStore(dir))
}

// noTmp fails if there are unfinished entries.
func noTmp(t testing.TB, s Store) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(s.dir(), tmpPrefix+"*"))
	if err != nil || len(left) != 0 {
		t.Errorf("unfinished entries are left: %v, %v", left, err)
	}
}
