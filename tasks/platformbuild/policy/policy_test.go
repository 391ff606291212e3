package policy

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/workload"
)

// asked is what the objects of testdata are judged by.
var asked = Rules{
	Places: []string{"prodacr.azurecr.io", "team.azurecr.io/web"}, Namespaces: []string{"kube-system"},
	Digest: true, Enforce: true,
}

// write returns the files of a kind by name.
func write(t testing.TB, kind string, r Rules) map[string]string {
	t.Helper()
	files, err := Write(kind, r)
	if err != nil {
		t.Fatalf("Write(%q): %v", kind, err)
	}
	texts := map[string]string{}
	for _, f := range files {
		texts[f.Name] = string(f.Text)
	}
	return texts
}

func newKey(t testing.TB) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf(t, key.Public())
}

func pemOf(t testing.TB, key any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// documents are the documents of a YAML file.
func documents(t testing.TB, name, text string) (docs []map[string]any) {
	t.Helper()
	in := yaml.NewDecoder(strings.NewReader(text))
	for {
		var doc map[string]any
		err := in.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return docs
		}
		if err != nil {
			t.Fatalf("%s is not YAML: %v\n%s", name, err, text)
		}
		docs = append(docs, doc)
	}
}

// at walks down a document; a number is an index.
func at(doc any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := doc.(map[string]any)
			doc = m[step]
		case int:
			list, _ := doc.([]any)
			if step >= len(list) {
				return nil
			}
			doc = list[step]
		}
	}
	return doc
}

var placeholder = regexp.MustCompile(`@[A-Za-z][A-Za-z ]*@`)

func TestFilesSayWhatTheyAre(t *testing.T) {
	t.Parallel()
	rules := asked
	rules.Key = newKey(t)
	for _, kind := range Kinds {
		for name, text := range write(t, kind, rules) {
			if !strings.HasPrefix(name, kind+"/") {
				t.Errorf("%s is not in the folder %s", name, kind)
			}
			if left := placeholder.FindString(text); left != "" {
				t.Errorf("%s: %s is not filled in", name, left)
			}
			if filepath.Ext(name) != ".json" && !strings.HasPrefix(text, "# ") {
				t.Errorf("%s does not begin by saying what it is", name)
			}
			if filepath.Ext(name) == ".md" {
				continue
			}
			for _, doc := range documents(t, name, text) {
				if filepath.Ext(name) == ".yaml" && (doc["apiVersion"] == nil || doc["kind"] == nil) {
					t.Errorf("%s holds no object: %v", name, doc)
				}
			}
		}
	}
}

