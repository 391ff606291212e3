package cachekey

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"unicode/utf16"
)

// Place is where a key is looked up.
type Place struct {
	OS         string // runtime.GOOS: windows and darwin have rules of their own
	WorkingDir string // System.DefaultWorkingDirectory: relative paths start here
	Workspace  string // Pipeline.Workspace: hashed paths are relative to it
	Files      Files
}

// Kind is how a segment was understood.
type Kind string

// The kinds of segments; the texts stand in the log.
const (
	Text    Kind = "string"
	File    Kind = "file"
	Pattern Kind = "file pattern"
)

// Match is a file that a path segment found.
type Match struct {
	Path   string // relative to the workspace, in the operating system's form
	Size   int64
	SHA256 string // upper-case hex
}

// Segment is a segment that was looked up.
type Segment struct {
	Source  string // as the user wrote it
	Kind    Kind
	Matches []Match // in the order in which they are hashed
	Value   string  // what stands in the fingerprint
}

// Resolved is a key that was looked up.
type Resolved []Segment

// NotFoundError is a path segment that found no file. Its text is Cache@2's.
type NotFoundError struct {
	Segment string
	Pattern bool
	Index   int // of the segment in the key
}

// Error returns the text that users of Cache@2 know.
func (e *NotFoundError) Error() string {
	if e.Pattern {
		return "No matching files found for pattern: " + e.Segment
	}
	return "File not found: " + e.Segment
}

// NoFolderError is a path segment of which the folder does not exist.
type NoFolderError struct{ Folder string }

// Error says which folder.
func (e *NoFolderError) Error() string { return "there is no folder " + e.Folder }

func (p Place) system() system { return system(p.OS) }

// display is the path as it is hashed and shown.
func (p Place) display(path string) string {
	if p.Workspace != "" && p.system().fullyQualified(p.Workspace) {
		if root, err := p.system().full(p.Workspace, ""); err == nil {
			path = p.system().relative(root, path)
		}
	}
	return string([]rune(path)) // .NET text has no invalid UTF-8
}

// Resolve looks up all segments of a key. Segments without files are reported
// together, as joined *[NotFoundError]; then, too, the result holds what was
// found, for the log.
func (p Place) Resolve(ctx context.Context, key []string) (Resolved, error) {
	var resolved Resolved
	var missing []error
	for i, source := range key {
		segment := Segment{Source: source, Kind: Text, Value: source}
		if p.system().isPath(source) {
			var err error
			if segment, err = p.files(ctx, source); err != nil {
				return resolved, fmt.Errorf("key segment %q: %w", source, err)
			}
			if len(segment.Matches) == 0 {
				missing = append(missing, &NotFoundError{source, segment.Kind == Pattern, i})
			}
		}
		resolved = append(resolved, segment)
	}
	return resolved, errors.Join(missing...)
}

// files looks up a path segment.
func (p Place) files(ctx context.Context, source string) (Segment, error) {
	rules, err := p.rules(source)
	if err != nil {
		return Segment{}, err
	}
	paths, err := p.find(ctx, rules)
	if err != nil {
		return Segment{}, err
	}
	segment := Segment{Source: source, Kind: File}
	if strings.ContainsAny(source, globChars) || len(paths) > 1 {
		segment.Kind = Pattern
	}
	for _, path := range paths {
		match, err := p.hash(path)
		if err != nil {
			return Segment{}, err
		}
		segment.Matches = append(segment.Matches, match)
	}
	segment.Value = digest(segment.Matches)
	return segment, nil
}

func (p Place) hash(path string) (match Match, err error) {
	match.Path = p.display(path)
	info, err := p.Files.Stat(path)
	if err != nil {
		return Match{}, fmt.Errorf("reading %s: %w", match.Path, err)
	}
	if info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket|fs.ModeDevice|fs.ModeIrregular) != 0 {
		return Match{}, fmt.Errorf("%s is not a regular file", match.Path)
	}
	file, err := p.Files.Open(path)
	if err != nil {
		return Match{}, fmt.Errorf("reading %s: %w", match.Path, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	sum := sha256.New()
	if match.Size, err = io.Copy(sum, file); err != nil {
		return Match{}, fmt.Errorf("reading %s: %w", match.Path, err)
	}
	match.SHA256 = fmt.Sprintf("%X", sum.Sum(nil))
	return match, nil
}

// digest is MatchedFile.GenerateHash.
func digest(matches []Match) string {
	var text strings.Builder
	for _, m := range matches {
		fmt.Fprintf(&text, "\nSHA256(%s)=[%d]%s", m.Path, m.Size, m.SHA256)
	}
	sum := sha256.Sum256([]byte(text.String()))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Values returns what each segment stands for: the entry's name, part by part.
func (r Resolved) Values() []string {
	values := make([]string, len(r))
	for i, segment := range r {
		values[i] = segment.Value
	}
	return values
}

// Fingerprint returns the name of the entry in one text, as Cache@2 shows it.
func (r Resolved) Fingerprint() string { return strings.Join(r.Values(), "|") }

// ordinal orders by UTF-16 code units, as StringComparer.Ordinal: characters
// beyond U+FFFF come before U+E000, unlike in UTF-8.
func ordinal(a, b string) int {
	if a == b {
		return 0
	}
	return cmp.Or(slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b))), strings.Compare(a, b))
}
