// Package platform names what a program runs on: an operating system, a processor and its
// variant, as GOOS, GOARCH and OCI image indexes write them.
//
// The normal form is the one of containerd's platforms package, which BuildKit, the Docker
// engine and Kubernetes nodes compare by: what is equal here is equal there.
package platform

import (
	"fmt"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/redact"
)

// Platform is a platform in its normal form: "linux/arm64" has the variant "v8" left out,
// "linux/arm" the variant "v7" filled in, aliases such as x86_64 replaced. Two of them are equal
// if == says so.
type Platform struct {
	OS, Arch, Variant string
}

// Parse reads "os/arch[/variant]", in upper or lower case. Only platforms that Go knows are
// accepted: BuildKit takes "linux/amd" and "linux/foo" without a word, and pushes them. The error
// names the platform that was probably meant.
func Parse(text string) (Platform, error) {
	trimmed := strings.TrimSpace(text)
	switch {
	case trimmed == "":
		return Platform{}, fmt.Errorf("platform is empty: write GOOS/GOARCH, such as linux/amd64")
	case strings.ContainsAny(trimmed, ", \t\r\n"):
		return Platform{}, fmt.Errorf("platform %s holds a comma or a space: write one platform each", quote(text))
	}
	parts := strings.Split(trimmed, "/")
	if len(parts) < 2 || len(parts) > 3 || slices.Contains(parts, "") {
		return Platform{}, fmt.Errorf("platform %s is not os/arch or os/arch/variant%s", quote(text), meant(parts))
	}
	variant := ""
	if len(parts) == 3 {
		variant = parts[2]
	}
	p := Of(parts[0], parts[1], variant)
	if !p.known() {
		return Platform{}, fmt.Errorf("platform %s is not known%s", quote(text), meant(parts))
	}
	return p, nil
}

// Of is the normal form of what an image's index or config claims. Nothing is refused: what is
// not known is only lowered.
func Of(os, arch, variant string) Platform {
	p := Platform{strings.ToLower(os), strings.ToLower(arch), strings.ToLower(variant)}
	if p.OS == "macos" {
		p.OS = "darwin"
	}
	switch p.Arch {
	case "i386":
		p.Arch, p.Variant = "386", ""
	case "x86_64", "x86-64", "amd64":
		p.Arch = "amd64"
		if p.Variant == "v1" {
			p.Variant = ""
		}
	case "aarch64", "arm64":
		p.Arch, p.Variant = "arm64", arm64Variant(p.Variant)
	case "armhf":
		p.Arch, p.Variant = "arm", "v7"
	case "armel":
		p.Arch, p.Variant = "arm", "v6"
	case "arm":
		p.Variant = armVariant(p.Variant)
	}
	return p
}

func arm64Variant(variant string) string {
	switch variant {
	case "8", "v8", "v8.0":
		return ""
	case "9", "9.0", "v9.0":
		return "v9"
	}
	return variant
}

func armVariant(variant string) string {
	switch variant {
	case "":
		return "v7"
	case "5", "6", "7", "8":
		return "v" + variant
	}
	return variant
}

// String is "os/arch" or "os/arch/variant". Parse of it gives p again, if p came from Parse.
func (p Platform) String() string {
	text := p.OS + "/" + p.Arch
	if p.Variant != "" {
		text += "/" + p.Variant
	}
	return text
}

// quote shows text that may be anything, cut.
func quote(text string) string {
	if r := []rune(text); len(r) > 60 {
		text = string(r[:60]) + "..."
	}
	return fmt.Sprintf("%q", redact.Defuse(text))
}
