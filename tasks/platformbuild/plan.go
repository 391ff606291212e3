package platformbuild

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/buildx"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/dockerfile"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/reference"
)

// maxDockerfile is more than anybody writes.
const maxDockerfile = 1 << 20

// plan is what is to be built, understood.
type plan struct {
	image       reference.Reference // registry and repository
	tags        []string
	platforms   []platform.Platform
	dockerfile  string
	file        *dockerfile.File
	text        []byte // of the Dockerfile
	context     string
	contexts    map[string]string // named ones
	args        map[string]string
	options     []string
	labels      map[string]string // the user's, and then those of the run
	annotations map[string]string
	annotated   bool              // the builder writes them
	own         map[string]string // the labels of the run alone
	candidate   string            // the tag that the image has until it is verified; "" if it needs none
	secrets     []buildx.Secret
	ssh         []string
	scanner     string // image that makes the SBOM; "" is what BuildKit takes
}

// understand reads the inputs of a build, and says all that is wrong with them at once.
func (s *step) understand() (*plan, error) {
	p := &plan{}
	var errs []error
	note := func(err error) { errs = append(errs, err) }
	var err error
	p.platforms, err = s.wantedPlatforms()
	note(err)
	p.tags, err = s.wantedTags()
	note(err)
	note(s.findDockerfile(p))
	note(s.findContexts(p))
	p.args, err = pairs("buildArgs", s.in.BuildArgs)
	note(err)
	args, options, err := buildx.ParseOptions(s.in.Arguments)
	if err != nil {
		for _, e := range flat(err) {
			note(badInput("arguments", e.Error(),
				"leave out what the task sets itself; write options such as --build-arg NAME=value"))
		}
	}
	p.options = options
	note(s.moreArgs(p, args))
	p.labels, err = pairs("labels", s.in.Labels)
	note(err)
	p.annotations, err = pairs("annotations", s.in.Annotations)
	note(err)
	p.secrets, err = s.givenSecrets()
	note(err)
	p.ssh, err = s.givenKeys()
	note(err)
	p.scanner, err = s.wantedScanner()
	note(err)
	if s.in.ContainerRegistry == "" {
		note(badInput("containerRegistry", "it is empty", "name the service connection of the registry to push to"))
	}
	if strings.TrimSpace(s.in.Repository) == "" {
		note(badInput("repository", "it is empty", "write the image's name, such as shop/web"))
	}
	note(s.checkKeyInputs())
	return p, errors.Join(errs...)
}

// moreArgs takes the build arguments that are written as options of docker build.
func (s *step) moreArgs(p *plan, args []string) error {
	var errs []error
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok { // docker takes the variable of that name
			value, ok = s.env.Lookup(name)
			if !ok {
				errs = append(
					errs,
					badInput("arguments", fmt.Sprintf("--build-arg %.60q has no value, and there is no "+
						"such variable", name), "write --build-arg name=value"),
				)
				continue
			}
		}
		if had, twice := p.args[name]; twice && had != value {
			errs = append(errs, badInput("arguments", fmt.Sprintf("the build argument %.60q has another value in "+
				"buildArgs", name), "remove one of the two"))
		}
		p.args[name] = value
	}
	return errors.Join(errs...)
}

// wantedScanner is the image that makes the SBOM; "" is what BuildKit takes.
func (s *step) wantedScanner() (string, error) {
	name := strings.TrimSpace(s.in.SbomGenerator)
	if name == "" {
		return "", nil
	}
	if !s.in.Sbom {
		return "", badInput("sbomGenerator", "it is set, but sbom is not true, so it would do nothing",
			"set sbom: true, or leave it out")
	}
	ref, err := reference.Parse(name)
	if err != nil {
		return "", badInput("sbomGenerator", err.Error(), "write registry/name:tag, or registry/name@sha256:...")
	}
	return ref.String(), nil
}

// wantedTags are the tags of the input.
func (s *step) wantedTags() ([]string, error) {
	var errs []error
	tags := words(s.in.Tags)
	for _, tag := range tags {
		if err := reference.CheckTag(tag); err != nil {
			errs = append(errs, badInput("tags", err.Error(),
				"write one tag a line, or separate them by commas, with no spaces within one"))
		}
	}
	if len(tags) == 0 {
		errs = append(errs, badInput("tags", "it is empty", "write at least one tag, such as $(Build.BuildId)"))
	}
	return tags, errors.Join(errs...)
}

// findDockerfile finds and reads the Dockerfile.
func (s *step) findDockerfile(p *plan) error {
	name := string(s.in.Dockerfile)
	if name == "" {
		name = "Dockerfile"
	}
	full, err := s.path("Dockerfile", name)
	if err != nil {
		return err
	}
	if strings.ContainsAny(name, "*?[{") {
		if full, err = s.onlyMatch(full); err != nil {
			return err
		}
	}
	info, err := os.Stat(full)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return badInput("Dockerfile", fmt.Sprintf("there is no file %.200q", s.shown(full)),
			"name the Dockerfile, from the sources folder on, and check the repository out in this job")
	case err != nil || !info.Mode().IsRegular():
		return badInput("Dockerfile", fmt.Sprintf("%.200q is no file that can be read", s.shown(full)), "name a file")
	case info.Size() > maxDockerfile:
		return badInput("Dockerfile", fmt.Sprintf("%.200q has more than 1 MB", s.shown(full)), "name a Dockerfile")
	}
	if p.text, err = os.ReadFile(full); err != nil {
		return badInput("Dockerfile", fmt.Sprintf("%.200q cannot be read", s.shown(full)), "check its permissions")
	}
	p.dockerfile = full
	if p.file, err = dockerfile.Parse(p.text); err != nil {
		e := &task.UserError{
			Rule: "image/dockerfile", Final: true, Path: s.shown(full), Err: err, Msg: redact.Line(err.Error()),
			Hint: "correct the Dockerfile",
		}
		var at *dockerfile.Error
		if errors.As(err, &at) {
			e.Line, e.Msg = at.Line, redact.Line(at.Err.Error())
		}
		return e
	}
	return nil
}

