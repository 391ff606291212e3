package platform

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"linux/amd64":      "linux/amd64",
		" linux/amd64\t":   "linux/amd64",
		"Linux/AMD64":      "linux/amd64",
		"linux/amd64/v1":   "linux/amd64",
		"linux/amd64/v2":   "linux/amd64/v2",
		"linux/amd64/V4":   "linux/amd64/v4",
		"linux/x86_64":     "linux/amd64",
		"linux/x86-64":     "linux/amd64",
		"linux/i386":       "linux/386",
		"linux/arm64":      "linux/arm64",
		"linux/arm64/v8":   "linux/arm64",
		"linux/arm64/8":    "linux/arm64",
		"linux/arm64/v8.0": "linux/arm64",
		"linux/arm64/v8.2": "linux/arm64/v8.2",
		"linux/arm64/v9":   "linux/arm64/v9",
		"linux/arm64/9.0":  "linux/arm64/v9",
		"linux/aarch64":    "linux/arm64",
		"linux/arm":        "linux/arm/v7",
		"linux/arm/v5":     "linux/arm/v5",
		"linux/arm/6":      "linux/arm/v6",
		"linux/armhf":      "linux/arm/v7",
		"linux/armel":      "linux/arm/v6",
		"linux/ppc64le":    "linux/ppc64le",
		"linux/s390x":      "linux/s390x",
		"linux/riscv64":    "linux/riscv64",
		"linux/mips64le":   "linux/mips64le",
		"linux/loong64":    "linux/loong64",
		"windows/amd64":    "windows/amd64",
		"windows/arm64":    "windows/arm64",
		"macos/arm64":      "darwin/arm64",
		"freebsd/amd64":    "freebsd/amd64",
		"wasip1/wasm":      "wasip1/wasm",
	} {
		got, err := Parse(text)
		if err != nil || got.String() != want {
			t.Errorf("Parse(%q) = %v, %v, want %s", text, got, err, want)
			continue
		}
		if again, err := Parse(got.String()); err != nil || again != got {
			t.Errorf("Parse(%q) = %v, %v, want the same as Parse(%q)", got, again, err, text)
		}
	}
}

func TestParseSaysWhatWasMeant(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                        "platform is empty",
		" \n":                     "platform is empty",
		"linux/amd":               `platform "linux/amd" is not known: did you mean linux/amd64?`,
		"linux/adm64":             "did you mean linux/amd64?",
		"linx/arm64":              "did you mean linux/arm64?",
		"linux/x64":               "did you mean linux/amd64?",
		"win/x64":                 "did you mean windows/amd64?",
		"linux/arm64v8":           "did you mean linux/arm64?",
		"linux/arm32v7":           "did you mean linux/arm/v7?",
		"linux/armv6":             "did you mean linux/arm/v6?",
		"linux/foo":               "write it as GOOS/GOARCH",
		"linux":                   `platform "linux" is not os/arch or os/arch/variant: did you mean linux/amd64?`,
		"amd64":                   "did you mean linux/amd64?",
		"arm64":                   "did you mean linux/arm64?",
		"aarch64":                 "did you mean linux/arm64?",
		"local":                   "write it as GOOS/GOARCH",
		"linux/amd64/v5":          "did you mean linux/amd64 without the variant?",
		"linux/amd64/v8":          "did you mean linux/amd64 without the variant?",
		"linux/386/v1":            "did you mean linux/386 without the variant?",
		"linux/arm64/v7":          "did you mean linux/arm64 without the variant?",
		"linux/arm64/v8.10":       "without the variant?",
		"linux/arm/v4":            "did you mean linux/arm/v7 without the variant?",
		"linux/amd64/":            "is not os/arch",
		"/linux/amd64":            "is not os/arch",
		"linux/amd64/v2/x":        "is not os/arch",
		"//":                      "is not os/arch",
		"linux/amd64,linux/arm64": "holds a comma or a space: write one platform each",
		"linux/amd64 linux/arm64": "holds a comma or a space",
		"darwin/386":              "write it as GOOS/GOARCH",
		"windows(10.0.1)/amd64":   "is not known",
		"linux/\x1b[31m":          `"linux/\x1b[31m" is not known`,
		"##vso[x]/amd64":          `"*`,
		strings.Repeat("a", 9999): "aaa...",
	} {
		got, err := Parse(text)
		if err == nil {
			t.Errorf("Parse(%q) = %v, want an error with %q", text, got, want)
			continue
		}
		if !strings.Contains(err.Error(), want) || len(err.Error()) > 250 {
			t.Errorf("Parse(%q): %v\nwant an error with %q", text, err, want)
		}
		if strings.Contains(err.Error(), "##vso[") {
			t.Errorf("Parse(%q): %v holds a logging command", text, err)
		}
	}
}

func TestOfKeepsWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]Platform{
		"linux/amd":       Of("linux", "AMD", ""),
		"linux/riscv64/x": Of("Linux", "riscv64", "X"),
		"linux/arm/v99":   Of("linux", "arm", "v99"),
		"/":               Of("", "", ""),
		"unknown/unknown": Of("unknown", "unknown", ""),
	} {
		if p.String() != want {
			t.Errorf("got %s, want %s", p, want)
		}
	}
}

// The list is a copy: it must not fall behind the compiler that comes with new processors.
func TestEveryPairOfTheCompilerIsKnown(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "tool", "dist", "list").Output()
	if err != nil {
		t.Fatalf("go tool dist list: %v", err)
	}
	list := strings.Fields(string(out))
	for _, pair := range list {
		if _, err := Parse(pair); err != nil {
			t.Errorf("Parse(%q): %v", pair, err)
		}
	}
	for _, pair := range pairs {
		if !slices.Contains(list, pair) {
			t.Errorf("%s is not a platform of Go", pair)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"linux/amd64", "linux/arm/v7", "a/b/c/d", "linux", "/", "armv7/x64", "linux/armv7/v7"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse(text)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("Parse(%q): the error has several lines: %v", text, err)
			}
			return
		}
		if again, err := Parse(p.String()); err != nil || again != p {
			t.Errorf("Parse(%q) = %v; Parse of that = %v, %v", text, p, again, err)
		}
		if again := Of(p.OS, p.Arch, p.Variant); again != p {
			t.Errorf("Of(%v) = %v, want the same", p, again)
		}
	})
}
