package fingerprint

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// write makes files; a name that ends with a slash is a folder, a text "-> x" a link.
func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		full := filepath.Join(dir, filepath.FromSlash(name))
		err := os.MkdirAll(filepath.Dir(full), 0o755)
		target, isLink := strings.CutPrefix(text, "-> ")
		switch {
		case err != nil:
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(full, 0o755)
		case isLink:
			err = os.Symlink(target, full)
		default:
			err = os.WriteFile(full, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func sample(t testing.TB) Inputs {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"Dockerfile": "FROM alpine", ".dockerignore": "*.log\n", "a/b.txt": "b", "a/c.txt": "c", "d.log": "noise", "link": "-> a/b.txt",
		"empty/": "",
	})
	other := t.TempDir()
	write(t, other, map[string]string{"x": "x", "y.tmp": "y", ".dockerignore": "*.tmp"})
	return Inputs{
		Context: dir, Dockerfile: filepath.Join(dir, "Dockerfile"), Target: "prod", Platforms: []string{"linux/amd64", "linux/arm64"},
		Bases: map[string]string{"alpine": "sha256:1"}, Args: map[string]string{"A": "1"}, Settings: map[string]string{"labels": "x"},
		Named: map[string]string{"other": other, "tools": "docker-image://a.io/x@sha256:" + strings.Repeat("0", 64)},
	}
}

func of(t testing.TB, in Inputs) string {
	t.Helper()
	tag, err := Of(t.Context(), in)
	if err != nil {
		t.Fatalf("Of(%+v): %v", in, err)
	}
	return tag
}

func TestTheHashIsATag(t *testing.T) {
	t.Parallel()
	if tag := of(t, sample(t)); !regexp.MustCompile(`^in-[0-9a-f]{64}$`).MatchString(tag) {
		t.Errorf("Of = %q", tag)
	}
}

