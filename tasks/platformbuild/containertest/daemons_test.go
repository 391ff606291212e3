package containertest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// context makes a build's folder.
func contextOf(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func base(t *testing.T, r *Registry, repository string, arches ...string) string {
	t.Helper()
	name, err := r.PushBase(repository, "1", arches...)
	if err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	return name
}

// docker runs docker, and gives up if that fails.
func docker(t *testing.T, d *Daemons, arguments ...string) string {
	t.Helper()
	out, err := d.Docker(arguments...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// digestOf reads what buildx says that it pushed.
func digestOf(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var said struct {
		Digest string `json:"containerimage.digest"`
	}
	if err := json.Unmarshal(data, &said); err != nil {
		t.Fatal(err)
	}
	return said.Digest
}

func TestRemoteBuilderPushesAnIndex(t *testing.T) {
	t.Parallel()
	for name, tls := range map[string]bool{"plain": false, "tls": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := NewRegistry(t, func(c *Config) { c.TLS = tls })
			d := Start(t, Settings{BuildKit: true, Registries: []*Registry{r}})
			from := base(t, r, "base", "amd64", "arm64")
			metadata := filepath.Join(t.TempDir(), "metadata.json")
			out := docker(t, d, "buildx", "build", "--platform=linux/amd64,linux/arm64", "--push", "-t", r.Host()+"/app:1",
				"--progress=plain", "--metadata-file", metadata,
				contextOf(t, map[string]string{"Dockerfile": "FROM " + from + "\nCOPY Dockerfile /\n"}))
			if got, want := r.Digest("app", "1"), digestOf(t, metadata); got != want || got == "" {
				t.Errorf("the tag is %q, buildx has pushed %q:\n%s", got, want, out)
			}
			var index struct {
				Manifests []struct{ Platform struct{ Architecture string } }
			}
			if err := r.Manifest("app", "1", &index); err != nil || len(index.Manifests) != 4 { // and an attestation each
				t.Errorf("Manifest(app, 1) = %+v, %v; want 4 manifests\n%s", index, err, r.Log())
			}
		})
	}
}

func TestEngineRunsWhatItBuilds(t *testing.T) {
	t.Parallel()
	r := NewRegistry(t)
	d := Start(t, Settings{Engine: true, Registries: []*Registry{r}})
	from := base(t, r, "base", "amd64", "arm64")
	dir := contextOf(t, map[string]string{"Dockerfile": "FROM " + from + "\nRUN echo made >/made\nCMD [\"cat\", \"/made\"]\n"})
	docker(t, d, "buildx", "build", "--push", "-t", r.Host()+"/app:1", dir)
	if got := docker(t, d, "run", "--rm", "--pull=always", r.Host()+"/app:1"); !strings.Contains(got, "made") {
		t.Errorf("docker run wrote %q, want made", got)
	}
	if got := docker(t, d, "buildx", "ls"); !strings.Contains(got, "docker") || strings.Contains(got, "remote") {
		t.Errorf("buildx ls = %s\nwant the driver docker alone", got)
	}
}

func TestContainerBuilder(t *testing.T) {
	t.Parallel()
	r := NewRegistry(t)
	d := Start(t, Settings{Engine: true, Registries: []*Registry{r}})
	builder, err := d.ContainerBuilder()
	if err != nil {
		t.Fatal(err)
	}
	from := base(t, r, "base", "amd64", "arm64")
	docker(t, d, "buildx", "build", "--builder", builder, "--platform=linux/amd64,linux/arm64", "--push",
		"-t", r.Host()+"/app:1", contextOf(t, map[string]string{"Dockerfile": "FROM " + from + "\nCOPY Dockerfile /\n"}))
	if r.Digest("app", "1") == "" {
		t.Errorf("there is no tag; the registry was asked\n%s", r.Log())
	}
}

func TestEmulation(t *testing.T) {
	t.Parallel()
	r := NewRegistry(t)
	d := Start(t, Settings{BuildKit: true, Emulate: true, Registries: []*Registry{r}})
	from := base(t, r, "base", "amd64", "arm64")
	out := docker(t, d, "buildx", "build", "--platform=linux/amd64,linux/arm64", "--push", "--progress=plain",
		"-t", r.Host()+"/app:1", contextOf(t, map[string]string{"Dockerfile": "FROM " + from + "\nRUN echo this is $(uname -m)\n"}))
	for _, want := range []string{"this is x86_64", "this is aarch64"} {
		if !strings.Contains(out, want) {
			t.Errorf("the build wrote no %q:\n%s", want, out)
		}
	}
}
