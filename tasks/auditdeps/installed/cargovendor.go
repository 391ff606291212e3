package installed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// cargoChecksums is the file in which `cargo vendor` notes the hashes of a crate's files.
const cargoChecksums = ".cargo-checksum.json"

// CargoVendor reads a folder that `cargo vendor` made: one folder for each crate, whose
// files must be those of its .cargo-checksum.json, no more and no less. That file proves
// nothing against who changes it as well; so where cargoHome (nil if there is none) has
// the crate's archive with the same checksum, the files must be those of the archive. What
// has a checksum and no archive is a problem, one for all.
func CargoVendor(ctx context.Context, tree fs.FS, dir string, cargoHome fs.FS) Tree {
	t := Tree{Kind: CargoVendored, Path: dir, Ecosystem: "crates.io"}
	entries, err := fs.ReadDir(tree, ".")
	if err != nil {
		t.unread("", "the folder cannot be read")
		return t
	}
	v := cargoVendor{disk: disk{tree, dir}, unproven: make([]bool, len(entries))}
	if cargoHome != nil {
		v.home = &cargoHomeDir{disk: disk{cargoHome, ""}}
		v.home.registries(&Tree{})
	}
	var folders []string
	for _, entry := range entries {
		if entry.IsDir() || entry.Type()&fs.ModeSymlink != 0 {
			folders = append(folders, entry.Name())
		}
	}
	t.gather(ctx, len(folders), func(i int) result { return v.look(i, folders[i]) })
	var names []string
	for i, folder := range folders {
		if v.unproven[i] {
			names = append(names, folder)
		}
	}
	if len(names) > 0 {
		t.unread("", "%s: CARGO_HOME does not have the archives. Run cargo fetch --locked --manifest-path with this "+
			"Cargo.toml before, in a folder without the project's .cargo/config.toml, or leave installed out of checks",
			nothingToCompare(names, len(folders)))
	}
	return t
}

// cargoVendor is a vendor folder.
type cargoVendor struct {
	disk
	home     *cargoHomeDir
	unproven []bool // the folders, by their number, of which there is no archive
}

// look reads one crate.
func (v *cargoVendor) look(number int, folder string) result {
	c := complaints{at: v.disk}
	pkg, err := v.crate(folder)
	if err != nil {
		c.unread(folder, "it does not say which crate it is: its Cargo.toml %v", err)
		return result{problems: c.all()}
	}
	var note struct {
		Files   map[string]string `json:"files"`
		Package string            `json:"package"` // not of what comes from git
	}
	data, err := v.small(folder+"/"+cargoChecksums, maxNote)
	if err == nil && json.Unmarshal(data, &note) != nil {
		err = errors.New("cannot be understood")
	}
	if err != nil {
		c.unread(folder+"/"+cargoChecksums, "the list of the files of %s %v", pkg.Name, err)
		return result{[]Package{pkg}, c.all()}
	}
	if hexSHA256.MatchString(note.Package) {
		pkg.Integrity = "sha256:" + note.Package
	}
	files := note.Files
	if files == nil {
		files = map[string]string{}
	}
	v.unproven[number] = pkg.Integrity != "" && !v.prove(folder, pkg, files, &c)
	v.compareFolder(folder, pkg, files, &c)
	for _, file := range slices.Sorted(keys(files)) {
		c.wrong(folder+"/"+file, "a file of %s %s is missing", pkg.Name, pkg.Version)
	}
	return result{[]Package{pkg}, c.all()}
}

// prove holds the hashes that the folder claims against the crate's archive, if Cargo has
// one with the checksum that the folder claims, which the lock file has to have as well;
// false if it has none.
func (v *cargoVendor) prove(folder string, pkg Package, claimed map[string]string, c *complaints) bool {
	archive := v.archive(pkg)
	if archive == "" {
		return false
	}
	files, err := v.home.crateFiles(archive, pkg.Name+"-"+pkg.Version)
	if err != nil {
		c.unread(folder, "%s %s cannot be compared with its archive in CARGO_HOME, which %v",
			pkg.Name, pkg.Version, err)
		return true
	}
	for _, file := range slices.Sorted(keys(claimed)) {
		if files[file] != claimed[file] {
			c.wrong(folder+"/"+file, "the file is not as %s %s has it, whatever %s says",
				pkg.Name, pkg.Version, cargoChecksums)
		}
		delete(files, file)
	}
	for _, file := range slices.Sorted(keys(files)) {
		// The files of git are left out (cargo, ops/vendor.rs).
		if base := path.Base(file); !strings.HasPrefix(base, ".git") && base != ".cargo-ok" {
			c.wrong(folder+"/"+file, "a file of %s %s is missing", pkg.Name, pkg.Version)
		}
	}
	return true
}

// archive finds the archive of a crate by its checksum.
func (v *cargoVendor) archive(pkg Package) string {
	if v.home == nil || pkg.Integrity == "" {
		return ""
	}
	for _, registry := range v.home.names {
		name := "registry/cache/" + registry + "/" + pkg.Name + "-" + pkg.Version + ".crate"
		if sum, err := v.home.sha256(name); err == nil && "sha256:"+sum == pkg.Integrity {
			return name
		}
	}
	return ""
}

// crate reads name and version of a crate from its Cargo.toml.
func (v *cargoVendor) crate(folder string) (Package, error) {
	data, err := v.small(folder+"/Cargo.toml", maxNote)
	if err != nil {
		return Package{}, err
	}
	name, version, err := readCargoPackage(data)
	return Package{Name: name, Version: version, Path: path.Join(v.path, folder)}, err
}

var (
	// cargoField is a line with a text, as Cargo writes it.
	cargoField = regexp.MustCompile(`^(name|version)\s*=\s*"([0-9A-Za-z_.+-]{1,200})"\s*(?:#.*)?$`)
	// beforeCargo is what may stand before the first table.
	beforeCargo = regexp.MustCompile(`^$|^#|^cargo-features = \[`)
	// oddCargo is the next table, or a text of several lines, in which anything can stand.
	oddCargo   = regexp.MustCompile(`^\[|"""|'''`)
	errNoCargo = errors.New("does not have name and version where Cargo writes them")
)

// readCargoPackage finds name and version in a Cargo.toml as Cargo itself writes it when
// it packs a crate: in the first table, before any text of several lines. What is written
// otherwise is not guessed at.
func readCargoPackage(data []byte) (name, version string, err error) {
	found := map[string]string{}
	inPackage := false
	for line := range bytes.Lines(data) {
		text := strings.TrimSpace(string(line))
		match := cargoField.FindStringSubmatch(text)
		switch {
		case text == "[package]" && !inPackage:
			inPackage = true
		case beforeCargo.MatchString(text):
		case !inPackage || oddCargo.MatchString(text):
			return "", "", errNoCargo
		case match != nil && found[match[1]] != "":
			return "", "", errNoCargo
		case match != nil:
			found[match[1]] = match[2]
		}
		if len(found) == 2 {
			return found["name"], found["version"], nil
		}
	}
	return "", "", errNoCargo
}
