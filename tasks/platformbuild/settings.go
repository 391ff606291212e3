package platformbuild

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/report"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/credential"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/registry"
)

// step is a run of the task.
type step struct {
	env   *task.Env
	in    Inputs
	sleep func(context.Context, time.Duration) error // between attempts; nil is the system's clock

	// What follows is there after prepare.
	http    *httpx.Client
	sources string // the sources folder; "" outside of an agent
	scratch string // a folder of our own

	source   *credential.Source // of the registry; nil without a connection
	registry *registry.Client   // after connect
	login    login              // before the build
	warned   []report.Finding
	forgiven int    // refusals, because enforcement is warn
	untagged string // digest of what was pushed, as long as it has none of the tags
	result   outcome
}

// login is what the registry was shown.
type login struct {
	user     string
	password inputs.Secret
}

// badInput refuses what an input says.
func badInput(input, text, hint string) error {
	return &task.UserError{
		Class: task.BadInput, Rule: "image/input", Msg: fmt.Sprintf("input %q: %s", input, text), Hint: hint,
	}
}

// words splits lines at commas as well.
func words(lines inputs.Lines) (all []string) {
	for _, line := range lines {
		for _, word := range strings.Split(line, ",") {
			if word = strings.TrimSpace(word); word != "" && !slices.Contains(all, word) {
				all = append(all, word)
			}
		}
	}
	return all
}

// pairs reads NAME=value lines.
func pairs(input string, lines inputs.Lines) (map[string]string, error) {
	read := map[string]string{}
	var errs []error
	for i, line := range lines {
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		_, twice := read[name]
		switch {
		case !ok || name == "":
			errs = append(errs, badInput(input, fmt.Sprintf("line %d has no name=value", i+1), "write name=value"))
		case twice:
			errs = append(errs, badInput(input, fmt.Sprintf("%.60q is there twice", name), "remove one of the two"))
		default:
			read[name] = strings.TrimSpace(value)
		}
	}
	return read, errors.Join(errs...)
}

// wantedPlatforms are the platforms of the input.
func (s *step) wantedPlatforms() ([]platform.Platform, error) {
	var list []platform.Platform
	var errs []error
	for _, word := range words(s.in.Platforms) {
		p, err := platform.Parse(word)
		if err != nil {
			errs = append(errs, badInput("platforms", err.Error(), "write os/arch, such as linux/amd64"))
			continue
		}
		if !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	if len(list) == 0 && len(errs) == 0 {
		errs = append(errs,
			badInput("platforms", "it is empty", "write where the image will run, such as linux/amd64"))
	}
	return list, errors.Join(errs...)
}

// path is a path of an input: absolute, or from the sources folder.
func (s *step) path(input, value string) (string, error) {
	if filepath.IsAbs(value) {
		return filepath.Clean(value), nil
	}
	if s.sources == "" {
		return "", badInput(input, "there is no sources folder to start at", "name an absolute path")
	}
	return filepath.Join(s.sources, filepath.FromSlash(value)), nil
}
