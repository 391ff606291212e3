package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/build/pack/oracle"
	"github.com/guardrails-ci/guardrails/build/pack/sample"
)

func TestRelease(t *testing.T) {
	t.Parallel()
	root, commit := repository(t)
	sample.Write(t, root, "build/out/release/old.vsix", "of the last release")
	if _, err := packed(t, root, "release", "-targets", "host", "-quality", "1"); err != nil {
		t.Fatalf("pack release: %v", err)
	}
	dir := filepath.Join(root, "build/out/release")
	want := []string{
		"SHA256SUMS", "sample-publisher.sample-1.7.9.cdx.json", "sample-publisher.sample-1.7.9.vsix",
		"sample-publisher.sample-alpha-1.7.9.vsix", "sample-publisher.sample-beta-1.7.9.vsix",
	}
	if diff := cmp.Diff(want, list(t, dir)); diff != "" {
		t.Errorf("files of the release (-want +got):\n%s", diff)
	}
	checkSums(t, dir, want[1:]...)
	components, err := os.ReadFile(filepath.Join(dir, want[1]))
	if err != nil || !strings.Contains(string(components), commit) {
		t.Errorf("the list of components does not name commit %s (%v)", commit, err)
	}
	all, one := parts(t, filepath.Join(dir, want[2])), parts(t, filepath.Join(dir, want[4]))
	for name, data := range all {
		mine := strings.HasPrefix(name, "Beta/")
		if got, ok := one[name]; mine && got != data || strings.HasPrefix(name, "Alpha/") && ok {
			t.Errorf("part %s of the package of Beta alone: in it %v", name, ok)
		}
	}
	if identity := one["extension.vsixmanifest"]; !strings.Contains(identity, `Id="sample-beta"`) ||
		strings.Contains(one["extension.vsomanifest"], "Alpha") {
		t.Errorf("the package of Beta alone has the manifests\n%s\n%s", identity, one["extension.vsomanifest"])
	}
}

// checkSums holds SHA256SUMS of a folder against its files.
func checkSums(t *testing.T, dir string, names ...string) {
	t.Helper()
	want := ""
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		want += fmt.Sprintf("%x  %s\n", sha256.Sum256(data), name)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS")); err != nil || string(got) != want {
		t.Errorf("SHA256SUMS of %s is %q, %v; want %q", dir, got, err, want)
	}
}

