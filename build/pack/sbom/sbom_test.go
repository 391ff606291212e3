package sbom

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/build/pack/compile"
	"github.com/guardrails-ci/guardrails/build/pack/targets"
)

// packer builds a real program with modules in it: the packer itself.
var packer = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "sbom")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	ctx, host := context.Background(), targets.Target{GOOS: runtime.GOOS, GOARCH: runtime.GOARCH}
	c, err := compile.New(ctx, compile.Config{Root: "../../..", Environ: os.Environ()})
	if err != nil {
		return nil, err
	}
	out := filepath.Join(dir, "pack")
	if err := c.Build(ctx, "./build/pack", host, out); err != nil {
		return nil, err
	}
	return os.ReadFile(out)
})

func program(t *testing.T) []byte {
	t.Helper()
	data, err := packer()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func list(t *testing.T, programs ...Program) string {
	t.Helper()
	var out bytes.Buffer
	product := Product{"someone", "Pack", "1.2.3", "c0ffee"}
	if err := Write(&out, product, programs); err != nil {
		t.Fatalf("Write: %v", err)
	}
	return out.String()
}

func TestWriteListsWhatIsInThePrograms(t *testing.T) {
	t.Parallel()
	data := program(t)
	text := list(t, Program{"B", "linux/amd64", "b", data}, Program{"A", "windows/amd64", "a.exe", data})
	var got struct {
		SpecVersion string
		Metadata    struct {
			Component struct{ Name, Version string }
		}
		Components []struct {
			Ref              string `json:"bom-ref"`
			Type, Name, Purl string
			Hashes           []struct{ Alg, Content string }
			Properties       []struct{ Name, Value string }
		}
		Dependencies []struct {
			Ref       string
			DependsOn []string
		}
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if got.SpecVersion != "1.6" || got.Metadata.Component.Name != "Pack" || got.Metadata.Component.Version != "1.2.3" {
		t.Errorf("the head is %q %+v", got.SpecVersion, got.Metadata)
	}
	var programs []string
	modules := 0
	for _, c := range got.Components {
		switch {
		case c.Type == "file":
			programs = append(programs, c.Name)
			if len(c.Hashes) != 1 || c.Hashes[0].Alg != "SHA-256" || len(c.Hashes[0].Content) != 64 {
				t.Errorf("%s has hashes %v, want its SHA-256", c.Name, c.Hashes)
			}
		case strings.HasPrefix(c.Purl, "pkg:golang/github.com/CycloneDX/cyclonedx-go@v"):
			modules++
			if len(c.Properties) != 1 || !strings.HasPrefix(c.Properties[0].Value, "h1:") {
				t.Errorf("%s has properties %v, want its line of go.sum", c.Purl, c.Properties)
			}
		case strings.HasPrefix(c.Purl, "pkg:golang/std@1."):
			modules++
		}
	}
	if diff := cmp.Diff([]string{"A/windows/amd64/a.exe", "B/linux/amd64/b"}, programs); diff != "" {
		t.Errorf("programs (-want +got):\n%s", diff)
	}
	if modules != 2 {
		t.Errorf("cyclonedx-go and std are listed %d times in all, want each once:\n%s", modules, text)
	}
	first := got.Dependencies[0]
	if want := []string{"program:A/windows/amd64", "program:B/linux/amd64"}; !slices.Equal(first.DependsOn, want) {
		t.Errorf("the extension depends on %q, want %q", first.DependsOn, want)
	}
	if used := got.Dependencies[1].DependsOn; len(used) < 2 || !slices.IsSorted(used) {
		t.Errorf("program %s uses %q, want its modules, sorted", got.Dependencies[1].Ref, used)
	}
}

func TestWriteIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	data := program(t)
	a, b := Program{"A", "linux/amd64", "a", data}, Program{"B", "linux/amd64", "b", data}
	if diff := cmp.Diff(list(t, a, b), list(t, b, a)); diff != "" {
		t.Errorf("another order of the same programs gives another list:\n%s", diff)
	}
}

func TestWriteRefusesWhatIsNoGoProgram(t *testing.T) {
	t.Parallel()
	err := Write(&bytes.Buffer{}, Product{}, []Program{{"A", "linux/amd64", "a", []byte("#!/bin/sh\n")}})
	if err == nil || !strings.Contains(err.Error(), "the program of A for linux/amd64") {
		t.Errorf("Write with a shell script: got %v, want an error that names it", err)
	}
}
