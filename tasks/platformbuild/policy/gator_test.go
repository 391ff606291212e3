package policy

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

// lay writes files below a new folder.
func lay(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// gatorSays runs Gatekeeper's own judge over an object in the namespace default.
func gatorSays(t *testing.T, gator string, policies map[string]string, object string) (out string, refused bool) {
	t.Helper()
	files := map[string]string{
		"namespace.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: default}\n", "object.yaml": object,
	}
	for name, text := range policies {
		files[name] = text
	}
	text, err := exec.CommandContext(t.Context(), gator, "test", "--filename", lay(t, files)).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || !strings.Contains(string(text), name)) {
		t.Fatalf("gator test: %v\n%s", err, text)
	}
	return string(text), err != nil
}

func read(t testing.TB, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestGator(t *testing.T) {
	t.Parallel()
	gator := containertest.Judge(t, "gator")
	policies := write(t, "gatekeeper", asked)
	for folder, want := range map[string]string{
		"admitted": "", "refused": "does not come from an approved registry",
		"ephemeral": "does not come from an approved registry", "unpinned": "is not pinned by digest",
	} {
		for _, file := range objects(t, folder) {
			t.Run(file, func(t *testing.T) {
				t.Parallel()
				out, refused := gatorSays(t, gator, policies, read(t, file))
				if refused != (want != "") || !strings.Contains(out, want) {
					t.Errorf("gator refuses: %v, want %q; it says:\n%s", refused, want, out)
				}
			})
		}
	}
}

// TestGatorKeepsExceptions holds objects against other rules than those of testdata.
func TestGatorKeepsExceptions(t *testing.T) {
	t.Parallel()
	gator := containertest.Judge(t, "gator")
	lookAlike, tagged := read(t, "testdata/refused/look-alike.yaml"), read(t, "testdata/unpinned/pod.yaml")
	mild := write(t, "gatekeeper", Rules{Places: asked.Places})
	exempt := write(t, "gatekeeper", Rules{Places: asked.Places, Namespaces: []string{"default"}})
	// Who edits the constraint by hand may forget the slash.
	edited := write(t, "gatekeeper", Rules{Places: []string{"prodacr.azurecr.io"}, Enforce: true})
	constraint := edited["gatekeeper/constraint.yaml"]
	edited["gatekeeper/constraint.yaml"] = strings.Replace(constraint, "azurecr.io/", "azurecr.io", 1)
	if edited["gatekeeper/constraint.yaml"] == constraint {
		t.Fatal("the constraint has no slash to take away")
	}
	for name, tc := range map[string]struct {
		policies map[string]string
		object   string
		says     string
		refused  bool
	}{
		"tags, where they may be": {mild, tagged, "", false},
		// gator counts warnings, and has no failure for them
		"warning":           {mild, lookAlike, `does not come from an approved registry`, false},
		"exempt namespace":  {exempt, lookAlike, "", false},
		"without its slash": {edited, lookAlike, "does not come from an approved registry", true},
		"slash or not":      {edited, tagged, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, refused := gatorSays(t, gator, tc.policies, tc.object)
			if refused != tc.refused || !strings.Contains(out, tc.says) {
				t.Errorf("gator refuses: %v, want %v; it says, and should say %q:\n%s", refused, tc.refused, tc.says, out)
			}
		})
	}
}
