package bundle

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode"
)

// Limits on what a package may unpack to. The marketplace wants packages below
// 50 MB; these are an order of magnitude above, and only stop bombs.
const (
	maxEntries  = 50_000
	maxUnpacked = 2 << 30
)

// openPackage reads a .vsix: a zip whose extension.vsomanifest lists, as
// contributions, the folders that are tasks.
func openPackage(name string) (*Bundle, error) {
	reader, err := zip.OpenReader(name)
	if err != nil {
		return nil, fmt.Errorf("%s is not a usable .vsix package (%w): build or download it again", name, cause(err))
	}
	b := &Bundle{path: name, close: reader.Close}
	if err := b.loadPackage(&reader.Reader); err != nil {
		return nil, errors.Join(err, reader.Close())
	}
	return b, nil
}

func (b *Bundle) loadPackage(reader *zip.Reader) error {
	if err := checkEntries(reader.File); err != nil {
		return fmt.Errorf("refusing package %s: %w", b.path, err)
	}
	contributed, err := contributions(reader)
	if err != nil {
		return fmt.Errorf("reading extension.vsomanifest in %s: %w", b.path, err)
	}
	var folders []string
	for _, folder := range contributed {
		// The folder is a task, or has one folder per major version.
		found, err := taskFolders(reader, folder, 1)
		if err != nil {
			return fmt.Errorf("package %s contributes the task folder %q: %w", b.path, folder, err)
		}
		if len(found) == 0 {
			return fmt.Errorf("package %s contributes the task folder %q, which has no task.json", b.path, folder)
		}
		folders = append(folders, found...)
	}
	return b.load(reader, folders)
}

// contributions returns the folders of all contributed tasks.
func contributions(reader *zip.Reader) ([]string, error) {
	data, err := readSmall(reader, "extension.vsomanifest", maxDefinition)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("missing: this is not an Azure DevOps extension")
	}
	if err != nil {
		return nil, err
	}
	var m struct {
		Contributions []struct {
			ID, Type   string
			Properties struct{ Name string }
		}
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("not valid JSON: %w", err)
	}
	var folders []string
	for _, c := range m.Contributions {
		if c.Type != "ms.vss-distributed-task.task" {
			continue
		}
		folder := path.Clean(strings.ReplaceAll(c.Properties.Name, `\`, "/"))
		if !fs.ValidPath(folder) || folder == "." {
			return nil, fmt.Errorf("contribution %q names the folder %q, not one inside the package",
				c.ID, c.Properties.Name)
		}
		if slices.Contains(folders, folder) {
			return nil, fmt.Errorf("two contributions name the folder %q", folder)
		}
		folders = append(folders, folder)
	}
	if len(folders) == 0 {
		return nil, errors.New("no contribution of type ms.vss-distributed-task.task")
	}
	return folders, nil
}

// checkEntries refuses what no honest package has. Everything is checked before
// anything is read, so that a bad package has no effect at all.
func checkEntries(entries []*zip.File) error {
	if len(entries) > maxEntries {
		return fmt.Errorf("it has %d entries, more than %d", len(entries), maxEntries)
	}
	seen := map[string]string{}
	var total uint64
	for _, e := range entries {
		if err := checkEntry(e); err != nil {
			return err
		}
		// Windows and macOS would write both to one file.
		key := strings.ToLower(strings.TrimSuffix(e.Name, "/"))
		if other, ok := seen[key]; ok {
			return fmt.Errorf("entries %q and %q have the same name", other, e.Name)
		}
		seen[key] = e.Name
		// Adding sizes near 2^64 must not wrap around.
		if e.UncompressedSize64 > maxUnpacked || total+e.UncompressedSize64 > maxUnpacked {
			return fmt.Errorf("it unpacks to more than %d MB", maxUnpacked>>20)
		}
		total += e.UncompressedSize64
	}
	return nil
}

func checkEntry(e *zip.File) error {
	name := strings.TrimSuffix(e.Name, "/")
	odd := func(r rune) bool { return r == '\\' || r == ':' || unicode.IsControl(r) }
	if !fs.ValidPath(name) || name == "." || strings.ContainsFunc(name, odd) {
		return fmt.Errorf("entry %q is not a relative path inside the package", e.Name)
	}
	if mode := e.Mode(); !mode.IsRegular() && !mode.IsDir() {
		return fmt.Errorf("entry %q is neither a file nor a folder", e.Name)
	}
	if e.Flags&1 != 0 {
		return fmt.Errorf("entry %q is encrypted", e.Name)
	}
	return nil
}
