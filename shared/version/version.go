// Package version says which build of Guardrails this is.
//
// Release builds set the values with the linker:
//
//	-ldflags "-X github.com/guardrails-ci/guardrails/shared/version.number=1.2.3
//	          -X github.com/guardrails-ci/guardrails/shared/version.commit=<sha>"
//
// Other builds take them from what the go command recorded. It does not say
// when the build was made: builds are reproducible.
package version

import (
	"runtime/debug"
	"strings"
)

// number and commit are set by the linker.
var number, commit string

// develop is the number of a build that nobody has numbered.
const develop = "0.0.0-dev"

// Number returns the version number without a leading "v", such as "1.2.3", and
// "0.0.0-dev" for a build without one.
func Number() string {
	n, _ := resolve(number, commit, buildInfo())
	return n
}

// String returns number and short commit for people: "1.2.3 (abc1234)", or the
// number alone when the commit is not known.
func String() string {
	return format(resolve(number, commit, buildInfo()))
}

func buildInfo() *debug.BuildInfo {
	info, _ := debug.ReadBuildInfo() // nil if there is none
	return info
}

// resolve prefers what the linker set over what the go command recorded.
func resolve(number, commit string, info *debug.BuildInfo) (n, c string) {
	n, c = strings.TrimPrefix(number, "v"), commit
	if n == "" {
		n = develop
		if info != nil && info.Main.Version != "" && info.Main.Version != "(devel)" {
			n = strings.TrimPrefix(info.Main.Version, "v")
		}
	}
	if c == "" && info != nil {
		c = recorded(info.Settings)
	}
	return n, c
}

func recorded(settings []debug.BuildSetting) string {
	var revision, dirty string
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+dirty"
		}
	}
	if revision == "" {
		return ""
	}
	return revision + dirty
}

func format(n, c string) string {
	if c == "" {
		return n
	}
	id, dirty, _ := strings.Cut(c, "+")
	if len(id) > 7 {
		id = id[:7]
	}
	if dirty != "" {
		id += "+" + dirty
	}
	return n + " (" + id + ")"
}
