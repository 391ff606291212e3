// Package pkgziptest makes the zip files that packages come in, for tests. It knows nothing
// of the code that reads them.
package pkgziptest

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"
	"testing"
)

// Zip makes a zip of name, contents, name, contents, ...
func Zip(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, err := w.Create(files[i])
		if err == nil {
			_, err = io.WriteString(f, files[i+1])
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

// Sign puts a signature into an unsigned package, as NuGet does (behind the
// files), or in front of file number place. It is written from the description of
// the zip format.
func Sign(t testing.TB, unsigned []byte, place int, signature string) []byte {
	t.Helper()
	little := binary.LittleEndian
	end := bytes.Clone(unsigned[len(unsigned)-22:])
	start, length := little.Uint32(end[16:]), little.Uint32(end[12:])
	directory := bytes.Clone(unsigned[start : start+length])
	var records [][]byte
	for rest := directory; len(rest) > 0; {
		n := 46 + int(little.Uint16(rest[28:])) + int(little.Uint16(rest[30:])) + int(little.Uint16(rest[32:]))
		records = append(records, rest[:n])
		rest = rest[n:]
	}
	at := start
	if place < len(records) {
		at = little.Uint32(records[place][42:])
	}
	common := []byte{20, 0, 0, 0, 0, 0, 1, 2, 3, 4} // version, flags, method, time and date
	common = little.AppendUint32(common, crc32.ChecksumIEEE([]byte(signature)))
	common = little.AppendUint32(common, uint32(len(signature)))
	common = little.AppendUint32(common, uint32(len(signature)))
	common = append(common, 14, 0, 0, 0) // lengths of name and extra field
	local := append(append([]byte("PK\x03\x04"), common...), ".signature.p7s"+signature...)
	for _, r := range records {
		if offset := little.Uint32(r[42:]); offset >= at {
			little.PutUint32(r[42:], offset+uint32(len(local)))
		}
	}
	record := append(append([]byte("PK\x01\x02\x14\x00"), common...), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	record = append(little.AppendUint32(record, at), ".signature.p7s"...)
	records = slices.Insert(records, min(place, len(records)), record)
	out := append(append(bytes.Clone(unsigned[:at]), local...), unsigned[at:start]...)
	little.PutUint32(end[16:], uint32(len(out)))
	out = append(out, slices.Concat(records...)...)
	little.PutUint32(end[12:], length+uint32(len(record)))
	little.PutUint16(end[8:], uint16(len(records)))
	little.PutUint16(end[10:], uint16(len(records)))
	return append(out, end...)
}
