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
	sums := ""
	for _, name := range want[1:] {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		sums += fmt.Sprintf("%x  %s\n", sha256.Sum256(data), name)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS")); err != nil || string(got) != sums {
		t.Errorf("SHA256SUMS is %q, %v; want %q", got, err, sums)
	}
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

func TestVerify(t *testing.T) {
	t.Parallel()
	root, commit := repository(t)
	flags := []string{"-targets", "host", "-quality", "1"}
	out, err := packed(t, root, append([]string{"verify", "-warm"}, flags...)...)
	if err != nil {
		t.Fatalf("pack verify: %v", err)
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

// decode is what the launcher relies on: Node's own brotli, the offsets and the hashes.
const decode = `
const fs = require('fs'), path = require('path'), zlib = require('zlib'), crypto = require('crypto');
const bin = process.argv[1];
const { platforms } = JSON.parse(fs.readFileSync(path.join(bin, 'manifest.json')));
for (const key of Object.keys(platforms).sort()) {
  const p = platforms[key];
  const plain = zlib.brotliDecompressSync(fs.readFileSync(path.join(bin, p.archive)));
  const slice = plain.subarray(p.offset, p.offset + p.size);
  const hash = crypto.createHash('sha256').update(slice).digest('hex');
  console.log(key, p.file, hash === p.sha256 ? 'ok' : 'WRONG ' + hash);
}`

func TestNodeUnpacksEveryProgram(t *testing.T) {
	t.Parallel()
	for _, quality := range []string{"0", "9"} {
		root := sample.Root(t)
		if _, err := packed(t, root, "stage", "-targets", "all", "-quality", quality); err != nil {
			t.Fatalf("pack stage -quality %s: %v", quality, err)
		}
		bin := filepath.Join(root, "build/out/stage/Beta/BetaV3/bin")
		out, err := exec.CommandContext(t.Context(), oracle.Node(t), "-e", decode, bin).CombinedOutput()
		if err != nil {
			t.Fatalf("node: %v\n%s", err, out)
		}
		want := "darwin-arm64 beta ok\ndarwin-x64 beta ok\nlinux-arm64 beta ok\nlinux-x64 beta ok\nwin32-x64 beta.exe ok\n"
		if diff := cmp.Diff(want, string(out)); diff != "" {
			t.Errorf("quality %s: what Node unpacks (-want +got):\n%s", quality, diff)
		}
	}
}
