package platformbuild

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/endpoint"
	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/leak"
	"github.com/guardrails-ci/guardrails/shared/task"
)

// screen refuses secrets in what everybody can read who can pull the image: build arguments are in its history and
// provenance, labels and annotations in its config.
func (s *step) screen(p *plan) error {
	var known []leak.Known
	for _, value := range endpoint.Secrets(s.env.Environ()) {
		known = append(known, leak.Known{Name: "a secret of this job", Value: inputs.NewSecret(value)})
	}
	for _, secret := range p.secrets {
		if value := secret.Value.Reveal(); value != "" {
			known = append(known, leak.Known{Name: "the secret " + secret.ID, Value: inputs.NewSecret(value)})
		}
	}
	engine, err := leak.New(leak.Options{Known: known, Key: make([]byte, 32)}) // no fingerprint leaves this step
	if err != nil {
		return err
	}
	var errs []error
	for _, place := range []struct {
		what, instead string
		values        map[string]string
	}{
		{"build argument", "hand it over with the input secrets, and use it in RUN --mount=type=secret", p.args},
		{"label", "leave it out", p.labels},
		{"annotation", "leave it out", p.annotations},
	} {
		for _, name := range slices.Sorted(maps.Keys(place.values)) {
			found := suspect(engine, name, place.values[name])
			if found.why == "" || !found.known && slices.Contains(words(s.in.PublicNames), name) {
				continue
			}
			s.conceal(place.values[name])
			e := &task.UserError{
				Rule: "image/secret", Final: found.final,
				Msg: fmt.Sprintf("the %s %.60q %s, and can be read by whoever can pull the image", place.what, name,
					found.why),
				Hint: place.instead + "; if the value was ever used in a build, rotate it",
			}
			if !found.known {
				e.Hint += "; name it in publicNames if it is meant to be public"
			}
			errs = append(errs, s.insist(e))
		}
	}
	errs = append(errs, s.screenOptions(engine, p))
	return errors.Join(errs...)
}

// suspicion is why a value must not be published.
type suspicion struct {
	why   string // "" for none
	known bool   // it is a secret: nobody can mean it to be public
	final bool   // it is no guess by the name alone
}

func suspect(engine *leak.Engine, name, value string) suspicion {
	if value == "" {
		return suspicion{}
	}
	for _, f := range engine.String(name+"="+value, name, leak.Config) {
		switch {
		case f.Known != "":
			return suspicion{"holds " + f.Known, true, true}
		case f.Severity == leak.Critical || f.Severity == leak.High:
			return suspicion{"looks like a secret (" + string(f.Kind) + ")", false, f.Kind != leak.Password}
		}
	}
	if looksSecret(name) {
		return suspicion{"has the name of a secret", false, false}
	}
	return suspicion{}
}

// secretNames end the names of variables that hold secrets; words are separated by "_", "-" or ".".
var secretNames = []string{
	"password", "passwd", "pwd", "passphrase", "secret", "token", "apikey", "api_key", "accesskey", "access_key",
	"privatekey", "private_key", "credentials", "connectionstring", "connection_string", "sas",
}

func looksSecret(name string) bool {
	name = "_" + strings.NewReplacer("-", "_", ".", "_").Replace(strings.ToLower(name))
	return slices.ContainsFunc(secretNames, func(word string) bool {
		return strings.HasSuffix(name, "_"+word) || len(word) > 5 && strings.HasSuffix(name, word)
	})
}

// screenOptions refuses secrets in what stands in Docker's command line.
func (s *step) screenOptions(engine *leak.Engine, p *plan) error {
	var errs []error
	for _, place := range []struct {
		input, instead string
		values         []string
	}{
		{"arguments", "hand it over with the input secrets", p.options},
		{"buildContexts", "check it out, or copy it, in an earlier step", slices.Collect(maps.Values(p.contexts))},
		{"cacheFrom", "let the builder have it in its environment", s.in.CacheFrom},
		{"cacheTo", "let the builder have it in its environment", s.in.CacheTo},
		{"ssh", "name an agent's socket, or a file with a key", s.in.SSH},
		{"sbomGenerator", "name the image without it", []string{p.scanner}},
		{"builder", "name a builder", []string{s.in.Builder}},
		{"buildkitImage", "name the image without it", []string{s.in.BuildkitImage}},
		{"target", "name a stage of the Dockerfile", []string{s.in.Target}},
	} {
		if slices.ContainsFunc(place.values, func(value string) bool {
			_, secret := engine.HoldsKnown(value)
			return secret
		}) {
			errs = append(errs, &task.UserError{
				Rule: "image/secret", Final: true,
				Msg: fmt.Sprintf("a secret of this job stands in the input %s, which every user of this machine can "+
					"read while the build runs", place.input),
				Hint: place.instead,
			})
		}
	}
	return errors.Join(errs...)
}

// wanted warns of secrets that the Dockerfile wants and nobody gives: BuildKit then runs the step without them.
func (s *step) wanted(p *plan) error {
	given := map[string]bool{}
	for _, secret := range p.secrets {
		given[secret.ID] = true
	}
	var errs []error
	for _, stage := range p.file.Stages {
		for _, want := range stage.Secrets {
			if given[want.ID] {
				continue
			}
			given[want.ID] = true // once is enough
			e := &task.UserError{
				Rule: "image/secret-missing", Path: s.shown(p.dockerfile), Line: want.Line,
				Msg: fmt.Sprintf("the Dockerfile wants the secret %.60q, which the input secrets does not give",
					want.ID),
				Hint: "add a line to the input secrets, or remove the mount",
			}
			if want.Required {
				errs = append(errs, e)
				continue
			}
			s.warnAt(e)
		}
	}
	return errors.Join(errs...)
}

// checkKeyInputs holds the inputs about keys against each other.
func (s *step) checkKeyInputs() error {
	switch {
	case s.in.SigningKey != "" && s.in.AzureSubscription == "":
		return badInput("azureSubscription", "there is a signingKey, but nobody who may use it", "name the service "+
			"connection whose identity may use the key")
	case s.in.SigningKey != "" && s.in.PublicKey != inputs.Path(""):
		return badInput("publicKey", "there is a signingKey, too", "name the one that must have signed")
	}
	return nil
}
