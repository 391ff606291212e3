package entry

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
	"github.com/guardrails-ci/guardrails/tasks/safecache/seal"
	"github.com/guardrails-ci/guardrails/tasks/safecache/store"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// memory is a store whose objects can be looked at, changed and made old, and that
// fails when it is told to.
type memory struct {
	mu      sync.Mutex
	objects map[string][]byte
	put     map[string]time.Time
	now     time.Time
	calls   int
	gets    []string
	fail    func(call int, op, name string) error // may be nil
}

func newMemory() *memory {
	return &memory{objects: map[string][]byte{}, put: map[string]time.Time{}, now: noon}
}

func (m *memory) begin(op, name string) error {
	m.mu.Lock()
	m.calls++
	if m.fail == nil {
		return nil
	}
	return m.fail(m.calls, op, name)
}

func (m *memory) Get(ctx context.Context, name string, buf []byte) ([]byte, error) {
	defer m.mu.Unlock()
	if err := errors.Join(m.begin("get", name), ctx.Err()); err != nil {
		return buf, err
	}
	m.gets = append(m.gets, name)
	data, ok := m.objects[name]
	if !ok {
		return buf, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return append(buf, data...), nil
}

func (m *memory) Put(ctx context.Context, name string, data []byte) error {
	defer m.mu.Unlock()
	if err := errors.Join(m.begin("put", name), ctx.Err(), store.CheckName(name)); err != nil {
		return err
	}
	if _, ok := m.objects[name]; ok {
		return fmt.Errorf("%s: %w", name, fs.ErrExist)
	}
	m.objects[name], m.put[name] = slices.Clone(data), m.now
	return nil
}

func (m *memory) List(ctx context.Context, prefix string) ([]store.Object, error) {
	defer m.mu.Unlock()
	if err := errors.Join(m.begin("list", prefix), ctx.Err()); err != nil {
		return nil, err
	}
	var found []store.Object
	for name, data := range m.objects {
		if strings.HasPrefix(name, prefix) {
			found = append(found, store.Object{Name: name, Size: int64(len(data)), Modified: m.put[name]})
		}
	}
	slices.SortFunc(found, func(a, b store.Object) int { return strings.Compare(a.Name, b.Name) })
	return found, nil
}

func (m *memory) Delete(ctx context.Context, name string) error {
	defer m.mu.Unlock()
	if err := errors.Join(m.begin("delete", name), ctx.Err()); err != nil {
		return err
	}
	delete(m.objects, name)
	return nil
}

// names returns the objects whose names hold a text.
func (m *memory) names(part string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []string
	for name := range m.objects {
		if strings.Contains(name, part) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

var (
	mainScope = Scope{"https://dev.azure.com/org", "p", "7", trusted, "refs/heads/main"}
	pullScope = Scope{"https://dev.azure.com/org", "p", "7", untrusted, "refs/pull/12/merge"}
)

func newRepository(s store.Store) Repository {
	return Repository{Store: s, Now: func() time.Time { return noon }}
}

// at is the repository at another time.
func (r Repository) at(t time.Time) Repository {
	r.Now = func() time.Time { return t }
	if m, ok := r.Store.(*memory); ok {
		m.mu.Lock()
		m.now = t
		m.mu.Unlock()
	}
	return r
}

func newSigner(t testing.TB, n byte) *seal.Signer {
	t.Helper()
	s, err := seal.ParseSigner(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{n}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func draft(build string, values ...string) Draft {
	d := Draft{Scope: mainScope, Producer: Producer{BuildID: build, Branch: "refs/heads/main"}, Expires: noon.Add(7 * day)}
	for _, v := range values {
		d.Segments = append(d.Segments, Segment{Source: v, Kind: "string", Value: v})
	}
	return d
}

// folder makes a folder with the given files. Names that end in a slash are empty
// folders; contents that begin with #! are programs.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		full := filepath.Join(root, filepath.FromSlash(name))
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(full, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		perm := fs.FileMode(0o644)
		if strings.HasPrefix(content, "#!") {
			perm = 0o755
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(content), perm)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// contents reads back what folder makes.
func contents(t testing.TB, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if entry.IsDir() {
			if inside, err := os.ReadDir(name); err == nil && len(inside) == 0 && rel != "." {
				found[rel+"/"] = ""
			}
			return nil
		}
		text, err := os.ReadFile(name)
		info, err2 := entry.Info()
		if err2 == nil && filepath.Separator == '/' && (info.Mode()&0o100 != 0) != strings.HasPrefix(string(text), "#!") {
			t.Errorf("%s has mode %v", rel, info.Mode())
		}
		found[rel] = string(text)
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func save(t testing.TB, r Repository, files map[string]string, d Draft) Saved {
	t.Helper()
	saved, err := r.Save(context.Background(), folder(t, files), d)
	if err != nil {
		t.Fatalf("Save(%q): %v", valuesOf(d.Segments), err)
	}
	return saved
}

func find(t testing.TB, r Repository, scope Scope, values ...string) *Entry {
	t.Helper()
	e, err := r.Find(context.Background(), scope, values)
	if err != nil || e == nil {
		t.Fatalf("Find(%q) = %v, %v, want an entry", values, e, err)
	}
	return e
}

func restore(t testing.TB, r Repository, e *Entry, o RestoreOptions) (map[string]string, Restored) {
	t.Helper()
	parent := t.TempDir()
	restored, err := r.Restore(context.Background(), e, filepath.Join(parent, "dst"), o)
	if err != nil {
		t.Fatalf("Restore(%s): %v", e.Name, err)
	}
	onlyEntry(t, parent, "dst")
	return contents(t, filepath.Join(parent, "dst")), restored
}

// onlyEntry fails unless dir holds want and nothing else.
func onlyEntry(t testing.TB, dir string, want ...string) {
	t.Helper()
	inside, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range inside {
		got = append(got, entry.Name())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s holds (-want +got):\n%s", dir, diff)
	}
}

// refused fails unless finding and restoring the key is rejected for the kind of
// reason, and leaves what was there before.
func refused(t testing.TB, r Repository, scope Scope, kind Kind, values []string, o RestoreOptions) *RejectedError {
	t.Helper()
	parent := t.TempDir()
	dst := filepath.Join(parent, "dst")
	if err := errors.Join(os.Mkdir(dst, 0o755), os.WriteFile(filepath.Join(dst, "old"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	e, err := r.Find(context.Background(), scope, values)
	if err == nil && e != nil {
		_, err = r.Restore(context.Background(), e, dst, o)
	}
	var rejection *RejectedError
	if !errors.As(err, &rejection) || rejection.Kind != kind || strings.Contains(err.Error(), "\n") {
		t.Errorf("restoring %q: %T %v, want a *RejectedError of kind %q in one line", values, err, err, kind)
		rejection = &RejectedError{}
	}
	onlyEntry(t, parent, "dst")
	onlyEntry(t, dst, "old")
	return rejection
}

// named claims the files of a map, by their SHA-512.
func named(files map[string]string) claim.Set {
	return func(path string) (claim.Claim, bool) {
		text, ok := files[path]
		sum := sha512.Sum512([]byte(text))
		return claim.Claim{ID: fmt.Sprintf("sha512-%x", sum[:8]), Hash: crypto.SHA512, Sum: sum[:]}, ok
	}
}

// noise is text that does not shrink.
func noise(size int, seed uint32) string {
	data := make([]byte, size)
	for i, x := 0, seed*2654435761+1; i < len(data); i++ {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		data[i] = byte(x)
	}
	return string(data)
}
