// Package platform names what a program runs on: an operating system, a processor and
// its variant, as GOOS, GOARCH and OCI image indexes write them.
package platform

// Platform is a platform in its normal form: "linux/arm64" has the variant "v8" left out,
// "linux/arm" the variant "v7" filled in, aliases such as x86_64 replaced.
type Platform struct {
	OS, Arch, Variant string
}

// Parse reads "os/arch[/variant]". Only platforms that Go knows are accepted: BuildKit takes
// "linux/amd" and "linux/foo" without a word.
func Parse(text string) (Platform, error) { panic("skeleton") }

// Of is the normal form of what an image's index or config claims; nothing is refused.
func Of(os, arch, variant string) Platform { panic("skeleton") }

// String is "os/arch" or "os/arch/variant".
func (p Platform) String() string { panic("skeleton") }
