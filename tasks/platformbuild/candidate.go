package platformbuild

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// candidate is the tag that an image has until it is verified, where it cannot be pushed without one. It is of this run
// and attempt alone.
func (s *step) candidate() string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower("unverified-"+s.env.Var("Build.BuildId")+"-"+s.env.Var("System.JobId")+"-"+
		filepath.Base(s.scratch))), "-")
}

// sayLeft says what became of an image that was pushed and then refused.
func (s *step) sayLeft(p *plan) {
	if s.untagged == "" {
		return
	}
	has := "no tag"
	if p.candidate != "" {
		has = "the tag " + p.candidate + " alone"
	}
	s.env.Log.Printf("What was built was pushed to %s as %s, and has %s there: it got none of the tags %s",
		p.image.Name(), s.untagged, has, strings.Join(p.tags, ", "))
}

// removeCandidate takes the candidate's tag from the image. Who may push, and not delete, can still make the tag stand
// for nothing. p.candidate is empty when the tag no longer stands for the image.
func (s *step) removeCandidate(ctx context.Context, p *plan) {
	if p.candidate == "" {
		return
	}
	ctx = context.WithoutCancel(ctx)
	ref := p.image
	ref.Tag = p.candidate
	if _, there, err := s.registry.Digest(ctx, ref); err == nil && !there {
		p.candidate = ""
		return
	}
	if gone, err := s.registry.DeleteTag(ctx, ref); err == nil && gone {
		p.candidate = ""
		return
	}
	if err := s.registry.Empty(ctx, ref); err != nil {
		s.warn(
			"image/candidate",
			fmt.Sprintf("the image can be pulled as %s, the tag under which it was pushed before it was "+
				"verified: the registry does not delete tags, or this identity may not", ref),
			"delete the tag, and give the identity the right to (AcrDelete)",
		)
		return
	}
	p.candidate = ""
	s.env.Log.Printf("The tag %s is left, and stands for nothing: this identity may not delete tags (AcrDelete).",
		ref.Tag)
}