// onlyMatch is the file that a pattern matches.
func (s *step) onlyMatch(pattern string) (string, error) {
	matches, err := doublestar.FilepathGlob(pattern, doublestar.WithFilesOnly(), doublestar.WithNoFollow())
	if err != nil {
		return "", badInput("Dockerfile", fmt.Sprintf("%.200q is no pattern", s.shown(pattern)), "write a path, or "+
			"close the brackets")
	}
	switch len(matches) {
	case 0:
		return "", badInput("Dockerfile", fmt.Sprintf("no file matches %.200q", s.shown(pattern)),
			"check the repository out in this job, and correct the pattern")
	case 1:
		return matches[0], nil
	}
	for i, match := range matches {
		matches[i] = s.shown(match)
	}
	return "", badInput("Dockerfile", "it matches several files: "+redact.Lines(matches), "name the one to build")
}

// findContexts finds the folders that the Dockerfile copies from.
func (s *step) findContexts(p *plan) error {
	name := string(s.in.BuildContext)
	var errs []error
	if base := filepath.Base(name); name == "" || base == "**" || base == "*" {
		p.context = filepath.Dir(p.dockerfile)
	} else if full, err := s.path("buildContext", name); err != nil {
		errs = append(errs, err)
	} else {
		p.context = full
	}
	if p.context != "" && !isFolder(p.context) {
		errs = append(errs, badInput("buildContext", fmt.Sprintf("%.200q is no folder", s.shown(p.context)),
			"name a folder of this machine: what is built elsewhere cannot be checked"))
	}
	named, err := pairs("buildContexts", s.in.BuildContexts)
	errs = append(errs, err)
	p.contexts = map[string]string{}
	for name, place := range named {
		p.contexts[name], err = s.namedContext(place)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// namedContext is a folder, or an image.
func (s *step) namedContext(place string) (string, error) {
	if strings.HasPrefix(place, "docker-image://") {
		return place, nil
	}
	full, err := s.path("buildContexts", place)
	if err == nil && (strings.Contains(place, "://") || !isFolder(full)) {
		err = badInput("buildContexts", fmt.Sprintf("%.100q is neither a folder nor docker-image://", place),
			"check it out, or copy it, in an earlier step")
	}
	return full, err
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// givenSecrets reads lines such as id=npm,env=NPM_TOKEN.
func (s *step) givenSecrets() ([]buildx.Secret, error) {
	var all []buildx.Secret
	var errs []error
	for i, line := range s.in.Secrets {
		secret, err := s.givenSecret(line)
		if err != nil {
			errs = append(errs, badInput("secrets", fmt.Sprintf("line %d: %s", i+1, err),
				"write id=npm,env=NPM_TOKEN and map the variable with env:, or id=npmrc,src=path"))
		}
		all = append(all, secret)
	}
	return all, errors.Join(errs...)
}

func (s *step) givenSecret(line string) (buildx.Secret, error) {
	var secret buildx.Secret
	for _, part := range strings.Split(line, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok || value == "" {
			return secret, errors.New("it is not made of key=value") // the text may be a secret
		}
		var err error
		switch key {
		case "id":
			secret.ID = value
		case "env":
			secret.Value, err = s.secretVariable(value)
		case "src", "source":
			secret.File, err = s.secretFile(value)
		case "type":
		default:
			err = fmt.Errorf("%.40q is not known", key)
		}
		if err != nil {
			return secret, err
		}
	}
	if secret.ID == "" || (secret.Value.Reveal() == "") == (secret.File == "") {
		return secret, errors.New("it needs an id, and one of env and src")
	}
	return secret, nil
}

// secretVariable is a secret in a variable of the step.
func (s *step) secretVariable(name string) (inputs.Secret, error) {
	text, ok := s.env.Lookup(name)
	if !ok || text == "" {
		return inputs.Secret{}, fmt.Errorf("there is no variable %.60q in this step's environment, or it is empty",
			name)
	}
	s.conceal(text)
	return inputs.NewSecret(text), nil
}

// secretFile is a file with a secret.
func (s *step) secretFile(name string) (string, error) {
	full, err := s.path("secrets", name)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(full); err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("there is no file %.100q", s.shown(full))
	}
	return full, nil
}

// givenKeys reads lines such as default, or id=path[,path], and has each path begin at the sources folder.
func (s *step) givenKeys() ([]string, error) {
	var all []string
	var errs []error
	for i, line := range s.in.SSH {
		id, list, ok := strings.Cut(line, "=")
		if !ok {
			all = append(all, line)
			continue
		}
		parts := strings.Split(list, ",")
		for n, part := range parts {
			if strings.Contains(part, "=") { // an option of docker's
				continue
			}
			full, err := s.path("ssh", part)
			if err == nil {
				if _, there := os.Stat(full); there != nil {
					err = badInput("ssh", fmt.Sprintf("line %d: there is no file %.200q", i+1, s.shown(full)),
						"write default, or id=path with the path of a key or of an agent's socket")
				}
			}
			parts[n] = full
			errs = append(errs, err)
		}
		all = append(all, id+"="+strings.Join(parts, ","))
	}
	return all, errors.Join(errs...)
}

// conceal masks a secret before anything can print it.
func (s *step) conceal(secret string) {
	if secret != "" {
		s.env.Secrets.Add(secret)
		s.env.Log.SetSecret(secret)
	}
}
