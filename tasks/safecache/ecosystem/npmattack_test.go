package ecosystem

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// evilArchive is what the attacker would have npm install as has-flag 4.0.0.
func evilArchive(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, text := range map[string]string{
		"package/package.json": `{"name": "has-flag", "version": "4.0.0"}`,
		"package/index.js":     `console.log("EVIL"); module.exports = () => false`,
	} {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// poison adds the archive to npm's cache and has the index lead to it, as someone
// can who may write the cache of a pipeline. It returns the archive's path.
func poison(t *testing.T, cache string, archive []byte) string {
	t.Helper()
	sum := sha512.Sum512(archive)
	digest := hex.EncodeToString(sum[:])
	content := path.Join("_cacache/content-v2/sha512", digest[:2], digest[2:4], digest[4:])
	write(t, filepath.Join(cache, filepath.FromSlash(content)), string(archive))
	poisoned := 0
	err := filepath.WalkDir(filepath.Join(cache, "_cacache", "index-v5"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil || !bytes.Contains(data, []byte("/has-flag-4.0.0.tgz")) {
			return err
		}
		_, text, _ := strings.Cut(strings.TrimSpace(string(data)), "\t")
		var entry map[string]any
		if err := json.Unmarshal([]byte(text), &entry); err != nil {
			return err
		}
		entry["integrity"] = "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
		entry["size"] = len(archive)
		line, err := json.Marshal(entry)
		if err != nil {
			return err
		}
		poisoned++
		write(t, name, fmt.Sprintf("\n%x\t%s", sha1.Sum(line), line)) // the index's own check
		return nil
	})
	if err != nil || poisoned == 0 {
		t.Fatalf("poisoned %d index entries: %v", poisoned, err)
	}
	return content
}

// everything copies a cache as tar would.
func everything(t *testing.T, cache string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(cache)); err != nil {
		t.Fatal(err)
	}
	return to
}

const useHasFlag = `require("has-flag")("x") || console.log("genuine")`

// checkRuns checks what the has-flag that is installed says.
func (p nodeProject) checkRuns(t *testing.T, want string) {
	t.Helper()
	if out, err := p.node(t, nil, "-e", useHasFlag); err != nil || !strings.HasPrefix(out, want) {
		t.Errorf("has-flag: got %q %v, want %q", out, err, want)
	}
}

func TestNPMBelievesAPoisonedIndexButTheClaimsDropIt(t *testing.T) {
	t.Parallel()
	p := newNodeProject(t, "npm3", npmScript, npm, npmEnv...)
	cache := t.TempDir()
	p.must(t, []string{"npm_config_cache=" + cache}, "ci")
	// The registry's metadata is in the cache, too: what was the newest version then.
	p.must(t, []string{"npm_config_cache=" + cache}, "install", "--no-save", "--package-lock=false", "has-flag@^4.0.0")
	genuine, before := p.keep(t, cache)
	evil := poison(t, cache, evilArchive(t))

	t.Run("our claims", func(t *testing.T) {
		kept, names := p.keep(t, cache)
		if diff := cmp.Diff(before, names); diff != "" || slices.Contains(names, evil) || len(names) != 14 {
			t.Errorf("claimed %d files, the evil one among them: %v (-before +after):\n%s",
				len(names), slices.Contains(names, evil), diff)
		}
		p.clean(t)
		if out, err := p.npmOffline(t)(kept); err != nil {
			t.Fatal(err, out)
		}
		p.checkRuns(t, "genuine")
	})

	t.Run("npm cache verify passes", func(t *testing.T) {
		restored := everything(t, cache)
		out := p.must(t, []string{"npm_config_cache=" + restored}, "cache", "verify")
		if !strings.Contains(out, "Content verified") {
			t.Errorf("npm cache verify said %q", out)
		}
		if _, err := os.Stat(filepath.Join(restored, filepath.FromSlash(evil))); err != nil {
			t.Errorf("npm cache verify removed the evil archive: %v", err)
		}
	})

	t.Run("with integrity npm takes the genuine one", func(t *testing.T) {
		p.clean(t)
		if out, err := p.npmOffline(t)(everything(t, cache)); err != nil {
			t.Fatal(err, out)
		}
		p.checkRuns(t, "genuine")
	})

	t.Run("without integrity the whole cache is EVIL", func(t *testing.T) {
		p.dropIntegrity(t, "has-flag")
		if !slices.Equal(p.lock.Unproven, []string{"has-flag@4.0.0"}) {
			t.Errorf("Unproven: got %q, want has-flag: nothing may be saved or restored for such a lock file", p.lock.Unproven)
		}
		p.clean(t)
		if out, err := p.npmOffline(t)(everything(t, cache)); err != nil {
			t.Fatal(err, out)
		}
		p.checkRuns(t, "EVIL")
	})

	t.Run("without integrity our claims have none", func(t *testing.T) {
		p.clean(t)
		if out, err := p.npmOffline(t)(genuine); err == nil {
			t.Errorf("npm found has-flag without its hash and without an index\n%s", out)
		}
	})
}

// dropIntegrity takes a package's hash out of the lock file, and reads it again.
func (p *nodeProject) dropIntegrity(t *testing.T, name string) {
	t.Helper()
	file := filepath.Join(p.dir, "package-lock.json")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var lock map[string]any
	if err := json.Unmarshal(data, &lock); err != nil {
		t.Fatal(err)
	}
	delete(lock["packages"].(map[string]any)["node_modules/"+name].(map[string]any), "integrity")
	if data, err = json.Marshal(lock); err != nil {
		t.Fatal(err)
	}
	write(t, file, string(data))
	p.read(t)
}
