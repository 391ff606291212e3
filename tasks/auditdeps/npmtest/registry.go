package npmtest

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// AuditPath is where npm asks which packages are vulnerable.
const AuditPath = "/-/npm/v1/security/advisories/bulk"

// Registry is a registry of npm packages. It may be used by several goroutines.
type Registry struct {
	mu         sync.Mutex
	noAudit    bool
	packages   map[string][]published // in the order in which they were published
	advisories []Advisory
	requests   []string
}

// New returns a registry with packages; the last one of a name is its latest version. It
// panics if one cannot be packed, which is a mistake in a test.
func New(packages ...Package) *Registry {
	r := &Registry{packages: make(map[string][]published)}
	r.Publish(packages...)
	return r
}

// Publish adds packages.
func (r *Registry) Publish(packages ...Package) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range packages {
		made, err := pack(p)
		if err != nil {
			panic(err)
		}
		r.packages[p.Name] = append(r.packages[p.Name], made)
	}
}

// Advise adds advisories.
func (r *Registry) Advise(advisories ...Advisory) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.advisories = append(r.advisories, advisories...)
}

// Requests returns what was asked for, in order, as "GET /name".
func (r *Registry) Requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

// Integrity returns the hash of a package's archive, as lock files have it; "" if there
// is no such package.
func (r *Registry) Integrity(name, version string) string {
	p := r.find(name, func(p published) bool { return p.manifest["version"] == version })
	return p.integrity
}

func (r *Registry) find(name string, is func(published) bool) published {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.IndexFunc(r.packages[name], is); i >= 0 {
		return r.packages[name][i]
	}
	return published{}
}

// ServeHTTP answers as registries do. The addresses of archives are those of the host
// that was asked.
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.requests = append(r.requests, req.Method+" "+req.URL.Path)
	r.mu.Unlock()
	name, file, isFile := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/-/")
	switch {
	case req.URL.Path == AuditPath:
		r.audit(w, req)
	case req.Method != http.MethodGet && req.Method != http.MethodHead:
		fail(w, http.StatusMethodNotAllowed, "this registry is for reading")
	case isFile:
		r.serveFile(w, name, file)
	default:
		r.document(w, req, name)
	}
}

func (r *Registry) serveFile(w http.ResponseWriter, name, file string) {
	p := r.find(name, func(p published) bool { return p.file == file })
	if p.tarball == nil {
		fail(w, http.StatusNotFound, "not found")
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Write(p.tarball)
}

// short are the fields of a version that an abbreviated document has, see
// https://github.com/npm/registry/blob/main/docs/responses/package-metadata.md
var short = []string{
	"name", "version", "deprecated", "bin", "dist", "directories", "dependencies", "optionalDependencies",
	"devDependencies", "bundleDependencies", "bundledDependencies", "peerDependencies", "peerDependenciesMeta",
	"engines", "os", "cpu", "libc", "hasInstallScript",
}

const abbreviated = "application/vnd.npm.install-v1+json"

// document answers with all versions of a package.
func (r *Registry) document(w http.ResponseWriter, req *http.Request, name string) {
	r.mu.Lock()
	all := slices.Clone(r.packages[name])
	r.mu.Unlock()
	if len(all) == 0 {
		fail(w, http.StatusNotFound, "not found")
		return
	}
	brief := strings.Contains(req.Header.Get("Accept"), abbreviated)
	const published = "2020-01-01T00:00:00.000Z"
	versions, times := map[string]any{}, map[string]string{"created": published, "modified": published}
	for _, p := range all {
		version := fmt.Sprint(p.manifest["version"])
		entry := map[string]any{"dist": map[string]string{
			"tarball":   "http://" + req.Host + "/" + name + "/-/" + p.file,
			"integrity": p.integrity, "shasum": p.sha1Hex,
		}}
		for field, value := range p.manifest {
			if !brief || slices.Contains(short, field) {
				entry[field] = value
			}
		}
		versions[version], times[version] = entry, published
	}
	doc := map[string]any{
		"name": name, "versions": versions, "modified": published,
		"dist-tags": map[string]any{"latest": all[len(all)-1].manifest["version"]},
	}
	w.Header().Set("Content-Type", abbreviated)
	if !brief {
		doc["_id"], doc["time"] = name, times
		w.Header().Set("Content-Type", "application/json")
	}
	json.NewEncoder(w).Encode(doc)
}

// NoAudit makes the audit endpoint answer 404 from here on, as Azure Artifacts does.
func (r *Registry) NoAudit() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.noAudit = true
}

// audit answers with the advisories of the packages that were asked about; which versions
// they are about is for the one who asks to find out.
func (r *Registry) audit(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	gone := r.noAudit
	r.mu.Unlock()
	if gone {
		fail(w, http.StatusNotFound, "not found")
		return
	}
	if req.Method != http.MethodPost {
		fail(w, http.StatusMethodNotAllowed, "only POST")
		return
	}
	body := io.Reader(req.Body)
	if req.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(req.Body)
		if err != nil {
			fail(w, http.StatusBadRequest, "the body is not zipped")
			return
		}
		body = unzipped
	}
	var asked map[string][]string
	if err := json.NewDecoder(body).Decode(&asked); err != nil {
		fail(w, http.StatusBadRequest, "the body is no object of lists")
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	answer := map[string][]map[string]any{}
	for _, a := range r.advisories {
		if len(asked[a.Package]) > 0 {
			answer[a.Package] = append(answer[a.Package], map[string]any{
				"id": a.ID, "url": "https://github.com/advisories/" + url.PathEscape(a.Title), "title": a.Title,
				"severity": a.Severity, "vulnerable_versions": a.Range, "cwe": []string{},
				"cvss": map[string]any{"score": 0, "vectorString": nil},
			})
		}
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer)
}

func fail(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"error": text})
}
