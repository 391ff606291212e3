package entry

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/archive"
	"github.com/guardrails-ci/guardrails/tasks/safecache/seal"
	"github.com/klauspost/compress/zstd"
)

// payloadType is what a manifest's envelope says that it holds.
const payloadType = "application/vnd.guardrails.safecache-manifest.v1+zstd"

// Sizes that a reader accepts. What is written stays far below.
const (
	maxFrame    = 4 << 20  // raw bytes of a frame
	maxPack     = 32 << 20 // bytes of a pack
	maxManifest = 256 << 20
	// A manifest is full of hashes, so it never shrinks by as much.
	maxShrink, shrinkFloor = 100, 1 << 20
	maxSegments            = 1000
	// Elements of lists: one for so many bytes, beyond some. Empty ones would take a
	// hundred times the memory of their text.
	bytesPerElement, fewElements = 40, 1 << 16
	maxWords                     = 16 << 10
)

// A bomb: stored bytes that would become more than maxRatio times as many.
const (
	maxRatio   = 500
	ratioFloor = 64 << 20 // which may be anything
)

// skew is how far clocks may differ.
const skew = 10 * time.Minute

// open makes an entry of a manifest's object, of which only the name is believed.
func (r Repository) open(name string, object []byte) (*Entry, error) {
	opened, err := seal.Open(object, payloadType, r.Keys)
	var forged *seal.SignatureError
	switch {
	case errors.As(err, &forged):
		return nil, rejected(name, KindSignature, "%s", forged)
	case err != nil:
		return nil, rejected(name, KindTampered, "it is %s", err)
	}
	if strings.HasPrefix(name, trustedRoot) && len(r.Keys) > 0 && opened.KeyID == "" {
		return nil, rejected(name, KindSignature, "%s", unsigned(opened)) // before any work is done for it
	}
	text, err := unpackManifest(opened.Payload)
	if err != nil {
		return nil, rejected(name, KindTampered, "%s", err)
	}
	e := &Entry{Name: name, KeyID: opened.KeyID}
	if err := parse(text, &e.Manifest); err != nil {
		return nil, rejected(name, KindTampered, "its manifest is not JSON of the right form: %.200s", err)
	}
	m := &e.Manifest
	if kind, reason := m.check(r.limits()); reason != "" {
		return nil, rejected(name, kind, "%s", reason)
	}
	if own := manifestName(m.Scope, m.values(), m.Generation); own != name {
		return nil, rejected(name, m.elsewhere(name), "it is a copy of %s, which is another entry", own)
	}
	e.checked = true
	return e, nil
}

func unsigned(o seal.Opened) string {
	switch {
	case !o.Signed:
		return "it is not signed, and every trusted entry must be"
	case len(o.UnknownKeys) > 0:
		return "it is not signed by a known key, but, it says, by " + strings.Join(o.UnknownKeys, ", ")
	}
	return "it is not signed by a known key"
}

// elsewhere tells how a manifest differs from one that would have this name.
func (m *Manifest) elsewhere(name string) Kind {
	switch {
	case !strings.HasPrefix(name, m.Scope.root()+entries):
		return KindScope
	case !strings.HasPrefix(name, m.Scope.folder(m.values())):
		return KindKey
	}
	return KindTampered // another generation
}

// mostText is how big a manifest may become that is this when compressed.
func mostText(data []byte) uint64 { return uint64(min(maxManifest, shrinkFloor+maxShrink*len(data))) }

// unpackManifest decompresses a manifest that may be anything.
func unpackManifest(data []byte) ([]byte, error) {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(mostText(data)))
	if err != nil {
		return nil, err
	}
	defer decoder.Close()
	text, err := decoder.DecodeAll(data, nil)
	if err != nil {
		return nil, fmt.Errorf("its manifest cannot be decompressed: %w", err)
	}
	return text, nil
}

func packManifest(text []byte) ([]byte, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault))
	if err != nil {
		return nil, err
	}
	return encoder.EncodeAll(text, nil), encoder.Close()
}

// crowded reports whether there are more elements in lists than such a text says
// anything about.
func crowded(text []byte) bool {
	var open []byte // brackets
	elements, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '"':
			quoted = !quoted
		case '\\':
			i++ // only texts have it
		case '[', '{', ']', '}', ',':
			if quoted {
				continue
			}
			open = nest(open, c)
			if c == ',' && len(open) > 0 && open[len(open)-1] == '[' {
				elements++
			}
		}
	}
	return elements > fewElements+len(text)/bytesPerElement
}

// nest notes brackets that open, and drops them when they close.
func nest(open []byte, c byte) []byte {
	switch {
	case c == '[' || c == '{':
		return append(open, c)
	case c != ',' && len(open) > 0:
		return open[:len(open)-1]
	}
	return open
}

// parse is json.Unmarshal that refuses what it does not know.
func parse(text []byte, m *Manifest) error {
	if crowded(text) {
		return errors.New("its lists have too many elements")
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(m); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("it goes on after its end")
	}
	return nil
}

// check returns why a manifest must not be followed.
func (m *Manifest) check(l archive.Limits) (Kind, string) {
	if reason := m.checkKey(); reason != "" {
		return KindTampered, reason
	}
	if reason := checkPacks(m.Packs); reason != "" {
		return KindTampered, reason
	}
	if kind, reason := m.checkFiles(l); reason != "" {
		return kind, reason
	}
	switch t := m.total(); {
	case t != m.Totals:
		return KindTampered, fmt.Sprintf("its totals are %+v, and it says %+v", t, m.Totals)
	case t.Bytes > ratioFloor && t.Bytes/maxRatio > t.Stored:
		return KindLimits, fmt.Sprintf("%d bytes would become %d, more than %d times as many",
			t.Stored, t.Bytes, maxRatio)
	case m.content() != m.Content:
		return KindTampered, "its content digest is not that of its files"
	}
	return "", ""
}

