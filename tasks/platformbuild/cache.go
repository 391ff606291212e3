package platformbuild

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/buildx"
)

// caches are where layers are read from and written to: a tag for each branch. A pull request reads the cache of the
// branch that it is for, and writes none: nobody else would read it, and nobody removes it.
func (s *step) caches(p *plan, with buildx.Builder) (from, to []string) {
	if len(s.in.CacheFrom)+len(s.in.CacheTo) > 0 {
		return s.in.CacheFrom, s.in.CacheTo
	}
	if s.in.Cache == CacheNone || s.in.Cache == CacheAuto && !with.CacheExport {
		return nil, nil
	}
	branch := s.env.Var("Build.SourceBranch")
	own := s.ownCacheTag()
	if own == "" {
		branch = s.env.Var("System.PullRequest.TargetBranch")
	}
	for _, tag := range []string{cacheTag(branch), cacheTag("refs/heads/main")} {
		if ref := "type=registry,ref=" + p.image.Name() + ":" + tag; !slices.Contains(from, ref) {
			from = append(from, ref)
		}
	}
	switch {
	case own == "":
	case s.in.Cache == CacheInline:
		to = []string{"type=inline"} // in the image, which gets the tag
	default:
		to = []string{"type=registry,ref=" + p.image.Name() + ":" + own +
			",mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true"}
	}
	return from, to
}

// ownCacheTag is the tag of this run's cache; "" for a pull request.
func (s *step) ownCacheTag() string {
	branch := s.env.Var("Build.SourceBranch")
	if s.env.Var("System.PullRequest.PullRequestId") != "" || strings.HasPrefix(branch, "refs/pull/") {
		return ""
	}
	return cacheTag(branch)
}

// cacheTag is the tag with the layers of a branch. What cannot stand in a tag is replaced, and then a hash tells the
// branch from others: nobody may write into the cache of main from a branch that is called almost so.
func cacheTag(branch string) string {
	const most = 60
	if branch != "" && !strings.HasPrefix(branch, "refs/") {
		branch = "refs/heads/" + branch // as GitHub's are in System.PullRequest.TargetBranch
	}
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' {
			return r
		}
		return '-'
	}, strings.TrimPrefix(branch, "refs/heads/"))
	if "refs/heads/"+name != branch || strings.Contains(name, "-") || len(name) > most {
		sum := sha256.Sum256([]byte(branch))
		name = name[:min(len(name), most)] + "-" + hex.EncodeToString(sum[:8])
	}
	return "buildcache-" + name
}
