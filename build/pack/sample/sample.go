// Package sample makes a small repository with two tasks, Alpha and Beta, laid out as this one
// is, for the packer's tests. Its programs import nothing, so that they build in a moment.
package sample

import (
	"bytes"
	"image"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const manifest = `{
  "manifestVersion": 1,
  "publisher": "sample-publisher",
  "id": "sample",
  "version": "1.7.9",
  "name": "Sample <&> \"quoted\"",
  "description": "A sample with <angles> & ampersands, and \u00fcml\u00e4uts.",
  "categories": ["Azure Pipelines"],
  "tags": ["one", "two words", "one"],
  "galleryFlags": ["Preview", "Public"],
  "targets": [{ "id": "Microsoft.VisualStudio.Services", "version": "[16.0,)" }],
  "icons": { "default": "images/icon.png" },
  "content": { "details": { "path": "overview.md" }, "license": { "path": "LICENSE" } },
  "links": {
    "support": { "uri": "https://example.test/?a=1&b=2" },
    "privacypolicy": { "uri": "https://example.test/privacy" }
  },
  "repository": { "type": "git", "uri": "https://example.test/repo" },
  "branding": { "color": "#1b365d", "theme": "dark" },
  "scopes": ["vso.build"],
  "files": [
    { "path": "build/out/stage/Alpha", "packagePath": "Alpha" },
    { "path": "build/out/stage/Beta", "packagePath": "Beta" }
  ],
  "contributions": [
    { "id": "alpha", "type": "ms.vss-distributed-task.task", "targets": ["ms.vss-distributed-task.tasks"],
      "properties": { "name": "Alpha" } },
    { "id": "beta", "type": "ms.vss-distributed-task.task", "targets": ["ms.vss-distributed-task.tasks"],
      "properties": { "name": "Beta" } }
  ]
}
`

const taskJSON = `{
  "id": "GUID",
  "name": "NAME",
  "friendlyName": "A task called NAME",
  "version": {"Major": MAJOR, "Minor": 0, "Patch": 0},
  "instanceNameFormat": "NAME $(path)",
  "execution": { "Node20_1": { "target": "main.js" }, "Node24": { "target": "main.js" } }STAGES
}
`

const program = `package main

import (
	"os"

	"example.test/sample/shared/version"
)

func main() { os.Stdout.WriteString("NAME " + version.String() + "\n") }
`

const version = `package version

var number, commit string

func String() string { return number + " " + commit }
`

const platforms = `[
  {"goos": "linux", "goarch": "amd64", "node": "linux-x64"},
  {"goos": "linux", "goarch": "arm64", "node": "linux-arm64"},
  {"goos": "darwin", "goarch": "arm64", "node": "darwin-arm64"},
  {"goos": "darwin", "goarch": "amd64", "node": "darwin-x64"},
  {"goos": "windows", "goarch": "amd64", "node": "win32-x64"}
]
`

// Root writes the repository into a new folder and returns it. It is not a git repository yet.
func Root(t testing.TB) string {
	t.Helper()
	root := t.TempDir()
	files := map[string]string{
		"go.mod":                    "module example.test/sample\n\ngo 1.26.0\n\ntoolchain " + runtime.Version() + "\n",
		"vss-extension.json":        manifest,
		"overview.md":               "# Sample\n",
		"LICENSE":                   "Do as you like.\n",
		"images/icon.png":           Icon(t, 128),
		".gitignore":                "/build/out/\n",
		"build/targets.json":        platforms,
		"build/launcher/launch.js":  "exports.run = (stage) => console.log(stage);\n",
		"build/launcher/unpack.js":  "exports.extract = () => {};\n",
		"shared/version/version.go": version,
	}
	maps.Copy(files, task(t, "Alpha", "1", "5b3a5a3a-6f4b-4c53-8d5c-0a1b2c3d4e5f",
		`, "postjobexecution": { "Node24": { "target": "post.js" } }`))
	maps.Copy(files, task(t, "Beta", "3", "6c4b6b4b-7a5c-4d64-9e6d-1b2c3d4e5f60",
		`, "prejobexecution": { "Node24": { "target": "pre.js" } }`))
	for name, text := range files {
		Write(t, root, name, text)
	}
	return root
}

func task(t testing.TB, name, major, id, stages string) map[string]string {
	t.Helper()
	replacer := strings.NewReplacer("NAME", name, "MAJOR", major, "STAGES", stages, "GUID", id)
	dir := "tasks/" + strings.ToLower(name) + "/"
	return map[string]string{
		dir + "task.json":   replacer.Replace(taskJSON),
		dir + "icon.png":    Icon(t, 32),
		dir + "cmd/main.go": replacer.Replace(program),
	}
}

// Icon returns a PNG picture with that many pixels on a side.
func Icon(t testing.TB, side int) string {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, image.NewGray(image.Rect(0, 0, side, side))); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Write writes a file of the repository.
func Write(t testing.TB, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Edit replaces text in a file of the repository; the text must be in it.
func Edit(t testing.TB, root, name, old, replacement string) {
	t.Helper()
	path := filepath.Join(root, filepath.FromSlash(name))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), old) {
		t.Fatalf("%s does not contain %q", name, old)
	}
	Write(t, root, name, strings.ReplaceAll(string(data), old, replacement))
}