// A release is made of the commit, whatever else lies in the folder and whatever git is told to do with files.
func TestReleaseIsOfTheCommitAlone(t *testing.T) {
	t.Parallel()
	root, _ := repository(t)
	release := []string{"release", "-targets", "host", "-quality", "1"}
	sums := func(environ ...string) string {
		t.Helper()
		if _, err := packedWith(t, root, environ, release...); err != nil {
			t.Fatalf("pack release: %v", err)
		}
		data, err := os.ReadFile(filepath.Join(root, "build/out/release/SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	want := sums()

	sample.Write(t, root, ".git/info/exclude", "ignored*\n")
	sample.Write(t, root, "tasks/beta/cmd/ignored.go", "package main\n\nfunc init() { println(1) }\n")
	git(t, root, "update-index", "--assume-unchanged", "overview.md")
	sample.Write(t, root, "overview.md", "hidden from git status")
	if diff := cmp.Diff(want, sums()); diff != "" {
		t.Errorf("release with ignored and hidden changes (-clean +got):\n%s", diff)
	}

	settings, hooks := filepath.Join(t.TempDir(), "gitconfig"), t.TempDir()
	sample.Write(t, hooks, "post-checkout", "#!/bin/sh\necho hook >> overview.md\n")
	if err := os.Chmod(filepath.Join(hooks, "post-checkout"), 0o755); err != nil {
		t.Fatal(err)
	}
	sample.Write(t, filepath.Dir(settings), "gitconfig", "[core]\n\tautocrlf = true\n\thooksPath = "+
		filepath.ToSlash(hooks)+"\n[status]\n\tshowUntrackedFiles = no\n")
	if diff := cmp.Diff(want, sums("GIT_CONFIG_GLOBAL="+settings)); diff != "" {
		t.Errorf("release under other settings of git (-clean +got):\n%s", diff)
	}
	sample.Write(t, root, "ignored-sign", "#!/bin/sh\necho SIGNED >> \"$1\"\n")
	if err := os.Chmod(filepath.Join(root, "ignored-sign"), 0o755); err != nil {
		t.Fatal(err)
	}
	if sums("SIGN_CMD=./ignored-sign") == want {
		t.Error("release with a signer of the folder, which is not in the commit: nothing was signed")
	}
	other, _ := repository(t)
	sample.Edit(t, other, "overview.md", "Sample", "Other")
	git(t, other, "commit", "-q", "-a", "-m", "other")
	if diff := cmp.Diff(want, sums("GIT_DIR="+filepath.Join(other, ".git"))); diff != "" {
		t.Errorf("release under another repository's GIT_DIR (-clean +got):\n%s", diff)
	}
}

// A checkout of a CI system has one commit, and no branch.
func TestReleaseOfAShallowCheckout(t *testing.T) {
	t.Parallel()
	origin, _ := repository(t)
	git(t, origin, "commit", "-q", "--allow-empty", "-m", "second")
	root := filepath.Join(t.TempDir(), "shallow")
	git(t, origin, "clone", "-q", "--depth", "1", "file://"+filepath.ToSlash(origin), root)
	git(t, root, "checkout", "-q", "--detach")
	git(t, root, "branch", "-q", "-D", "main")
	if _, err := packed(t, root, "release", "-targets", "host", "-quality", "0"); err != nil {
		t.Errorf("pack release: %v", err)
	}
}

func TestVerifyComparesTheRelease(t *testing.T) {
	t.Parallel()
	root, commit := repository(t)
	flags := []string{"-targets", "host", "-quality", "1"}
	if _, err := packed(t, root, append([]string{"release"}, flags...)...); err != nil {
		t.Fatalf("pack release: %v", err)
	}
	verify := append([]string{"verify", "-warm"}, flags...)
	dir := filepath.Join(root, "build/out/release")
	want := dir + " is what commit " + commit + " builds to, byte for byte\n"
	if out, err := packed(t, root, verify...); err != nil || out != want {
		t.Errorf("pack verify of an untouched release: %q, %v; want %q", out, err, want)
	}

	const name = "sample-publisher.sample-"
	sample.Write(t, dir, "more.txt", "slipped in")
	sample.Edit(t, dir, "SHA256SUMS", "\n", "\n\n")
	sample.Edit(t, dir, name+"1.7.9.cdx.json", "beta", "bets")
	remove(t, dir, name+"alpha-1.7.9.vsix")
	replaceWith(t, filepath.Join(dir, name+"beta-1.7.9.vsix"), filepath.Join(dir, name+"1.7.9.vsix"))
	_, err := packed(t, root, verify...)
	for _, line := range []string{
		"commit " + commit + " does not build to " + dir + ":", "more.txt is no file of this release", "SHA256SUMS differs",
		name + "1.7.9.cdx.json differs", name + "alpha-1.7.9.vsix is missing",
		name + "beta-1.7.9.vsix: extension.vsixmanifest differs: ", name + "beta-1.7.9.vsix: Alpha/AlphaV1/main.js is only in ",
	} {
		if !strings.Contains(fmt.Sprint(err), line) {
			t.Errorf("pack verify of a changed release: got %v, want %q", err, line)
		}
	}

	remove(t, dir, name+"1.7.9.cdx.json")
	if _, err := packed(t, root, verify...); err == nil || !strings.Contains(err.Error(), "must have one") {
		t.Errorf("pack verify of a release without its list: got %v, want an error", err)
	}
	sample.Write(t, dir, name+"1.7.9.cdx.json", `{"bomFormat": "CycloneDX"}`)
	if _, err := packed(t, root, verify...); err == nil || !strings.Contains(err.Error(), "names no commit") {
		t.Errorf("pack verify of a release with an empty list: got %v, want an error", err)
	}
	sample.Write(t, dir, name+"1.7.9.cdx.json",
		`{"metadata": {"component": {"properties": [{"name": "commit", "value": "abc"}]}}}`)
	out, err := packed(t, root, verify...)
	if says := "build/out/release is of commit abc, not of this one; comparing"; err != nil || !strings.HasPrefix(out, says) {
		t.Errorf("pack verify with a release of another commit: %q, %v; want %q", out, err, says)
	}
	if _, err := packed(t, root, append(verify, "-against", dir)...); err == nil {
		t.Error("pack verify -against a release of another commit: want an error")
	}
}

func replaceWith(t *testing.T, path, other string) {
	t.Helper()
	data, err := os.ReadFile(other)
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	root, commit := repository(t)
	flags := []string{"-targets", "host", "-quality", "1"}
	out, err := packed(t, root, append([]string{"verify", "-warm"}, flags...)...)
	if err != nil {
		t.Fatalf("pack verify: %v", err)
	}
	if says := "there is no build/out/release; comparing a build of this folder"; !strings.HasPrefix(out, says) {
		t.Errorf("pack verify printed %q, want it to begin with %q", out, says)
	}
	if want := "is what commit " + commit + " builds to, byte for byte\n"; !strings.HasSuffix(out, want) {
		t.Errorf("pack verify printed %q, want it to end with %q", out, want)
	}
	published := filepath.Join(t.TempDir(), "published.vsix")
	if _, err := packed(t, root, append([]string{"vsix", "-out", published}, flags...)...); err != nil {
		t.Fatalf("pack vsix: %v", err)
	}
	against := append([]string{"verify", "-warm", "-against", published}, flags...)
	if _, err := packed(t, root, against...); err != nil {
		t.Errorf("pack verify -against the same commit's package: %v", err)
	}
	sample.Edit(t, root, "overview.md", "Sample", "Example")
	if _, err := packed(t, root, against...); err == nil || !strings.Contains(err.Error(), "cannot verify: the tree differs") {
		t.Errorf("pack verify of a dirty tree: got %v, want a refusal", err)
	}
	git(t, root, "commit", "-q", "-a", "-m", "other words")
	_, err = packed(t, root, against...)
	if err == nil || !strings.Contains(err.Error(), "\n  overview.md differs: ") {
		t.Errorf("pack verify -against another commit's package: got %v, want the part that differs", err)
	}
	if strings.Contains(fmt.Sprint(err), "LICENSE differs") {
		t.Errorf("pack verify names a part that is the same: %v", err)
	}
}

// decode unpacks every program of a staged task with the launcher's own code, whichever system it is for.
const decode = `
const fs = require('fs'), path = require('path');
const [bin, unpack, dir] = process.argv.slice(1);
const { platforms } = JSON.parse(fs.readFileSync(path.join(bin, 'manifest.json')));
(async () => {
  for (const key of Object.keys(platforms).sort()) {
    const p = platforms[key];
    const hash = await require(unpack).extract(path.join(bin, p.archive), p, path.join(dir, key));
    console.log(key, p.file, p.fold ? 'folded' : 'NOT FOLDED', hash === p.sha256 ? 'ok' : 'WRONG ' + hash);
  }
})();`

func TestNodeUnpacksEveryProgram(t *testing.T) {
	t.Parallel()
	unpack, err := filepath.Abs("../launcher/unpack.js")
	if err == nil {
		_, err = os.ReadFile(unpack) // so that go test knows that the result depends on it
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, quality := range []string{"0", "9"} {
		root := sample.Root(t)
		if _, err := packed(t, root, "stage", "-targets", "all", "-quality", quality); err != nil {
			t.Fatalf("pack stage -quality %s: %v", quality, err)
		}
		bin := filepath.Join(root, "build/out/stage/Beta/BetaV3/bin")
		out, err := exec.CommandContext(t.Context(), oracle.Node(t), "-e", decode, bin, unpack, t.TempDir()).CombinedOutput()
		if err != nil {
			t.Fatalf("node: %v\n%s", err, out)
		}
		want := "darwin-arm64 beta folded ok\ndarwin-x64 beta folded ok\nlinux-arm64 beta folded ok\n" +
			"linux-x64 beta folded ok\nwin32-x64 beta.exe folded ok\n"
		if diff := cmp.Diff(want, string(out)); diff != "" {
			t.Errorf("quality %s: what Node unpacks (-want +got):\n%s", quality, diff)
		}
	}
}
