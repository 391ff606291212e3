package bundle

import (
	"archive/zip"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const guid = "c4f1a2b0-6d3e-4f5a-9b8c-7d6e5f4a3b2c"

// taskJSON is a small valid task.json.
func taskJSON(name, id string, major int) string {
	return fmt.Sprintf(`{"id":%q,"name":%q,"friendlyName":"A task",
		"version":{"Major":%d,"Minor":"2","Patch":3},
		"inputs":[{"name":"key","aliases":["cacheKey"],"type":"string","required":true},
			{"name":"on","type":"boolean","defaultValue":true,"required":"false"},
			{"name":"n","type":"int","defaultValue":7,"required":"True","visibleRule":"on = true"}],
		"execution":{"Node24":{"target":"main.js"},"Node20_1":{"target":"main.js","workingDirectory":"w"}},
		"postjobexecution":{"Node24":{"target":"post.js"},"PowerShell3":{"target":"none.ps1"},"Node20_1":{"target":"$(x)/y.js"}},
		"OutputVariables":[{"name":"hit"}],
		"restrictions":{"commands":{"mode":"Restricted"},"settableVariables":{"allowed":["A*"]}}}`, id, name, major)
}

func vsomanifest(folders ...string) string {
	var all []string
	for i, f := range folders {
		all = append(all, fmt.Sprintf(`{"id":"c%d","type":"ms.vss-distributed-task.task","properties":{"name":%q}}`, i, f))
	}
	return `{"contributions":[` + strings.Join(all, ",") + `]}`
}

type entry struct {
	name, content string
	mode          fs.FileMode
}

func writeZip(t *testing.T, entries ...entry) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "p.vsix")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(f)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if e.mode != 0 {
			h.SetMode(e.mode)
		}
		part, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

func goodEntries() []entry {
	return []entry{
		{name: "extension.vsomanifest", content: vsomanifest("Cache")},
		{name: "Cache/CacheV1/task.json", content: "\xef\xbb\xbf" + taskJSON("Cache", guid, 1)},
		{name: "Cache/CacheV1/main.js", content: "1", mode: 0o755},
		{name: "Cache/CacheV1/bin/tool", content: "tool"},
		{name: "Cache/CacheV1/post.js", content: "1"},
		{name: "Cache/CacheV2/task.json", content: taskJSON("Cache", guid, 2)},
		{name: "Cache/CacheV2/main.js", content: "1"},
		{name: "Cache/CacheV2/post.js", content: "1"},
		{name: "NotContributed/task.json", content: taskJSON("Other", guid, 1)},
	}
}

func open(t *testing.T, name string) *Bundle {
	t.Helper()
	b, err := Open(name)
	if err != nil {
		t.Fatalf("Open(%s): %v", name, err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func TestOpenPackageReadsContributedTasks(t *testing.T) {
	t.Parallel()
	b := open(t, writeZip(t, goodEntries()...))
	task, err := b.Find("Cache@1")
	if err != nil {
		t.Fatal(err)
	}
	want := Definition{
		ID: guid, Name: "Cache", FriendlyName: "A task", Version: Version{1, 2, 3},
		Inputs: []Input{
			{Name: "key", Aliases: []string{"cacheKey"}, Type: "string", Required: true},
			{Name: "on", Type: "boolean", Default: "True"},
			{Name: "n", Type: "int", Default: "7", Required: true, Conditional: true},
		},
		Main:            Handlers{"Node24": {Target: "main.js"}, "Node20_1": {Target: "main.js", WorkingDirectory: "w"}},
		PostJob:         Handlers{"Node24": {Target: "post.js"}, "PowerShell3": {Target: "none.ps1"}, "Node20_1": {Target: "$(x)/y.js"}},
		OutputVariables: []string{"hit"},
		Restrictions:    Restrictions{Commands: true, Variables: []string{"A*"}},
	}
	if diff := cmp.Diff(want, task.Definition); diff != "" {
		t.Errorf("definition of Cache@1 (-want +got):\n%s", diff)
	}
	if got := b.names(); !cmp.Equal(got, []string{"Cache@1", "Cache@2"}) {
		t.Errorf("tasks: got %v, want only the contributed ones", got)
	}
}

func TestOpenFolderFindsStagedTasks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"Cache/CacheV1/task.json":                     taskJSON("Cache", guid, 1),
		"Cache/CacheV1/main.js":                       "",
		"Cache/CacheV1/post.js":                       "",
		"Flat/main.js":                                "",
		"Flat/post.js":                                "",
		"Cache/CacheV1/node_modules/x/task.json":      "not a task",
		"Flat/task.json":                              taskJSON("Flat", "00000000-0000-4000-8000-000000000001", 4),
		"node_modules/azure-pipelines-task/task.json": "not a task",
	} {
		write(t, filepath.Join(dir, name), content)
	}
	if got := open(t, dir).names(); !cmp.Equal(got, []string{"Cache@1", "Flat@4"}) {
		t.Errorf("tasks in the folder: got %v", got)
	}
	if got := open(t, filepath.Join(dir, "Flat")).names(); !cmp.Equal(got, []string{"Flat@4"}) {
		t.Errorf("a task folder given directly: got %v", got)
	}
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	b := open(t, writeZip(t, goodEntries()...))
	for reference, want := range map[string]string{
		"Cache@1":                       "1.2.3",
		"cache@2":                       "2.2.3",
		"Cache@2.2.3":                   "2.2.3",
		strings.ToUpper(guid) + "@1":    "1.2.3",
		"publisher.ext.contrib.Cache@1": "1.2.3",
		"Cache@3":                       `task "Cache@3" is not in`,
		"Cache@1.9.9":                   "it has Cache@1.2.3, Cache@2.2.3",
		"Other@1":                       "it has Cache@1, Cache@2",
		"Cache":                         "has no version: write it as Name@1",
		"@1":                            "has no version",
	} {
		task, err := b.Find(reference)
		got := fmt.Sprint(err)
		if err == nil {
			got = task.Version.String()
		}
		if !strings.Contains(got, want) {
			t.Errorf("Find(%q): got %s, want %s", reference, got, want)
		}
	}
}

func TestExtractDropsExecutableBits(t *testing.T) {
	t.Parallel()
	b := open(t, writeZip(t, goodEntries()...))
	task, err := b.Find("Cache@1")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "tasks", "Cache_x", "1.2.3")
	if err := task.Extract(dir); err != nil {
		t.Fatalf("Extract(%s): %v", dir, err)
	}
	info, err := os.Stat(filepath.Join(dir, "main.js"))
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o111 != 0 {
		t.Errorf("main.js was packed with 0755: mode %v, want no executable bit", info.Mode())
	}
	if data, err := os.ReadFile(filepath.Join(dir, "bin", "tool")); err != nil || string(data) != "tool" {
		t.Errorf("bin/tool: got %q, %v", data, err)
	}
}

