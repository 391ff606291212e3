package platformbuild

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/guardrails-ci/guardrails/shared/adotest"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/credential"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/reference"
)

// Docker starts this program, too: as the registry's credential helper. And tests start it as docker.
func TestMain(m *testing.M) {
	if exit, ok := credential.Helper(os.Args, os.Environ(), os.Stdin, os.Stdout); ok {
		os.Exit(exit)
	}
	if os.Args[0] == "docker" || strings.HasSuffix(os.Args[0], "/docker") {
		os.Exit(runFake(os.Args[1:]))
	}
	// Most of them wait for other programs.
	if flag.Parse(); flag.Lookup("test.parallel").Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		if err := flag.Set("test.parallel", strconv.Itoa(3*runtime.GOMAXPROCS(0))); err != nil {
			panic(err)
		}
	}
	exit := m.Run()
	if buildkit.daemons != nil {
		buildkit.daemons.Close()
	}
	os.Exit(exit)
}

// buildkit is one for all tests. It reaches the registry of each by plain HTTP, as all of this machine.
var buildkit struct {
	sync.Once
	daemons *containertest.Daemons
	err     error
}

// real lets the step find Docker and a BuildKit.
func (j *job) real() *job {
	j.t.Helper()
	settings := containertest.Settings{BuildKit: true}
	buildkit.Do(func() {
		if buildkit.daemons, buildkit.err = containertest.StartDaemons(settings); buildkit.err == nil {
			buildkit.err = warm(buildkit.daemons)
		}
	})
	if buildkit.err != nil {
		containertest.Start(j.t, settings) // skips the test, or fails it
		j.t.Fatal(buildkit.err)
	}
	return j.under(buildkit.daemons)
}

// warm lets BuildKit have the layers of the base images. It would get them from the registry of whichever test names them
// first, also for others, which cannot.
func warm(d *containertest.Daemons) error {
	r, err := containertest.StartRegistry(containertest.Config{})
	if err != nil {
		return err
	}
	defer r.Close()
	base, err := r.PushBase("base/busybox", "1", "amd64", "arm64")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "platformbuild-warm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM "+base+"\nCOPY Dockerfile /\n"), 0o644); err != nil {
		return err
	}
	_, err = d.Docker("buildx", "build", "--platform=linux/amd64,linux/arm64", "--output=type=cacheonly", dir)
	return err
}

// base puts a base image for both platforms into the registry, and returns its name.
func (j *job) base() string {
	j.t.Helper()
	name, err := j.registry.PushBase("base/busybox", "1", "amd64", "arm64")
	j.must(err)
	return name
}

// realJob is a job with a BuildKit. In the Dockerfile {base} is the base image.
func realJob(t *testing.T, files map[string]string) *job {
	t.Helper()
	j := newJob(t, nil).real()
	base := j.base()
	j.write(files)
	j.write(map[string]string{"Dockerfile": strings.ReplaceAll(files["Dockerfile"], "{base}", base)})
	return j.commit()
}

// fakeJob is a job with a docker that pushes what is asked for and builds nothing.
func fakeJob(t *testing.T, f fake) *job {
	t.Helper()
	return newJob(t, map[string]string{"Dockerfile": "FROM scratch\nCOPY app /app\n", "app": "app\n"}).faked(f)
}

// put puts an image into the registry, past everything that guards it, and returns its digest.
func (j *job) put(name string, parts ...part) string {
	j.t.Helper()
	digest, err := push(j.registry.Host()+"/"+name, parts, remote.WithTransport(j.registry.Inside()))
	j.must(err)
	return digest
}

