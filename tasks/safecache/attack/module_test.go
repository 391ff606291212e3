package attack_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
	"github.com/guardrails-ci/guardrails/tasks/safecache/ecosystem"
	"github.com/guardrails-ci/guardrails/tasks/safecache/entry"
)

// modules is a module that needs another, which a proxy of files has.
type modules struct {
	t       *testing.T
	project string
	proxy   string
}

const (
	zipName  = "cache/download/example.com/greet/@v/v1.0.0.zip"
	hashName = "cache/download/example.com/greet/@v/v1.0.0.ziphash"
)

func newModules(t *testing.T) modules {
	t.Helper()
	m := modules{t, t.TempDir(), t.TempDir()}
	versions := filepath.Join(m.proxy, "example.com/greet/@v")
	write(t, filepath.Join(versions, "list"), "v1.0.0\n")
	write(t, filepath.Join(versions, "v1.0.0.info"), `{"Version":"v1.0.0","Time":"2026-01-01T00:00:00Z"}`)
	write(t, filepath.Join(versions, "v1.0.0.mod"), "module example.com/greet\n")
	write(t, filepath.Join(versions, "v1.0.0.zip"), moduleZip(t, "genuine"))
	write(t, filepath.Join(m.project, "go.mod"),
		"module example.com/shop\n\ngo 1.26\n\nrequire example.com/greet v1.0.0\n")
	write(t, filepath.Join(m.project, "main.go"),
		"package main\n\nimport \"example.com/greet\"\n\nfunc main() { println(greet.Text) }\n")
	return m
}

func moduleZip(t *testing.T, text string) string {
	t.Helper()
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	for name, content := range map[string]string{
		"go.mod": "module example.com/greet\n", "greet.go": "package greet\n\nconst Text = \"ships " + text + "\"\n",
	} {
		part, err := w.Create(path.Join("example.com/greet@v1.0.0", name))
		must(t, err)
		if _, err := part.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	must(t, w.Close())
	return packed.String()
}

// download fills a new module cache from the proxy.
func (m modules) download() string {
	m.t.Helper()
	cache := m.t.TempDir()
	if out, err := m.goCommand(cache, "GOPROXY=file://"+filepath.ToSlash(m.proxy), "mod", "tidy"); err != nil {
		m.t.Fatalf("go mod tidy: %v\n%s", err, out)
	}
	return cache
}

// goCommand runs go with this module cache, without a network.
func (m modules) goCommand(cache, proxy string, args ...string) (string, error) {
	return run(m.project, []string{
		"GOMODCACHE=" + cache, proxy, "GOFLAGS=-modcacherw", "GONOSUMDB=*", "GOSUMDB=off", "GOWORK=off", "GOTOOLCHAIN=local",
	}, "go", args...)
}

// ships returns what a build prints that has this module cache and no proxy.
func (m modules) ships(cache string) (string, error) {
	return m.goCommand(cache, "GOPROXY=off", "run", ".")
}

// claims are those of the project's go.sum.
func (m modules) claims() claim.Set {
	m.t.Helper()
	lock, err := lockfile.Read(os.DirFS(m.project), "go.sum")
	must(m.t, err)
	golang, _ := ecosystem.Named("go")
	plan := golang.Plan([]lockfile.Lock{lock})
	if plan.Unproven != "" {
		m.t.Fatalf("go.sum proves nothing: %s", plan.Unproven)
	}
	return plan.Claims
}

// The go command checks a module's zip when it downloads it. What is in the cache it
// believes: of the file .ziphash beside the zip, and not of the zip, it asks whether
// it is in go.sum. Whoever can write to the cache for a moment needs nothing else.
func TestTamperedModule(t *testing.T) {
	t.Parallel()
	m := newModules(t)
	downloaded := m.download()
	claims := m.claims()
	poison := func(cache string) { write(t, filepath.Join(cache, filepath.FromSlash(zipName)), moduleZip(t, "EVIL")) }
	if out, err := m.ships(downloaded); err != nil || !strings.Contains(out, "ships genuine") {
		t.Fatalf("go run of what was downloaded: %v\n%s", err, out)
	}

	// A plain archive of a cache that was tampered with.
	needsTar(t)
	poisoned := tree(t, nil)
	must(t, os.CopyFS(filepath.Join(poisoned, "cache"), os.DirFS(filepath.Join(downloaded, "cache"))))
	poison(poisoned)
	restored := unarchive(t, archived(t, poisoned))
	if out, err := m.ships(restored); err != nil || !strings.Contains(out, "ships EVIL") {
		t.Errorf("go run: %v\n%s\nwant it to ship EVIL, and to find nothing wrong", err, out)
	}
	if out, err := m.goCommand(restored, "GOPROXY=off", "mod", "verify"); err == nil {
		t.Errorf("go mod verify finds nothing wrong: %s", out)
	}

	// It is not saved, with its genuine hash or without.
	c := newCache(t)
	d := draft(mainScope, "k")
	d.Claims = claims
	for _, left := range []string{hashName, zipName} {
		_, err := c.Save(context.Background(), poisoned, d)
		var file *entry.FileError
		if !errors.As(err, &file) || file.Path != zipName {
			t.Errorf("saving the tampered cache: %v, want a *FileError about %s", err, zipName)
		}
		if left == hashName {
			must(t, os.Remove(filepath.Join(poisoned, filepath.FromSlash(left))))
		}
	}

	// Nor is it restored, whoever has put it into the store, and however.
	attacker := *c
	forged := draft(mainScope, "k")
	attacker.save(map[string]string{
		zipName: moduleZip(t, "EVIL"), hashName: read(t, filepath.Join(downloaded, filepath.FromSlash(hashName))),
	}, forged)
	c.refuses(entry.KindClaim, "v1.0.0.zip", mainScope, entry.RestoreOptions{Claims: claims}, "k")

	// The genuine one is, without the extracted trees, and is all that a build needs.
	d.Replaces = c.objects(".json")[0]
	saved, err := c.Save(context.Background(), downloaded, d)
	must(t, err)
	dst, err := c.open(mainScope, entry.RestoreOptions{Claims: claims}, "k")
	must(t, err)
	if out, err := m.ships(dst); err != nil || !strings.Contains(out, "ships genuine") {
		t.Errorf("go run of what was restored: %v\n%s", err, out)
	}
	if out, err := m.goCommand(dst, "GOPROXY=off", "mod", "verify"); err != nil {
		t.Errorf("go mod verify of what was restored: %v\n%s", err, out)
	}
	for _, f := range saved.Manifest.Files {
		if !strings.HasPrefix(f.Path, "cache/download/") {
			t.Errorf("saved %s, which nothing proves", f.Path)
		}
	}
}
