package ecosystem

import (
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/shared/pkgziptest"
)

func TestPipFolder(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		host Host
		want string
	}{
		"linux":         {host("linux", "/home/me"), "/home/me/.cache/pip/http-v2"},
		"linux, XDG":    {host("linux", "/home/me", "XDG_CACHE_HOME", "/x"), "/x/pip/http-v2"},
		"mac":           {host("darwin", "/Users/me", "XDG_CACHE_HOME", "/x"), "/Users/me/Library/Caches/pip/http-v2"},
		"windows":       {host("windows", `C:\me`, "LOCALAPPDATA", `D:\l`), `D:\l\pip\Cache\http-v2`},
		"windows, bare": {host("windows", `C:\me`), `C:\me\AppData\Local\pip\Cache\http-v2`},
		"PIP_CACHE_DIR": {host("windows", `C:\me`, "PIP_CACHE_DIR", `E:\p`), `E:\p\http-v2`},
	} {
		if got := pip.Folder(tc.host); got != tc.want {
			t.Errorf("%s: Folder: got %q, want %q", name, got, tc.want)
		}
	}
}

// pipLock has hashes of these contents.
func pipLock(contents ...string) []lockfile.Lock {
	var hashes []string
	for _, c := range contents {
		hashes = append(hashes, fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(c))))
	}
	return []lockfile.Lock{{Packages: []lockfile.Package{{Name: "foo", Version: "1", Integrity: hashes}}}}
}

func TestPipClaimsByPath(t *testing.T) {
	t.Parallel()
	claims := pipPlan(pipLock("x")).Claims
	name := "a/b/c/d/e/abcde" + strings.Repeat("0", 51)
	for name, want := range map[string]bool{
		name: true, name + ".body": true, "http-v2/" + name + ".body": true,
		"http/" + name: false, name + ".bodyx": false, name + "0": false, strings.ToUpper(name): false,
		"b/b/c/d/e/abcde" + strings.Repeat("0", 51): false, "wheels/ab/cd/ef/x.whl": false, "selfcheck/x": false,
		"artifacts/ab/cd/ef/0123/foo-1.0.whl": true, "artifacts/ab/cd/ef/0123/../foo.whl": false, "cache/repositories/PyPI/x": false,
	} {
		got, ok := claims(name)
		if ok != want || ok && (!got.Maybe || got.Deep == nil || got.ID == "") {
			t.Errorf("claim of %q: got %v, %v, want %v", name, got, ok, want)
		}
	}
	if _, ok := pipPlan(nil).Claims(name); ok {
		t.Error("a lock file without hashes: got a claim")
	}
	a, _ := claims(name)
	b, _ := pipPlan(pipLock("x", "y")).Claims(name)
	c, _ := pipPlan(append(pipLock("x"), pipLock("x")...)).Claims(name)
	if a.ID == b.ID || a.ID != c.ID {
		t.Errorf("IDs: %q and that of another set %q are the same, or those of one set differ: %q", a.ID, b.ID, c.ID)
	}
}

func TestPipFilesAreProvenByAnyHash(t *testing.T) {
	t.Parallel()
	locks := pipLock("genuine")
	locks[0].Packages[0].Integrity = append(locks[0].Packages[0].Integrity,
		fmt.Sprintf("sha512:%x", sha512.Sum512([]byte("second"))), "md5:"+strings.Repeat("0", 32))
	claims := pipPlan(locks).Claims
	name := "a/b/c/d/e/abcde" + strings.Repeat("0", 51)
	for contents, want := range map[string]string{"genuine": "", "second": "", "EVIL": "no lock file names it: it has another hash", "": "no lock file names it"} {
		got := verify(t, claims, fstest.MapFS{name + ".body": {Data: []byte(contents)}}, name+".body")
		if got != want && (want == "" || !strings.HasPrefix(got, want)) {
			t.Errorf("%q: got %q, want %q", contents, got, want)
		}
	}
}

// msgpack is MessagePack of texts, numbers and maps (of key, value, key, value).
func msgpack(value any) string {
	switch v := value.(type) {
	case string:
		return "\xda" + string([]byte{byte(len(v) >> 8), byte(len(v))}) + v
	case int:
		return "\xcd" + string([]byte{byte(v >> 8), byte(v)})
	case []any:
		text := "\xde" + string([]byte{0, byte(len(v) / 2)})
		for _, x := range v {
			text += msgpack(x)
		}
		return text
	}
	return "\xc0"
}

// pipAnswer is a file of pip's cache: an answer with these headers.
func pipAnswer(status int, body string, headers ...any) string {
	return "cc=4," + msgpack([]any{"response", []any{"body", body, "status", status, "headers", headers}, "vary", []any{}})
}

