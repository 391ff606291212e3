// Package sbom writes the list of what is in the extension's programs, as CycloneDX JSON. All of it
// is read from the programs themselves, where the Go linker has recorded it (`go version -m`
// shows the same), so that the list cannot say anything else than what is shipped. The same
// programs give the same bytes: there is no time and no random serial number in it.
package sbom

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime/debug"
	"slices"
	"strings"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

// Program is a shipped program: the task it belongs to, its platform and its bytes.
type Program struct {
	Task, Platform, File string
	Data                 []byte
}

// Product is what the list is about.
type Product struct{ Publisher, Name, Version, Commit string }

const commitProperty = "commit"

// Write writes the list of the programs.
func Write(w io.Writer, product Product, programs []Program) error {
	c := collector{modules: map[string]cyclonedx.Component{}, uses: map[string][]string{}}
	for _, p := range programs {
		if err := c.add(p); err != nil {
			return err
		}
	}
	root := cyclonedx.Component{
		BOMRef: "extension", Type: cyclonedx.ComponentTypeApplication,
		Publisher: product.Publisher, Name: product.Name, Version: product.Version,
	}
	if product.Commit != "" {
		root.Properties = &[]cyclonedx.Property{{Name: commitProperty, Value: product.Commit}}
	}
	bom := cyclonedx.NewBOM()
	bom.SpecVersion, bom.JSONSchema = cyclonedx.SpecVersion1_6, "http://cyclonedx.org/schema/bom-1.6.schema.json"
	bom.Metadata = &cyclonedx.Metadata{Component: &root}
	components, dependencies := c.lists(root.BOMRef)
	bom.Components, bom.Dependencies = &components, &dependencies
	if err := cyclonedx.NewBOMEncoder(w, cyclonedx.BOMFileFormatJSON).SetPretty(true).Encode(bom); err != nil {
		return fmt.Errorf("writing the list of components: %w", err)
	}
	return nil
}

// Commit returns the commit that a list of Write says its programs were built from.
func Commit(data []byte) (string, error) {
	var bom cyclonedx.BOM
	if err := cyclonedx.NewBOMDecoder(bytes.NewReader(data), cyclonedx.BOMFileFormatJSON).Decode(&bom); err != nil {
		return "", fmt.Errorf("reading the list of components: %w", err)
	}
	if bom.Metadata != nil && bom.Metadata.Component != nil && bom.Metadata.Component.Properties != nil {
		for _, p := range *bom.Metadata.Component.Properties {
			if p.Name == commitProperty {
				return p.Value, nil
			}
		}
	}
	return "", errors.New("the list of components names no commit")
}

type collector struct {
	programs []cyclonedx.Component
	modules  map[string]cyclonedx.Component // by reference
	uses     map[string][]string            // program -> modules
}

func (c *collector) add(p Program) error {
	info, err := buildinfo.Read(bytes.NewReader(p.Data))
	if err != nil {
		return fmt.Errorf("reading what is in the program of %s for %s: %w", p.Task, p.Platform, err)
	}
	sum := sha256.Sum256(p.Data)
	ref := "program:" + p.Task + "/" + p.Platform
	c.programs = append(c.programs, cyclonedx.Component{
		BOMRef: ref, Type: cyclonedx.ComponentTypeFile, Name: p.Task + "/" + p.Platform + "/" + p.File,
		Hashes: &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}},
	})
	std := strings.TrimPrefix(info.GoVersion, "go")
	for _, m := range append(modules(info), &debug.Module{Path: "std", Version: std}) {
		component := describe(m)
		c.modules[component.BOMRef] = component
		c.uses[ref] = append(c.uses[ref], component.BOMRef)
	}
	return nil
}

// modules returns the third-party modules as they were built in: a replaced one by its replacement.
func modules(info *debug.BuildInfo) []*debug.Module {
	var list []*debug.Module
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		list = append(list, m)
	}
	return list
}

func describe(m *debug.Module) cyclonedx.Component {
	purl := "pkg:golang/" + m.Path + "@" + strings.ReplaceAll(m.Version, "+", "%2B")
	component := cyclonedx.Component{
		BOMRef: purl, Type: cyclonedx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, PackageURL: purl,
	}
	if m.Sum != "" {
		component.Properties = &[]cyclonedx.Property{{Name: "go.sum", Value: m.Sum}}
	}
	return component
}

func (c *collector) lists(root string) ([]cyclonedx.Component, []cyclonedx.Dependency) {
	slices.SortFunc(c.programs, func(a, b cyclonedx.Component) int { return cmp.Compare(a.BOMRef, b.BOMRef) })
	components := slices.Clone(c.programs)
	for _, ref := range slices.Sorted(maps.Keys(c.modules)) {
		components = append(components, c.modules[ref])
	}
	var shipped []string
	dependencies := []cyclonedx.Dependency{{Ref: root, Dependencies: &shipped}}
	for _, p := range c.programs {
		shipped = append(shipped, p.BOMRef)
		used := slices.Sorted(slices.Values(c.uses[p.BOMRef]))
		dependencies = append(dependencies, cyclonedx.Dependency{Ref: p.BOMRef, Dependencies: &used})
	}
	return components, dependencies
}
