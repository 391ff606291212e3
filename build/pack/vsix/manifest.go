package vsix

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/build/pack/extension"
)

const (
	contentTypesName = "[Content_Types].xml"
	vsixManifestName = "extension.vsixmanifest"
	vsoManifestName  = "extension.vsomanifest"

	services = "Microsoft.VisualStudio.Services."
)

// asset is a file with a meaning for the marketplace.
type asset struct{ kind, path string }

func assets(m *extension.Manifest) []asset {
	var list []asset
	for _, key := range slices.Sorted(maps.Keys(m.Icons)) {
		list = append(list, asset{services + "Icons." + capital(key), m.Icons[key]})
	}
	for _, key := range slices.Sorted(maps.Keys(m.Content)) {
		list = append(list, asset{services + "Content." + capital(key), m.Content[key].Path})
	}
	return list
}

// The elements of extension.vsixmanifest, named and nested as vsix-manifest-builder.js does.
type (
	packageManifest struct {
		XMLName      xml.Name        `xml:"PackageManifest"`
		Version      string          `xml:"Version,attr"`
		Namespace    string          `xml:"xmlns,attr"`
		Design       string          `xml:"xmlns:d,attr"`
		Metadata     metadata        `xml:"Metadata"`
		Dependencies string          `xml:"Dependencies"`
		Targets      []installTarget `xml:"Installation>InstallationTarget"`
		Assets       []assetElement  `xml:"Assets>Asset"`
	}
	metadata struct {
		Identity     identityElement
		DisplayName  string
		Description  preserved
		Categories   string
		Tags         string     `xml:",omitempty"`
		GalleryFlags string     `xml:",omitempty"`
		Properties   []property `xml:"Properties>Property"`
		Icon         string
		License      string `xml:",omitempty"`
	}
	identityElement struct {
		Language  string `xml:",attr"`
		Publisher string `xml:",attr"`
		ID        string `xml:"Id,attr"`
		Version   string `xml:",attr"`
	}
	preserved struct {
		Space string `xml:"xml:space,attr"`
		Text  string `xml:",chardata"`
	}
	property struct {
		ID    string `xml:"Id,attr"`
		Value string `xml:",attr"`
	}
	installTarget struct {
		ID      string `xml:"Id,attr"`
		Version string `xml:",attr,omitempty"`
	}
	assetElement struct {
		Type        string `xml:",attr"`
		Source      string `xml:"d:Source,attr"`
		Path        string `xml:",attr"`
		Addressable string `xml:",attr"`
	}
)

// identity makes extension.vsixmanifest, which says what the extension is.
func identity(m *extension.Manifest) ([]byte, error) {
	document := packageManifest{
		Version:   "2.0.0",
		Namespace: "http://schemas.microsoft.com/developer/vsx-schema/2011",
		Design:    "http://schemas.microsoft.com/developer/vsx-schema-design/2011",
		Metadata: metadata{
			Identity:     identityElement{"en-US", m.Publisher, m.ID, m.Version},
			DisplayName:  m.Name,
			Description:  preserved{"preserve", m.Description},
			Categories:   join(m.Categories, ","),
			Tags:         join(m.Tags, ","),
			GalleryFlags: join(m.GalleryFlags, " "),
			Properties:   properties(m),
			Icon:         m.Icons["default"],
			License:      m.Content["license"].Path,
		},
	}
	for _, t := range m.Targets {
		document.Targets = append(document.Targets, installTarget{t.ID, t.Version})
	}
	for _, a := range append(assets(m), asset{services + "Manifest", vsoManifestName}) {
		document.Assets = append(document.Assets, assetElement{a.kind, "File", a.path, "true"})
	}
	return marshal(document)
}

func properties(m *extension.Manifest) []property {
	var list []property
	for _, key := range slices.Sorted(maps.Keys(m.Links)) {
		list = append(list, property{services + "Links." + capital(key), m.Links[key].URI})
	}
	list = append(list, property{services + "Links.GitHub", m.Repository.URI})
	for _, key := range slices.Sorted(maps.Keys(m.Branding)) {
		list = append(list, property{services + "Branding." + capital(key), m.Branding[key]})
	}
	return list
}

// contributions makes extension.vsomanifest, which says what the extension adds.
func contributions(m *extension.Manifest) ([]byte, error) {
	document := struct {
		ManifestVersion   int                      `json:"manifestVersion"`
		Repository        extension.Repository     `json:"repository"`
		Contributions     []extension.Contribution `json:"contributions"`
		Scopes            []string                 `json:"scopes"`
		ContributionTypes []struct{}               `json:"contributionTypes"`
	}{
		m.ManifestVersion, m.Repository, m.Contributions, unique(m.Scopes), []struct{}{},
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "    ")
	if err := encoder.Encode(document); err != nil {
		return nil, fmt.Errorf("writing %s: %w", vsoManifestName, err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// typeOf is the table of tfx-cli, for the kinds of files an extension of tasks has. tfx-cli asks
// the machine (file --mime-type, or the Windows registry) about others; here they are plain bytes.
var typeOf = map[string]string{
	".br": "application/octet-stream", ".js": "application/javascript", ".json": "application/json",
	".md": "text/markdown", ".png": "image/png", ".svg": "image/svg+xml",
	".vsixmanifest": "text/xml", ".vsomanifest": "application/json",
}

const plainBytes = "application/octet-stream"

type (
	typesDocument struct {
		XMLName   xml.Name      `xml:"Types"`
		Namespace string        `xml:"xmlns,attr"`
		Defaults  []defaultType `xml:"Default"`
		Overrides []overrideType
	}
	defaultType struct {
		Extension   string `xml:",attr"`
		ContentType string `xml:",attr"`
	}
	overrideType struct {
		XMLName     xml.Name `xml:"Override"`
		ContentType string   `xml:",attr"`
		PartName    string   `xml:",attr"`
	}
)

// contentTypes makes [Content_Types].xml: a type for each file extension, and for each part
// without one.
func contentTypes(parts []Part) ([]byte, error) {
	document := typesDocument{Namespace: "http://schemas.openxmlformats.org/package/2006/content-types"}
	extensions := map[string]bool{".vsixmanifest": true, ".vsomanifest": true}
	for _, p := range parts {
		if ext := strings.ToLower(path.Ext(p.Name)); ext != "" {
			extensions[ext] = true
			continue
		}
		kind := plainBytes
		if path.Base(p.Name) == "LICENSE" {
			kind = "text/plain"
		}
		document.Overrides = append(document.Overrides, overrideType{ContentType: kind, PartName: "/" + p.Name})
	}
	for _, ext := range slices.Sorted(maps.Keys(extensions)) {
		kind := typeOf[ext]
		if kind == "" {
			kind = plainBytes
		}
		document.Defaults = append(document.Defaults, defaultType{ext, kind})
	}
	return marshal(document)
}

func marshal(document any) ([]byte, error) {
	text, err := xml.MarshalIndent(document, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing a manifest: %w", err)
	}
	return append([]byte(`<?xml version="1.0" encoding="utf-8"?>`+"\n"), text...), nil
}

func capital(key string) string { return strings.ToUpper(key[:1]) + key[1:] }

func join(list []string, separator string) string { return strings.Join(unique(list), separator) }

// unique drops repeated entries, as tfx-cli does, and is never nil.
func unique(list []string) []string {
	kept := []string{}
	for _, entry := range list {
		if !slices.Contains(kept, entry) {
			kept = append(kept, entry)
		}
	}
	return kept
}
