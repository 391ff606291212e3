package platformbuild

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/azure"
	"github.com/guardrails-ci/guardrails/shared/endpoint"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/reference"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/registry"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/signature"
)

// buildType names how images are built, in their provenance.
const buildType = "https://github.com/guardrails-ci/guardrails/blob/main/tasks/platformbuild/README.md#build"

// signer is the key that signs, or must have signed; nil if there is none.
func (s *step) signer(ctx context.Context) (*signature.Key, error) {
	if s.in.PublicKey != "" {
		full, err := s.path("publicKey", string(s.in.PublicKey))
		if err != nil {
			return nil, err
		}
		pem, err := os.ReadFile(full)
		if err != nil {
			return nil, badInput("publicKey", fmt.Sprintf("%.200q cannot be read", s.shown(full)),
				"name a file with a public key in PEM")
		}
		key, err := signature.ParseKey(pem)
		if err != nil {
			message, fix := signature.Explain(err)
			return nil, badInput("publicKey", message, fix)
		}
		return key, nil
	}
	if s.in.SigningKey == "" {
		return nil, nil
	}
	e := endpoint.New(s.env.Environ())
	c, err := e.Connection(s.in.AzureSubscription, "azureSubscription")
	if err != nil {
		return nil, &task.UserError{
			Class: task.BadInput, Rule: "image/input", Msg: err.Error(),
			Hint: "name a service connection of the type Azure Resource Manager that this pipeline may use",
		}
	}
	credential, err := azure.New(c, s.azureJob(e))
	if err != nil {
		return nil, badInput("azureSubscription", err.Error(), "")
	}
	key, err := signature.OpenKey(ctx, s.in.SigningKey, credential, s.http)
	if err == nil && s.in.Command == CommandBuild {
		err = key.CanSign(s.env.Now()) // not only after the build
	}
	if err != nil {
		return nil, keyError(err, "the signing key cannot be used")
	}
	return key, nil
}

// keyError says what is wrong with a key, or with what it has signed.
func keyError(err error, doing string) error {
	message, fix := signature.Explain(err)
	return &task.UserError{
		Class: task.Environment,
		Rule:  "image/key",
		Err:   err,
		Msg:   doing + ": " + message,
		Hint:  fix,
	}
}

// sign signs an image and what is known of its build, before it has a tag.
func (s *step) sign(ctx context.Context, p *plan, image registry.Image, key *signature.Key) error {
	switch {
	case key == nil:
		return nil
	case s.forgiven > 0:
		s.warn("image/signature", "the image is not signed, as something about it was refused (enforcement: warn)",
			"mend that; a signature says that the image was verified")
		return nil
	}
	what := signature.Image{Repository: image.Reference.Name(), Digest: image.Reference.Digest}
	err := s.attach(ctx, image.Reference, "sig", func(a registry.Artifact) (registry.Artifact, error) {
		return key.Sign(ctx, what, p.own, a)
	})
	if err == nil {
		err = s.attach(ctx, image.Reference, "att", func(a registry.Artifact) (registry.Artifact, error) {
			return key.Attest(ctx, what, s.statement(p, image), a)
		})
	}
	if err != nil {
		return err
	}
	s.env.Log.Printf("Signed by %s", redact.Line(key.String()))
	return nil
}

// attach changes what is kept with an image, as cosign keeps it.
func (s *step) attach(ctx context.Context, image reference.Reference, suffix string,
	change func(registry.Artifact) (registry.Artifact, error)) error {
	ref := image
	ref.Tag, ref.Digest = signature.Tag(image.Digest, suffix), ""
	a, _, err := s.registry.Artifact(ctx, ref)
	if err != nil {
		return explain(err, "reading "+ref.String())
	}
	if a, err = change(a); err != nil {
		return keyError(err, "the image cannot be signed, so it got no tag")
	}
	return explain(s.registry.PutArtifact(ctx, ref, a), "writing "+ref.String())
}