func (m *Manifest) checkKey() string {
	switch {
	case m.Version != version:
		return fmt.Sprintf("its manifest has version %d, and this program knows %d", m.Version, version)
	case len(m.Segments) == 0 || len(m.Segments) > maxSegments:
		return fmt.Sprintf("its key has %d segments", len(m.Segments))
	case m.Fingerprint != fingerprint(m.values()):
		return "its fingerprint is not that of its key"
	case m.Scope.Tier != trusted && m.Scope.Tier != untrusted:
		return fmt.Sprintf("its tier is %.40q", m.Scope.Tier)
	case m.Generation < 1:
		return fmt.Sprintf("its generation is %d", m.Generation)
	case m.words() > maxWords:
		return fmt.Sprintf("its key and its producer have names of %d bytes", m.words())
	case m.Expires.Before(m.Created):
		return "it expired before it was made"
	}
	return ""
}

// words is how much there is of the texts that logs show in full.
func (m *Manifest) words() int {
	n := len(m.Fingerprint) + len(m.Ecosystem) + len(encode(m.Scope)) + len(encode(m.Producer))
	for _, s := range m.Segments {
		n += len(s.Source) + len(s.Kind)
	}
	return n
}

func checkPacks(packs []pack) string {
	seen := map[string]bool{}
	for i, p := range packs {
		switch {
		case !isSHA256(p.SHA256):
			return fmt.Sprintf("the hash of its pack %d is not a SHA-256", i)
		case seen[p.SHA256]:
			return fmt.Sprintf("its pack %s is there twice", p.SHA256)
		case p.Size < 1 || p.Size > maxPack:
			return fmt.Sprintf("its pack %s has %d bytes, and %d is the most", p.SHA256, p.Size, maxPack)
		}
		seen[p.SHA256] = true
		left := p.Size
		for _, f := range p.Frames {
			if f.Stored < 1 || f.Stored > left || f.Raw < f.Stored || f.Raw > maxFrame {
				return fmt.Sprintf("its pack %s has a frame of %d bytes for %d", p.SHA256, f.Stored, f.Raw)
			}
			left -= f.Stored
		}
		if left != 0 {
			return fmt.Sprintf("the frames of its pack %s leave %d bytes over", p.SHA256, left)
		}
	}
	return ""
}

func (m *Manifest) checkFiles(l archive.Limits) (Kind, string) {
	if len(m.Files) == 0 {
		return KindTampered, "it has no files"
	}
	files := make([]archive.File, len(m.Files))
	parts := 0
	for i, f := range m.Files {
		files[i] = archive.File{Path: f.Path, Size: f.Size, Executable: f.Executable}
		parts += len(f.Extents)
		switch {
		case i > 0 && m.Files[i-1].Path > f.Path:
			return KindTampered, fmt.Sprintf("its file %.120q is out of order", f.Path)
		case !isSHA256(f.SHA256):
			return KindTampered, fmt.Sprintf("the hash of its file %.120q is not a SHA-256", f.Path)
		}
	}
	var refused *archive.RefusedError
	if errors.As(archive.Check(files, m.EmptyDirs, l), &refused) {
		if refused.Path == "" {
			return KindLimits, refused.Reason
		}
		return KindTampered, fmt.Sprintf("its file %.120q: %s", refused.Path, refused.Reason)
	}
	all := make([]extent, 0, parts)
	for i := range m.Files {
		f := &m.Files[i]
		if !m.covers(f) {
			return KindTampered, fmt.Sprintf("the extents of its file %.120q do not add up to it", f.Path)
		}
		all = append(all, f.Extents...)
	}
	if reason := checkOverlap(all); reason != "" {
		return KindTampered, reason
	}
	return KindTampered, checkUsed(m.Packs, all)
}

// covers reports whether a file's extents lie in the packs and have its size.
func (m *Manifest) covers(f *File) bool {
	left := f.Size
	for _, x := range f.Extents {
		if x.Pack < 0 || x.Pack >= len(m.Packs) || x.Frame < 0 || x.Frame >= len(m.Packs[x.Pack].Frames) {
			return false
		}
		raw := m.Packs[x.Pack].Frames[x.Frame].Raw
		if x.Offset < 0 || x.Offset > raw || x.Length < 1 || x.Length > raw-x.Offset || x.Length > left {
			return false
		}
		left -= x.Length
	}
	return left == 0
}

// checkOverlap wants extents that are equal, as those of equal files are, or apart.
func checkOverlap(all []extent) string {
	slices.SortFunc(all, compare)
	for i, x := range all[min(1, len(all)):] {
		before := all[i]
		if x != before && x.Pack == before.Pack && x.Frame == before.Frame && x.Offset < before.Offset+before.Length {
			return fmt.Sprintf("extents overlap in frame %d of pack %d", x.Frame, x.Pack)
		}
	}
	return ""
}

// checkUsed wants a part of a file in every pack, or packs that nobody has to have
// would make a bomb look small. all is sorted.
func checkUsed(packs []pack, all []extent) string {
	used := 0
	for _, x := range all {
		switch {
		case x.Pack == used:
			used++
		case x.Pack > used:
			return fmt.Sprintf("its pack %s holds nothing of it", packs[used].SHA256)
		}
	}
	if used < len(packs) {
		return fmt.Sprintf("its pack %s holds nothing of it", packs[used].SHA256)
	}
	return ""
}

func compare(a, b extent) int {
	return cmp.Or(cmp.Compare(a.Pack, b.Pack), cmp.Compare(a.Frame, b.Frame), cmp.Compare(a.Offset, b.Offset),
		cmp.Compare(a.Length, b.Length))
}
