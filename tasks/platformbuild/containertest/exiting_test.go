package containertest

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestExiting(t *testing.T) {
	t.Parallel()
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		program, err := exiting(arch)
		if err != nil {
			t.Fatalf("exiting(%q): %v", arch, err)
		}
		f, err := elf.NewFile(bytes.NewReader(program))
		if err != nil || f.Machine != machine || f.Type != elf.ET_EXEC {
			t.Errorf("exiting(%q) is %+v, %v", arch, f, err)
		}
		if runtime.GOOS != "linux" || runtime.GOARCH != arch {
			continue
		}
		name := filepath.Join(t.TempDir(), "program")
		if err := os.WriteFile(name, program, 0o700); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(name).CombinedOutput(); err != nil {
			t.Errorf("running exiting(%q): %v %s", arch, err, out)
		}
	}
	if _, err := exiting("vax"); err == nil {
		t.Error(`exiting("vax") has no error`)
	}
}

// TestPushBaseLies pushes an image that says amd64 and holds arm64.
func TestPushBaseLies(t *testing.T) {
	t.Parallel()
	r := NewRegistry(t)
	if _, err := r.PushBase("base/lying", "1", "amd64=arm64"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.PushBase("base/laptop", "1", "arm64"); err != nil {
		t.Fatal(err)
	}
	layers, arches := map[string]string{}, map[string]string{}
	for _, name := range []string{"base/lying", "base/laptop"} {
		var m v1.Manifest
		if err := r.Manifest(name, "1", &m); err != nil {
			t.Fatal(err)
		}
		data, err := r.blobs.get(name, m.Config.Digest)
		if err != nil {
			t.Fatal(err)
		}
		config, err := v1.ParseConfigFile(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		layers[name], arches[name] = m.Layers[0].Digest.String(), config.Architecture
	}
	if arches["base/lying"] != "amd64" || arches["base/laptop"] != "arm64" {
		t.Errorf("the images say %v", arches)
	}
	if layers["base/lying"] != layers["base/laptop"] {
		t.Errorf("the layers of amd64=arm64 and arm64 differ: %v", layers)
	}
}
