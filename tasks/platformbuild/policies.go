package platformbuild

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/safepath"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/policy"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/reference"
)

// policies writes what a cluster needs to admit images of the approved registries only.
func (s *step) policies(ctx context.Context) error {
	errs := []error{s.checkPlaces(), s.checkKeyInputs()}
	folder, err := s.policyFolder()
	if err := errors.Join(append(errs, err)...); err != nil {
		return err
	}
	rules := policy.Rules{
		Places: words(s.in.AllowedRegistries), Namespaces: words(s.in.ExemptNamespaces),
		Digest: s.in.RequireDigest == RequireDigestError, Enforce: s.in.PolicyAction == PolicyActionDeny,
	}
	if rules.Key, err = s.publicKey(ctx); err != nil {
		return err
	}
	kinds := words(s.in.PolicyKinds)
	if len(kinds) == 0 {
		return badInput("policyKinds", "it is empty", "name at least one of "+strings.Join(policy.Kinds, ", "))
	}
	var files []policy.File
	for _, kind := range kinds {
		if !slices.Contains(policy.Kinds, kind) {
			errs = append(errs, badInput("policyKinds", fmt.Sprintf("there is no kind %.60q", kind),
				"write one of "+strings.Join(policy.Kinds, ", ")))
			continue
		}
		made, err := policy.Write(kind, rules)
		if err != nil {
			return badInput("exemptNamespaces", redact.Line(err.Error()), "") // places and key are checked
		}
		files = append(files, made...)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, file := range files {
		if err := writeFile(folder, file); err != nil {
			return err
		}
		s.env.Log.Printf("Wrote %s", s.shown(filepath.Join(folder, filepath.FromSlash(file.Name))))
	}
	s.result.policyFolder = folder
	return nil
}

func writeFile(folder string, file policy.File) error {
	full := filepath.Join(folder, filepath.FromSlash(file.Name))
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		return badInput("outputFolder", "a folder cannot be made there", "name a folder that the agent may write to")
	}
	if err := safepath.WriteFile(full, file.Text, 0o644); err != nil {
		return badInput("outputFolder", fmt.Sprintf("%.100q cannot be written", file.Name),
			"name a folder that the agent may write to")
	}
	return nil
}

// publicKey is the key that must have signed, in PEM; "" if there is none.
func (s *step) publicKey(ctx context.Context) (string, error) {
	key, err := s.signer(ctx)
	if key == nil || err != nil {
		return "", err
	}
	return string(key.PEM()), nil
}

// policyFolder is where the policies go: not into the checkout by itself, which would then differ from its commit.
func (s *step) policyFolder() (string, error) {
	if s.in.OutputFolder != "" {
		return s.path("outputFolder", string(s.in.OutputFolder))
	}
	staging := s.env.Var("Build.ArtifactStagingDirectory")
	if staging == "" {
		return "", badInput("outputFolder", "it is empty, and this job has no folder for artifacts", "name a folder")
	}
	return filepath.Join(staging, "policies"), nil
}

// checkPlaces asks for the registries that a cluster may run images from.
func (s *step) checkPlaces() error {
	places := words(s.in.AllowedRegistries)
	var errs []error
	if len(places) == 0 {
		errs = append(
			errs,
			badInput("allowedRegistries", "it is empty", "name the registries that the cluster may run "+
				"images from, such as contoso.azurecr.io"),
		)
	}
	for _, place := range places {
		if _, err := reference.Place(place); err != nil {
			errs = append(errs, badInput("allowedRegistries", err.Error(), "write a registry's host, such as "+
				"contoso.azurecr.io, with a path if you like, and without https://"))
		}
	}
	return errors.Join(errs...)
}
