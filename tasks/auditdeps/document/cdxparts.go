package document

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
)

// The parts of a CycloneDX document that are written here, in its own order.
type (
	cdxBOM struct {
		Schema          string             `json:"$schema"`
		Format          string             `json:"bomFormat"`
		Spec            string             `json:"specVersion"`
		Serial          string             `json:"serialNumber"`
		Version         int                `json:"version"`
		Metadata        cdxMetadata        `json:"metadata"`
		Components      []cdxComponent     `json:"components"`
		Dependencies    []cdxDependency    `json:"dependencies"`
		Vulnerabilities []cdxVulnerability `json:"vulnerabilities,omitempty"`
	}
	cdxMetadata struct {
		Timestamp string       `json:"timestamp,omitempty"`
		Tools     cdxTools     `json:"tools"`
		Component cdxComponent `json:"component"`
	}
	cdxTools struct {
		Components []cdxComponent `json:"components"`
	}
	cdxComponent struct {
		Type       string         `json:"type"`
		Ref        string         `json:"bom-ref,omitempty"`
		Name       string         `json:"name"`
		Version    string         `json:"version,omitempty"`
		Scope      string         `json:"scope,omitempty"`
		Hashes     []cdxHash      `json:"hashes,omitempty"`
		PURL       string         `json:"purl,omitempty"`
		References []cdxReference `json:"externalReferences,omitempty"`
		Properties []cdxProperty  `json:"properties,omitempty"`
		Evidence   *cdxEvidence   `json:"evidence,omitempty"`
	}
	cdxHash struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	cdxReference struct {
		Type string `json:"type"`
		URL  string `json:"url"`
	}
	cdxProperty struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	cdxEvidence struct {
		Occurrences []cdxOccurrence `json:"occurrences"`
	}
	cdxOccurrence struct {
		Location string `json:"location"`
		Line     int    `json:"line,omitempty"`
	}
	cdxDependency struct {
		Ref       string   `json:"ref"`
		DependsOn []string `json:"dependsOn,omitempty"`
	}
	cdxVulnerability struct {
		ID             string       `json:"id"`
		Source         cdxSource    `json:"source"`
		References     []cdxAlias   `json:"references,omitempty"`
		Ratings        []cdxRating  `json:"ratings"`
		Description    string       `json:"description,omitempty"`
		Recommendation string       `json:"recommendation,omitempty"`
		Published      string       `json:"published,omitempty"`
		Analysis       *cdxAnalysis `json:"analysis,omitempty"`
		Affects        []cdxAffects `json:"affects"`
	}
	cdxSource struct {
		Name string `json:"name"`
		URL  string `json:"url"`
	}
	cdxAlias struct {
		ID     string    `json:"id"`
		Source cdxSource `json:"source"`
	}
	cdxRating struct {
		Severity string `json:"severity"`
		Method   string `json:"method,omitempty"`
		Vector   string `json:"vector,omitempty"`
	}
	cdxAnalysis struct {
		Response []string `json:"response"`
		Detail   string   `json:"detail"`
	}
	cdxAffects struct {
		Ref string `json:"ref"`
	}
)

// named is a text in one line for a place that must not be empty.
func named(text string) string {
	if text = line(text); text != "" {
		return text
	}
	return "unnamed"
}

// hash understands what lock files call integrity, if it is of the archive: SRI, and hex
// behind "sha256:". Of bare hex the length says what it is.
func hash(integrity string) (cdxHash, bool) {
	algorithm, text, found := strings.Cut(integrity, ":")
	var sum []byte
	var err error
	if found {
		sum, err = hex.DecodeString(text)
	} else if algorithm, text, found = strings.Cut(integrity, "-"); found {
		text, _, _ = strings.Cut(text, "?") // options, see https://www.w3.org/TR/SRI/
		sum, err = base64.StdEncoding.DecodeString(text)
	} else {
		sum, err = hex.DecodeString(integrity)
	}
	named := map[int]struct{ short, long string }{
		16: {"md5", "MD5"}, 20: {"sha1", "SHA-1"}, 32: {"sha256", "SHA-256"}, 48: {"sha384", "SHA-384"},
		64: {"sha512", "SHA-512"},
	}[len(sum)]
	if err != nil || named.long == "" || found && named.short != algorithm {
		return cdxHash{}, false
	}
	return cdxHash{named.long, hex.EncodeToString(sum)}, true
}

// webAddress is a URL in its usual form without user and password, "" if it is none.
func webAddress(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	u.User = nil
	return u.String()
}

// sourceOf says who is to be asked for an advisory.
func sourceOf(id string) cdxSource {
	escaped := url.PathEscape(line(id))
	switch {
	case strings.HasPrefix(id, "GHSA-"):
		return cdxSource{"GitHub", "https://github.com/advisories/" + escaped}
	case strings.HasPrefix(id, "CVE-"):
		return cdxSource{"NVD", "https://nvd.nist.gov/vuln/detail/" + escaped}
	}
	return cdxSource{"OSV", "https://osv.dev/vulnerability/" + escaped}
}
