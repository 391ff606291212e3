package workload

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/reference"
)

// Rules are what images must keep to.
type Rules struct {
	Places []string // allowed registries; none: not looked at
	Digest string   // "error", "warn" or "off": not pinned by digest
	// Platforms returns the platforms that an image has; nil: not looked at. It is asked once an image, and only for
	// those that are allowed and whose pods ask for nodes of a kind.
	Platforms func(ctx context.Context, image string) ([]string, error)
}

// Check holds the uses against the rules.
func Check(ctx context.Context, uses []Use, r Rules) ([]Finding, error) {
	c := checker{Rules: r, known: map[string]platforms{}}
	for _, u := range uses {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c.check(ctx, u)
	}
	return tidyFindings(c.findings), ctx.Err()
}

type checker struct {
	Rules
	known    map[string]platforms
	findings []Finding
}

// platforms is the answer for an image.
type platforms struct {
	have []string
	err  error
}

// about is how a finding begins.
func (u Use) about() string {
	text := "image " + quote(u.Image)
	if u.Kind == "" || u.Kind == "patch" {
		return text
	}
	return text + " of " + clean(u.Kind) + " " + quote(u.Name)
}

func (c *checker) add(u Use, rule, hint, text string, args ...any) *Finding {
	text = u.about() + fmt.Sprintf(text, args...)
	c.findings = append(c.findings, Finding{Use: u, Rule: rule, Text: text, Hint: hint})
	return &c.findings[len(c.findings)-1]
}

func (c *checker) check(ctx context.Context, u Use) {
	name, filled := fillIn(u.Image)
	ref, err := reference.Parse(name)
	if filled && (err != nil || c.open(u.Image, ref)) {
		c.add(u, "scan/variable", "scan the manifests after the variables have been filled in",
			" has variables in it: where it comes from cannot be checked")
		return
	}
	if err != nil {
		c.add(u, "scan/image", "write registry/repository:tag or registry/repository@sha256:...", " is no image's name")
		return
	}
	if !c.registry(u, ref) {
		return
	}
	c.digest(u, ref)
	if !filled {
		c.platforms(ctx, u)
	}
}

// registry holds an image against the allowed places.
func (c *checker) registry(u Use, ref reference.Reference) (allowed bool) {
	// Also if docker.io is allowed: a cluster's policies compare what is written.
	if ref.Implicit {
		c.add(u, "scan/implicit", c.advice("write the registry out: "+quote(ref.String())),
			" names no registry, and so comes from docker.io")
		return false
	}
	if len(c.Places) == 0 {
		return true
	}
	if ref.Allowed(c.Places) {
		if strings.HasPrefix(u.Image, ref.Registry+"/") {
			return true
		}
		c.add(u, "scan/registry", "write it as "+quote(ref.Registry)+": a cluster's policies compare what is written",
			" does not write its registry as it is")
		return false
	}
	hint := c.advice("")
	for _, place := range c.Places {
		host, _, _ := strings.Cut(place, "/")
		if strings.HasPrefix(ref.Registry, strings.ToLower(host)) && ref.Registry != strings.ToLower(host) {
			hint = fmt.Sprintf("%s is another host than %s, whatever it looks like", quote(ref.Registry), host)
		}
	}
	c.add(u, "scan/registry", hint, " does not come from an allowed registry")
	return false
}

func (c *checker) advice(otherwise string) string {
	if len(c.Places) == 0 {
		return otherwise
	}
	return "copy the image to " + clean(strings.Join(c.Places, " or ")) + ", and name it by its place there"
}

func (c *checker) digest(u Use, ref reference.Reference) {
	if c.Digest != "error" && c.Digest != "warn" || ref.Digest != "" {
		return
	}
	f := c.add(u, "scan/digest", "write repository@sha256:..., such as the output imageRef of the build says",
		" is not pinned by digest: a tag can come to mean another image")
	f.Warn = c.Digest == "warn"
}

// platforms holds an image against the nodes that its pod asks for.
func (c *checker) platforms(ctx context.Context, u Use) {
	arches := strings.FieldsFunc(u.Selector[archLabel], isComma)
	systems := strings.FieldsFunc(u.Selector[osLabel], isComma)
	if c.Platforms == nil || len(arches)+len(systems) == 0 {
		return
	}
	p, ok := c.known[u.Image]
	if !ok {
		p.have, p.err = c.Platforms(ctx, u.Image)
		c.known[u.Image] = p
	}
	if ctx.Err() != nil {
		return
	}
	if p.err != nil {
		c.add(u, "scan/platform", "", ": its platforms could not be read: %s", clean(p.err.Error())).Warn = true
		return
	}
	var missing []string
	for _, system := range orAny(systems) {
		for _, arch := range orAny(arches) {
			if !slices.ContainsFunc(p.have, func(have string) bool { return runsOn(have, system, arch) }) {
				missing = append(missing, system+"/"+arch)
			}
		}
	}
	if len(missing) > 0 {
		c.add(u, "scan/platform", "build the image for these nodes, or select others",
			" may be started on nodes of %s, but has %s only", clean(strings.Join(missing, ", ")),
			clean(strings.Join(p.have, ", ")))
	}
}

func isComma(c rune) bool { return c == ',' }

func orAny(values []string) []string {
	if len(values) == 0 {
		return []string{"*"}
	}
	return values
}

// runsOn compares a platform (os/arch[/variant]) with labels of a node, which say nothing of variants.
func runsOn(platform, system, arch string) bool {
	parts := strings.Split(platform, "/")
	return len(parts) > 1 && (system == "*" || parts[0] == system) && (arch == "*" || parts[1] == arch)
}

// tokenForm are the variables that pipelines and tools fill into manifests: $(a) of Azure Pipelines, ${{ a }}, ${a}
// and $a of shells, #{a}# of the tasks that replace tokens, {{ a }} of templates, __A__, <a>.
var tokenForm = regexp.MustCompile(`\$\([^)]*\)|\$\{\{.*?\}\}|\$\{[^}]*\}|\$[A-Za-z_][A-Za-z0-9_]*|` +
	`#\{[^}]*\}#?|\{\{.*?\}\}|__[A-Z][A-Za-z0-9_.]*__|<[^<>]*>`)

// fillIn returns an image's name with something harmless for each variable.
func fillIn(image string) (name string, filled bool) {
	if !tokenForm.MatchString(image) {
		return image, false
	}
	name = tokenForm.ReplaceAllString(image, "0")
	if before, _, ok := strings.Cut(name, "@"); ok { // what is filled in after an @ is a digest
		name = before + "@sha256:" + strings.Repeat("0", 64)
	}
	return name, true
}

// open reports whether variables could decide where an image comes from: they stand in its host, or in a part of the
// path that the allowed places look at.
func (c *checker) open(image string, ref reference.Reference) bool {
	at := tokenForm.FindStringIndex(image)
	slash := strings.IndexByte(image, '/')
	if ref.Implicit || slash < 0 || at[0] <= slash {
		return true
	}
	return len(c.Places) > 0 && !ref.Allowed(c.Places) && hostAllowed(ref, c.Places)
}

// hostAllowed reports whether some path of the image's registry is allowed.
func hostAllowed(ref reference.Reference, places []string) bool {
	return slices.ContainsFunc(places, func(place string) bool {
		host, _, _ := strings.Cut(place, "/")
		return strings.EqualFold(host, ref.Registry)
	})
}
