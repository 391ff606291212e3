package containertest

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// within is the registry as a transport, past credentials, faults and the list of requests.
type within struct{ http.Handler }

// RoundTrip is of http.RoundTripper.
func (w within) RoundTrip(q *http.Request) (*http.Response, error) {
	answer := httptest.NewRecorder()
	served := q.Clone(q.Context())
	served.URL.Host = "" // a server does not see it there
	if served.Body == nil {
		served.Body = http.NoBody
	}
	w.ServeHTTP(answer, served)
	said := answer.Result()
	said.Request = q
	return said, nil
}

// Inside is a way into the registry past credentials, faults and the list of requests, for images that a test
// finds there.
func (r *Registry) Inside() http.RoundTripper { return within{r.handler} }

// PushBase puts a base image there: busybox with its usual links, and a shell as what it runs. For several
// architectures (amd64, arm64) it is an index, for one a single manifest; amd64=arm64 is an image that says amd64
// and holds arm64. Where there is no busybox, a program stands for it that only exits. It returns the image's name.
func (r *Registry) PushBase(repository, tag string, arches ...string) (string, error) {
	var parts []mutate.IndexAddendum
	for _, arch := range arches {
		arch, holds, lies := strings.Cut(arch, "=")
		if !lies {
			holds = arch
		}
		layer, err := baseLayer(holds)
		if err != nil {
			return "", err
		}
		config := v1.Config{Cmd: []string{"sh"}, Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}}
		image, err := imageOf(layer, config, arch)
		if err != nil {
			return "", err
		}
		parts = append(parts, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{
			Platform: &v1.Platform{OS: "linux", Architecture: arch},
		}})
	}
	return r.push(repository, tag, parts)
}

// push writes an image, or an index if there are several.
func (r *Registry) push(repository, tag string, parts []mutate.IndexAddendum) (string, error) {
	full := r.Host() + "/" + repository + ":" + tag
	ref, err := name.NewTag(full, name.Insecure)
	if err != nil {
		return "", err
	}
	if len(parts) == 1 {
		return full, remote.Write(ref, parts[0].Add.(v1.Image), remote.WithTransport(r.Inside()))
	}
	index := mutate.IndexMediaType(mutate.AppendManifests(empty.Index, parts...), types.OCIImageIndex)
	return full, remote.WriteIndex(ref, index, remote.WithTransport(r.Inside()))
}

func imageOf(layer v1.Layer, config v1.Config, arch string) (v1.Image, error) {
	image, err := mutate.AppendLayers(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1),
		types.OCIConfigJSON), layer)
	if err != nil {
		return nil, err
	}
	return mutate.ConfigFile(image, withConfig(image, config, arch))
}

func withConfig(image v1.Image, config v1.Config, arch string) *v1.ConfigFile {
	file, err := image.ConfigFile()
	if err != nil {
		panic(err) // made in memory
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config = "linux", arch, config
	return file
}

// folder is what is to be in a layer.
type folder struct {
	buffer bytes.Buffer
	w      *tar.Writer
	made   map[string]bool
}

func newFolder() *folder {
	f := &folder{made: map[string]bool{".": true}}
	f.w = tar.NewWriter(&f.buffer)
	return f
}

func (f *folder) parents(name string) error {
	dir := path.Dir(name)
	if f.made[dir] {
		return nil
	}
	f.made[dir] = true
	return errors.Join(f.parents(dir),
		f.w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755}))
}

func (f *folder) file(name string, data []byte) error {
	name = strings.TrimPrefix(name, "/")
	if f.made[name] {
		return nil
	}
	f.made[name] = true
	if err := f.parents(name); err != nil {
		return err
	}
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: int64(len(data))}
	if err := f.w.WriteHeader(header); err != nil {
		return err
	}
	_, err := f.w.Write(data)
	return err
}

func (f *folder) link(name, to string) error {
	return errors.Join(f.parents(name),
		f.w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to, Mode: 0o777}))
}

// layer is not compressed, which all who read images understand, and saves seconds.
func (f *folder) layer() (v1.Layer, error) {
	err := f.w.Close()
	return static.NewLayer(f.buffer.Bytes(), types.OCIUncompressedLayer), err
}

// applets are what busybox is called besides.
const applets = "ash cat chmod cp echo env false grep ls mkdir mv rm sed sh sleep test touch true uname wc"

func baseLayer(arch string) (v1.Layer, error) {
	program, err := Busybox(arch)
	if errors.Is(err, ErrUnavailable) {
		program, err = exiting(arch)
	}
	if err != nil {
		return nil, err
	}
	f := newFolder()
	err = f.file("bin/busybox", program)
	for applet := range strings.FieldsSeq(applets) {
		err = errors.Join(err, f.link("bin/"+applet, "busybox"))
	}
	err = errors.Join(err, f.file("tmp/.keep", nil), f.file("etc/passwd", []byte("root:x:0:0:root:/:/bin/sh\n")))
	if err != nil {
		return nil, err
	}
	return f.layer()
}

// PushBuildKit puts an image with our BuildKit there, as moby/buildkit is one: what the docker-container driver
// of buildx runs. It returns its name.
func (r *Registry) PushBuildKit(repository, tag string) (string, error) {
	dir, err := programs()
	if err != nil {
		return "", err
	}
	f := newFolder()
	for _, program := range []string{"buildkitd", "buildctl", "runc"} {
		data, err := os.ReadFile(filepath.Join(dir, "bin", program))
		if err != nil {
			return "", err
		}
		if err := errors.Join(f.file("usr/bin/"+program, data), f.libraries(data)); err != nil {
			return "", err
		}
	}
	program, err := Busybox(arch())
	if err != nil {
		return "", err
	}
	err = errors.Join(f.file("bin/busybox", program), f.link("bin/sh", "busybox"), f.file("tmp/.keep", nil))
	if err != nil {
		return "", err
	}
	layer, err := f.layer()
	if err != nil {
		return "", err
	}
	image, err := imageOf(layer, v1.Config{
		Entrypoint: []string{"buildkitd"}, Env: []string{"PATH=/usr/bin:/bin"},
		Volumes: map[string]struct{}{"/var/lib/buildkit": {}},
	}, arch())
	if err != nil {
		return "", err
	}
	return r.push(repository, tag, []mutate.IndexAddendum{{Add: image}})
}

// libraries adds what a program is linked with from this system, and what those are.
func (f *folder) libraries(program []byte) error {
	file, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return err
	}
	needed, err := file.ImportedLibraries()
	if err != nil {
		return err
	}
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			loader := make([]byte, p.Filesz-1)
			if _, err := p.ReadAt(loader, 0); err != nil {
				return err
			}
			needed = append(needed, string(loader))
		}
	}
	for _, library := range needed {
		if err := f.library(library); err != nil {
			return err
		}
	}
	return nil
}

func (f *folder) library(name string) error {
	if f.made[name] {
		return nil
	}
	f.made[name] = true
	for _, dir := range []string{
		"", "/lib64", "/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/lib",
	} {
		full := path.Join(dir, name)
		if data, err := os.ReadFile(full); err == nil && path.IsAbs(full) {
			return errors.Join(f.file(full, data), f.libraries(data))
		}
	}
	return fmt.Errorf("the system has no %s", name)
}
