package mapping

import (
	"errors"
	"fmt"
	"strings"
)

const (
	badName    = "a secret's name has 1 to 127 letters, digits and dashes"
	badVersion = "a version has 32 digits and letters from a to f"
)

// parseLine reads a line of the input secrets.
func parseLine(line string) (Want, error) {
	name, rest, ok := strings.Cut(line, "=")
	name, rest = strings.TrimSpace(name), strings.TrimSpace(rest)
	switch {
	case !ok:
		return Want{}, errors.New("it has not the form NAME=secret-name")
	case !variableName.MatchString(name):
		return Want{}, errors.New("what stands before = is no name for a variable, which has letters, digits, " +
			"and _ . - after a first letter or _")
	case reserved(name):
		return Want{}, fmt.Errorf("a variable %s would change how programs and the agent work; "+
			"give it another name", name)
	}
	want := Want{Names: []string{name}}
	if err := want.read(rest); err != nil {
		return Want{}, fmt.Errorf("%s: %w", name, err)
	}
	return want, nil
}

// read reads secret-name[@version][#json.path][|decode][?].
func (w *Want) read(text string) error {
	text, w.Optional = strings.CutSuffix(text, "?")
	text, decode, hasDecode := strings.Cut(text, "|")
	text, path, hasPath := strings.Cut(text, "#")
	secret, version, hasVersion := strings.Cut(text, "@")
	w.Secret, w.Version = strings.TrimSpace(secret), strings.TrimSpace(version)
	w.Path, w.Decode = strings.TrimSpace(path), Decode(strings.TrimSpace(decode))

	var errs []error
	if !secretName.MatchString(w.Secret) {
		errs = append(errs, errors.New(badName+" (only the name stands here, never the value)"))
	}
	if hasVersion && !secretVersion.MatchString(w.Version) {
		errs = append(errs, errors.New("after @ stands a version: "+badVersion))
	}
	if hasPath {
		if _, err := Steps(w.Path); err != nil {
			errs = append(errs, fmt.Errorf("after # stands the path of a value inside the secret: %w", err))
		}
	}
	if hasDecode && w.Decode != None && w.Decode != Base64 && w.Decode != PFX2PEM {
		errs = append(errs, errors.New("after | stands none, base64 or pfx2pem, and at most a ? behind it"))
	}
	return oneLine(errs)
}

// oneLine joins errors into a text of one line.
func oneLine(errs []error) error {
	var texts []string
	for _, err := range errs {
		texts = append(texts, err.Error())
	}
	if len(texts) == 0 {
		return nil
	}
	return errors.New(strings.Join(texts, "; "))
}
