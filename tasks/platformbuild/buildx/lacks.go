package buildx

import (
	"cmp"
	"os"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/progress"
)

var (
	// noPlatform ends what BuildKit says of an index without the platform; the engine 20.10 says whose digest it has.
	noPlatform = re(`(?:^|: )no match for platform in manifest(?: sha256:[0-9a-f]{64})?: not found$`)
	// lacking is the image, from the error; loading is it from the step, with the platform in a build for several.
	lacking = re(`failed to resolve source metadata for (\S{1,300}): no match`)
	loading = re(`^(?:\[(?:(\S{1,60}) )?internal\] load metadata for|FROM) (\S{1,300})$`)
	// ownPlatform is in a line of the Dockerfile that does not ask for the platforms of the build.
	ownPlatform = re(`(?im)^\s*FROM\s+--platform=`)
)

// lacksPlatform says which image has nothing for which platform: its name and tag are right.
func (f facts) lacksPlatform(e *Error, sum progress.Summary, text string) {
	image, wanted := "", f.build.wanted(sum.Line)
	if match := lacking.FindStringSubmatch(text); match != nil {
		image = match[1]
	}
	if sum.Failed != nil {
		if match := loading.FindStringSubmatch(sum.Failed.Name); match != nil {
			image, wanted = cmp.Or(image, match[2]), cmp.Or(match[1], wanted)
		}
	}
	what := "a base image"
	if image != "" {
		what = "the base image " + redact.Line(image)
	}
	wanted = redact.Line(wanted)
	*e = Error{
		Kind: NoPlatform, Path: f.build.Dockerfile, Line: sum.Line, Msg: what + " has nothing for " + wanted,
		Hint:  "use a base image that has " + wanted + ", or build that one for it, too (platforms)",
		whole: image != "",
	}
}

// wanted are the platforms that a line of the Dockerfile asks for, or any line if it is 0.
func (b *Build) wanted(line int) string {
	text, _ := os.ReadFile(b.Dockerfile) // without it, what most ask for
	if lines := strings.Split(string(text), "\n"); line > 0 && line <= len(lines) {
		text = []byte(lines[line-1])
	}
	if ownPlatform.Match(text) {
		return "the platform of its FROM"
	}
	var names []string
	for _, p := range b.Platforms {
		names = append(names, p.String())
	}
	return strings.Join(names, ", ")
}
