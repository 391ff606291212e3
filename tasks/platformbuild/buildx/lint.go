package buildx

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/progress"
)

// checked is what "docker buildx build --call=check,format=json" prints: lint.LintResults of BuildKit.
type checked struct {
	Warnings []struct {
		Rule     string   `json:"ruleName"`
		Detail   string   `json:"detail"`
		About    string   `json:"description"`
		URL      string   `json:"url"`
		Location location `json:"location"`
	} `json:"warnings"`
	Sources []struct {
		Name string `json:"filename"`
	} `json:"sources"`
	Error *struct {
		Message  string   `json:"message"`
		Location location `json:"location"`
	} `json:"buildError"`
}

type location struct {
	Source int `json:"sourceIndex"`
	Ranges []struct {
		Start struct {
			Line int `json:"line"`
		} `json:"start"`
	} `json:"ranges"`
}

func (l location) line() int {
	if len(l.Ranges) == 0 {
		return 0
	}
	return max(l.Ranges[0].Start.Line, 0)
}

// maxFindings is more than a Dockerfile that somebody reads has.
const maxFindings = 1000

// platformRules are those that no Dockerfile can switch off here: an image that breaks one is for another platform.
var platformRules = []string{"InvalidBaseImagePlatform", "FromPlatformFlagConstDisallowed"}

// checkArg is the build argument that takes the place of a line "# check=" in the Dockerfile.
const checkArg = "BUILDKIT_DOCKERFILE_CHECK"

// Lint runs BuildKit's checks of the Dockerfile without building. A Dockerfile that cannot be built is an *Error.
// The Dockerfile or a build argument can skip rules, but those about platforms.
func (d *Docker) Lint(ctx context.Context, b Build) ([]progress.Warning, error) {
	found, err := d.check(ctx, b)
	if err != nil || !b.skipsRules() {
		return found, err
	}
	b.Args = append(slices.DeleteFunc(slices.Clone(b.Args), isCheckArg), checkArg+"=error=false")
	all, err := d.check(ctx, b)
	for _, w := range all {
		if slices.Contains(platformRules, w.Rule) && !slices.Contains(found, w) {
			found = append(found, w)
		}
	}
	return found, err
}

func isCheckArg(arg string) bool { return strings.HasPrefix(arg, checkArg) }

// checkLine is a comment that may tell BuildKit which rules count.
var checkLine = regexp.MustCompile(`(?im)^\s*#\s*check\s*=`)

// skipsRules reports whether the build may leave rules out. What cannot be read may do so.
func (b Build) skipsRules() bool {
	text, err := os.ReadFile(b.Dockerfile)
	return err != nil && !os.IsNotExist(err) || checkLine.Match(text) || slices.ContainsFunc(b.Args, isCheckArg)
}

// check asks BuildKit once.
func (d *Docker) check(ctx context.Context, b Build) ([]progress.Warning, error) {
	args := append([]string{"buildx", "build", "--call=check,format=json", "--progress=rawjson"}, b.source()...)
	out, sum, err := d.output(ctx, append(args, "--", b.Context)...)
	if err != nil && !isError(err) {
		return nil, err
	}
	// With any finding the program fails as with an error; only its answer tells them apart.
	var answer checked
	if json.Unmarshal(out, &answer) != nil {
		if err == nil {
			err = &Error{
				Kind: Other, Msg: "the builder's answer about the Dockerfile cannot be read", Hint: "update buildx",
			}
		}
		return nil, err
	}
	if answer.Error != nil {
		sum.Error, sum.Line = answer.Error.Message, answer.Error.Location.line()
		e := d.classify(sum, facts{build: &b})
		e.Path, e.Line = b.Dockerfile, sum.Line
		return nil, e
	}
	return answer.findings(), nil
}

func (c checked) findings() []progress.Warning {
	var all []progress.Warning
	for i, w := range c.Warnings {
		if i == maxFindings {
			return append(all, progress.Warning{Text: fmt.Sprintf("and %d more", len(c.Warnings)-i)})
		}
		found := progress.Warning{
			Rule: redact.Line(w.Rule), Text: redact.Line(w.Detail), URL: redact.Line(w.URL), Line: w.Location.line(),
		}
		if found.Text == "" {
			found.Text = redact.Line(w.About)
		}
		if s := w.Location.Source; s >= 0 && s < len(c.Sources) {
			found.Path = redact.Line(c.Sources[s].Name)
		}
		all = append(all, found)
	}
	return all
}
