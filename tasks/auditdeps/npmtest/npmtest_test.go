package npmtest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func registry() *Registry {
	r := New(
		Package{Name: "minimist", Version: "1.2.5"},
		Package{Name: "minimist", Version: "1.2.8"},
		Package{Name: "@s/mkdirp", Version: "0.5.5", Dependencies: map[string]string{"minimist": "^1.2.5"},
			Manifest: map[string]any{"description": "long"}},
	)
	r.Advise(Advisory{ID: 1, Package: "minimist", Range: ">=1.0.0 <1.2.6", Severity: "critical", Title: "GHSA-xvch-5gv4-984h"})
	return r
}

// get returns an answer of the registry.
func get(t *testing.T, r *Registry, method, path, accept string, body []byte) (status int, answer string) {
	t.Helper()
	req := httptest.NewRequest(method, "http://registry.example"+path, bytes.NewReader(body))
	req.Header.Set("Accept", accept)
	if body != nil {
		req.Header.Set("Content-Encoding", "gzip")
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	return w.Code, w.Body.String()
}

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRegistry(t *testing.T) {
	t.Parallel()
	r := registry()
	_, whole := get(t, r, "GET", "/@s%2fmkdirp", "application/json", nil)
	_, brief := get(t, r, "GET", "/@s/mkdirp", abbreviated+"; q=1.0, */*", nil)
	if !strings.Contains(whole, "long") || strings.Contains(brief, "long") || !strings.Contains(whole, `"time"`) {
		t.Errorf("documents: whole %s, brief %s", whole, brief)
	}
	var doc struct {
		Versions map[string]struct {
			Dist struct{ Tarball, Integrity string }
		}
		Tags map[string]string `json:"dist-tags"`
	}
	if err := json.Unmarshal([]byte(brief), &doc); err != nil {
		t.Fatal(err)
	}
	dist := doc.Versions["0.5.5"].Dist
	if dist.Tarball != "http://registry.example/@s/mkdirp/-/mkdirp-0.5.5.tgz" || doc.Tags["latest"] != "0.5.5" ||
		dist.Integrity == "" || dist.Integrity != r.Integrity("@s/mkdirp", "0.5.5") ||
		dist.Integrity != registry().Integrity("@s/mkdirp", "0.5.5") {
		t.Errorf("document %+v", doc)
	}
	for name, tc := range map[string]struct {
		method, path string
		body         []byte
		status       int
		answer       string
	}{
		"archive":             {"GET", "/@s/mkdirp/-/mkdirp-0.5.5.tgz", nil, 200, "\x1f\x8b"},
		"no such archive":     {"GET", "/@s/mkdirp/-/mkdirp-9.tgz", nil, 404, "not found"},
		"no such package":     {"GET", "/nothing", nil, 404, "not found"},
		"writing":             {"PUT", "/minimist", nil, 405, "reading"},
		"audit":               {"POST", AuditPath, zipped(t, `{"minimist":["1.2.5"]}`), 200, `"vulnerable_versions":"\u003e=1.0.0 \u003c1.2.6"`},
		"audit of others":     {"POST", AuditPath, zipped(t, `{"ms":["1.2.5"]}`), 200, "{}\n"},
		"audit of nonsense":   {"POST", AuditPath, zipped(t, `[]`), 400, "no object"},
		"audit, not zipped":   {"POST", AuditPath, []byte("{}"), 400, "not zipped"},
		"audit is no reading": {"GET", AuditPath, nil, 405, "only POST"},
	} {
		status, answer := get(t, r, tc.method, tc.path, "", tc.body)
		if status != tc.status || !strings.Contains(answer, tc.answer) {
			t.Errorf("%s: %s %s: got %d %.200q, want %d with %q", name, tc.method, tc.path, status, answer, tc.status, tc.answer)
		}
	}
	r.NoAudit()
	if status, _ := get(t, r, "POST", AuditPath, "", zipped(t, "{}")); status != http.StatusNotFound {
		t.Errorf("audit with NoAudit: got %d, want 404", status)
	}
}

const manifest = `{"name": "app", "version": "1.0.0", "dependencies": {"@s/mkdirp": "^0.5.0"}}`

// TestManagersInstall: each package manager makes a lock file and installs from it, and
// asks for nothing elsewhere.
func TestManagersInstall(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		manager       Manager
		lock          string
		config        map[string]string
		make, install []string
	}{
		"npm":    {NPM, "package-lock.json", nil, []string{"install", "--package-lock-only"}, []string{"ci"}},
		"pnpm":   {PNPM, "pnpm-lock.yaml", nil, []string{"install", "--lockfile-only"}, []string{"install", "--frozen-lockfile"}},
		"yarn 1": {Yarn1, "yarn.lock", nil, []string{"install"}, []string{"install", "--frozen-lockfile"}},
		"berry": {Berry, "yarn.lock", map[string]string{".yarnrc.yml": BerryConfig}, []string{"install", "--no-immutable"},
			[]string{"install", "--immutable"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := NewProject(t, registry(), tc.config)
			p.Write("package.json", manifest)
			p.Must(tc.manager, tc.make...)
			if lock := p.Read(tc.lock); !strings.Contains(lock, "minimist") {
				t.Errorf("%s: %s", tc.lock, lock)
			}
			p.Remove("node_modules")
			p.Must(tc.manager, tc.install...)
			if got := p.Read("node_modules/@s/mkdirp/index.js"); got != "module.exports = \"@s/mkdirp@0.5.5\";\n" {
				t.Errorf("installed: %q", got)
			}
		})
	}
}

func TestNPMAudit(t *testing.T) {
	t.Parallel()
	r := registry()
	p := NewProject(t, r, map[string]string{"package.json": manifest})
	p.Must(NPM, "install")
	p.Must(NPM, "audit", "--audit-level=high")
	p.Edit("package-lock.json", "1.2.8", "1.2.5")
	out, err := p.Run(NPM, "audit", "--audit-level=high")
	if err == nil || !strings.Contains(out, "GHSA-xvch-5gv4-984h") {
		t.Errorf("npm audit of a vulnerable version: %v\n%s", err, out)
	}
	r.NoAudit()
	p.Remove("node_modules", "package-lock.json")
	if out := p.Must(NPM, "install"); strings.Contains(out, "vulnerabilities") {
		t.Errorf("npm install without an audit endpoint says something of it:\n%s", out)
	}
	var asked []string
	for _, request := range r.Requests() {
		if strings.HasPrefix(request, "POST") {
			asked = append(asked, request)
		}
	}
	want := "POST " + AuditPath
	if diff := cmp.Diff([]string{want, want, want, want}, asked); diff != "" {
		t.Errorf("requests that are no reading (-want +got):\n%s", diff)
	}
}
