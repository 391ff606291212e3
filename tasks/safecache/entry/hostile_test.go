package entry

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/safecache/seal"
	"github.com/klauspost/compress/zstd"
)

// write puts a manifest of any text where one is.
func (m *memory) write(t testing.TB, name, text string, signer *seal.Signer) {
	t.Helper()
	data, err := packManifest([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	m.objects[name] = seal.Seal(payloadType, data, signer)
}

// clone copies a manifest, to be changed.
func clone(t testing.TB, m Manifest) *Manifest {
	t.Helper()
	var copied Manifest
	if err := parse(encode(m), &copied); err != nil {
		t.Fatal(err)
	}
	return &copied
}

// Hostile manifests, each true but for one thing. The author is careful: sums are
// right unless they are the point.
func TestHostileManifests(t *testing.T) {
	t.Parallel()
	files := map[string]string{"a": "one", "b": "two and more", "c": strings.Repeat("three ", 1<<20)}
	rename := func(to string) func(*Manifest) { return func(m *Manifest) { m.Files[0].Path = to } }
	for name, tc := range map[string]struct {
		change func(*Manifest)
		kind   Kind
		want   string
	}{
		"parent":         {rename("../a"), KindTampered, "operating system"},
		"inner parent":   {rename("a/../../a"), KindTampered, "shortest form"},
		"absolute":       {rename("/tmp/a"), KindTampered, "operating system"},
		"backslash":      {rename(`..\a`), KindTampered, "operating system"},
		"drive":          {rename("C:a"), KindTampered, "operating system"},
		"device":         {rename("NUL"), KindTampered, "operating system"},
		"trailing dot":   {rename("A."), KindTampered, "operating system"},
		"control":        {rename("A\n##vso[task.complete]"), KindTampered, "operating system"},
		"twice":          {rename("b"), KindTampered, "twice"},
		"case":           {rename("B"), KindTampered, "upper and lower case"},
		"file as folder": {func(m *Manifest) { m.Files[1].Path = "a/b" }, KindTampered, "twice"},
		"order":          {func(m *Manifest) { slices.Reverse(m.Files) }, KindTampered, "out of order"},
		"empty folder":   {func(m *Manifest) { m.EmptyDirs = []string{"../d"} }, KindTampered, "operating system"},
		"folder is file": {func(m *Manifest) { m.EmptyDirs = []string{"a"} }, KindTampered, "twice"},
		"no files":       {func(m *Manifest) { m.Files = nil }, KindTampered, "no files"},
		"no hash":        {func(m *Manifest) { m.Files[0].SHA256 = "" }, KindTampered, "not a SHA-256"},
		"upper-case hash": {func(m *Manifest) { m.Files[0].SHA256 = strings.ToUpper(m.Files[0].SHA256) }, KindTampered,
			"not a SHA-256"},
		"wrong hash":       {func(m *Manifest) { m.Files[0].SHA256 = m.Files[1].SHA256 }, KindTampered, "its SHA-256 begins with"},
		"wrong hash, big":  {func(m *Manifest) { m.Files[2].SHA256 = m.Files[1].SHA256 }, KindTampered, "its SHA-256 begins with"},
		"swapped":          {func(m *Manifest) { swap(&m.Files[0].Extents, &m.Files[1].Extents) }, KindTampered, "add up"},
		"other part":       {func(m *Manifest) { m.Files[0].Extents[0].Offset++ }, KindTampered, ""},
		"negative size":    {func(m *Manifest) { m.Files[0].Size = -1 }, KindTampered, "negative"},
		"longer":           {func(m *Manifest) { m.Files[0].Size++ }, KindTampered, "add up"},
		"shorter":          {func(m *Manifest) { m.Files[0].Size-- }, KindTampered, "add up"},
		"no extents":       {func(m *Manifest) { m.Files[0].Extents = nil }, KindTampered, "add up"},
		"extents of empty": {func(m *Manifest) { m.Files[0].Size = 0 }, KindTampered, "add up"},
		"negative pack":    {func(m *Manifest) { m.Files[0].Extents[0].Pack = -1 }, KindTampered, "add up"},
		"no such pack":     {func(m *Manifest) { m.Files[0].Extents[0].Pack = 1 }, KindTampered, "add up"},
		"negative frame":   {func(m *Manifest) { m.Files[0].Extents[0].Frame = -1 }, KindTampered, "add up"},
		"no such frame":    {func(m *Manifest) { m.Files[0].Extents[0].Frame = 99 }, KindTampered, "add up"},
		"negative offset":  {func(m *Manifest) { m.Files[0].Extents[0].Offset = -1 }, KindTampered, "add up"},
		"offset too far":   {func(m *Manifest) { m.Files[0].Extents[0].Offset = 1 << 62 }, KindTampered, "add up"},
		"negative length":  {func(m *Manifest) { m.Files[0].Extents[0].Length = -3 }, KindTampered, "add up"},
		"empty extent": {func(m *Manifest) {
			x := m.Files[0].Extents[0]
			m.Files[0].Extents = []extent{x, {x.Pack, x.Frame, x.Offset, 0}}
		}, KindTampered, "add up"},
		"negative and positive": {func(m *Manifest) {
			x := m.Files[0].Extents[0]
			m.Files[0].Extents = []extent{{x.Pack, x.Frame, x.Offset + 3, -3}, {x.Pack, x.Frame, x.Offset, 6}}
		}, KindTampered, "add up"},
		"overflowing length": {func(m *Manifest) {
			m.Files[0].Extents[0].Length, m.Files[0].Size = 1<<63-1, 1<<63-1
		}, KindLimits, "bytes together"},
		"overlapping": {func(m *Manifest) {
			x := &m.Files[1].Extents[0]
			m.Files[0].Size, m.Files[0].Extents[0] = 5, extent{x.Pack, x.Frame, x.Offset + 1, 5}
		}, KindTampered, "overlap"},
		"pack's name":    {func(m *Manifest) { m.Packs[0].SHA256 = "../../../../../etc/passwd" }, KindTampered, "not a SHA-256"},
		"pack twice":     {func(m *Manifest) { m.Packs = append(m.Packs, m.Packs[0]) }, KindTampered, "twice"},
		"no such object": {func(m *Manifest) { m.Packs[0].SHA256 = strings.Repeat("0", 64) }, KindMissing, "not there"},
		"size of pack":   {func(m *Manifest) { m.Packs[0].Size++; m.Packs[0].Frames[0].Stored++; m.Packs[0].Frames[0].Raw++ }, KindTampered, ""},
		"huge pack":      {func(m *Manifest) { m.Packs[0].Size = maxPack + 1 }, KindTampered, "the most"},
		"negative pack size": {func(m *Manifest) {
			m.Packs[0].Size = -1
		}, KindTampered, "the most"},
		"huge frame":      {func(m *Manifest) { m.Packs[0].Frames[0].Raw = maxFrame + 1 }, KindTampered, "has a frame of"},
		"negative frame ": {func(m *Manifest) { m.Packs[0].Frames[0].Stored = -1 }, KindTampered, "has a frame of"},
		"growing frame":   {func(m *Manifest) { m.Packs[0].Frames[0].Raw = m.Packs[0].Frames[0].Stored - 1 }, KindTampered, "has a frame of"},
		"frame beyond pack": {func(m *Manifest) {
			m.Packs[0].Frames = append(m.Packs[0].Frames, frame{1, 1})
		}, KindTampered, "has a frame of"},
		"gap":             {func(m *Manifest) { m.Packs[0].Frames = m.Packs[0].Frames[:1] }, KindTampered, "over"},
		"longer frame":    {func(m *Manifest) { m.Packs[0].Frames[1].Raw++ }, KindTampered, "its frame 1 has"},
		"cut frame":       {func(m *Manifest) { m.Packs[0].Frames[1].Raw--; m.Files[2].Size--; m.Files[2].Extents[1].Length-- }, KindTampered, "its frame 1 cannot"},
		"version":         {func(m *Manifest) { m.Version = 2 }, KindTampered, "version 2"},
		"no key":          {func(m *Manifest) { m.Segments, m.Fingerprint = nil, "" }, KindTampered, "0 segments"},
		"fingerprint":     {func(m *Manifest) { m.Fingerprint = "k|l" }, KindTampered, "fingerprint"},
		"other key":       {func(m *Manifest) { m.Segments[0].Value, m.Fingerprint = "l", "l" }, KindKey, "a copy of"},
		"key like ours":   {func(m *Manifest) { m.Segments = append(m.Segments, Segment{}); m.Fingerprint = "k|" }, KindKey, "a copy of"},
		"other branch":    {func(m *Manifest) { m.Scope.Branch = "refs/heads/evil" }, KindScope, "a copy of"},
		"other project":   {func(m *Manifest) { m.Scope.Project = "q" }, KindScope, "a copy of"},
		"other tier":      {func(m *Manifest) { m.Scope.Tier = untrusted }, KindScope, "a copy of"},
		"no tier":         {func(m *Manifest) { m.Scope.Tier = "" }, KindTampered, "its tier"},
		"generation":      {func(m *Manifest) { m.Generation = 2 }, KindTampered, "a copy of"},
		"generation 0":    {func(m *Manifest) { m.Generation = 0 }, KindTampered, "generation is 0"},
		"expired":         {func(m *Manifest) { m.Expires = noon }, KindExpired, "expired on"},
		"from the future": {func(m *Manifest) { m.Created = noon.Add(time.Hour) }, KindExpired, "future"},
		"backwards":       {func(m *Manifest) { m.Expires = m.Created.Add(-1) }, KindTampered, "expired before"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newMemory()
			r := newRepository(in)
			saved := save(t, r, files, draft("1", "k"))
			m := clone(t, saved.Manifest)
			tc.change(m)
			m.Totals, m.Content = m.total(), m.content()
			in.write(t, saved.Name, string(encode(m)), nil)
			got := refused(t, r, mainScope, tc.kind, []string{"k"}, RestoreOptions{})
			if !strings.Contains(got.Reason, tc.want) {
				t.Errorf("rejected: %q, want %q", got.Reason, tc.want)
			}
		})
	}
}

func swap[T any](a, b *T) { *a, *b = *b, *a }

// The same with manifests that are not even consistent, or not of our form.
func TestMalformedManifests(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	saved := save(t, r, map[string]string{"a": "one"}, draft("1", "k"))
	good := string(encode(saved.Manifest))
	change := func(f func(*Manifest)) string {
		m := clone(t, saved.Manifest)
		f(m)
		return string(encode(m))
	}
	in.write(t, saved.Name, good, nil)
	find(t, r, mainScope, "k")
	for name, text := range map[string]string{
		"empty":          "",
		"not JSON":       "{",
		"a list":         "[]",
		"null":           "null",
		"unknown field":  strings.Replace(good, "{", `{"owner":"root",`, 1),
		"unknown inside": strings.Replace(good, `"sha256"`, `"mode":1,"sha256"`, 1),
		"goes on":        good + good,
		"wrong type":     strings.Replace(good, `"size":3`, `"size":"3"`, 1),
		"fraction":       strings.Replace(good, `"size":3`, `"size":3.5`, 1),
		"overflow":       strings.Replace(good, `"size":3`, `"size":99999999999999999999`, 1),
		"total files":    change(func(m *Manifest) { m.Totals.Files++ }),
		"total bytes":    change(func(m *Manifest) { m.Totals.Bytes++ }),
		"total stored":   change(func(m *Manifest) { m.Totals.Stored-- }),
		"content":        change(func(m *Manifest) { m.Content = strings.Repeat("0", 64) }),
		"executable":     change(func(m *Manifest) { m.Files[0].Executable = true }),
		"renamed":        change(func(m *Manifest) { m.Files[0].Path = "b" }),
		"folder added":   change(func(m *Manifest) { m.EmptyDirs = []string{"d"} }),
		"bomb":           good + strings.Repeat(" ", 200<<20),
	} {
		in.write(t, saved.Name, text, nil)
		got := refused(t, r, mainScope, KindTampered, []string{"k"}, RestoreOptions{})
		if got.Entry != saved.Name {
			t.Errorf("%s: rejected %q, want %q", name, got.Entry, saved.Name)
		}
	}
	for name, object := range map[string]string{
		"nothing": "", "no envelope": good, "other type": string(seal.Seal("text/plain", []byte(good), nil)),
		"not compressed": string(seal.Seal(payloadType, []byte(good), nil)),
	} {
		in.objects[saved.Name] = []byte(object)
		t.Log(name)
		refused(t, r, mainScope, KindTampered, []string{"k"}, RestoreOptions{})
	}
}

// Every byte of what the store holds counts.
func TestEveryByteCounts(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	r.Signer = newSigner(t, 0)
	r.Keys = []seal.Key{r.Signer.Key()}
	files := map[string]string{"a": strings.Repeat("some text ", 50), "b": "\x1f\x8b" + noise(300, 1), "c": ""}
	save(t, r, files, draft("1", "k"))
	good := maps.Clone(in.objects)
	parent := t.TempDir()
	try := func(name string, object []byte) error {
		in.objects = maps.Clone(good)
		in.objects[name] = object
		e, err := r.Find(context.Background(), mainScope, []string{"k"})
		if err != nil {
			return err
		}
		_, err = r.Restore(context.Background(), e, filepath.Join(parent, "dst"), RestoreOptions{})
		return err
	}
	for name, object := range good {
		changed := map[string][]byte{"cut": object[:len(object)-1], "longer": append(slices.Clone(object), 0), "empty": {}}
		for i := range object {
			flipped := slices.Clone(object)
			flipped[i] ^= 1 << (i % 8)
			changed[time.Duration(i).String()] = flipped
		}
		for what, object := range changed {
			var rejection *RejectedError
			if err := try(name, object); !errors.As(err, &rejection) {
				// The key's name in the envelope is a hint that is not signed.
				if strings.HasSuffix(name, jsonSuffix) && err == nil && sameButKeyID(object, good[name]) {
					if err := os.RemoveAll(filepath.Join(parent, "dst")); err != nil {
						t.Fatal(err)
					}
					continue
				}
				t.Fatalf("%s, %s: error %v, want a *RejectedError", name, what, err)
			}
			onlyEntry(t, parent)
		}
	}
	in.objects = good
	if err := try("x", nil); err != nil {
		t.Errorf("unchanged: %v", err)
	}
}

func sameButKeyID(a, b []byte) bool {
	var x, y struct {
		Payload, PayloadType string
		Signatures           []struct{ KeyID, Sig string }
	}
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil || len(x.Signatures) != 1 {
		return false
	}
	x.Signatures[0].KeyID = y.Signatures[0].KeyID
	return x.Payload == y.Payload && x.PayloadType == y.PayloadType && x.Signatures[0] == y.Signatures[0]
}

// The hash of a pack is checked before its contents are looked at: a pack that
// would be wrong in both ways is rejected for its hash.
func TestHashBeforeDecoder(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	save(t, r, map[string]string{"a": strings.Repeat("text ", 1000)}, draft("1", "k"))
	name := in.names(packSuffix)[0]
	in.objects[name] = []byte(strings.Repeat("x", len(in.objects[name])))
	got := refused(t, r, mainScope, KindTampered, []string{"k"}, RestoreOptions{})
	if got.Entry != name || !strings.Contains(got.Reason, "the pack's SHA-256") {
		t.Errorf("rejected: %v, want the pack for its SHA-256", got)
	}
}

// What shrinks like nothing real does is not expanded.
func TestBombs(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	saved := save(t, r, map[string]string{"a": strings.Repeat("\x00", 1<<20)}, draft("1", "k"))
	m := clone(t, saved.Manifest)
	// One file of zeros, in a frame of a few bytes, again and again.
	for len(m.Files[0].Extents) < 80 {
		m.Files[0].Extents = append(m.Files[0].Extents, m.Files[0].Extents[0])
	}
	m.Files[0].Size = 80 << 20
	m.Totals, m.Content = m.total(), m.content()
	in.write(t, saved.Name, string(encode(m)), nil)
	if got := refused(t, r, mainScope, KindLimits, []string{"k"}, RestoreOptions{}); !strings.Contains(got.Reason, "times as many") {
		t.Errorf("rejected: %v", got)
	}
	r.Limits.Files, r.Limits.Bytes = 10, 1<<20-1
	in.write(t, saved.Name, string(encode(saved.Manifest)), nil)
	refused(t, r, mainScope, KindLimits, []string{"k"}, RestoreOptions{})
}

// A frame that says it has few bytes, and has many, takes memory for few.
func TestFramesStayInTheirMemory(t *testing.T) {
	t.Parallel()
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := newDecoder()
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, maxFrame)
	for _, size := range []int{0, 1, 999, 1001, maxFrame, maxFrame + 1, 64 << 20} {
		stored := encoder.EncodeAll(make([]byte, size), nil)
		f := frame{Stored: int64(len(stored)), Raw: 1000}
		raw, reason := f.expand(decoder, stored, buf)
		if reason == "" {
			t.Errorf("a frame of %d bytes passes for one of 1000: %d bytes", size, len(raw))
		}
	}
	stored := encoder.EncodeAll(make([]byte, 1000), nil)
	if raw, reason := (frame{int64(len(stored)), 1000}).expand(decoder, stored, buf); len(raw) != 1000 || &raw[0] != &buf[0] {
		t.Errorf("a good frame gives %d bytes, %q, want 1000 in the memory that was there", len(raw), reason)
	}
}