// statement says how the image came about (SLSA provenance v1).
func (s *step) statement(p *plan, image registry.Image) signature.Build {
	source := p.own["org.opencontainers.image.source"]
	b := signature.Build{
		Builder: s.env.Var("System.CollectionUri"), Type: buildType, Invocation: s.runURL(),
		Parameters: map[string]any{
			"platforms": platformNames(p.platforms), "dockerfile": s.shown(p.dockerfile), "target": s.in.Target,
			"pipeline": s.facts("project", "System.TeamProject", "definition", "Build.DefinitionName",
				"definitionId", "System.DefinitionId"),
			"source": s.facts("ref", "Build.SourceBranch"),
		},
		Internal:     s.facts("reason", "Build.Reason"),
		Dependencies: map[string]string{}, Finished: s.env.Now().UTC().Truncate(time.Second),
	}
	if source != "" {
		b.Parameters["source"].(map[string]any)["repository"] = source
		b.Dependencies["git+"+source] = "gitCommit:" + p.own[labelCommit]
	}
	bases, out := basesOf(image)
	for uri, digest := range bases {
		if s.env.Secrets.String(uri) != uri {
			out++
			continue
		}
		b.Dependencies[uri] = digest
	}
	if out > 0 {
		s.note(&task.UserError{
			Rule: "image/provenance",
			Msg: "the signed provenance does not name " + count(out, "base image") +
				": what BuildKit says of it has a secret of this job in it, or an odd form",
			Hint: "see BuildKit's own: docker buildx imagetools inspect --format '{{json .Provenance}}' <image>",
		})
	}
	return b
}

// facts are what the agent says of the run: a name, and then the variable. What is empty is left out.
func (s *step) facts(pairs ...string) map[string]any {
	all := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		if value := s.env.Secrets.String(s.env.Var(pairs[i+1])); value != "" {
			all[pairs[i]] = value
		}
	}
	return all
}

// signedBy refuses an image that the key has not signed.
func (s *step) signedBy(ctx context.Context, image registry.Image, key *signature.Key) error {
	a, what, err := s.attached(ctx, image, "sig")
	if err != nil {
		return err
	}
	if _, err := key.Verify(what, a); err != nil {
		return unproven("image/signature", fmt.Sprintf("%s is not signed by %s", brief(image), key), err)
	}
	return nil
}

// attestedBy refuses an image without a statement of provenance that the key has signed.
func (s *step) attestedBy(ctx context.Context, image registry.Image, key *signature.Key) error {
	a, what, err := s.attached(ctx, image, "att")
	if err != nil {
		return err
	}
	build, err := key.VerifyBuild(what, a)
	if err != nil {
		return unproven("image/provenance", fmt.Sprintf("%s has no provenance signed by %s", brief(image), key),
			err)
	}
	from := ""
	var bases []string
	for _, uri := range slices.Sorted(maps.Keys(build.Dependencies)) {
		if name, ok := strings.CutPrefix(uri, "pkg:docker/"); ok {
			bases = append(bases, name+" ("+shortDigest(build.Dependencies[uri])+")")
		}
	}
	if len(bases) > 0 {
		from = " from " + redact.Lines(bases)
	}
	s.env.Log.Printf("Built by %s%s", redact.Line(build.Invocation), from)
	return nil
}

// attached reads what is kept with an image.
func (s *step) attached(
	ctx context.Context,
	image registry.Image,
	suffix string,
) (registry.Artifact, signature.Image, error) {
	what := signature.Image{Repository: image.Reference.Name(), Digest: image.Reference.Digest}
	ref := image.Reference
	ref.Tag, ref.Digest = signature.Tag(image.Reference.Digest, suffix), ""
	a, _, err := s.registry.Artifact(ctx, ref)
	return a, what, explain(err, "reading "+ref.String())
}

func unproven(rule, text string, err error) error {
	message, fix := signature.Explain(err)
	var no *signature.Error
	if errors.As(err, &no) { // the text names the image
		message = "it " + no.Reason
	}
	if fix == "" {
		fix = "build it in a pipeline with this key (signingKey); an image from somebody's machine has no such " +
			"signature"
	}
	return &task.UserError{Rule: rule, Err: err, Msg: text + ": " + message, Hint: fix}
}
