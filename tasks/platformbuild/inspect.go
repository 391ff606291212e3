package platformbuild

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/shared/report"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/content"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/reference"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/registry"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/rootfs"
)

// lookTime bounds the look into one image.
const lookTime = 10 * time.Minute

// wants is what an image must be.
type wants struct {
	platforms []platform.Platform
	exactly   bool              // and no others
	labels    map[string]string // must be there with these values
	// annotations must be there, too, on the index or on the only manifest.
	annotations map[string]string
	// proven: the image was looked into before, and signed then, so nothing in it was laid out to deceive a reader (see
	// rootfs.Limits). What was just built is not: its base images are somebody else's.
	proven bool
	steps  []string // of the Dockerfile, whose layers nobody else has laid out
	sbom   bool     // there is one for each platform
}

// built is what the image of a build must be.
func (s *step) built(p *plan) wants {
	w := wants{platforms: p.platforms, exactly: true, labels: p.labels, steps: s.ownSteps(p), sbom: s.in.Sbom}
	if p.annotated {
		w.annotations = p.annotations
	}
	return w
}

// ownSteps are the instructions of the stage that is built. There are none where something else than BuildKit's own
// reader of Dockerfiles may have decided what they do, or layers come from a cache that may be anybody's.
func (s *step) ownSteps(p *plan) []string {
	_, frontend := p.args["BUILDKIT_SYNTAX"]
	policy, _ := s.env.Lookup("EXPERIMENTAL_BUILDKIT_SOURCE_POLICY") // it can put anything in the place of the frontend
	if frontend || policy != "" || len(p.contexts) > 0 || len(s.in.CacheFrom) > 0 {
		return nil
	}
	if p.file.Syntax != "" {
		ref, err := reference.Parse(p.file.Syntax)
		if err != nil || ref.Name() != "docker.io/docker/dockerfile" {
			return nil
		}
	}
	steps, err := p.file.Steps(s.in.Target)
	if err != nil {
		return nil // such as the number of a stage
	}
	return steps
}

// inspect looks into an image: what it claims, and whether that is true. All that is wrong is said at once.
func (s *step) inspect(ctx context.Context, image registry.Image, w wants) error {
	errs := []error{s.checkPlatforms(image, w), checkAnnotations(image, w.annotations)}
	deadline := s.env.Now().Add(lookTime) // for all its parts
	for _, part := range image.Parts {
		errs = append(errs, checkClaims(image, part), checkLabels(image, part, w.labels))
		errs = append(errs, checkSBOM(image, part, w.sbom))
		if s.in.VerifyContent != VerifyContentOff {
			errs = append(errs, s.checkContent(ctx, image, part, look{deadline, w.proven, part.Own(w.steps)}))
		}
	}
	return errors.Join(errs...)
}

// checkSBOM asks for a list of packages: BuildKit does not mind a scanner that writes none.
func checkSBOM(image registry.Image, part registry.Part, wanted bool) error {
	if !wanted || image.SBOM[part.Digest] {
		return nil
	}
	return &task.UserError{
		Rule: "image/sbom",
		Msg:  fmt.Sprintf("%s (%s) has no SBOM: the scanner has written none", brief(image), part.Config.Platform),
		Hint: "look at what it printed; it has to write *.spdx.json, an in-toto statement, into " +
			"$BUILDKIT_SCAN_DESTINATION",
	}
}

// checkPlatforms holds the platforms that an image has against those that are wanted.
func (s *step) checkPlatforms(image registry.Image, w wants) error {
	var has []platform.Platform
	for _, part := range image.Parts {
		has = append(has, part.Config.Platform)
	}
	var errs []error
	for _, p := range has {
		if known, err := platform.Parse(p.String()); err != nil || known != p {
			errs = append(errs, &task.UserError{
				Rule: "image/platform",
				Msg: fmt.Sprintf("%s says that it is for %s, which is no platform", brief(image),
					redact.Line(p.String())),
				Hint: "build it anew",
			})
		}
	}
	for _, p := range w.platforms {
		if !slices.Contains(has, p) {
			errs = append(errs, &task.UserError{
				Rule: "image/platform",
				Msg:  fmt.Sprintf("%s has nothing for %s: it is for %s", brief(image), p, platformNames(has)),
				Hint: "build it with platforms: " + p.String(),
			})
		}
	}
	for _, p := range has {
		if w.exactly && !slices.Contains(w.platforms, p) {
			errs = append(errs, &task.UserError{
				Rule: "image/platform",
				Msg:  fmt.Sprintf("%s is for %s, too, which was not asked for", brief(image), p),
				Hint: "name it in platforms, or leave it out of the build",
			})
		}
	}
	return errors.Join(errs...)
}

