// Package repo_test holds the repository's rules: what ARCHITECTURE.md and
// CONTRIBUTING.md promise about the tree is checked here, so that it stays true.
package repo_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/guardrails-ci/guardrails"

// source is one Go file of the repository.
type source struct {
	path string // slash-separated, from the root
	set  *token.FileSet
	file *ast.File
	text string
}

func (s source) isTest() bool      { return strings.HasSuffix(s.path, "_test.go") }
func (s source) isGenerated() bool { return ast.IsGenerated(s.file) }
func (s source) dir() string       { return path.Dir(s.path) }
func (s source) line(n ast.Node) int {
	return s.set.Position(n.Pos()).Line
}

// imports returns the import paths of the file, with the local name each has.
func (s source) imports(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, spec := range s.file.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatalf("%s: import %s: %v", s.path, spec.Path.Value, err)
		}
		name := path.Base(p)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		found[p] = name
	}
	return found
}

// sources parses every Go file of the module, fixtures and other modules aside.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if skip := d.Name(); skip == "testdata" || skip == "node_modules" || skip == "out" || skip == ".git" {
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil && name != "." {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, text, parser.ParseComments)
		if err != nil {
			return err
		}
		all = append(all, source{filepath.ToSlash(name), set, file, string(text)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 20 {
		t.Fatalf("found only %d Go files: the walk is broken", len(all))
	}
	return all
}

// layer is a package's place in the house: it may import what is below it only.
// A new package of shared/ is entered here, with a reason in the commit.
var layer = map[string]int{
	"shared/redact": 0, "shared/safepath": 0, "shared/retry": 0, "shared/version": 0, "shared/dissect": 0,
	"shared/dsse":     0,
	"shared/pipeline": 1, "shared/inputs": 1, "shared/proc": 1, "shared/httpx": 1,
	"shared/pkgzip":   1, // needs nothing of ours, but a library
	"shared/yamltree": 1, // likewise: lock files, policies, manifests and what GuardedPush edits are read within the same bounds
	"shared/endpoint": 2, "shared/archive": 2, "shared/report": 2, "shared/leak": 2, "shared/ado": 2,
	"shared/lockfile": 2, "shared/git": 2,
	"shared/checkout": 3, // on top of git: GuardedPush pushes what changed, PlatformBuild builds nothing that did
	"shared/azure":    3, // a service connection's identity: on top of endpoint
	"shared/keyvault": 4, // a vault is asked with that identity: KeyVaultEnv reads secrets, PlatformBuild signs with keys
	"shared/task":     3,
}

func TestPackagesImportOnlyWhatIsBelowThem(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.isTest() || isTestSupport(s.dir()) {
			continue
		}
		for imported := range s.imports(t) {
			to, ours := strings.CutPrefix(imported, module+"/")
			if !ours {
				continue
			}
			if why := badImport(s.dir(), to); why != "" {
				t.Errorf("%s imports %s: %s", s.path, to, why)
			}
		}
	}
}

// isTestSupport reports whether a package is for tests only; such a package may import anything, and only tests, the local
// agent and scripts may import it.
func isTestSupport(dir string) bool {
	return slices.Contains([]string{
		"shared/tasktest", "shared/azuretest", "shared/adotest", "shared/gittest", "shared/pkgziptest", "tasks/safecache/store/storetest",
		"tasks/auditdeps/osvtest", "tasks/auditdeps/npmtest", "tasks/guardedpush/alert/alerttest",
		"tasks/platformbuild/containertest",
	}, dir)
}

func badImport(from, to string) string {
	fromLayer, isShared := layer[from]
	toLayer, toShared := layer[to]
	switch {
	case isTestSupport(to) && !strings.HasPrefix(from, "build/localagent") && !strings.HasPrefix(from, "scripts/"):
		return "it is for tests only"
	case strings.HasPrefix(from, "shared/") && !isShared:
		return "the package has no layer; enter it in repo_test.go"
	case isShared && !toShared:
		return "shared/ imports only shared/"
	case isShared && toLayer >= fromLayer:
		return "layer " + strconv.Itoa(fromLayer) + " may import only lower layers"
	case strings.HasPrefix(from, "tasks/") && strings.HasPrefix(to, "tasks/") && taskOf(from) != taskOf(to):
		return "a task never imports a task; move the shared part to shared/"
	case strings.HasPrefix(from, "tasks/") && strings.HasPrefix(to, "build/"):
		return "a task never imports a build tool"
	case strings.HasPrefix(from, "build/localagent") && to == "shared/pipeline":
		return "the local agent decodes with code of its own, or both could be wrong together"
	}
	return ""
}

func taskOf(p string) string { return strings.Split(p, "/")[1] }

func TestBadImportBites(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ from, to string }{
		"upwards":         {"shared/redact", "shared/pipeline"},
		"sideways":        {"shared/inputs", "shared/pipeline"},
		"task to task":    {"tasks/safecache", "tasks/keyvaultenv"},
		"task to build":   {"tasks/safecache", "build/pack"},
		"shared to task":  {"shared/task", "tasks/safecache"},
		"unknown package": {"shared/helpers", "shared/redact"},
		"test support":    {"tasks/safecache", "shared/tasktest"},
		"agent's encoder": {"build/localagent/agent", "shared/pipeline"},
	} {
		if badImport(tc.from, tc.to) == "" {
			t.Errorf("%s: badImport(%q, %q) found nothing wrong", name, tc.from, tc.to)
		}
	}
	if why := badImport("tasks/safecache/cmd", "tasks/safecache"); why != "" {
		t.Errorf("a task's own package: %s", why)
	}
}

