// Package attack_test tells how dependency caches were attacked, and what becomes
// of it here. Every test first lets the attack succeed against what other caches
// do - a plain archive of the folder, made and restored by tar, and found by the
// hash of the lock file - and then tries the same against SafeCache.
//
// The attacker of these tests can do whatever the store's file system allows, knows
// this program, and makes no careless mistakes: where a sum or a name could be
// right, it is. What he does not have is the lock file of the run that restores,
// and the signing key.
package attack_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
	"github.com/guardrails-ci/guardrails/tasks/safecache/entry"
	"github.com/guardrails-ci/guardrails/tasks/safecache/seal"
	"github.com/guardrails-ci/guardrails/tasks/safecache/store"
	"github.com/klauspost/compress/zstd"
)

// childVariable makes a run of this test binary do one thing, as a process of its own.
const childVariable = "GUARDRAILS_ATTACK_CHILD"

func TestMain(m *testing.M) {
	if what := os.Getenv(childVariable); what != "" {
		os.Exit(child(what, os.Args[1:]))
	}
	os.Exit(m.Run())
}

const day = 24 * time.Hour

var (
	mainScope = entry.Scope{Collection: "c", Project: "p", Definition: "7", Tier: "trusted", Branch: "refs/heads/main"}
	today     = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// cache is a store, and those who use it.
type cache struct {
	t   *testing.T
	dir string // the store's
	entry.Repository
}

func newCache(t *testing.T) *cache {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "store")
	return &cache{t, dir, entry.Repository{Store: store.NewDir(dir), Now: func() time.Time { return today }}}
}

// draft is of the entry with this key.
func draft(scope entry.Scope, key ...string) entry.Draft {
	d := entry.Draft{Scope: scope, Producer: entry.Producer{BuildID: "1"}, Expires: today.Add(7 * day)}
	for _, value := range key {
		d.Segments = append(d.Segments, entry.Segment{Source: value, Kind: "string", Value: value})
	}
	return d
}

// save makes an entry of these files.
func (c *cache) save(files map[string]string, d entry.Draft) entry.Saved {
	c.t.Helper()
	saved, err := c.Save(context.Background(), tree(c.t, files), d)
	if err != nil {
		c.t.Fatalf("saving %v for %v: %v", files, d.Scope, err)
	}
	return saved
}

// open restores the entry of a key into a folder that is not there yet.
func (c *cache) open(scope entry.Scope, o entry.RestoreOptions, key ...string) (dst string, err error) {
	c.t.Helper()
	dst = filepath.Join(c.t.TempDir(), "dst")
	return dst, restoreTo(c.Repository, dst, scope, o, key)
}

var errMiss = errors.New("there is no entry")

func restoreTo(r entry.Repository, dst string, scope entry.Scope, o entry.RestoreOptions, key []string) error {
	e, err := r.Find(context.Background(), scope, key)
	if err != nil {
		return err
	}
	if e == nil {
		return errMiss
	}
	_, err = r.Restore(context.Background(), e, dst, o)
	return err
}

// refuses wants the entry of a key to be rejected, for a reason that holds these
// words, and nothing left of it.
func (c *cache) refuses(kind entry.Kind, words string, scope entry.Scope, o entry.RestoreOptions, key ...string) {
	c.t.Helper()
	dst, err := c.open(scope, o, key...)
	var rejection *entry.RejectedError
	if !errors.As(err, &rejection) || rejection.Kind != kind || !strings.Contains(rejection.Reason, words) {
		c.t.Errorf("restoring %q: %v, want a rejection of the kind %s with %q", key, err, kind, words)
	}
	nothingIn(c.t, filepath.Dir(dst))
}

// restores wants the entry of a key to restore these files.
func (c *cache) restores(want map[string]string, scope entry.Scope, o entry.RestoreOptions, key ...string) {
	c.t.Helper()
	dst, err := c.open(scope, o, key...)
	if err != nil {
		c.t.Errorf("restoring %q: %v", key, err)
		return
	}
	same(c.t, dst, want)
}

// same wants a folder to have these files and no others.
func same(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		got[filepath.ToSlash(strings.TrimPrefix(path, dir+string(filepath.Separator)))] = string(data)
		return err
	})
	if err != nil || !equal(got, want) {
		t.Errorf("%s holds %.300q, %v, want %.300q", dir, got, err, want)
	}
}

func equal(a, b map[string]string) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

