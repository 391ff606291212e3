package pkgzip

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/dirhash"

	"github.com/guardrails-ci/guardrails/shared/pkgziptest"
)

func TestModuleZipHashIsDirhash(t *testing.T) {
	t.Parallel()
	for name, files := range map[string][]string{
		"none":        {},
		"one":         {"a@v1/go.mod", "module a\n"},
		"folders":     {"a@v1/", "", "a@v1/b/c", strings.Repeat("x", 200_000), "a@v1/b.go", "y", "a@v1/b", ""},
		"odd names":   {"a@v1/b\tc", "1", "a@v1/b", "2", "a@v1/b c", "3", "a@v1/é", "4"},
		"other order": {"z", "1", "a", "2", "m", "3"},
	} {
		data := pkgziptest.Zip(t, files...)
		file := filepath.Join(t.TempDir(), "m.zip")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		want, err := dirhash.HashZip(file, dirhash.Hash1)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ModuleHash(bytes.NewReader(data), int64(len(data))); got != want || err != nil {
			t.Errorf("%s: ModuleHash: got %q, %v, want %q", name, got, err, want)
		}
	}
}

func TestHostileModuleZips(t *testing.T) {
	t.Parallel()
	bomb := pkgziptest.Zip(t, "m/a", strings.Repeat("\x00", 1<<20))
	lying := bytes.Clone(bomb)
	central := bytes.LastIndex(lying, []byte("PK\x01\x02"))
	copy(lying[central+24:], []byte{10, 0, 0, 0}) // declares ten bytes instead of a MiB
	huge := bytes.Clone(bomb)
	copy(huge[central+24:], []byte{0, 0, 0, 0x40}) // declares a GiB
	strange := bytes.Clone(bomb)
	copy(strange[central+10:], []byte{14, 0}) // LZMA
	for name, tc := range map[string]struct {
		zip  []byte
		want string
	}{
		"empty":           {nil, "not a zip"},
		"text":            {[]byte("EVIL"), "not a zip"},
		"cut":             {bomb[:len(bomb)-10], "not a zip"},
		"declares less":   {lying, "cannot be unpacked"},
		"declares more":   {huge, "more than 500 MiB"},
		"another method":  {strange, "cannot be opened"},
		"one name twice":  {pkgziptest.Zip(t, "m/a", "good", "m/a", "evil"), "two files of one name"},
		"line break":      {pkgziptest.Zip(t, "m/a\nb", "x"), "line break"},
		"too long a list": {pkgziptest.Zip(t, slices.Collect(longNames)...), "list of files"},
	} {
		if got, err := ModuleHash(bytes.NewReader(tc.zip), int64(len(tc.zip))); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: ModuleHash: got %q, %v, want an error with %q", name, got, err, tc.want)
		}
	}
}

// longNames are 40 MiB of file names with their empty contents.
func longNames(yield func(string) bool) {
	for i := range 640 {
		name := strings.Repeat("x", 65_000) + string(rune('a'+i%26))
		if !yield(name) || !yield("") {
			return
		}
	}
}

func BenchmarkModuleZip(b *testing.B) {
	var files []string
	line := "	if err := json.Unmarshal(data, &result); err != nil { return nil, err }\n"
	for i := range 400 {
		files = append(files, "example.com/m@v1.0.0/"+strings.Repeat("d/", i%7)+string(rune('a'+i%26))+strings.Repeat("x", i),
			strings.Repeat(line[i%40:], 200+i))
	}
	data := pkgziptest.Zip(b, files...)
	file := filepath.Join(b.TempDir(), "m.zip")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		b.Fatal(err)
	}
	b.Run("claim", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if _, err := ModuleHash(bytes.NewReader(data), int64(len(data))); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("dirhash", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if _, err := dirhash.HashZip(file, dirhash.Hash1); err != nil {
				b.Fatal(err)
			}
		}
	})
}