// thirdParty says where a library may be imported (tests aside, which may use
// the test libraries anywhere). One place each: it can be replaced there.
var thirdParty = map[string][]string{
	"github.com/sethvargo/go-envconfig":          {"shared/inputs"},
	"github.com/klauspost/compress":              {"tasks/safecache/entry", "shared/pkgzip", "tasks/platformbuild/rootfs"},
	"github.com/Azure/azure-sdk-for-go":          {"shared/azure", "shared/keyvault", "tasks/keyvaultenv/vault", "tasks/platformbuild/signature"},
	"github.com/google/go-containerregistry":     {}, // a registry and images for tests
	"github.com/moby/patternmatcher":             {"tasks/platformbuild/fingerprint"},
	"github.com/microsoft/azure-devops-go-api":   {"shared/ado"},
	"software.sslmate.com/src/go-pkcs12":         {"tasks/keyvaultenv/decode"},
	"github.com/pelletier/go-toml/v2":            {"shared/lockfile"},
	"golang.org/x/mod":                           {"shared/lockfile", "tasks/safecache/ecosystem", "tasks/auditdeps/"},
	"github.com/pandatix/go-cvss":                {"tasks/auditdeps/advisory"},
	"golang.org/x/sys":                           {"shared/", "build/localagent", "tasks/safecache/store"},
	"golang.org/x/text":                          {"shared/safepath", "build/gentask"},
	"github.com/andybalholm/brotli":              {"build/pack"},
	"github.com/CycloneDX/cyclonedx-go":          {"build/pack"},
	"github.com/santhosh-tekuri/jsonschema/v6":   {"build/gentask"},
	"go.yaml.in/yaml/v3":                         {"build/localagent", "shared/yamltree", "shared/lockfile", "tasks/auditdeps/policy", "tasks/guardedpush/", "tasks/platformbuild/"},
	"github.com/ohler55/ojg":                     {"tasks/guardedpush/document"},
	"github.com/bmatcuk/doublestar/v4":           {"tasks/guardedpush/", "tasks/platformbuild/workload", "tasks/platformbuild"},
	"github.com/google/go-cmp":                   {"build/pack/oracle"},
	"github.com/rogpeppe/go-internal/testscript": {},
}

func TestLibrariesAreImportedInOnePlace(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.isTest() || isTestSupport(s.dir()) {
			continue
		}
		for imported := range s.imports(t) {
			if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") ||
				imported == module || strings.HasPrefix(imported, module+"/") {
				continue
			}
			if !allowed(imported, s.dir()) {
				t.Errorf("%s imports %s: not its place (see thirdParty in repo_test.go); "+
					"a new library needs an entry there and a reason in the commit", s.path, imported)
			}
		}
	}
}

func allowed(imported, dir string) bool {
	for lib, dirs := range thirdParty {
		if imported == lib || strings.HasPrefix(imported, lib+"/") {
			return slices.ContainsFunc(dirs, func(d string) bool { return strings.HasPrefix(dir+"/", d) })
		}
	}
	return false
}

// worldly are the names that reach the world behind a function's back. Each has
// one package; everything else gets it as an argument.
var worldly = map[string][]string{
	"os.Getenv": {"shared/task"}, "os.LookupEnv": {"shared/task"}, "os.Environ": {"shared/task"},
	"os.Stdout": {"shared/task"}, "os.Stderr": {"shared/task"}, "os.Stdin": {"shared/task"},
	"os.Exit": {"shared/task"}, "time.Now": {"shared/task", "shared/retry", "shared/httpx"},
	"http.DefaultClient": {}, "http.Get": {}, "http.Post": {}, "http.DefaultTransport": {"shared/httpx"},
	"exec.Command": {"shared/proc"}, "exec.CommandContext": {"shared/proc"},
	"log.Print": {}, "log.Fatal": {}, "fmt.Println": {}, "fmt.Printf": {}, "os.Chdir": {}, "os.Setenv": {},
}

func TestTheWorldComesInAsArguments(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.isTest() || isTestSupport(s.dir()) ||
			strings.HasPrefix(s.path, "build/") || strings.HasPrefix(s.path, "scripts/") {
			continue
		}
		packages := map[string]bool{}
		for _, name := range s.imports(t) {
			packages[name] = true
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := selector.X.(*ast.Ident); ok && packages[x.Name] {
				name := x.Name + "." + selector.Sel.Name
				if places, known := worldly[name]; known && !slices.Contains(places, s.dir()) {
					t.Errorf("%s:%d uses %s: take it as an argument (task.Env has it), or use its package %v",
						s.path, s.line(n), name, places)
				}
			}
			return true
		})
	}
}

func TestOnlyPipelineWritesLoggingCommands(t *testing.T) {
	t.Parallel()
	places := []string{"shared/pipeline/", "shared/redact/", "build/localagent/"}
	for _, s := range sources(t) {
		if s.isTest() || slices.ContainsFunc(places, func(p string) bool { return strings.HasPrefix(s.path, p) }) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && strings.Contains(lit.Value, "##vso[") {
				t.Errorf("%s:%d: only shared/pipeline writes logging commands", s.path, s.line(n))
			}
			return true
		})
	}
}
