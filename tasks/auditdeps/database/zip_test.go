package database

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/osvtest"
)

// entry is one of a zip whose size may be a lie.
type entry struct {
	name    string
	data    []byte // packed
	size    uint64 // said to be, unpacked; 0: not packed
	without uint16 // the method, if not deflate
}

func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{
			Name: e.name, Method: zip.Store, CompressedSize64: uint64(len(e.data)), UncompressedSize64: uint64(len(e.data)),
			CRC32: crc32.ChecksumIEEE(e.data),
		}
		if e.size > 0 {
			h.Method, h.UncompressedSize64 = zip.Deflate, e.size
		}
		if e.without > 0 {
			h.Method = e.without
		}
		f, err := w.CreateRaw(h)
		if err == nil {
			_, err = f.Write(e.data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func readZip(data []byte) (*tally, error) {
	tally := newTally("npm", today)
	err := tally.zip(context.Background(), bytes.NewReader(data), int64(len(data)))
	return tally, err
}

func TestHostileZip(t *testing.T) {
	t.Parallel()
	good := []byte(osv("A-1", "minimist", "1.2.6", 0))
	var many []entry
	for i := range maxUnpacked/maxRecord + 1 {
		many = append(many, entry{fmt.Sprint(i, ".json"), good, maxRecord, 0})
	}
	broken := archive(t, entry{"A-1.json", good, 0, 0})
	broken[bytes.Index(broken, []byte("minimist"))]++
	long := archive(t, entry{"A-1.json", good, 0, 0})
	for name, tc := range map[string]struct {
		data []byte
		want string
	}{
		"a large record":      {archive(t, entry{"A.json", good, maxRecord + 1, 0}), "A.json in the zip file has more than"},
		"large altogether":    {archive(t, many...), "has more than 4294967296 bytes"},
		"a ratio":             {archive(t, many[:8]...), "claims to have"},
		"packed by something": {archive(t, entry{"A.json", good, 0, 99}), "damaged at A.json"},
		"not packed at all":   {archive(t, entry{"A.json", []byte("{}{}{}"), 6, 0}), "damaged at A.json"},
		"changed":             {broken, "damaged at A-1.json"},
		"cut":                 {long[:len(long)-1], "not a whole zip file"},
		"a name for the log":  {archive(t, entry{"A\r\n##vso[x].json", good, maxRecord + 1, 0}), `A\r\n##vso[x].json in`},
	} {
		_, err := readZip(tc.data)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, tc.want)
		}
	}
	if _, err := readZip(archive(t, entry{"A-1.json", good, 0, 0}, entry{"folder/", nil, 0, 0})); err != nil {
		t.Errorf("a good zip: %v", err)
	}
}

// A zip's list of entries is held in memory, before anything can be asked of it.
func TestZipWithALongList(t *testing.T) {
	t.Parallel()
	head := make([]byte, 46+1)
	binary.LittleEndian.PutUint32(head, 0x02014b50)
	binary.LittleEndian.PutUint16(head[28:], 1) // length of the name
	const n, longest = 30_000, 1 << 20
	list := bytes.Repeat(head, n)
	end := make([]byte, 22)
	binary.LittleEndian.PutUint32(end, 0x06054b50)
	binary.LittleEndian.PutUint16(end[8:], n&0xffff)
	binary.LittleEndian.PutUint16(end[10:], n&0xffff)
	binary.LittleEndian.PutUint32(end[12:], uint32(len(list)))
	file := append(list, end...)
	_, err := openZip(bytes.NewReader(file), int64(len(file)), longest)
	if err == nil || !strings.Contains(err.Error(), "its list of entries is too long") {
		t.Errorf("a zip of %d entries: %v, want an error", n, err)
	}
	if _, err := openZip(bytes.NewReader(file), int64(len(file)), 2*longest); err != nil {
		t.Errorf("a zip of %d entries that may have so many: %v", n, err)
	}
}

// A record that is nested deeply or says things twice is a bad one, or a good one, but
// never the end of us.
func TestHostileRecords(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 1<<20)
	for name, tc := range map[string]struct {
		text string
		bad  int
	}{
		"deep":           {`{"id":"A","affected":` + deep, 1},
		"deep elsewhere": {`{"id":"A","database_specific":` + deep + strings.Repeat("]", 1<<20) + "}", 1},
		"a BOM":          {"\ufeff" + osv("A", "a", "1", 0), 1},
		"CRLF":           {strings.ReplaceAll(osv("A", "a", "1.0.0", 0), ",", ",\r\n"), 0},
		"nothing":        {"", 1},
		"null":           {"null", 1},
	} {
		tally, err := readZip(archive(t, entry{"A.json", []byte(tc.text), 0, 0}))
		if err != nil || tally.bad[0] != tc.bad {
			t.Errorf("%s: %d bad records, %v, want %d", name, tally.bad[0], err, tc.bad)
		}
	}
}

func FuzzZip(f *testing.F) {
	whole := osvtest.New(osv("A-1", "minimist", "1.2.6", 0), osv("A-2", "a", "1.2.6", 0)).Zip("npm")
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(archive(f, entry{"A.json", []byte("{}"), 100, 0}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if tally, err := readZip(data); err == nil && tally.check() == nil && tally.useful == 0 {
			t.Error("a zip without an advisory is taken")
		}
	})
}

func FuzzChange(f *testing.F) {
	f.Add("2026-01-02T03:04:05.678Z,GHSA-1")
	f.Add("2026-01-02T03:04:05Z,npm/GHSA-1")
	f.Add(",")
	f.Fuzz(func(t *testing.T, line string) {
		at, id, err := parseChange(line)
		if err == nil && (at.IsZero() && !strings.HasPrefix(line, "0001") || !strings.HasSuffix(line, ","+id)) {
			t.Errorf("parseChange(%q) = %v, %q", line, at, id)
		}
	})
}