// TestValues shows where each rule goes.
func TestValues(t *testing.T) {
	t.Parallel()
	prefixes := []any{"prodacr.azurecr.io/", "team.azurecr.io/web/", "team.azurecr.io/web:", "team.azurecr.io/web@"}
	spaces := []any{"kube-system"}
	selector := []any{map[string]any{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": spaces}}
	const pattern = "prodacr.azurecr.io/* | team.azurecr.io/web/* | team.azurecr.io/web:* | team.azurecr.io/web@*"
	mild := Rules{Places: []string{"prodacr.azurecr.io"}}
	key := newKey(t)
	signed := Rules{Places: mild.Places, Key: "comment\n" + key + "# more\n"}
	for name, tc := range map[string]struct {
		kind, file string
		rules      Rules
		path       []any
		want       any
	}{
		"gatekeeper repos":      {"gatekeeper", "constraint", asked, []any{"spec", "parameters", "repos"}, prefixes},
		"gatekeeper digest":     {"gatekeeper", "constraint", asked, []any{"spec", "parameters", "digest"}, true},
		"gatekeeper deny":       {"gatekeeper", "constraint", asked, []any{"spec", "enforcementAction"}, "deny"},
		"gatekeeper warn":       {"gatekeeper", "constraint", mild, []any{"spec", "enforcementAction"}, "warn"},
		"gatekeeper namespaces": {"gatekeeper", "constraint", asked, []any{"spec", "match", "excludedNamespaces"}, spaces},
		"gatekeeper, all":       {"gatekeeper", "constraint", mild, []any{"spec", "match", "excludedNamespaces"}, []any{}},
		"admission registries": {"validatingadmissionpolicy", "parameters", asked, []any{"data", "registries"},
			"prodacr.azurecr.io/\nteam.azurecr.io/web/\nteam.azurecr.io/web:\nteam.azurecr.io/web@\n"},
		"admission digest": {"validatingadmissionpolicy", "parameters", asked, []any{"data", "digest"}, "true"},
		"admission deny":   {"validatingadmissionpolicy", "binding", asked, []any{"spec", "validationActions"}, []any{"Deny"}},
		"admission warn":   {"validatingadmissionpolicy", "binding", mild, []any{"spec", "validationActions"}, []any{"Warn", "Audit"}},
		"admission namespaces": {"validatingadmissionpolicy", "binding", asked,
			[]any{"spec", "matchResources", "namespaceSelector", "matchExpressions"}, selector},
		"admission fails closed": {"validatingadmissionpolicy", "policy", asked, []any{"spec", "failurePolicy"}, "Fail"},
		"admission without parameters": {"validatingadmissionpolicy", "binding", asked,
			[]any{"spec", "paramRef", "parameterNotFoundAction"}, "Deny"},
		"kyverno enforce": {"kyverno", "policy", asked, []any{"spec", "rules", 0, "validate", "failureAction"}, "Enforce"},
		"kyverno audit":   {"kyverno", "policy", mild, []any{"spec", "validationFailureAction"}, "Audit"},
		"kyverno pattern": {"kyverno", "policy", asked,
			[]any{"spec", "rules", 0, "validate", "pattern", "spec", "containers", 0, "image"}, pattern},
		"kyverno namespaces": {"kyverno", "policy", asked,
			[]any{"spec", "rules", 1, "exclude", "any", 0, "resources", "namespaces"}, spaces},
		"kyverno digest":   {"kyverno", "policy", asked, []any{"spec", "rules", 1, "name"}, "pinned-by-digest"},
		"kyverno, no more": {"kyverno", "policy", mild, []any{"spec", "rules", 1}, nil},
		"kyverno signed": {"kyverno", "policy", signed,
			[]any{"spec", "rules", 1, "verifyImages", 0, "attestors", 0, "entries", 0, "keys", "publicKeys"}, strings.TrimSpace(key)},
		"kyverno signed images": {"kyverno", "policy", signed,
			[]any{"spec", "rules", 1, "verifyImages", 0, "imageReferences"}, []any{"prodacr.azurecr.io/*"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := tc.kind + "/" + tc.file + ".yaml"
			docs := documents(t, file, write(t, tc.kind, tc.rules)[file])
			if len(docs) == 0 {
				t.Fatalf("there is no %s", file)
			}
			if diff := cmp.Diff(tc.want, at(docs[0], tc.path...)); diff != "" {
				t.Errorf("%s at %v (-want +got):\n%s", file, tc.path, diff)
			}
		})
	}
}

func TestAzurePolicy(t *testing.T) {
	t.Parallel()
	const digest = "@sha256:0000000000000000000000000000000000000000000000000000000000000000"
	for image, want := range map[string]struct{ plain, pinned bool }{
		"prodacr.azurecr.io/app:1":                    {true, false},
		"prodacr.azurecr.io/app" + digest:             {true, true},
		"prodacr.azurecr.io/a/b:1" + digest:           {true, true},
		"team.azurecr.io/web" + digest:                {true, true},
		"team.azurecr.io/web:1":                       {true, false},
		"team.azurecr.io/web/app" + digest:            {true, true},
		"prodacr.azurecr.io/appsha256:" + digest[8:]:  {true, false},
		"prodacr.azurecr.io/app" + digest + "0":       {true, false},
		"prodacr.azurecr.io/app" + digest + "@evil":   {true, false},
		"team.azurecr.io/website" + digest:            {},
		"prodacr.azurecr.io.evil.com/app" + digest:    {},
		"prodacr-azurecr.io/app" + digest:             {},
		"evil.com/prodacr.azurecr.io/app" + digest:    {},
		"nginx" + digest:                              {},
		"evil.com/app\nprodacr.azurecr.io/x" + digest: {},
	} {
		rules := asked
		for pinned, want := range map[bool]bool{false: want.plain, true: want.pinned} {
			rules.Digest = pinned
			var parameters map[string]struct{ Value any }
			text := write(t, "azurepolicy", rules)["azurepolicy/parameters.json"]
			if err := json.Unmarshal([]byte(text), &parameters); err != nil {
				t.Fatal(err)
			}
			form := regexp.MustCompile(parameters["allowedContainerImagesRegex"].Value.(string))
			if got := form.MatchString(image); got != want {
				t.Errorf("digest %v: %q matches %s: %v, want %v", pinned, image, form, got, want)
			}
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := []string{"prodacr.azurecr.io"}
	for name, tc := range map[string]struct {
		kind  string
		rules Rules
		want  []string
	}{
		"kind":         {"opa", Rules{Places: good}, []string{`"opa"`}},
		"nothing":      {"kyverno", Rules{}, []string{"no registry is approved"}},
		"no host":      {"kyverno", Rules{Places: []string{"contoso"}}, []string{`"contoso"`}},
		"wildcard":     {"kyverno", Rules{Places: []string{"*.azurecr.io"}}, []string{`"*.azurecr.io"`}},
		"lines":        {"gatekeeper", Rules{Places: []string{"a.io/\nevil.com"}}, []string{`"a.io/\nevil.com"`}},
		"namespace":    {"gatekeeper", Rules{Places: good, Namespaces: []string{"kube-*", "a\nb"}}, []string{`"kube-*"`, `"a\nb"`}},
		"private key":  {"kyverno", Rules{Places: good, Key: "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"}, []string{"no public key"}},
		"broken key":   {"kyverno", Rules{Places: good, Key: "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n"}, []string{"no public key"}},
		"kind of key":  {"kyverno", Rules{Places: good, Key: pemOf(t, public)}, []string{"neither EC nor RSA"}},
		"all problems": {"kyverno", Rules{Places: []string{"x y"}, Namespaces: []string{"A"}, Key: "k"}, []string{`"x y"`, `"A"`, "no public key"}},
	} {
		files, err := Write(tc.kind, tc.rules)
		if err == nil {
			t.Errorf("%s: Write(%q, %+v) wrote %d files", name, tc.kind, tc.rules, len(files))
			continue
		}
		for _, want := range tc.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: Write says %q, which lacks %q", name, err, want)
			}
		}
	}
}

// objects are the files of a folder of testdata.
func objects(t testing.TB, folder string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", folder, "*.yaml"))
	if err != nil || len(names) == 0 {
		t.Fatalf("testdata/%s: %d objects, %v", folder, len(names), err)
	}
	return names
}

// TestScanAgrees: what the scan of a repository lets pass is what a cluster admits. The other tests hold the same
// objects against the policies.
func TestScanAgrees(t *testing.T) {
	t.Parallel()
	for folder, want := range map[string]string{
		"admitted": "", "refused": "scan/registry scan/implicit", "ephemeral": "scan/implicit", "unpinned": "scan/digest scan/image",
	} {
		for _, file := range objects(t, folder) {
			uses, problems, err := workload.Read(t.Context(), filepath.Dir(file), []string{filepath.Base(file)}, nil)
			if err != nil || len(problems) > 0 || len(uses) == 0 {
				t.Fatalf("workload.Read(%s) = %d uses, %v, %v", file, len(uses), problems, err)
			}
			found, err := workload.Check(t.Context(), uses, workload.Rules{Places: asked.Places, Digest: "error"})
			if err != nil {
				t.Fatal(err)
			}
			if (len(found) > 0) != (want != "") {
				t.Errorf("%s: the scan finds %v, want %q", file, found, want)
			}
			for _, f := range found {
				if !strings.Contains(want, f.Rule) {
					t.Errorf("%s: the scan finds %s, want %s", file, f.Rule, want)
				}
			}
		}
	}
}

// FuzzWrite looks for values that come out as something else.
func FuzzWrite(f *testing.F) {
	f.Add("prodacr.azurecr.io", "kube-system")
	f.Add("[::1]:5000/a", "a")
	f.Add("a.io/x'\"\n- evil.com/", "b\"]")
	f.Fuzz(func(t *testing.T, place, namespace string) {
		rules := Rules{Places: []string{place}, Namespaces: []string{namespace}, Digest: true}
		if _, err := Write("gatekeeper", rules); err != nil {
			return
		}
		constraint := documents(t, "constraint", write(t, "gatekeeper", rules)["gatekeeper/constraint.yaml"])
		repos, _ := at(constraint[0], "spec", "parameters", "repos").([]any)
		host := strings.ToLower(strings.TrimPrefix(place, "index."))
		for _, repo := range repos {
			text, _ := repo.(string)
			if !strings.Contains(text, "/") || !strings.HasPrefix(text, strings.TrimSuffix(host, "/")) {
				t.Errorf("place %q came out as %q", place, text)
			}
		}
		if len(repos) == 0 || len(constraint) != 1 {
			t.Errorf("place %q came out as %v", place, repos)
		}
		for _, kind := range Kinds {
			for name, text := range write(t, kind, rules) {
				if strings.HasSuffix(name, ".yaml") {
					documents(t, name, text)
				} else if strings.HasSuffix(name, ".json") && !json.Valid([]byte(text)) {
					t.Errorf("%s is no JSON: %s", name, text)
				}
			}
		}
	})
}

func TestFilesEndInALine(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir("files")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join("files", entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasSuffix(data, []byte("\n")) || bytes.Contains(data, []byte("\t")) || bytes.Contains(data, []byte("\r")) {
			t.Errorf("files/%s must end in a line, and have neither tabs nor carriage returns", entry.Name())
		}
	}
}
