package installed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

// Python reads a site-packages folder: the metadata of every package, and every file
// that its RECORD has a hash of (packaging.python.org, "Recording installed projects").
// What can be imported and stands in no RECORD is a problem as well.
//
// It does not look at compiled files (__pycache__), which no RECORD has hashes of, nor
// at what a RECORD names outside of the folder: the programs in bin.
func Python(ctx context.Context, tree fs.FS, dir string) Tree {
	t := Tree{Kind: SitePackages, Path: dir, Ecosystem: "PyPI"}
	entries, err := fs.ReadDir(tree, ".")
	if err != nil {
		t.unread("", "the folder cannot be read")
		return t
	}
	site := site{disk: disk{tree, dir}}
	for _, entry := range entries {
		if d, ok := distributionOf(entry); ok {
			site.found = append(site.found, d)
		}
	}
	site.records = make([]record, len(site.found))
	t.gather(ctx, len(site.found), site.look)
	t.Problems = append(t.Problems, site.twice(t.Packages)...)
	if ctx.Err() == nil {
		t.Problems = append(t.Problems, site.foreign()...)
	}
	return t
}

// site is a site-packages folder.
type site struct {
	disk
	found   []distribution
	records []record // of each of them
}

// distribution is what says that a package is installed.
type distribution struct {
	folder   string // "demo-1.0.dist-info"; a file, of the oldest tools
	metadata string // the file in it
	modern   bool   // it has a RECORD
}

func distributionOf(entry fs.DirEntry) (distribution, bool) {
	name := entry.Name()
	switch {
	case strings.HasPrefix(name, "~"): // what pip could not remove
		return distribution{}, false
	case strings.HasSuffix(name, ".dist-info"):
		return distribution{name, name + "/METADATA", true}, true
	case strings.HasSuffix(name, ".egg-info") && entry.IsDir():
		return distribution{name, name + "/PKG-INFO", false}, true
	case strings.HasSuffix(name, ".egg-info"):
		return distribution{name, name, false}, true
	case strings.HasSuffix(name, ".egg"):
		return distribution{name, name + "/EGG-INFO/PKG-INFO", false}, true
	case strings.HasSuffix(name, ".egg-link"):
		return distribution{name, "", false}, true
	}
	return distribution{}, false
}

// look reads one package.
func (s *site) look(i int) result {
	d, c := s.found[i], complaints{at: s.disk}
	pkg, err := s.metadata(d)
	if err != nil {
		c.unread(d.folder, "it does not say which package it is: its metadata %v", err)
	} else if why := d.contradicts(pkg); why != "" {
		c.wrong(d.folder, "%s", why)
	}
	label := pkg.Name
	if label == "" {
		label = d.folder
	}
	if d.modern {
		s.origin(d, &pkg, &c)
		s.records[i] = s.record(d, label, &c)
	}
	if s.records[i].files == nil {
		s.records[i].tops = s.tops(d, pkg.Name)
		c.unread(d.folder, "%s has no RECORD that can be read: nothing tells whether its files were changed", label)
	}
	r := result{problems: c.all()}
	if err == nil {
		r.packages = []Package{pkg}
	}
	return r
}

var errNoName = errors.New("has no name and version")

// metadata reads the head of METADATA, which is written like that of an e-mail.
func (s *site) metadata(d distribution) (Package, error) {
	pkg := Package{Path: path.Join(s.path, d.folder)}
	if d.metadata == "" {
		return pkg, errNoName
	}
	data, err := s.small(d.metadata, maxNote)
	if err != nil {
		return pkg, err
	}
	for name, value := range headers(data) {
		switch name {
		case "name":
			if pkg.Name != "" {
				return Package{Path: pkg.Path}, errors.New("has two names")
			}
			pkg.Name = value
		case "version":
			if pkg.Version != "" {
				return Package{Path: pkg.Path}, errors.New("has two versions")
			}
			pkg.Version = value
		case "requires-dist":
			if require, ok := readRequiresDist(value); ok {
				pkg.Requires = append(pkg.Requires, require)
			}
		}
	}
	if !pythonName.MatchString(pkg.Name) || !pythonVersion.MatchString(pkg.Version) {
		return Package{Path: pkg.Path}, errNoName
	}
	pkg.Key = lockfile.PythonName(pkg.Name)
	return pkg, nil
}

