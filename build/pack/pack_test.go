package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/build/pack/sample"
)

var host = runtime.GOOS + "/" + runtime.GOARCH

// packed runs a command on the repository in root.
func packed(t *testing.T, root string, args ...string) (stdout string, err error) {
	t.Helper()
	return packedWith(t, root, nil, args...)
}

func packedWith(t *testing.T, root string, environ []string, args ...string) (stdout string, err error) {
	t.Helper()
	var out, complaints bytes.Buffer
	w := world{append(gitEnviron(), environ...), host, &out, &complaints}
	args = slices.Insert(args, 1, "-root", root)
	if code := run(t.Context(), w, args); code != 0 {
		return out.String(), errors.New(complaints.String())
	}
	if complaints.Len() > 0 {
		t.Errorf("pack %v succeeded and said on standard error: %s", args, &complaints)
	}
	return out.String(), nil
}

func gitEnviron() []string {
	return append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull,
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.test", "GIT_COMMITTER_NAME=a",
		"GIT_COMMITTER_EMAIL=a@example.test")
}

// repository returns the sample as a git repository with one commit.
func repository(t *testing.T) (root, commit string) {
	t.Helper()
	root = sample.Root(t)
	git(t, root, "init", "-q", "-b", "main")
	git(t, root, "add", "-A")
	git(t, root, "commit", "-q", "-m", "sample")
	return root, git(t, root, "rev-parse", "HEAD")
}

