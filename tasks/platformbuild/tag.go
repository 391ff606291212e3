package platformbuild

import (
	"context"
	"slices"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/registry"
)

// tag gives a verified image its tags, and says so.
func (s *step) tag(ctx context.Context, p *plan, image registry.Image, once string) error {
	if err := s.insist(s.immutable(ctx, p, image.Reference.Digest)); err != nil {
		return err
	}
	s.untagged = ""
	s.result.digest = image.Reference.Digest
	s.result.ref = image.Reference.String()
	tags := p.tags
	ours := []string{once}
	if s.in.Cache == CacheInline {
		ours = append(ours, s.ownCacheTag())
	}
	tags = append(slices.DeleteFunc(ours, func(tag string) bool { return tag == "" }), tags...)
	for _, tag := range tags {
		if err := s.registry.Tag(ctx, image.Reference, tag); err != nil {
			return explain(err, "giving the image the tag "+tag)
		}
		if !slices.Contains(p.tags, tag) {
			continue
		}
		named := p.image
		named.Tag = tag
		s.result.tagged = append(s.result.tagged, named.String())
		s.env.Log.Printf("Tagged %s", named)
	}
	for _, part := range image.Parts {
		s.result.platforms = append(s.result.platforms, part.Config.Platform.String())
	}
	return nil
}
