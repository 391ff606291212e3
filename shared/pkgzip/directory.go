package pkgzip

import (
	"bytes"
	"encoding/binary"
	"io"
)

// directory is the list of files at the end of a zip.
type directory struct {
	start   uint32 // where it begins
	data    []byte // all of it
	end     []byte // the record that ends the zip
	records []listed
}

// listed is a file in the list.
type listed struct {
	name   string
	data   []byte // of directory.data
	offset uint32 // of the file itself
}

// The sizes and places of the zip format (APPNOTE.TXT 4.3.12, 4.3.16).
const (
	zipEndSize      = 22
	zipEndEntries   = 8  // of this disk, and two bytes on, of all
	zipEndLength    = 12 // of the list
	zipEndStart     = 16 // of the list
	zipHeaderSize   = 30
	zipRecordSize   = 46
	zipRecordNames  = 28 // the lengths of name, extra field and comment
	zipRecordOffset = 42
)

// readDirectory reads the list of a zip that has neither a comment, nor a prefix,
// nor more than one disk, nor the extension for more than 4 GiB.
func readDirectory(file io.ReaderAt, size int64) (*directory, error) {
	d := &directory{end: make([]byte, zipEndSize)}
	if size < zipEndSize {
		return nil, errNupkg
	}
	if _, err := file.ReadAt(d.end, size-zipEndSize); err != nil {
		return nil, errNupkg
	}
	little := binary.LittleEndian
	length := little.Uint32(d.end[zipEndLength:])
	d.start = little.Uint32(d.end[zipEndStart:])
	if string(d.end[:8]) != "PK\x05\x06\x00\x00\x00\x00" || little.Uint16(d.end[20:]) != 0 ||
		int64(d.start)+int64(length) != size-zipEndSize || length > maxDirectory {
		return nil, errNupkg
	}
	d.data = make([]byte, length)
	if _, err := file.ReadAt(d.data, int64(d.start)); err != nil {
		return nil, errNupkg
	}
	if err := d.readRecords(); err != nil {
		return nil, err
	}
	count := uint16(len(d.records))
	if len(d.records) > 0xfffe ||
		little.Uint16(d.end[zipEndEntries:]) != count || little.Uint16(d.end[zipEndEntries+2:]) != count {
		return nil, errNupkg
	}
	return d, nil
}

func (d *directory) readRecords() error {
	little := binary.LittleEndian
	for rest := d.data; len(rest) > 0; {
		if len(rest) < zipRecordSize || string(rest[:4]) != "PK\x01\x02" {
			return errNupkg
		}
		name := int(little.Uint16(rest[zipRecordNames:]))
		extra, comment := int(little.Uint16(rest[zipRecordNames+2:])), int(little.Uint16(rest[zipRecordNames+4:]))
		whole := zipRecordSize + name + extra + comment
		if whole > len(rest) {
			return errNupkg
		}
		d.records = append(d.records, listed{
			name: string(rest[zipRecordSize : zipRecordSize+name]), data: rest[:whole],
			offset: little.Uint32(rest[zipRecordOffset:]),
		})
		rest = rest[whole:]
	}
	return nil
}

// findSignature finds the only record of the signature, and makes sure that the
// files begin where the zip does, each at a place of its own.
func (d *directory) findSignature() (listed, error) {
	var found []listed
	offsets := map[uint32]bool{}
	for _, r := range d.records {
		if r.name == Signature {
			found = append(found, r)
		}
		if r.offset >= d.start || offsets[r.offset] {
			return listed{}, errNupkg
		}
		offsets[r.offset] = true
	}
	if len(found) != 1 || !offsets[0] {
		return listed{}, errNupkg
	}
	return found[0], nil
}

// isPlainSignature reports whether the signature is as NuGet writes it, stored and
// with nothing more: what is beyond the hash has no place to hide anything in.
func isPlainSignature(file io.ReaderAt, record listed, length int64) bool {
	little := binary.LittleEndian
	header := make([]byte, zipHeaderSize+len(Signature))
	if len(record.data) != zipRecordSize+len(Signature) || length < int64(len(header)) {
		return false
	}
	if _, err := file.ReadAt(header, int64(record.offset)); err != nil {
		return false
	}
	size := little.Uint32(record.data[20:])
	// Flags, method, time, checksum, sizes and lengths are the same in both places.
	return string(header[:4]) == "PK\x03\x04" && string(header[zipHeaderSize:]) == Signature &&
		bytes.Equal(header[6:zipHeaderSize], record.data[8:8+zipHeaderSize-6]) &&
		little.Uint32(record.data[8:]) == 0 && little.Uint32(record.data[24:]) == size &&
		length == int64(len(header))+int64(size)
}

// lengthOf is how much a file takes with its header: up to the next, or the list.
func (d *directory) lengthOf(record listed) int64 {
	next := d.start
	for _, r := range d.records {
		if r.offset > record.offset {
			next = min(next, r.offset)
		}
	}
	return int64(next) - int64(record.offset)
}

// without is the list and the end of the zip without a file of this length.
func (d *directory) without(record listed, length uint32) []byte {
	little := binary.LittleEndian
	var out []byte
	for _, r := range d.records {
		if r.name == record.name {
			continue
		}
		at := len(out)
		out = append(out, r.data...)
		if r.offset > record.offset {
			little.PutUint32(out[at+zipRecordOffset:], r.offset-length)
		}
	}
	end := bytes.Clone(d.end)
	count := uint16(len(d.records) - 1)
	little.PutUint16(end[zipEndEntries:], count)
	little.PutUint16(end[zipEndEntries+2:], count)
	little.PutUint32(end[zipEndLength:], uint32(len(out)))
	little.PutUint32(end[zipEndStart:], d.start-length)
	return append(out, end...)
}