// TestWhatChangesTheHash: every input does, and each alone.
func TestWhatChangesTheHash(t *testing.T) {
	t.Parallel()
	file := func(name, text string) func(testing.TB, *Inputs) {
		return func(t testing.TB, in *Inputs) { write(t, in.Context, map[string]string{name: text}) }
	}
	remove := func(name string) func(testing.TB, *Inputs) {
		return func(t testing.TB, in *Inputs) {
			if err := os.Remove(filepath.Join(in.Context, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, change := range map[string]func(testing.TB, *Inputs){
		"content":           file("a/b.txt", "B"),
		"new file":          file("a/new", ""),
		"new folder":        file("a/new/", ""),
		"file gone":         remove("a/c.txt"),
		"folder gone":       remove("empty"),
		"file for a folder": func(t testing.TB, in *Inputs) { remove("empty")(t, in); file("empty", "")(t, in) },
		"link":              func(t testing.TB, in *Inputs) { remove("link")(t, in); file("link", "-> a/c.txt")(t, in) },
		"file for a link":   func(t testing.TB, in *Inputs) { remove("link")(t, in); file("link", "b")(t, in) },
		"moved":             func(t testing.TB, in *Inputs) { remove("a/c.txt")(t, in); file("c.txt", "c")(t, in) },
		"Dockerfile":        file("Dockerfile", "FROM alpine\n"),
		".dockerignore":     file(".dockerignore", "*.log\n#\n"),
		"ignored no more":   file("Dockerfile.dockerignore", ""),
		"file of a context": func(t testing.TB, in *Inputs) { write(t, in.Named["other"], map[string]string{"x": "X"}) },
		"name of a context": func(_ testing.TB, in *Inputs) { in.Named["another"] = in.Named["other"]; delete(in.Named, "other") },
		"image of a context": func(_ testing.TB, in *Inputs) {
			in.Named["tools"] = strings.Replace(in.Named["tools"], "a.io", "b.io", 1)
		},
		"base":              func(_ testing.TB, in *Inputs) { in.Bases["alpine"] = "sha256:2" },
		"name of a base":    func(_ testing.TB, in *Inputs) { in.Bases = map[string]string{"alpine:3": "sha256:1"} },
		"argument":          func(_ testing.TB, in *Inputs) { in.Args["A"] = "2" },
		"no argument":       func(_ testing.TB, in *Inputs) { in.Args = nil },
		"empty argument":    func(_ testing.TB, in *Inputs) { in.Args["B"] = "" },
		"argument, setting": func(_ testing.TB, in *Inputs) { in.Args, in.Settings = in.Settings, in.Args },
		"target":            func(_ testing.TB, in *Inputs) { in.Target = "" },
		"platform":          func(_ testing.TB, in *Inputs) { in.Platforms = in.Platforms[:1] },
		"setting":           func(_ testing.TB, in *Inputs) { in.Settings["labels"] = "y" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := sample(t)
			before := of(t, in)
			change(t, &in)
			if after := of(t, in); after == before {
				t.Errorf("%s: the hash is still %s", name, after)
			}
		})
	}
}

func TestWhatDoesNotChangeTheHash(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(testing.TB, *Inputs){
		"ignored":              func(t testing.TB, in *Inputs) { write(t, in.Context, map[string]string{"e.log": "more"}) },
		"ignored in a context": func(t testing.TB, in *Inputs) { write(t, in.Named["other"], map[string]string{"z.tmp": "z"}) },
		"time": func(t testing.TB, in *Inputs) {
			if err := os.Chtimes(filepath.Join(in.Context, "a/b.txt"), time.Unix(1, 0), time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
		},
		"mode": func(t testing.TB, in *Inputs) {
			if err := os.Chmod(filepath.Join(in.Context, "a/b.txt"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"place": func(t testing.TB, in *Inputs) {
			moved := filepath.Join(t.TempDir(), "moved")
			if err := os.CopyFS(moved, os.DirFS(in.Context)); err != nil {
				t.Fatal(err)
			}
			in.Context, in.Dockerfile = moved, filepath.Join(moved, "Dockerfile")
		},
		"maps": func(_ testing.TB, in *Inputs) { in.Named, in.Args = maps.Clone(in.Named), maps.Clone(in.Args) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := sample(t)
			before := of(t, in)
			change(t, &in)
			if after := of(t, in); after != before {
				t.Errorf("%s: the hash was %s, and is %s", name, before, after)
			}
		})
	}
}

func TestExecutableBit(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("files have none on Windows")
	}
	in := sample(t)
	before := of(t, in)
	if err := os.Chmod(filepath.Join(in.Context, "a", "b.txt"), 0o744); err != nil {
		t.Fatal(err)
	}
	if of(t, in) == before {
		t.Error("a file that can be executed has the hash of one that cannot")
	}
}

func TestOfRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(testing.TB, *Inputs)
		want   string
	}{
		"standard input":  {func(_ testing.TB, in *Inputs) { in.Context = "-" }, "no folder"},
		"address":         {func(_ testing.TB, in *Inputs) { in.Context = "https://example.com/x.git" }, "no folder"},
		"git address":     {func(_ testing.TB, in *Inputs) { in.Named["x"] = "git@example.com:x.git" }, "no folder"},
		"archive":         {func(_ testing.TB, in *Inputs) { in.Context = in.Dockerfile }, "no folder"},
		"missing context": {func(_ testing.TB, in *Inputs) { in.Context += "/none" }, "no folder"},
		"no Dockerfile":   {func(_ testing.TB, in *Inputs) { in.Dockerfile += ".none" }, "cannot be read"},
		"folder":          {func(_ testing.TB, in *Inputs) { in.Dockerfile = in.Context }, "cannot be read"},
		"image by tag":    {func(_ testing.TB, in *Inputs) { in.Named["tools"] = "docker-image://alpine:3" }, "not pinned"},
		"image layout":    {func(_ testing.TB, in *Inputs) { in.Named["tools"] = "oci-layout:///x" }, "no folder"},
		"no name":         {func(_ testing.TB, in *Inputs) { in.Named[""] = in.Context }, "no name"},
		"bad pattern": {func(t testing.TB, in *Inputs) {
			write(t, in.Context, map[string]string{".dockerignore": "a[\n"})
		}, "pattern"},
		"lone exclamation mark": {func(t testing.TB, in *Inputs) {
			write(t, in.Context, map[string]string{".dockerignore": "!\n"})
		}, "pattern"},
		"large .dockerignore": {func(t testing.TB, in *Inputs) {
			write(t, in.Context, map[string]string{".dockerignore": strings.Repeat("\n", maxIgnore+1)})
		}, "1 MB"},
		"large Dockerfile": {func(t testing.TB, in *Inputs) {
			write(t, in.Context, map[string]string{"Dockerfile": strings.Repeat("#", maxDockerfile+1)})
		}, "1 MB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := sample(t)
			tc.change(t, &in)
			tag, err := Of(t.Context(), in)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") || tag != "" {
				t.Errorf("Of = %q, %v, want an error about %q", tag, err, tc.want)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("the job was cancelled")
	cancel(cause)
	if _, err := Of(ctx, sample(t)); !errors.Is(err, cause) {
		t.Errorf("Of of a job that was cancelled: %v", err)
	}
}

// TestLinksAreNotFollowed: what they point to is somewhere else, and is no part of the context.
func TestLinksAreNotFollowed(t *testing.T) {
	t.Parallel()
	in := sample(t)
	secret := t.TempDir()
	write(t, secret, map[string]string{"file": "one"})
	write(t, in.Context, map[string]string{"out": "-> " + secret, "loop": "-> .", "broken": "-> /no/such/file"})
	before := of(t, in)
	write(t, secret, map[string]string{"file": "two"})
	if of(t, in) != before {
		t.Error("a file outside of the context changes the hash")
	}
}

func BenchmarkOf(b *testing.B) {
	dir := b.TempDir()
	text := strings.Repeat("x", 14_000)
	for i := range 167 {
		files := map[string]string{}
		for j := range 100 {
			files[strings.Repeat("d/", i%5)+"f"+string(rune('a'+i%26))+"/"+strings.Repeat("n", i/26+1)+string(rune('a'+j%26))+
				strings.Repeat("m", j/26)] = text
		}
		write(b, dir, files)
	}
	write(b, dir, map[string]string{"Dockerfile": "FROM scratch", ".dockerignore": "**/*.log\nnode_modules\n!node_modules/keep\n"})
	in := Inputs{Context: dir, Dockerfile: filepath.Join(dir, "Dockerfile")}
	for b.Loop() {
		of(b, in)
	}
}