// checkClaims holds what the index says about a part against what its config says.
func checkClaims(image registry.Image, part registry.Part) error {
	if part.Claimed == part.Config.Platform {
		return nil
	}
	return &task.UserError{
		Rule: "image/platform",
		Msg: fmt.Sprintf("%s: the index says %s, the config says %s", brief(image), part.Claimed,
			part.Config.Platform),
		Hint: "build the image anew, in one build for all its platforms",
	}
}

// checkAnnotations holds the annotations of an image against those that it must have.
func checkAnnotations(image registry.Image, want map[string]string) error {
	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if image.Claims[name] != want[name] {
			wrong = append(wrong, name)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return &task.UserError{
		Rule: "image/label",
		Msg: fmt.Sprintf("%s lacks annotations that it was built with, or has other values: %s", brief(image),
			redact.Lines(wrong)),
		Hint: "use another builder, or leave the annotations out",
	}
}

// checkLabels holds the labels of a part against those that it must have.
func checkLabels(image registry.Image, part registry.Part, want map[string]string) error {
	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if part.Labels[name] != want[name] {
			wrong = append(wrong, name)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return &task.UserError{
		Rule: "image/label",
		Msg: fmt.Sprintf("%s (%s) lacks labels that it was built with, or has other values: %s", brief(image),
			part.Config.Platform, redact.Lines(wrong)),
		Hint: "somebody else's image is under this digest, or the builder drops labels: use another builder",
	}
}

// look is how the programs of an image are looked at.
type look struct {
	deadline time.Time
	quick    bool
	own      int // quick, for so many of the highest layers
}

// checkContent looks at the programs of a part.
func (s *step) checkContent(ctx context.Context, image registry.Image, part registry.Part, l look) error {
	files := rootfs.New(part.Layers, rootfs.Limits{Quick: l.quick, Own: l.own})
	depth := content.Entrypoint
	if s.in.VerifyContent == VerifyContentAll {
		depth = content.All
	}
	verdict, err := content.Check(ctx, files, part.Config, depth, l.deadline)
	if err != nil {
		return explain(err, "reading the layers of "+image.Reference.String())
	}
	s.env.Log.Printf("Looked into %s (%s): %s, %s read", shortDigest(part.Digest),
		redact.Line(part.Config.Platform.String()), chainText(verdict), sizeText(files.Downloaded()))
	var errs []error
	for _, problem := range verdict.Problems {
		text := fmt.Sprintf("%s (%s): %s", brief(image), part.Config.Platform, problem.Text)
		if problem.Warn {
			s.add(report.Finding{Rule: problem.Rule, Severity: report.Warning, Message: text, Hint: problem.Hint})
			continue
		}
		errs = append(errs, &task.UserError{Rule: problem.Rule, Msg: text, Hint: problem.Hint})
	}
	return errors.Join(errs...)
}

// chainText says what an image starts.
func chainText(v content.Verdict) string {
	var texts []string
	for _, step := range v.Chain {
		texts = append(texts, redact.Line(step))
	}
	text := "it starts " + strings.Join(texts, " -> ")
	if len(texts) == 0 {
		text = "it starts nothing that could be found"
	}
	for _, name := range slices.Sorted(maps.Keys(v.Machines)) {
		text += fmt.Sprintf("; %s: %d", redact.Line(name), v.Machines[name])
	}
	return text
}

func platformNames(list []platform.Platform) string {
	var names []string
	for _, p := range list {
		names = append(names, redact.Line(p.String()))
	}
	if len(names) == 0 {
		return "no platform"
	}
	return strings.Join(names, ", ")
}

// shortDigest is a digest as people write it.
func shortDigest(digest string) string { return digest[:min(len(digest), 19)] }

// brief is an image as messages name it: what is wrong is not to stand behind 64 digits. The log has all of them.
func brief(image registry.Image) string {
	return image.Reference.Name() + "@" + shortDigest(image.Reference.Digest)
}

// lines writes pairs as NAME=value, sorted.
func lines(pairs map[string]string) (all []string) {
	for _, name := range slices.Sorted(maps.Keys(pairs)) {
		all = append(all, name+"="+pairs[name])
	}
	return all
}