func git(t *testing.T, root string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir, cmd.Env = root, gitEnviron()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func list(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(dir, path)
			names = append(names, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func parts(t *testing.T, path string) map[string]string {
	t.Helper()
	archive, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	found := map[string]string{}
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		found[f.Name] = string(data)
	}
	return found
}

func program(name string) string {
	if runtime.GOOS == "windows" {
		return name + ".exe"
	}
	return name
}

func TestStageMakesAProgramThatRuns(t *testing.T) {
	t.Parallel()
	root, commit := repository(t)
	out, err := packed(t, root, "stage")
	if err != nil {
		t.Fatalf("pack stage: %v", err)
	}
	if want := filepath.Join(root, "build/out/stage/Beta/BetaV3") + " 1.7.9\n"; !strings.Contains(out, want) {
		t.Errorf("pack stage printed %q, want %q in it", out, want)
	}
	stage := filepath.Join(root, "build/out/stage")
	want := []string{
		"Alpha/AlphaV1/bin/" + program("alpha"), "Alpha/AlphaV1/bin/manifest.json", "Alpha/AlphaV1/icon.png",
		"Alpha/AlphaV1/launch.js", "Alpha/AlphaV1/main.js", "Alpha/AlphaV1/post.js", "Alpha/AlphaV1/task.json",
		"Alpha/AlphaV1/unpack.js",
		"Beta/BetaV3/bin/" + program("beta"), "Beta/BetaV3/bin/manifest.json", "Beta/BetaV3/icon.png",
		"Beta/BetaV3/launch.js", "Beta/BetaV3/main.js", "Beta/BetaV3/pre.js", "Beta/BetaV3/task.json",
		"Beta/BetaV3/unpack.js",
	}
	if diff := cmp.Diff(want, list(t, stage)); diff != "" {
		t.Errorf("staged files (-want +got):\n%s", diff)
	}
	if got := says(t, filepath.Join(stage, "Alpha/AlphaV1/bin", program("alpha"))); got != "Alpha 1.7.9 "+commit+"\n" {
		t.Errorf("the staged program says %q, want its version and commit %s", got, commit)
	}
}

func says(t *testing.T, file string) string {
	t.Helper()
	if err := os.Chmod(file, 0o755); err != nil { // staged without the bit, as a package has none
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), file).Output()
	if err != nil {
		t.Fatalf("running %s: %v", file, err)
	}
	return string(out)
}

func TestStageReplacesWhatWasStagedAndSaysWhenTheTreeIsDirty(t *testing.T) {
	t.Parallel()
	root, commit := repository(t)
	sample.Write(t, root, "build/out/stage/Gone/GoneV1/task.json", "{}")
	sample.Write(t, root, "new.txt", "not committed")
	if _, err := packed(t, root, "stage"); err != nil {
		t.Fatalf("pack stage: %v", err)
	}
	stage := filepath.Join(root, "build/out/stage")
	if _, err := os.Stat(filepath.Join(stage, "Gone")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a task that is gone is still staged (%v)", err)
	}
	got := says(t, filepath.Join(stage, "Beta/BetaV3/bin", program("beta")))
	if want := "Beta 1.7.9 " + commit + "+dirty\n"; got != want {
		t.Errorf("the program of a dirty tree says %q, want %q", got, want)
	}
	if left, _ := filepath.Glob(filepath.Join(root, "build/out/*-*")); left != nil {
		t.Errorf("left behind: %q", left)
	}
}

func TestStageElsewhereWithoutGit(t *testing.T) {
	t.Parallel()
	root, out := sample.Root(t), filepath.Join(t.TempDir(), "with space", "stage")
	if _, err := packed(t, root, "stage", "-out", out); err != nil {
		t.Fatalf("pack stage -out: %v", err)
	}
	if got := says(t, filepath.Join(out, "Alpha/AlphaV1/bin", program("alpha"))); got != "Alpha 1.7.9 \n" {
		t.Errorf("the program says %q, want its version and no commit", got)
	}
	if _, err := os.Stat(filepath.Join(root, "build/out/stage")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("build/out/stage was made too (%v)", err)
	}
}

func TestVsix(t *testing.T) {
	t.Parallel()
	root := sample.Root(t)
	out, err := packed(t, root, "vsix", "-targets", "host", "-quality", "1")
	if err != nil {
		t.Fatalf("pack vsix: %v", err)
	}
	file := filepath.Join(root, "build/out/sample-publisher.sample-1.7.9.vsix")
	if !strings.Contains(out, file+" ") {
		t.Errorf("pack vsix printed %q, want the file %s", out, file)
	}
	got := parts(t, file)
	for _, name := range []string{"[Content_Types].xml", "Alpha/AlphaV1/bin/" + runtime.GOARCH + ".br", "overview.md"} {
		if got[name] == "" {
			t.Errorf("part %s is missing or empty", name)
		}
	}
	want := []string{"SHA256SUMS", "sample-publisher.sample-1.7.9.cdx.json", "sample-publisher.sample-1.7.9.vsix"}
	checkSums(t, filepath.Join(root, "build/out"), want[1:]...)
	if left := slices.DeleteFunc(list(t, filepath.Join(root, "build/out")), func(name string) bool {
		return strings.HasPrefix(name, "cache/")
	}); !slices.Equal(left, want) {
		t.Errorf("build/out has %q, want %q and the cache", left, want)
	}
	if _, ok := got["Alpha/AlphaV1/bin/"+program("alpha")]; ok {
		t.Error("the package has the plain program too")
	}
}

func TestSignedProgramsAreWhatIsPacked(t *testing.T) {
	t.Parallel()
	root := sample.Root(t)
	sample.Write(t, root, "sign", "#!/bin/sh\nprintf 'SIGNED %s %s' \"$2\" \"$3\" >> \"$1\"\n")
	if err := os.Chmod(filepath.Join(root, "sign"), 0o755); err != nil {
		t.Fatal(err)
	}
	vsix := []string{"vsix", "-targets", "host", "-quality", "1"}
	plain := filepath.Join(t.TempDir(), "plain.vsix")
	if _, err := packed(t, root, append(vsix, "-out", plain)...); err != nil {
		t.Fatalf("pack vsix: %v", err)
	}
	signed := filepath.Join(t.TempDir(), "signed.vsix")
	environ := []string{"SIGN_CMD=" + filepath.Join(root, "sign")}
	if _, err := packedWith(t, root, environ, append(vsix, "-out", signed)...); err != nil {
		t.Fatalf("pack vsix with SIGN_CMD: %v", err)
	}
	const manifest = "Alpha/AlphaV1/bin/manifest.json"
	if parts(t, plain)[manifest] == parts(t, signed)[manifest] {
		t.Error("the hash in the manifest is the same with and without signing")
	}
	archive := parts(t, signed)["Alpha/AlphaV1/bin/"+runtime.GOARCH+".br"]
	plainBytes, err := io.ReadAll(brotli.NewReader(strings.NewReader(archive)))
	if err != nil || !bytes.HasSuffix(plainBytes, []byte("SIGNED "+runtime.GOOS+" "+runtime.GOARCH)) {
		t.Errorf("the packed program does not end as the signer left it (%v)", err)
	}
	sample.Write(t, root, "sign", "#!/bin/sh\necho no key >&2\nexit 3\n")
	if _, err := packedWith(t, root, environ, vsix...); err == nil || !strings.Contains(err.Error(), "no key") {
		t.Errorf("pack vsix with a signer that fails: got %v, want what it said", err)
	}
}