// Lists of nothing, each element of which takes much more memory than its text, are
// refused before they are read.
func TestCrowdedManifests(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	saved := save(t, r, map[string]string{"a": "one"}, draft("1", "k"))
	good := string(encode(saved.Manifest))
	for name, tc := range map[string]struct{ list, element string }{
		"files":   {`"files":[`, "{},"},
		"nulls":   {`"files":[`, "null,"},
		"numbers": {`"files":[`, "0,"}, // of the wrong type, which is said at the end
		"extents": {`"extents":[`, "{},"},
		"frames":  {`"frames":[`, `{"raw":1},`},
		"texts":   {`"packages":["p",`, `"",`},
	} {
		text := strings.Replace(good, `"packs":`, `"packages":["p","p"],"packs":`, 1)
		text = strings.Replace(text, tc.list, tc.list+strings.Repeat(tc.element, 100_000), 1)
		in.write(t, saved.Name, text, nil)
		if got := refused(t, r, mainScope, KindTampered, []string{"k"}, RestoreOptions{}); !strings.Contains(got.Reason, "too many elements") {
			t.Errorf("%s: rejected: %.200q, want its number of elements", name, got.Reason)
		}
	}
	if text := `["` + strings.Repeat(`[\",`, 100_000) + `"]`; crowded([]byte(text)) {
		t.Error("commas in a text pass for those of a list")
	}
}

// What must be signed and is not costs nothing but its envelope.
func TestUnsignedIsNotRead(t *testing.T) {
	t.Parallel()
	in := newMemory()
	r := newRepository(in)
	saved := save(t, r, map[string]string{"a": "one"}, draft("1", "k"))
	r.Keys = []seal.Key{newSigner(t, 0).Key()}
	in.objects[saved.Name] = seal.Seal(payloadType, []byte("a bomb"), nil)
	refused(t, r, mainScope, KindSignature, []string{"k"}, RestoreOptions{})
}
