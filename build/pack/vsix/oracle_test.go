package vsix

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/build/pack/extension"
	"github.com/guardrails-ci/guardrails/build/pack/oracle"
	"github.com/guardrails-ci/guardrails/build/pack/sample"
)

// staged returns the sample repository with its tasks staged, as far as packing looks at them.
func staged(t *testing.T) string {
	t.Helper()
	root := sample.Root(t)
	var key [32]byte
	noise := make([]byte, 5000)
	rand.NewChaCha8(key).Read(noise)
	for task, folder := range map[string]string{"alpha": "Alpha/AlphaV1/", "beta": "Beta/BetaV3/"} {
		source, err := os.ReadFile(filepath.Join(root, "tasks", task, "task.json"))
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{
			"task.json": string(source), "icon.png": sample.Icon(t, 32), "launch.js": "exports.run = 1;\n",
			"pre.js": "1;\n", "main.js": "2;\n", "post.js": "3;\n", "bin/manifest.json": "{}\n",
			"bin/amd64.br": string(noise), "bin/arm64.br": string(noise[10:]), "bin/plain-program": "\x7fELF\x00\x00",
			"CAPS.JSON": "{}", "notes.txt": strings.Repeat("long ", 5000), "empty.txt": "",
		} {
			sample.Write(t, root, "build/out/stage/"+folder+name, text)
		}
	}
	return root
}

func pack(t *testing.T, root string) (path string, parts []Part) {
	t.Helper()
	m, err := extension.Load(filepath.Join(root, "vss-extension.json"))
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	parts, err = Parts(root, filepath.Join(root, extension.StageFolder), m)
	if err != nil {
		t.Fatalf("Parts: %v", err)
	}
	var out bytes.Buffer
	if _, err := Write(&out, parts); err != nil {
		t.Fatalf("Write: %v", err)
	}
	path = filepath.Join(t.TempDir(), "ours.vsix")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, parts
}

func TestPackageIsWhatTfxMakes(t *testing.T) {
	t.Parallel()
	root := staged(t)
	ours, _ := pack(t, root)
	theirs, warnings := oracle.Create(t, root, "Alpha", "Beta")
	if warnings != nil {
		t.Errorf("tfx-cli warns about the sample:\n%s", strings.Join(warnings, "\n"))
	}
	oracle.Compare(t, ours, theirs)
}

// The warnings are how tfx-cli reports a bad task.json, so the test above must be able to see one.
func TestOracleSeesTfxWarnings(t *testing.T) {
	t.Parallel()
	root := staged(t)
	sample.Edit(t, root, "build/out/stage/Alpha/AlphaV1/task.json", "5b3a5a3a-", "not-a-guid-")
	_, warnings := oracle.Create(t, root, "Alpha", "Beta")
	if len(warnings) == 0 {
		t.Error("tfx-cli was given a task.json with a bad id, and no warning was seen")
	}
}

func TestNamesOfPartsAreThoseTfxTakes(t *testing.T) {
	t.Parallel()
	names := []string{
		"a/b.c", "a/$&'()*+,;=:@-_~!.x", "a/%20", "a/%41b", "a/.hidden", "a b", "a/b ", "ä", "a/b.", "a//b", "/a",
		"a/%2f", "a/%2F", "a/%5C", "a/%zz", "a/%4", "a/%", "a/x%4g", "a/[b]", "a/b?", "a/b#", "a\\b", "a/..", "", "A/B",
		"a\tb", "a\x00b", "a|b", `a"b`, "a<b", "../a", "a/", "a^b", "a{b", "a`b",
	}
	refused := 0
	for name, valid := range oracle.ValidNames(t, names) {
		err := checkName(name)
		if (err == nil) != valid {
			t.Errorf("checkName(%q) = %v; tfx-cli takes it: %v", name, err, valid)
		}
		if err != nil {
			refused++
		}
	}
	if refused < 10 {
		t.Errorf("only %d of %d names were refused", refused, len(names))
	}
}
