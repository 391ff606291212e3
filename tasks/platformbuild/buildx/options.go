package buildx

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/redact"
)

// taken are the options that are passed on, as they are.
var taken = []string{
	"--add-host", "--shm-size", "--ulimit", "--network", "--cgroup-parent", "--no-cache-filter", "--allow",
}

// instead are the inputs for options that are not.
var instead = map[string]string{
	"--annotation": "annotations", "--attest": "provenance or sbom", "--build-context": "buildContexts",
	"--builder": "builder", "--cache-from": "cacheFrom", "--cache-to": "cacheTo", "--call": "lint", "--check": "lint",
	"-f": "Dockerfile", "--file": "Dockerfile", "--label": "labels", "--no-cache": "noCache", "--platform": "platforms",
	"--provenance": "provenance", "--pull": "pull", "--sbom": "sbom", "--secret": "secrets", "--ssh": "ssh",
	"-t": "tags", "--tag": "tags", "--target": "target",
}

// ours are the options by which this task gets hold of the image.
var ours = map[string]bool{
	"-o": true, "--output": true, "--push": true, "--load": true, "--progress": true, "--metadata-file": true,
	"--iidfile": true, "-q": true, "--quiet": true, "-D": true, "--debug": true,
}

// ParseOptions splits the input "arguments" as Docker@2 does and takes what does not get in our way: --build-arg
// (returned as args), --add-host, --shm-size, --ulimit, --network, --cgroup-parent, --no-cache-filter, --allow. All
// problems are told at once.
func ParseOptions(text string) (args, options []string, err error) {
	words, err := split(text)
	if err != nil {
		return nil, nil, err
	}
	var errs []error
	for len(words) > 0 {
		name, value, inOne := strings.Cut(words[0], "=")
		known := name == "--build-arg" || slices.Contains(taken, name)
		words = words[1:]
		switch {
		case !known:
			errs = append(errs, refused(name))
			for len(words) > 0 && !strings.HasPrefix(words[0], "-") { // what may be its value
				words = words[1:]
			}
			continue
		case !inOne && len(words) == 0:
			errs = append(errs, fmt.Errorf("the option %s in arguments has no value", name))
			continue
		case !inOne:
			value, words = words[0], words[1:]
		}
		if name == "--build-arg" {
			args = append(args, value)
		} else {
			options = append(options, name+"="+value)
		}
	}
	if len(errs) > 0 {
		return nil, nil, errors.Join(errs...)
	}
	return args, options, nil
}

// refused says why a word is not taken.
func refused(word string) error {
	input := instead[word]
	switch {
	case input != "":
		return fmt.Errorf("the option %s does not belong in arguments: use the input %s", word, input)
	case ours[word]:
		return fmt.Errorf("the option %s does not belong in arguments: the task needs it itself", word)
	case !strings.HasPrefix(word, "-"):
		return fmt.Errorf("arguments holds %q, which is no option: put a value with spaces in double quotes",
			redact.Line(cut(word)))
	}
	return fmt.Errorf("the option %q in arguments is not known to this task, which takes --build-arg, %s",
		redact.Line(cut(word)), strings.Join(taken, ", "))
}

func cut(text string) string { return text[:min(len(text), 60)] }

// split cuts text into words as azure-pipelines-task-lib does for Docker@2 (toolrunner.ts, _argStringToArray): double
// quotes keep spaces together, and within them \" is a quote. Line ends are spaces too.
func split(text string) ([]string, error) {
	var words []string
	var word strings.Builder
	quoted, escaped, begun := false, false, false
	put := func(r rune) {
		if escaped && r != '"' {
			word.WriteByte('\\')
		}
		word.WriteRune(r)
		escaped = false
	}
	for _, r := range text {
		if strings.ContainsRune(" \t\r\n", r) && !quoted {
			if begun {
				words = append(words, word.String())
				word.Reset()
				begun = false
			}
			continue
		}
		begun = true
		switch {
		case r == '"' && !escaped:
			quoted = !quoted
		case r == '\\' && quoted && !escaped:
			escaped = true
		default:
			put(r)
		}
	}
	if quoted {
		return nil, errors.New("arguments has a double quote without its end")
	}
	if begun {
		words = append(words, word.String())
	}
	return words, nil
}
