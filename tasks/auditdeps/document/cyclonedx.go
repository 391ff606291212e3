package document

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// BOM is an inventory with what is known of it.
type BOM struct {
	Name, Version   string // of what was audited
	Tool            string // name of this program
	ToolVersion     string
	Time            time.Time // of the audit; zero to leave it out
	Roots           []int     // indexes of what the project requires itself
	Components      []Component
	Vulnerabilities []Vulnerability
}

// Component is one package.
type Component struct {
	Ecosystem     string // as in OSV: "npm"; "" if it comes from no registry
	Name, Version string
	URL           string
	Integrity     []string // as lock files have them: "sha512-...", "sha256:...", "h1:..."
	Optional      bool     // for development only, or may be missing
	Places        []Place
	Requires      []int // indexes of components; what is out of range is left out
}

// Place is where a component was seen: a line of a lock file, or a folder.
type Place struct {
	Path string // slash-separated
	Line int    // 0 if it has none
}

// Vulnerability is an advisory that applies.
type Vulnerability struct {
	ID         string
	Aliases    []string
	Severity   string // low, moderate, high, critical; anything else is unknown
	Vector     string // CVSS, "" if there is none
	Summary    string
	Fix        string // what to do
	Published  time.Time
	Affects    []int  // indexes of components
	Suppressed string // why it is accepted, "" if it is not
}

// noSerial stands where the serial number comes when all else is known.
const noSerial = "urn:uuid:00000000-0000-8000-8000-000000000000"

// CycloneDX returns the inventory as CycloneDX 1.6 in JSON
// (https://cyclonedx.org/docs/1.6/json/). The serial number is made of the contents.
func CycloneDX(bom BOM) ([]byte, error) {
	refs, order := references(bom.Components)
	out := cdxBOM{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", Spec: "1.6",
		Serial: noSerial, Version: 1,
		Metadata: cdxMetadata{
			Timestamp: timestamp(bom.Time),
			Tools: cdxTools{[]cdxComponent{{
				Type: "application", Name: named(bom.Tool), Version: line(bom.ToolVersion),
			}}},
			Component: cdxComponent{
				Type: "application", Ref: "root", Name: named(bom.Name), Version: line(bom.Version),
			},
		},
		Components:   make([]cdxComponent, 0, len(order)),
		Dependencies: []cdxDependency{{Ref: "root", DependsOn: pick(refs, bom.Roots)}},
	}
	for _, i := range order {
		c := bom.Components[i]
		out.Components = append(out.Components, component(c, refs[i]))
		out.Dependencies = append(out.Dependencies, cdxDependency{Ref: refs[i], DependsOn: pick(refs, c.Requires)})
	}
	for _, v := range bom.Vulnerabilities {
		out.Vulnerabilities = append(out.Vulnerabilities, vulnerability(v, refs))
	}
	slices.SortStableFunc(out.Vulnerabilities, func(a, b cdxVulnerability) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), slices.CompareFunc(a.Affects, b.Affects, func(a, b cdxAffects) int {
			return cmp.Compare(a.Ref, b.Ref)
		}))
	})
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", " ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(out); err != nil {
		return nil, fmt.Errorf("document: writing CycloneDX: %w", err)
	}
	// The first one is ours: nothing that is not constant comes before it.
	return bytes.Replace(text.Bytes(), []byte(noSerial), []byte(serial(text.Bytes())), 1), nil
}