// Every kind of package that must not be used, and the words it is refused with.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	with := func(extra ...entry) []entry { return append(goodEntries(), extra...) }
	for name, tc := range map[string]struct {
		entries []entry
		want    string
	}{
		"parent path":        {with(entry{name: "../evil", content: "x"}), `entry "../evil" is not a relative path`},
		"parent inside":      {with(entry{name: "Cache/../../evil"}), "is not a relative path"},
		"absolute":           {with(entry{name: "/etc/evil"}), "is not a relative path"},
		"drive":              {with(entry{name: "C:/evil"}), "is not a relative path"},
		"backslash":          {with(entry{name: `..\evil`}), "is not a relative path"},
		"control character":  {with(entry{name: "a\nb"}), "is not a relative path"},
		"symbolic link":      {with(entry{name: "l", content: "/etc", mode: fs.ModeSymlink | 0o777}), "neither a file nor a folder"},
		"same name":          {with(entry{name: "x"}, entry{name: "X"}), `entries "x" and "X" have the same name`},
		"no manifest":        {goodEntries()[1:], "this is not an Azure DevOps extension"},
		"manifest not JSON":  {[]entry{{name: "extension.vsomanifest", content: "{"}}, "not valid JSON"},
		"no task":            {[]entry{{name: "extension.vsomanifest", content: "{}"}}, "no contribution of type"},
		"folder missing":     {[]entry{{name: "extension.vsomanifest", content: vsomanifest("Gone")}}, `the task folder "Gone"`},
		"folder outside":     {[]entry{{name: "extension.vsomanifest", content: vsomanifest("../..")}}, "not one inside the package"},
		"folder twice":       {[]entry{{name: "extension.vsomanifest", content: vsomanifest("A", "A/")}}, "two contributions"},
		"task.json not JSON": {withTask("not json"), "reading A/task.json in"},
		"bad id":             {withTask(taskJSON("Cache", "../../x", 1)), "is not a GUID"},
		"bad name":           {withTask(taskJSON("../x", guid, 1)), "letters, digits and hyphens"},
		"no version":         {withTask(`{"id":"` + guid + `","name":"A"}`), "version needs the numbers"},
		"bad handler":        {withTask(strings.Replace(taskJSON("A", guid, 1), `{"target":"main.js"}`, `"main.js"`, 1)), "execution.Node24"},
		"no target": {append(withTask(taskJSON("Cache", guid, 1)), entry{name: "A/main.js", content: "1"}),
			"has no file post.js, which its task.json names: this looks like a task's source; build it first"},
		"same task twice": {[]entry{
			{name: "extension.vsomanifest", content: vsomanifest("A", "B")},
			{name: "A/task.json", content: taskJSON("Cache", guid, 1)}, {name: "B/task.json", content: taskJSON("Cache", guid, 1)},
		}, "twice, in A and B"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := writeZip(t, tc.entries...)
			b, err := Open(file)
			if err == nil {
				_ = b.Close()
				t.Fatalf("Open accepted the package, want an error with %q", tc.want)
			}
			if text := err.Error(); !strings.Contains(text, tc.want) || !strings.Contains(text, file) || strings.Contains(text, "\n") {
				t.Errorf("Open: got %q, want one line naming %s and saying %q", text, file, tc.want)
			}
		})
	}
}