func TestPipAnswersLeadNowhere(t *testing.T) {
	t.Parallel()
	claims := pipPlan(pipLock("genuine")).Claims
	name := "a/b/c/d/e/abcde" + strings.Repeat("0", 51)
	for what, tc := range map[string]struct{ answer, body, want string }{
		"as it should be":        {pipAnswer(200, "", "Content-Type", "application/octet-stream", "ETag", "x"), "genuine", ""},
		"beside a changed file":  {pipAnswer(200, ""), "EVIL", "it has another hash"},
		"beside nothing":         {pipAnswer(200, ""), "-", "cannot be opened"},
		"permanent redirect":     {pipAnswer(308, "", "Location", "https://evil.test/"), "genuine", "status 200"},
		"redirect in disguise":   {pipAnswer(200, "", " loCation", "https://evil.test/"), "genuine", "leads elsewhere"},
		"body inside":            {pipAnswer(200, "EVIL"), "genuine", "status 200"},
		"a page of the index":    {pipAnswer(200, "", "content-type", "text/HTML"), "genuine", "a page"},
		"the index as JSON":      {pipAnswer(200, "", "content-type", "application/vnd.pypi.simple.v1+json"), "genuine", "a page"},
		"encoded":                {pipAnswer(200, "", "Content-Encoding", "gzip"), "genuine", "encoded"},
		"header of another type": {pipAnswer(200, "", "Location", 7), "genuine", "not text"},
		"another field": {"cc=4," + msgpack([]any{"response", []any{"body", "", "status", 200, "headers", []any{}, "evil", 1}}),
			"genuine", "field"},
		"a key twice":      {"cc=4," + msgpack([]any{"response", []any{"body", "", "body", "x"}}), "genuine", "MessagePack"},
		"something behind": {pipAnswer(200, "") + "x", "genuine", "not one object"},
		"another version":  {"cc=5," + pipAnswer(200, "")[5:], "genuine", "version"},
		"pickle":           {"cc=0,cos\nsystem\n", "genuine", "version"},
		"nothing":          {"", "genuine", "version"},
		"cut":              {pipAnswer(200, "")[:30], "genuine", "MessagePack"},
		"deep":             {"cc=4," + strings.Repeat("\x81\xa1a", 1000), "genuine", "MessagePack"},
		"long map":         {"cc=4,\xdf\xff\xff\xff\xff", "genuine", "MessagePack"},
		"large":            {pipAnswer(200, "", "x", strings.Repeat("y", 65000), "z", strings.Repeat("y", 65000)), "genuine", "larger"},
	} {
		tree := fstest.MapFS{name: {Data: []byte(tc.answer)}}
		if tc.body != "-" {
			tree[name+".body"] = &fstest.MapFile{Data: []byte(tc.body)}
		}
		got := verify(t, claims, tree, name)
		if got != tc.want && (tc.want == "" || !strings.Contains(got, tc.want)) {
			t.Errorf("%s: got %q, want %q", what, got, tc.want)
		}
	}
}

// pipCommand is a Python whose pip has the cache that is known here.
func pipCommand(t *testing.T) string {
	t.Helper()
	version := regexp.MustCompile(`^pip (\d+)\.(\d+)`)
	for _, python := range []string{"python3", "python"} {
		out, err := exec.Command(python, "-m", "pip", "--version").Output()
		match := version.FindSubmatch(out)
		if err != nil || match == nil {
			continue
		}
		major, _ := strconv.Atoi(string(match[1]))
		minor, _ := strconv.Atoi(string(match[2]))
		if major > 23 || major == 23 && minor >= 3 {
			return python
		}
	}
	t.Skip("NOT TESTED: how the real pip uses what is kept, because there is no Python with pip 23.3 or newer on the PATH")
	return ""
}

func TestPipDownloadsNothingThatWasKept(t *testing.T) {
	t.Parallel()
	python := pipCommand(t)
	wheel := pkgziptest.Zip(t, "demo.py", "print('genuine')\n", "demo-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
		"demo-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
		"demo-1.0.dist-info/RECORD", "")
	var downloads atomic.Int32
	index := http.NewServeMux()
	index.HandleFunc("/simple/demo/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Cache-Control", "max-age=600")
		fmt.Fprint(w, `<a href="/files/demo-1.0-py3-none-any.whl">demo-1.0-py3-none-any.whl</a>`)
	})
	index.HandleFunc("/files/", func(w http.ResponseWriter, _ *http.Request) {
		downloads.Add(1)
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Cache-Control", "max-age=365000000, immutable, public")
		w.Write(wheel)
	})
	server := httptest.NewServer(index)
	defer server.Close()
	dir, cache := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "requirements.txt"), fmt.Sprintf("demo==1.0 --hash=sha256:%x\n", sha256.Sum256(wheel)))
	install := func(cache string) (string, error) {
		cmd := exec.Command(python, "-m", "pip", "--isolated", "--disable-pip-version-check", "install", "--no-deps", "--require-hashes",
			"--index-url", server.URL+"/simple", "--trusted-host", strings.TrimPrefix(server.URL, "http://"),
			"--cache-dir", cache, "--target", t.TempDir(), "-r", filepath.Join(dir, "requirements.txt"))
		cmd.Env = append(os.Environ(), "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1", "HTTP_PROXY=", "http_proxy=")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := install(cache); err != nil || downloads.Load() != 1 {
		t.Fatalf("pip install: %v, %d downloads, want 1\n%s", err, downloads.Load(), out)
	}
	lock, err := lockfile.Read(os.DirFS(dir), "requirements.txt")
	if err != nil {
		t.Fatal(err)
	}
	restored, kept := keep(t, cache, pipPlan([]lockfile.Lock{lock}).Claims)
	if len(kept) != 2 || kept[0]+".body" != kept[1] {
		t.Fatalf("kept %q, want the wheel and its answer, and not the page of the index", kept)
	}
	if out, err := install(restored); err != nil || downloads.Load() != 1 {
		t.Errorf("pip install from what was kept: %v, %d more downloads\n%s", err, downloads.Load()-1, out)
	}
}