// serial is a UUID of version 8 (RFC 9562): the first bits of the content's hash.
func serial(text []byte) string {
	sum := sha256.Sum256(text)
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// references names each component, and orders them by what they are.
func references(all []Component) (refs []string, order []int) {
	refs, order = make([]string, len(all)), make([]int, len(all))
	for i, c := range all {
		order[i] = i
		if refs[i] = packageURL(c.Ecosystem, c.Name, c.Version); refs[i] == "" {
			refs[i] = "component:" + percent(c.Name) + "@" + percent(c.Version)
		}
	}
	key := func(c Component) string { return fmt.Sprint(c.URL, c.Integrity, c.Optional, c.Places) }
	slices.SortStableFunc(order, func(a, b int) int {
		if byRef := cmp.Compare(refs[a], refs[b]); byRef != 0 {
			return byRef
		}
		return cmp.Compare(key(all[a]), key(all[b]))
	})
	times := make(map[string]int)
	for _, i := range order {
		ref := refs[i]
		if times[ref]++; times[ref] > 1 {
			refs[i] = fmt.Sprintf("%s#%d", ref, times[ref])
		}
	}
	return refs, order
}

// pick returns the references of components, each once, sorted.
func pick(refs []string, indexes []int) []string {
	var out []string
	for _, i := range indexes {
		if i >= 0 && i < len(refs) {
			out = append(out, refs[i])
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func component(c Component, ref string) cdxComponent {
	out := cdxComponent{
		Type: "library", Ref: ref, Name: named(c.Name), Version: line(c.Version),
		PURL: packageURL(c.Ecosystem, c.Name, c.Version), Scope: "required",
	}
	if c.Optional {
		out.Scope = "optional"
	}
	for _, integrity := range c.Integrity {
		if h, ok := hash(integrity); ok {
			out.Hashes = append(out.Hashes, h)
		} else if text := line(integrity); text != "" {
			out.Properties = append(out.Properties, cdxProperty{"guardrails:integrity", text})
		}
	}
	slices.SortFunc(out.Hashes, func(a, b cdxHash) int {
		return cmp.Or(cmp.Compare(a.Algorithm, b.Algorithm), cmp.Compare(a.Content, b.Content))
	})
	out.Hashes = slices.Compact(out.Hashes)
	if address := webAddress(c.URL); address != "" {
		out.References = []cdxReference{{Type: "distribution", URL: address}}
	}
	if len(c.Places) > 0 {
		out.Evidence = &cdxEvidence{}
		for _, p := range c.Places {
			out.Evidence.Occurrences = append(out.Evidence.Occurrences, cdxOccurrence{named(p.Path), max(p.Line, 0)})
		}
		slices.SortFunc(out.Evidence.Occurrences, func(a, b cdxOccurrence) int {
			return cmp.Or(cmp.Compare(a.Location, b.Location), a.Line-b.Line)
		})
		out.Evidence.Occurrences = slices.Compact(out.Evidence.Occurrences)
	}
	return out
}

func vulnerability(v Vulnerability, refs []string) cdxVulnerability {
	out := cdxVulnerability{
		ID: line(v.ID), Source: sourceOf(v.ID), Description: clean(v.Summary), Recommendation: clean(v.Fix),
		Published: timestamp(v.Published), Ratings: []cdxRating{rating(v.Severity, v.Vector)},
		Affects: []cdxAffects{},
	}
	for _, alias := range slices.Compact(slices.Sorted(slices.Values(v.Aliases))) {
		if alias != v.ID && line(alias) != "" {
			out.References = append(out.References, cdxAlias{ID: line(alias), Source: sourceOf(alias)})
		}
	}
	for _, ref := range pick(refs, v.Affects) {
		out.Affects = append(out.Affects, cdxAffects{Ref: ref})
	}
	if v.Suppressed != "" {
		// No state: that somebody lives with it does not say whether it can be exploited.
		out.Analysis = &cdxAnalysis{Response: []string{"will_not_fix"}, Detail: clean(v.Suppressed)}
	}
	return out
}

// rating says what is known: method and vector belong together.
func rating(severity, vector string) cdxRating {
	r := cdxRating{Severity: "unknown"}
	switch severity {
	case "low", "high", "critical":
		r.Severity = severity
	case "moderate":
		r.Severity = "medium"
	}
	for prefix, method := range map[string]string{
		"CVSS:4.0/": "CVSSv4", "CVSS:3.1/": "CVSSv31", "CVSS:3.0/": "CVSSv3", "AV:": "CVSSv2",
	} {
		if strings.HasPrefix(vector, prefix) {
			r.Method, r.Vector = method, line(vector)
		}
	}
	return r
}

// timestamp is empty for no time.
func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
