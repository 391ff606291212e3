package targets

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	linux   = Target{GOOS: "linux", GOARCH: "amd64", Node: "linux-x64"}
	mac     = Target{GOOS: "darwin", GOARCH: "arm64", Node: "darwin-arm64"}
	windows = Target{GOOS: "windows", GOARCH: "amd64", Node: "win32-x64"}
)

func TestSelect(t *testing.T) {
	t.Parallel()
	all := []Target{linux, mac, windows}
	for name, tc := range map[string]struct {
		spec string
		want []Target
	}{
		"all":                    {"all", all},
		"host":                   {"host", []Target{mac}},
		"list keeps the order":   {"windows/amd64, linux/amd64", []Target{linux, windows}},
		"named twice, once":      {"host,darwin/arm64", []Target{mac}},
		"list with host in it":   {"host,linux/amd64", []Target{linux, mac}},
		"one platform by itself": {"windows/amd64", []Target{windows}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Select(all, tc.spec, "darwin/arm64")
			if err != nil {
				t.Fatalf("Select(%q): %v", tc.spec, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Select(%q) (-want +got):\n%s", tc.spec, diff)
			}
		})
	}
}

func TestSelectRefusesUnknownPlatforms(t *testing.T) {
	t.Parallel()
	for _, spec := range []string{"", "linux", "plan9/amd64", "linux/amd64,", "ALL", "host"} {
		got, err := Select([]Target{linux, windows}, spec, "freebsd/amd64")
		if err == nil {
			t.Errorf("Select(%q) = %v, want an error", spec, got)
			continue
		}
		if want := "choose host, all or from linux/amd64, windows/amd64"; !strings.Contains(err.Error(), want) {
			t.Errorf("Select(%q): got error %q, want it to contain %q", spec, err, want)
		}
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	got, err := Load(filepath.Join("..", "..", "targets.json"))
	if err != nil {
		t.Fatalf("Load(build/targets.json): %v", err)
	}
	if len(got) != 6 || got[0] != linux {
		t.Errorf("Load(build/targets.json) = %v, want six platforms, linux/amd64 first", got)
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, want string }{
		"damaged":       {`[{"goos":`, "is not a list of platforms"},
		"empty":         {`[]`, "there is no platform in it"},
		"unknown field": {`[{"goos":"linux","os":"x"}]`, `unknown field "os"`},
		"missing node":  {`[{"goos":"linux","goarch":"amd64"}]`, "entry 1"},
		"path as name":  {`[{"goos":"../x","goarch":"amd64","node":"linux-x64"}]`, "entry 1"},
		"twice": {`[{"goos":"linux","goarch":"amd64","node":"linux-x64"},
			{"goos":"linux","goarch":"amd64","node":"linux-arm64"}]`, "stands in it twice"},
		"same node name": {`[{"goos":"linux","goarch":"amd64","node":"linux-x64"},
			{"goos":"linux","goarch":"arm64","node":"linux-x64"}]`, "stands in it twice"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "targets.json")
			if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := Load(path)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Load(%s) = %v, %v; want an error containing %q", tc.text, got, err, tc.want)
			}
		})
	}
}

func TestProgram(t *testing.T) {
	t.Parallel()
	if got := windows.Program("safecache"); got != "safecache.exe" {
		t.Errorf("%s.Program(safecache) = %q, want safecache.exe", windows, got)
	}
	if got := linux.Program("safecache"); got != "safecache" {
		t.Errorf("%s.Program(safecache) = %q, want safecache", linux, got)
	}
}