// nothingIn wants an empty folder.
func nothingIn(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%s holds %v, %v, want nothing", dir, left, err)
	}
}

// tree makes a folder of these files.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		write(t, filepath.Join(root, filepath.FromSlash(name)), content)
	}
	return root
}

func write(t *testing.T, path, content string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(content), 0o644))
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return string(data)
}

// noise is contents that do not shrink, the same for the same seed.
func noise(seed byte, size int) string {
	data := make([]byte, size)
	rand.NewChaCha8([32]byte{seed}).Read(data)
	return string(data)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lockClaims are the claims of a lock file that names these files by their hashes.
func lockClaims(files map[string]string) claim.Set {
	return func(name string) (claim.Claim, bool) {
		content, ok := files[name]
		if !ok {
			return claim.Claim{}, false
		}
		sum := sha256.Sum256([]byte(content))
		return claim.Claim{ID: "sha256-" + hex.EncodeToString(sum[:]), Hash: 5, Sum: sum[:]}, true // crypto.SHA256
	}
}

// payloadType is what the envelope of a manifest says that it holds: docs/format.md.
const payloadType = "application/vnd.guardrails.safecache-manifest.v1+zstd"

// object is where the store's directory keeps an object.
func (c *cache) object(name string) string { return filepath.Join(c.dir, filepath.FromSlash(name)) }

// put writes an object, whatever the store would say.
func (c *cache) put(name string, data []byte) {
	c.t.Helper()
	must(c.t, os.MkdirAll(filepath.Dir(c.object(name)), 0o755))
	if err := os.Remove(c.object(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.t.Fatal(err)
	}
	must(c.t, os.WriteFile(c.object(name), data, 0o600))
}

// objects returns the names of the store's objects that end in suffix.
func (c *cache) objects(suffix string) []string {
	c.t.Helper()
	all, err := c.Store.List(context.Background(), "")
	must(c.t, err)
	var names []string
	for _, o := range all {
		if strings.HasSuffix(o.Name, suffix) {
			names = append(names, o.Name)
		}
	}
	return names
}

// forge puts a manifest that is changed, with sums that are right again, and signed
// if there is a signer.
func (c *cache) forge(saved entry.Saved, change func(*entry.Manifest), signer *seal.Signer) {
	c.t.Helper()
	var m entry.Manifest
	must(c.t, json.Unmarshal(jsonOf(c.t, saved.Manifest), &m)) // a copy
	change(&m)
	m.Totals = entry.Totals{Files: len(m.Files)}
	sum := sha256.New()
	for _, f := range m.Files {
		mark := " - "
		if f.Executable {
			mark = " x "
		}
		io.WriteString(sum, f.SHA256+mark+f.Path+"\n")
		m.Totals.Bytes += f.Size
	}
	for _, dir := range m.EmptyDirs {
		io.WriteString(sum, "d "+dir+"\n")
	}
	for _, p := range m.Packs {
		m.Totals.Stored += p.Size
	}
	m.Content = hex.EncodeToString(sum.Sum(nil))
	c.forgeText(saved.Name, jsonOf(c.t, m), signer)
}

// forgeText puts a manifest of any text.
func (c *cache) forgeText(name string, text []byte, signer *seal.Signer) {
	c.t.Helper()
	c.put(name, seal.Seal(payloadType, compress(c.t, text), signer))
}

func jsonOf(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	must(t, err)
	return text
}

func compress(t *testing.T, data []byte) []byte {
	t.Helper()
	encoder, err := zstd.NewWriter(nil)
	must(t, err)
	return encoder.EncodeAll(data, nil)
}

// What caches do that are plain archives: actions/cache runs tar with -P, Cache@2
// without.

func needsTar(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("what a plain archive does is shown with a Unix tar")
	}
}

// archived is a plain archive of a folder.
func archived(t *testing.T, root string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "cache.tar")
	command(t, root, "tar", "-cPf", name, ".")
	return name
}

// unarchive restores an archive into a new folder beside nothing else.
func unarchive(t *testing.T, name string) string {
	t.Helper()
	dst := filepath.Join(t.TempDir(), "dst")
	must(t, os.Mkdir(dst, 0o755))
	command(t, dst, "tar", "-xpPf", name)
	return dst
}

// command runs a program that is to succeed, and returns what it printed.
func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	out, err := run(dir, nil, name, args...)
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return out
}

func run(dir string, environ []string, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = slices.Concat(os.Environ(), environ)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
