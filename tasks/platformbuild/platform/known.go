package platform

import (
	"slices"
	"strings"
)

// pairs are the operating systems with their processors, as `go tool dist list` prints them.
var pairs = strings.Fields(`
	aix/ppc64 android/386 android/amd64 android/arm android/arm64 darwin/amd64 darwin/arm64
	dragonfly/amd64 freebsd/386 freebsd/amd64 freebsd/arm freebsd/arm64 illumos/amd64
	ios/amd64 ios/arm64 js/wasm linux/386 linux/amd64 linux/arm linux/arm64 linux/loong64
	linux/mips linux/mips64 linux/mips64le linux/mipsle linux/ppc64 linux/ppc64le
	linux/riscv64 linux/s390x netbsd/386 netbsd/amd64 netbsd/arm netbsd/arm64 openbsd/386
	openbsd/amd64 openbsd/arm openbsd/arm64 openbsd/ppc64 openbsd/riscv64 plan9/386
	plan9/amd64 plan9/arm solaris/amd64 wasip1/wasm windows/386 windows/amd64 windows/arm64`)

func (p Platform) known() bool {
	if !slices.Contains(pairs, p.OS+"/"+p.Arch) {
		return false
	}
	switch p.Arch {
	case "amd64":
		return slices.Contains([]string{"", "v2", "v3", "v4"}, p.Variant)
	case "arm":
		return slices.Contains([]string{"v5", "v6", "v7", "v8"}, p.Variant)
	case "arm64":
		return p.Variant == "" || p.Variant == "v9" || isMinor(p.Variant)
	}
	return p.Variant == ""
}

// isMinor reports whether an arm64 variant is one of v8.1 to v8.9 and v9.1 to v9.9.
func isMinor(variant string) bool {
	minor, ok := strings.CutPrefix(variant, "v8.")
	if !ok {
		minor, ok = strings.CutPrefix(variant, "v9.")
	}
	return ok && len(minor) == 1 && minor >= "1" && minor <= "9"
}

// words are names from elsewhere: of Docker Hub, npm, .NET, uname and advertisements.
var words = map[string]string{
	"x64": "amd64", "intel": "amd64", "amd": "amd64", "adm64": "amd64", "x86": "386", "i686": "386", "ia32": "386",
	"arm64v8": "arm64", "armv8": "arm64", "armv8l": "arm64", "m1": "arm64", "graviton": "arm64",
	"arm32": "arm/v7", "arm32v7": "arm/v7", "armv7": "arm/v7", "armv7l": "arm/v7",
	"arm32v6": "arm/v6", "armv6": "arm/v6", "armv6l": "arm/v6", "arm32v5": "arm/v5",
	"ppc64el": "ppc64le", "powerpc64le": "ppc64le", "mips64el": "mips64le", "mipsel": "mipsle",
	"loongarch64": "loong64", "riscv": "riscv64",
	"win": "windows", "win32": "windows", "mac": "darwin", "osx": "darwin", "gnu": "linux",
}

// meant is the end of an error: the platform that the parts are probably for.
func meant(parts []string) string {
	for i, part := range parts {
		parts[i] = strings.ToLower(part)
		if word, ok := words[parts[i]]; ok {
			parts[i] = word
		}
	}
	if len(parts) == 1 {
		parts = alone(parts[0])
	}
	guess := Of(parts[0], strings.Join(parts[1:min(len(parts), 2)], ""), "")
	if _, variant, ok := strings.Cut(guess.Arch, "/"); ok { // a word that says both
		guess = Of(guess.OS, "arm", variant)
	}
	if guess.known() {
		if len(parts) == 3 && parts[2] != "" {
			return ": did you mean " + guess.String() + " without the variant?"
		}
		return ": did you mean " + guess.String() + "?"
	}
	if near := nearest(guess.OS + "/" + guess.Arch); near != "" {
		return ": did you mean " + near + "?"
	}
	return ": write it as GOOS/GOARCH, such as linux/amd64 or linux/arm64"
}

// alone completes what stands alone: the processor of an image is nearly always for Linux.
func alone(word string) []string {
	if word == "linux" || word == "windows" {
		return []string{word, "amd64"}
	}
	return []string{"linux", word}
}

// nearest is the known pair closest to text, if it is at most two typing errors away. Of several,
// the one most images are for.
func nearest(text string) string {
	best, found := 3, ""
	if len(text) > 40 {
		return "" // nobody mistypes that much
	}
	for _, pair := range slices.Concat([]string{"linux/amd64", "linux/arm64"}, pairs) {
		if d := distance(text, pair); d < best {
			best, found = d, pair
		}
	}
	return found
}

// distance is Levenshtein's: how many bytes to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
