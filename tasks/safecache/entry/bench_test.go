package entry

import (
	"context"
	"crypto"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
	"github.com/guardrails-ci/guardrails/tasks/safecache/store"
)

// npmTree makes a folder like npm's cache: files named by their SHA-512, most of
// them small, a few big. Some are text, as metadata is; the others do not shrink.
func npmTree(b *testing.B, files int, text bool) (root string, claims claim.Set, bytes int64) {
	b.Helper()
	root = b.TempDir()
	sums := map[string][]byte{}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range files {
		// Log-normal, as measured: a median of a few KB, and a mean of 60.
		size := int(math.Exp(random.NormFloat64()*2+8.3)) % (40 << 20)
		data := []byte(noise(size, uint32(i)))
		if text && i%4 != 0 {
			data = []byte(hex.EncodeToString(data))[:size]
		} else if size > 2 {
			copy(data, "\x1f\x8b")
		}
		sum := sha512.Sum512(data)
		name := hex.EncodeToString(sum[:])
		path := "content-v2/sha512/" + name[:2] + "/" + name[2:4] + "/" + name[4:]
		full := filepath.Join(root, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(full, data, 0o600); err != nil {
			b.Fatal(err)
		}
		sums[path] = sum[:]
		bytes += int64(size)
	}
	return root, func(path string) (claim.Claim, bool) {
		sum, ok := sums[path]
		return claim.Claim{ID: "sha512", Hash: crypto.SHA512, Sum: sum}, ok
	}, bytes
}

func BenchmarkSave(b *testing.B) {
	for name, text := range map[string]bool{"npm": false, "text": true} {
		b.Run(name, func(b *testing.B) {
			root, claims, bytes := npmTree(b, 5000, text)
			b.SetBytes(bytes)
			b.ReportAllocs()
			for b.Loop() {
				d := draft("1", "k")
				d.Claims = claims
				dir := b.TempDir()
				if _, err := newRepository(store.NewDir(dir)).Save(context.Background(), root, d); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := os.RemoveAll(dir); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}

func BenchmarkRestore(b *testing.B) {
	for name, text := range map[string]bool{"npm": false, "text": true} {
		b.Run(name, func(b *testing.B) {
			root, claims, bytes := npmTree(b, 5000, text)
			r := newRepository(store.NewDir(b.TempDir()))
			d := draft("1", "k")
			d.Claims = claims
			if _, err := r.Save(context.Background(), root, d); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(bytes)
			b.ReportAllocs()
			for b.Loop() {
				dst := filepath.Join(b.TempDir(), "dst")
				e, err := r.Find(context.Background(), mainScope, []string{"k"})
				if err != nil {
					b.Fatal(err)
				}
				if _, err := r.Restore(context.Background(), e, dst, RestoreOptions{Claims: claims}); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := os.RemoveAll(dst); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}

// BenchmarkSaveAgain saves a tree of which a few files are new.
func BenchmarkSaveAgain(b *testing.B) {
	root, claims, bytes := npmTree(b, 5000, false)
	r := newRepository(store.NewDir(b.TempDir()))
	d := draft("1", "k")
	d.Claims = func(path string) (claim.Claim, bool) {
		c, ok := claims(path)
		return c, ok && path[len(path)-1] != '0'
	}
	saved, err := r.Save(context.Background(), root, d)
	if err != nil {
		b.Fatal(err)
	}
	base, err := r.Find(context.Background(), mainScope, []string{"k"})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(bytes)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		d := draft("2", "k", fmt.Sprint(i))
		d.Claims, d.Bases = claims, []*Entry{base}
		again, err := r.Save(context.Background(), root, d)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(again.NewBytes)/float64(saved.StoredBytes)*100, "%new")
	}
}