func withTask(content string) []entry {
	return []entry{{name: "extension.vsomanifest", content: vsomanifest("A")}, {name: "A/task.json", content: content}}
}

func TestOpenRefusesBombs(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "bomb.vsix")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(f)
	for i, size := range []uint64{1 << 30, 1 << 31} {
		h := &zip.FileHeader{Name: fmt.Sprintf("big%d", i), UncompressedSize64: size, CRC32: crc32.ChecksumIEEE(nil)}
		if _, err := w.CreateRaw(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	if _, err := Open(name); err == nil || !strings.Contains(err.Error(), "unpacks to more than") {
		t.Errorf("Open of a package that unpacks to 3 GB: got %v", err)
	}
}

func TestOpenMissingAndEmpty(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ path, want string }{
		"missing":      {filepath.Join(t.TempDir(), "no.vsix"), "give a .vsix file or a folder with tasks"},
		"empty folder": {t.TempDir(), "holds no task"},
	} {
		if _, err := Open(tc.path); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: Open(%s): got %v, want %q", name, tc.path, err, tc.want)
		}
	}
}

// A package cut off anywhere, or with any byte changed, is either refused by
// Open or by Extract, or gives the original bytes: never something else.
func TestDamagedPackages(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile(writeZip(t, goodEntries()...))
	if err != nil {
		t.Fatal(err)
	}
	for cut := 0; cut < len(whole); cut += 7 {
		if got := use(t, whole[:cut]); got != "refused" {
			t.Errorf("package cut off after %d of %d bytes: %s, want it refused", cut, len(whole), got)
		}
	}
	for at := 0; at < len(whole); at += 3 {
		damaged := append([]byte{}, whole...)
		damaged[at] ^= 0xff
		if got := use(t, damaged); got == "wrong" {
			t.Errorf("package with byte %d changed: unpacked other bytes without an error", at)
		}
	}
}

// use opens and unpacks a package and says what came of it.
func use(t *testing.T, data []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "p.vsix")
	write(t, name, string(data))
	b, err := Open(name)
	if err != nil {
		return "refused"
	}
	defer b.Close()
	task, err := b.Find("Cache@1")
	if err != nil {
		return "refused"
	}
	dir := filepath.Join(t.TempDir(), "out")
	if err := task.Extract(dir); err != nil {
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("Extract failed but left %s", dir)
		}
		return "refused"
	}
	for file, want := range map[string]string{"main.js": "1", filepath.Join("bin", "tool"): "tool"} {
		if got, err := os.ReadFile(filepath.Join(dir, file)); err == nil && string(got) != want {
			return "wrong"
		}
	}
	return "good"
}

func TestExtractRefusesLinksThatLeave(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a privilege on Windows")
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "secret"), "x")
	write(t, filepath.Join(dir, "tasks", "A", "task.json"), taskJSON("A", guid, 1))
	write(t, filepath.Join(dir, "tasks", "A", "main.js"), "m")
	write(t, filepath.Join(dir, "tasks", "A", "post.js"), "m")
	for name, target := range map[string]string{"inside.js": "main.js", "outside": "../../secret"} {
		link := filepath.Join(dir, "tasks", "A", name)
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		task, err := open(t, filepath.Join(dir, "tasks")).Find("A@1")
		if err != nil {
			t.Fatal(err)
		}
		err = task.Extract(filepath.Join(t.TempDir(), "out"))
		if (err == nil) != (name == "inside.js") {
			t.Errorf("Extract with the link %s -> %s: error %v", name, target, err)
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
	}
}

// Whatever the package, nothing is written beside the folder asked for.
func FuzzExtract(f *testing.F) {
	for _, name := range []string{"A/x.js", "A/../../x", "A/a/../b", `A\..\..\x`, "A/.", "A//x", "A/x\x00y"} {
		f.Add(name, "content")
	}
	f.Fuzz(func(t *testing.T, name, content string) {
		if strings.HasSuffix(name, "/") && content != "" || len(name) > 1000 {
			t.Skip("not an entry the zip writer can make")
		}
		file := writeZip(t, append(withTask(taskJSON("Cache", guid, 1)),
			entry{name: "A/main.js"}, entry{name: "A/post.js"}, entry{name: name, content: content})...)
		b, err := Open(file)
		if err != nil {
			return
		}
		defer b.Close()
		parent := t.TempDir()
		if task, err := b.Find("Cache@1"); err == nil {
			_ = task.Extract(filepath.Join(parent, "in", "out"))
		}
		for dir, allowed := range map[string]string{parent: "in", filepath.Join(parent, "in"): "out"} {
			entries, _ := os.ReadDir(dir)
			for _, e := range entries {
				if e.Name() != allowed {
					t.Errorf("entry %q made %s beside %s", name, e.Name(), allowed)
				}
			}
		}
	})
}
