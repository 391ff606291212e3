// Package vsix writes a Visual Studio extension package: a zip file of named parts with a list of
// content types and two manifests. It writes what the official tfx-cli writes for the same
// extension, and the same bytes each time: parts are sorted, times are fixed, and no part
// depends on the machine. tfx-cli is the oracle in the tests.
package vsix

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/build/pack/extension"
)

// Part is a file in the package.
type Part struct {
	Name string
	Data []byte
}

// badSegment is validatePartName of tfx-cli (vsix-writer.js): what a package may not have between
// two slashes of a part's name.
var badSegment = regexp.MustCompile(
	`(?i)%2f|%5c|^$|%[^0-9a-f]|%.[^0-9a-f]|\.$|[^a-z0-9._~%!$&'()*+,;=:@-]`)

func checkName(name string) error {
	for segment := range strings.SplitSeq(name, "/") {
		if badSegment.MatchString(segment) {
			return fmt.Errorf("%q cannot be the name of a part: %q has a space, a character other than "+
				"a-z 0-9 . _ ~ ! $ & ' ( ) * + , ; = : @ -, or a dot at its end; rename the file", name, segment)
		}
	}
	return nil
}

// Parts returns all parts of the extension in the order of the package: content types, manifests,
// then all others sorted. Its listing and icons are in the folder root, its tasks in staged.
func Parts(root, staged string, m *extension.Manifest) ([]Part, error) {
	c := collector{names: map[string]string{}}
	for _, asset := range assets(m) {
		c.addFile(filepath.Join(root, filepath.FromSlash(asset.path)), asset.path)
	}
	for _, task := range m.Tasks() {
		c.addTree(filepath.Join(staged, task), task)
	}
	if len(c.failed) > 0 {
		return nil, errors.Join(c.failed...)
	}
	slices.SortFunc(c.parts, func(a, b Part) int { return strings.Compare(a.Name, b.Name) })
	vsoManifest, err := contributions(m)
	if err != nil {
		return nil, err
	}
	vsixManifest, err := identity(m)
	if err != nil {
		return nil, err
	}
	types, err := contentTypes(c.parts)
	if err != nil {
		return nil, err
	}
	return append([]Part{
		{contentTypesName, types}, {vsixManifestName, vsixManifest}, {vsoManifestName, vsoManifest},
	}, c.parts...), nil
}

type collector struct {
	parts  []Part
	names  map[string]string // lower case -> as written
	failed []error
}

func (c *collector) addTree(folder, name string) {
	found := 0
	err := filepath.WalkDir(folder, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		found++
		relative, err := filepath.Rel(folder, file)
		if err != nil {
			return err
		}
		relative = filepath.ToSlash(relative)
		if !d.Type().IsRegular() {
			c.fail(fmt.Errorf("%s is not a regular file; only files can be packed", file))
			return nil
		}
		c.addFile(file, path.Join(name, relative))
		return nil
	})
	if err != nil {
		c.fail(fmt.Errorf("packing task %s: %w", name, err))
	} else if found == 0 {
		c.fail(fmt.Errorf("packing task %s: there is no file in %s", name, folder))
	}
}

func (c *collector) addFile(file, name string) {
	if err := checkName(name); err != nil {
		c.fail(err)
		return
	}
	if other, taken := c.names[strings.ToLower(name)]; taken {
		if other != name { // the same file, such as an icon named twice, is packed once
			c.fail(fmt.Errorf("parts %q and %q differ in case only; rename one", other, name))
		}
		return
	}
	c.names[strings.ToLower(name)] = name
	data, err := os.ReadFile(file)
	if err != nil {
		c.fail(fmt.Errorf("packing: %w", err))
		return
	}
	c.parts = append(c.parts, Part{name, data})
}

func (c *collector) fail(err error) { c.failed = append(c.failed, err) }