// get reads from the registry, past everything that guards it.
func (j *job) get(path string) []byte {
	j.t.Helper()
	answer, err := j.registry.Inside().RoundTrip(httptest.NewRequest(http.MethodGet, j.registry.URL()+path, nil))
	j.must(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	j.must(err)
	if answer.StatusCode != http.StatusOK {
		j.t.Fatalf("GET %s: %s %s", path, answer.Status, body)
	}
	return body
}

// copyTo writes the manifest of an artifact, past everything that guards the registry.
func (j *job) copyTo(repository, tag string, manifest []byte) {
	j.t.Helper()
	put := httptest.NewRequest(http.MethodPut, j.registry.URL()+"/v2/"+repository+"/manifests/"+tag, bytes.NewReader(manifest))
	put.Header.Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
	answer, err := j.registry.Inside().RoundTrip(put)
	if err != nil || answer.StatusCode/100 != 2 {
		j.t.Fatalf("PUT %s:%s: %v, %v", repository, tag, answer, err)
	}
}

// manifest is what the tests look at of a manifest or an index.
type manifest struct {
	Annotations map[string]string
	Config      struct{ Digest string }
	Layers      []struct{ Digest string }
	Manifests   []struct {
		Digest      string
		Platform    struct{ OS, Architecture string }
		Annotations map[string]string
	}
}

func (j *job) manifest(reference string) (m manifest) {
	j.t.Helper()
	j.must(json.Unmarshal(j.get("/v2/shop/web/manifests/"+reference), &m))
	return m
}

// images are the manifests under a tag: of an index those of its platforms, without what is attached to them.
func (j *job) images(tag string) (all []manifest) {
	j.t.Helper()
	m := j.manifest(tag)
	if len(m.Manifests) == 0 {
		return []manifest{m}
	}
	for _, one := range m.Manifests {
		if one.Platform.OS != "unknown" {
			all = append(all, j.manifest(one.Digest))
		}
	}
	return all
}

// labels are those of the first image under a tag.
func (j *job) labels(tag string) map[string]string {
	j.t.Helper()
	var config struct {
		Config struct{ Labels map[string]string }
	}
	j.must(json.Unmarshal(j.get("/v2/shop/web/blobs/"+j.images(tag)[0].Config.Digest), &config))
	return config.Config.Labels
}

// everything is all that anybody can read of what is under a tag: manifests, configs, layers and what is attached.
func (j *job) everything(reference string) string {
	j.t.Helper()
	raw := j.get("/v2/shop/web/manifests/" + reference)
	var m manifest
	j.must(json.Unmarshal(raw, &m))
	text := string(raw)
	for _, one := range m.Manifests {
		text += "\n" + j.everything(one.Digest)
	}
	if m.Config.Digest != "" {
		text += "\n" + string(j.get("/v2/shop/web/blobs/"+m.Config.Digest))
	}
	for _, layer := range m.Layers {
		text += "\n" + unzip(j.t, j.get("/v2/shop/web/blobs/"+layer.Digest))
	}
	return text
}

// unzip is a layer as it is unpacked.
func unzip(t *testing.T, data []byte) string {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return string(data)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// details are what Azure DevOps was told of images.
func (j *job) details() (all []map[string]any) {
	j.devops.Update(func(p *adotest.Project) { all = append(all, p.ImageDetails...) })
	return all
}

// parsed is the name of an image.
func parsed(t *testing.T, name string) reference.Reference {
	t.Helper()
	ref, err := reference.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// gitOnly is a folder with git and nothing else.
func gitOnly(j *job) string {
	j.t.Helper()
	git, err := exec.LookPath("git")
	j.must(err)
	dir := j.path("git-only")
	j.must(os.MkdirAll(dir, 0o755))
	if err := os.Symlink(git, filepath.Join(dir, "git")); err != nil {
		j.t.Skipf("NOT TESTED: %v", err) // Windows, without the right to make links
	}
	return dir
}

// silent fails the test if the log has a text.
func (j *job) silent(texts ...string) {
	j.t.Helper()
	for _, text := range texts {
		if strings.Contains(j.log, text) {
			j.t.Errorf("the log says %q:\n%s", text, j.log)
		}
	}
}
