// Package oracle holds a package made here against one that the official tfx-cli makes of the
// same folder. It is for tests, and needs the programs of build/npm.
package oracle

import (
	"archive/zip"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Node returns the path of the pinned Node 20.
func Node(t testing.TB) string { return program(t, "node20/bin/node") }

func program(t testing.TB, name string) string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	file := filepath.Join(filepath.Dir(here), "../../npm/node_modules", name)
	if _, err := os.Stat(file); err != nil {
		t.Fatalf("%s is not installed: run `make oracles`", name)
	}
	return file
}

// Create runs `tfx extension create` on the extension in root and returns the package it made and
// the warnings it printed. Tasks are copied to where tfx-cli looks for them to check them: it takes
// the name of a contribution for a folder of the root, and says nothing about a task elsewhere.
func Create(t testing.TB, root string, tasks ...string) (vsix string, warnings []string) {
	t.Helper()
	for _, task := range tasks {
		staged := os.DirFS(filepath.Join(root, "build/out/stage", task))
		if err := os.CopyFS(filepath.Join(root, task), staged); err != nil {
			t.Fatal(err)
		}
	}
	vsix = filepath.Join(t.TempDir(), "tfx.vsix")
	cmd := exec.CommandContext(t.Context(), Node(t), program(t, "tfx-cli/_build/app.js"), "extension", "create",
		"--root", root, "--manifest-globs", "vss-extension.json", "--output-path", vsix, "--no-prompt", "--no-color")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "NO_COLOR=1", "PATH="+fileProgram(t))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("tfx extension create: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "warning") || strings.Contains(line, "error") {
			warnings = append(warnings, strings.TrimSpace(line))
		}
	}
	return vsix, warnings
}

// fileProgram returns a PATH with nothing on it but a program "file", which tfx-cli asks about the content of
// .br and other files that it does not know (file --mime-type; on Windows it asks the registry): the machine need not
// have the real one, and the answer is the same everywhere.
func fileProgram(t testing.TB) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		return os.Getenv("PATH")
	}
	dir := t.TempDir()
	const script = "#!/bin/sh\ncase $2 in *LICENSE) kind=text/plain ;; *) kind=application/octet-stream ;; esac\n" +
		"echo \"$2: $kind\"\n"
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// ValidNames asks tfx-cli which of the names a part may have.
func ValidNames(t testing.TB, names []string) map[string]bool {
	t.Helper()
	const script = "const {VsixWriter} = require(process.argv[1]); const valid = {};" +
		"for (const n of JSON.parse(process.argv[2])) valid[n] = VsixWriter.validatePartName(n);" +
		"console.log(JSON.stringify(valid))"
	list, err := json.Marshal(names)
	if err != nil {
		t.Fatal(err)
	}
	writer := program(t, "tfx-cli/_build/exec/extension/_lib/vsix-writer.js")
	out, err := exec.CommandContext(t.Context(), Node(t), "-e", script, writer, string(list)).Output()
	if err != nil {
		t.Fatalf("asking tfx-cli about names: %v", err)
	}
	var valid map[string]bool
	unmarshal(t, string(out), &valid)
	return valid
}

// Compare reports what ours has otherwise than the package of tfx-cli.
func Compare(t testing.TB, ours, theirs string) {
	t.Helper()
	got, want := read(t, ours), read(t, theirs)
	compareTypes(t, take(got, "[Content_Types].xml"), take(want, "[Content_Types].xml"))
	gotXML := canonical(t, take(got, "extension.vsixmanifest"))
	wantXML := canonical(t, take(want, "extension.vsixmanifest"))
	if diff := cmp.Diff(wantXML, gotXML); diff != "" {
		t.Errorf("extension.vsixmanifest (-tfx +ours):\n%s", diff)
	}
	var gotJSON, wantJSON any
	unmarshal(t, take(got, "extension.vsomanifest"), &gotJSON)
	unmarshal(t, take(want, "extension.vsomanifest"), &wantJSON)
	if diff := cmp.Diff(wantJSON, gotJSON); diff != "" {
		t.Errorf("extension.vsomanifest (-tfx +ours):\n%s", diff)
	}
	for name, data := range want {
		if got[name] != data {
			t.Errorf("part %s: %d bytes, in tfx-cli's package %d other bytes", name, len(got[name]), len(data))
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("part %s is not in tfx-cli's package", name)
		}
	}
}

func take(parts map[string]string, name string) string {
	text := parts[name]
	delete(parts, name)
	return text
}

// read returns all parts; tfx-cli writes entries for folders too, which are not parts.
func read(t testing.TB, vsix string) map[string]string {
	t.Helper()
	archive, err := zip.OpenReader(vsix)
	if err != nil {
		t.Fatalf("opening %s: %v", vsix, err)
	}
	defer archive.Close()
	parts := map[string]string{}
	for _, f := range archive.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		parts[f.Name] = string(data)
	}
	return parts
}

func unmarshal(t testing.TB, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}

// element is any XML element.
type element struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []element  `xml:",any"`
}

// canonical returns the elements of a document as sorted lines: the order of siblings, white space
// between them and the spelling of empty elements do not count, since readers look elements up.
func canonical(t testing.TB, text string) []string {
	t.Helper()
	var root element
	if err := xml.Unmarshal([]byte(text), &root); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	var lines []string
	var walk func(e element, within string)
	walk = func(e element, within string) {
		name := within + "/" + e.XMLName.Space + ":" + e.XMLName.Local
		var attrs []string
		for _, a := range e.Attrs {
			attrs = append(attrs, a.Name.Space+":"+a.Name.Local+"="+a.Value)
		}
		slices.Sort(attrs)
		lines = append(lines, name+" ["+strings.Join(attrs, " ")+"] "+strings.TrimSpace(e.Text))
		for _, child := range e.Children {
			walk(child, name)
		}
	}
	walk(root, "")
	slices.Sort(lines)
	return lines
}

// compareTypes holds the content type of each file extension and part against tfx-cli's. Where ours
// says plain bytes, tfx-cli may know better, or have asked the Windows registry: any answer will do.
func compareTypes(t testing.TB, got, want string) {
	t.Helper()
	ours, theirs := types(t, got), types(t, want)
	for name, kind := range theirs {
		mine, ok := ours[name]
		if !ok {
			mine = ours[path.Ext(name)]
		}
		if mine != kind && mine != "application/octet-stream" {
			t.Errorf("content type of %s: got %q, tfx-cli has %q", name, mine, kind)
		}
	}
	for name := range ours {
		if _, ok := theirs[name]; !ok {
			t.Errorf("content type of %s is not in tfx-cli's package", name)
		}
	}
}

func types(t testing.TB, text string) map[string]string {
	t.Helper()
	var document struct {
		Default []struct {
			Extension   string `xml:",attr"`
			ContentType string `xml:",attr"`
		}
		Override []struct {
			PartName    string `xml:",attr"`
			ContentType string `xml:",attr"`
		}
	}
	if err := xml.Unmarshal([]byte(text), &document); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	found := map[string]string{}
	for _, d := range document.Default {
		found[d.Extension] = d.ContentType
	}
	for _, o := range document.Override {
		found[o.PartName] = o.ContentType
	}
	return found
}