var (
	// pythonName is what Python packages are called (PEP 508).
	pythonName = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,200}[A-Za-z0-9])?$`)
	// pythonVersion has the characters of a version (PEP 440, and older ones).
	pythonVersion = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.+!_-]{0,199}$`)
	separators    = regexp.MustCompile(`[-_.]+`)
	// requiresDist is name, extras, range or address, and marker (PEP 508).
	requiresDist = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]{0,200})\s*(?:\[[^\]]*\])?\s*([^;]*?)\s*(?:;\s*(.*))?$`)
)

// headers yields the lines of a head, up to the first empty one. Names are in small
// letters; what continues a line is left out, as no name or range does.
func headers(data []byte) func(func(string, string) bool) {
	return func(yield func(string, string) bool) {
		for line := range bytes.Lines(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))) {
			text := strings.TrimRight(string(line), "\r\n")
			if text == "" {
				return
			}
			name, value, ok := strings.Cut(text, ":")
			if ok && text[0] != ' ' && text[0] != '\t' &&
				!yield(strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)) {
				return
			}
		}
	}
}

// readRequiresDist understands "name[extra] (>=1.0) ; marker". What has a marker may
// not be meant here: it is Optional.
func readRequiresDist(text string) (lockfile.Require, bool) {
	if at, marker, ok := strings.Cut(text, "@"); ok { // an address, which may have ";" in it
		_, condition, _ := strings.Cut(marker, " ;")
		text = at + ";" + condition
	}
	match := requiresDist.FindStringSubmatch(text)
	if match == nil {
		return lockfile.Require{}, false
	}
	wanted := strings.TrimSpace(match[2])
	if inner, ok := strings.CutPrefix(wanted, "("); ok {
		wanted = strings.TrimSuffix(inner, ")")
	}
	require := lockfile.Require{Name: lockfile.PythonName(match[1]), Range: wanted, Kind: lockfile.Prod, To: -1}
	if match[3] != "" {
		require.Kind = lockfile.Optional
	}
	return require, true
}

// contradicts says that the folder is named for another package or version than its
// metadata has: tools look at either.
func (d distribution) contradicts(pkg Package) string {
	if !d.modern {
		return ""
	}
	name, version, _ := strings.Cut(strings.TrimSuffix(d.folder, ".dist-info"), "-")
	plain := func(version string) string { return separators.ReplaceAllString(version, ".") }
	if lockfile.PythonName(name) == pkg.Key && plain(version) == plain(pkg.Version) {
		return ""
	}
	return "its METADATA says that it is " + pkg.Name + " " + pkg.Version +
		", its folder is named for another package or version"
}

// origin reads direct_url.json, which is there for what does not come from an index.
func (s *site) origin(d distribution, pkg *Package, c *complaints) {
	name := d.folder + "/direct_url.json"
	data, err := s.small(name, maxNote)
	if errors.Is(err, errNotThere) {
		return
	}
	var note struct {
		URL     string    `json:"url"`
		VCS     *struct{} `json:"vcs_info"`
		Dir     *struct{} `json:"dir_info"`
		Archive *struct {
			Hashes map[string]string `json:"hashes"`
			Hash   string            `json:"hash"` // "sha256=...", of older tools
		} `json:"archive_info"`
	}
	if err != nil || json.Unmarshal(data, &note) != nil {
		c.unread(name, "where %s comes from cannot be read", d.folder)
		return
	}
	switch {
	case note.VCS != nil:
		pkg.Source = lockfile.Git
	case note.Dir != nil || strings.HasPrefix(note.URL, "file:"):
		pkg.Source = lockfile.Folder
	default:
		pkg.Source = lockfile.Remote
	}
	if note.Archive != nil {
		sum := note.Archive.Hashes["sha256"]
		if older, ok := strings.CutPrefix(note.Archive.Hash, "sha256="); ok && sum == "" {
			sum = older
		}
		if hexSHA256.MatchString(sum) {
			pkg.Integrity = "sha256:" + sum
		}
	}
}

// hexSHA256 is a SHA-256 in hex.
var hexSHA256 = regexp.MustCompile(`^[0-9a-f]{64}$`)

// twice finds packages that are there more than once: what is left of an older version
// is not what Python loads, or it is.
func (s *site) twice(packages []Package) []Problem {
	var problems []Problem
	first := map[string]Package{}
	for _, p := range packages {
		other, seen := first[p.Key]
		if !seen {
			first[p.Key] = p
			continue
		}
		problems = append(problems, Problem{Path: p.Path,
			Text: p.Name + " is installed twice, as " + other.Version + " and " + p.Version})
	}
	return problems
}
