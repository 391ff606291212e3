package entry

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"time"
)

// version is the manifest's form.
const version = 1

// Tiers, as a Scope names them.
const (
	trusted   = "trusted"
	untrusted = "untrusted"
)

// Manifest describes an entry. It holds the digests of everything else.
type Manifest struct {
	Version     int       `json:"version"`
	Fingerprint string    `json:"fingerprint"` // the resolved key, as it is shown
	Segments    []Segment `json:"segments"`
	Scope       Scope     `json:"scope"`
	Generation  int       `json:"generation"` // how many times the key was saved, with this
	Producer    Producer  `json:"producer"`
	Created     time.Time `json:"created"`
	Expires     time.Time `json:"expires"`
	Ecosystem   string    `json:"ecosystem"`
	Packages    []string  `json:"packages,omitempty"` // "name@version integrity"
	Packs       []pack    `json:"packs"`
	Files       []File    `json:"files"` // sorted by path
	EmptyDirs   []string  `json:"emptyDirs,omitempty"`
	Totals      Totals    `json:"totals"`
	Content     string    `json:"content"` // SHA-256 over paths, hashes and executable bits
}

// Segment is one segment of the key.
type Segment struct {
	Source string    `json:"source"` // as the user wrote it
	Kind   string    `json:"kind"`
	Value  string    `json:"value"` // what it came to
	Files  []KeyFile `json:"files,omitempty"`
}

// KeyFile is a file that a segment was made from.
type KeyFile struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// Scope is what separates caches: an entry of one is never seen in another.
type Scope struct {
	Collection string `json:"collection"` // URL of the organisation
	Project    string `json:"project"`    // its id
	Definition string `json:"definition"` // the pipeline's id
	Tier       string `json:"tier"`       // trusted or untrusted
	Branch     string `json:"branch"`     // refs/heads/x or refs/pull/12/merge
}

// Producer is the run that saved an entry.
type Producer struct {
	BuildID         string  `json:"buildId"`
	BuildNumber     string  `json:"buildNumber"`
	Definition      string  `json:"definition"` // its name
	Commit          string  `json:"commit"`
	Branch          string  `json:"branch"`
	Reason          string  `json:"reason"`
	Agent           string  `json:"agent"`
	OS              string  `json:"os"`
	Arch            string  `json:"arch"`
	Tool            string  `json:"tool"`            // version of the package manager
	DownloadSeconds float64 `json:"downloadSeconds"` // how long it took without the cache
}

// String names the run for a log.
func (p Producer) String() string {
	if p.BuildID == "" {
		return "an unnamed run"
	}
	text := "build " + p.BuildID
	if p.BuildNumber != "" && p.BuildNumber != p.BuildID {
		text += " (" + p.BuildNumber + ")"
	}
	if p.Branch != "" {
		text += " of " + p.Branch
	}
	return text
}

// File is a file of an entry.
type File struct {
	Path       string `json:"path"` // with slashes, below the cache folder
	Size       int64  `json:"size"`
	SHA256     string `json:"sha256"` // lower-case hex
	Executable bool   `json:"executable,omitempty"`
	Claim      string `json:"claim,omitempty"` // ID of the claim it was held against
	// Extents are the parts of its contents, in order.
	Extents []extent `json:"extents,omitempty"`
}

// Totals are sums over an entry.
type Totals struct {
	Files  int   `json:"files"`
	Bytes  int64 `json:"bytes"`  // sizes of all files together
	Stored int64 `json:"stored"` // sizes of all packs together
}

// pack is an object that holds contents.
type pack struct {
	SHA256  string    `json:"sha256"`
	Size    int64     `json:"size"`
	Created time.Time `json:"created"`
	// Frames lie in the pack one after the other, without gaps.
	Frames []frame `json:"frames"`
}

// frame is a part of a pack that is decompressed at once. If both sizes are equal,
// it is not compressed.
type frame struct {
	Stored int64 `json:"stored"`
	Raw    int64 `json:"raw"`
}

// extent is a part of a frame's raw contents.
type extent struct {
	Pack   int   `json:"pack"`
	Frame  int   `json:"frame"`
	Offset int64 `json:"offset"`
	Length int64 `json:"length"`
}

// StartsWith reports whether the key's leading segments have these values.
func (m *Manifest) StartsWith(values []string) bool {
	own := m.values()
	return len(own) >= len(values) && slices.Equal(own[:len(values)], values)
}

func (m *Manifest) values() []string { return valuesOf(m.Segments) }

func valuesOf(segments []Segment) []string {
	values := make([]string, len(segments))
	for i, s := range segments {
		values[i] = s.Value
	}
	return values
}

// fingerprint is a key as Cache@2 shows it.
func fingerprint(values []string) string { return strings.Join(values, "|") }

// content returns the digest of what the files are: equal for entries that restore
// to the same folder.
func (m *Manifest) content() string {
	sum := sha256.New()
	var line []byte
	for _, f := range m.Files {
		mark := " - "
		if f.Executable {
			mark = " x "
		}
		line = append(append(append(append(line[:0], f.SHA256...), mark...), f.Path...), '\n')
		sum.Write(line)
	}
	for _, dir := range m.EmptyDirs {
		io.WriteString(sum, "d "+dir+"\n")
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// total computes the sums.
func (m *Manifest) total() Totals {
	t := Totals{Files: len(m.Files)}
	for _, f := range m.Files {
		t.Bytes += f.Size
	}
	for _, p := range m.Packs {
		t.Stored += p.Size
	}
	return t
}

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic("entry: " + err.Error()) // plain data
	}
	return text
}
