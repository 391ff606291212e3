package guardedpush

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/meaning"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/message"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/splice"
)

// skip is the token that the commit must carry. Azure DevOps Server 2019 knows the old
// one alone, which newer ones know, too.
func (s *step) skip() message.Skip {
	switch {
	case s.in.CommitKind != CommitKindOther:
		return message.SkipNone
	case s.remote.azure && strings.EqualFold(s.env.Var("System.ServerType"), "OnPremises"):
		return message.NoCI
	}
	return message.SkipCI
}

// stamp is what the commit says of itself.
func (s *step) stamp(d *draft) message.Stamp {
	st := message.Stamp{
		Pipeline: s.self.pipeline(), Run: strconv.Itoa(s.self.id), Kind: string(s.in.CommitKind),
		Causes: causes(s.cause),
	}
	if s.in.CommitKind != CommitKindDeployment {
		return st
	}
	st.Application = cmp.Or(strings.TrimSpace(s.in.Application), d.application())
	st.Environment = cmp.Or(strings.TrimSpace(s.in.Environment), strings.TrimPrefix(s.branch, "refs/heads/"))
	st.Version = cmp.Or(strings.TrimSpace(s.in.Version), d.version())
	st.Fingerprint = message.Fingerprint(st.Application, st.Environment, st.Version)
	return st
}

// names lists the files.
func (d *draft) names() []string {
	var names []string
	for _, f := range d.files {
		names = append(names, f.Path)
	}
	return names
}

// application stands for what is deployed, where nobody has said it: the files.
func (d *draft) application() string {
	names := d.names()
	if text := strings.Join(names, " "); len(text) <= 200 {
		return text
	}
	return digest(count(len(names), "file")+" ", names)
}

// version stands for what a draft deploys, where nobody has said it: the images that the
// files name, else the values that were edited, else the files. A stamp beside an image
// makes no other version of it.
func (d *draft) version() string {
	var parts []string
	for _, f := range d.files {
		for _, image := range meaning.Images(f.Path, f.Data) {
			parts = append(parts, image.Ref)
		}
	}
	slices.Sort(parts)
	if parts = slices.Compact(parts); len(parts) > 0 {
		if text := strings.Join(parts, " "); len(text) <= 100 {
			return text
		}
		return digest("images-", parts)
	}
	for _, e := range d.edits {
		parts = append(parts, e.Edit.File+": "+e.Path+" = "+e.New)
	}
	if len(parts) > 0 {
		return digest("values-", parts)
	}
	for _, f := range d.files {
		sum := sha256.Sum256(f.Data)
		parts = append(parts, f.Path+" "+f.Mode+" "+string(f.ID)+" "+hex.EncodeToString(sum[:]))
	}
	return digest("files-", parts)
}

func digest(prefix string, parts []string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return prefix + hex.EncodeToString(sum[:6])
}

// text is the message without what the machine adds.
func (s *step) text(d *draft, st message.Stamp) string {
	if text := strings.TrimSpace(s.in.Message); text != "" {
		return text
	}
	subject := "Update " + count(len(d.files), "file")
	switch {
	case st.Fingerprint != "" && strings.TrimSpace(s.in.Version) != "":
		subject = fmt.Sprintf("Deploy %s %s to %s", st.Application, st.Version, st.Environment)
	case len(d.files) == 1:
		subject = "Update " + d.files[0].Path
	}
	if runes := []rune(subject); len(runes) > 120 {
		subject = string(runes[:120]) + "..."
	}
	lines := []string{subject, ""}
	for _, line := range d.lines() {
		lines = append(lines, "- "+line)
	}
	return strings.Join(lines, "\n")
}

// lines says what a draft changes, for people: where an edit says it, nothing else does.
func (d *draft) lines() []string {
	const most = 20
	var all []string
	for _, f := range d.files {
		edits := d.editsOf(f.Path)
		what := "changed"
		switch {
		case f.Mode == "":
			what = "deleted"
		case f.before == nil:
			what = "added"
		}
		if len(edits) == 0 || what != "changed" {
			all = append(all, redact.Line(f.Path)+": "+what)
		}
		for _, c := range f.images {
			said := func(e splice.Applied) bool { return isOf(e, c) }
			if len(edits) <= most && !slices.ContainsFunc(edits, said) {
				all = append(all, fmt.Sprintf("%s: image of %s: %s -> %s", redact.Line(f.Path), redact.Line(c.Place),
					cmp.Or(redact.Line(c.Before), "none"), cmp.Or(redact.Line(c.After), "none")))
			}
		}
	}
	for _, e := range d.edits {
		what := redact.Line(e.Old) + " -> " + redact.Line(e.New)
		if d.veiled[place{e.Edit.File, e.Line}] {
			what = "changed"
		}
		all = append(all,
			fmt.Sprintf("%s:%d: %s: %s", redact.Line(e.Edit.File), e.Line, redact.Line(dotted(e.Path)), what))
	}
	if len(all) > most {
		all = append(all[:most], fmt.Sprintf("and %d more", len(all)-most))
	}
	return all
}

// editsOf are the edits that have changed a file.
func (d *draft) editsOf(file string) []splice.Applied {
	var edits []splice.Applied
	for _, e := range d.edits {
		if e.Edit.File == file {
			edits = append(edits, e)
		}
	}
	return edits
}

// isOf reports whether an edit is all there is to a change of an image: of the whole
// reference, or of a part of it, such as the tag.
func isOf(e splice.Applied, c meaning.ImageChange) bool {
	for i := 0; e.Old != "" && i+len(e.Old) <= len(c.Before); i++ {
		if c.Before[i:i+len(e.Old)] == e.Old && c.Before[:i]+e.New+c.Before[i+len(e.Old):] == c.After {
			return true
		}
	}
	return false
}

// plainKey is a key of a normalised path that needs no brackets. One with a quote in it
// has a backslash before that, and so cannot look like several.
var plainKey = regexp.MustCompile(`\['([\pL_][\pL\pN_-]*)'\]`)

// dotted is a normalised path as people write it: $.images[0].newTag.
func dotted(path string) string { return plainKey.ReplaceAllString(path, ".$1") }

// show says what is about to be pushed.
func (s *step) show(d *draft) {
	s.env.Log.Group("What changes: " + count(len(d.files), "file"))
	for _, line := range d.lines() {
		s.env.Log.Print(line)
	}
	s.env.Log.EndGroup()
}

// summarize tells the run's page.
func (s *step) summarize(d *draft) {
	if s.result.pullRequest != "" {
		s.env.Report.Summary("Proposed as a pull request: %s", s.result.pullRequest)
	}
	if s.result.commit != "" {
		s.env.Report.Summary("Pushed %s to %s in %s.", short(s.result.commit), s.branch, s.remote.URL)
	}
	for _, line := range d.lines() {
		s.env.Report.Summary("- %s", line)
	}
}
