package ecosystem

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"slices"
	"strings"
)

// nupkgSignature is the file in a package that holds its signatures. The hash of a
// package's contents is that of the package without it, as it was before it was
// signed (NuGet.Client, SignedPackageArchiveUtility): otherwise a signature of the
// registry would change the hash.
const nupkgSignature = ".signature.p7s"

// nupkg is a package as it was before it was signed: its hash is what lock files
// have, so nothing that can be read in it is beyond that hash.
type nupkg struct {
	pieces []piece
	size   int64
	file   openFile
}

// piece is a part of the unsigned package.
type piece struct {
	at   int64 // in the unsigned package
	size int64
	from io.ReaderAt
	off  int64 // in from
}

func (n *nupkg) Close() error { return n.file.Close() }

// ReadAt reads the unsigned package.
func (n *nupkg) ReadAt(p []byte, off int64) (int, error) {
	done := 0
	for _, piece := range n.pieces {
		inside := off + int64(done) - piece.at
		if inside < 0 || inside >= piece.size || done == len(p) {
			continue
		}
		want := min(int64(len(p)-done), piece.size-inside)
		got, err := piece.from.ReadAt(p[done:done+int(want)], piece.off+inside)
		done += got
		if int64(got) < want {
			return done, errors.Join(err, io.ErrUnexpectedEOF)
		}
	}
	if done < len(p) {
		return done, io.EOF
	}
	return done, nil
}

func (n *nupkg) add(size int64, from io.ReaderAt, off int64) {
	n.pieces = append(n.pieces, piece{n.size, size, from, off})
	n.size += size
}

var errNupkg = errors.New("it is not a package whose parts follow one another without gaps")

// openNupkg opens a package and takes its signature out. An unsigned one is what it
// is. A signed one must be put together in the plainest way, so that all readers
// see the same in it.
func openNupkg(tree fs.FS, name string) (*nupkg, error) {
	file, size, err := openAt(tree, name, maxNupkg)
	if err != nil {
		return nil, err
	}
	n := &nupkg{file: file}
	if err := n.unsign(size); err != nil {
		file.Close()
		return nil, err
	}
	return n, nil
}

func (n *nupkg) unsign(size int64) error {
	archive, err := openZip(n.file, size)
	if err != nil {
		return err
	}
	signed := slices.ContainsFunc(archive.File, func(f *zip.File) bool { return f.Name == nupkgSignature })
	if !signed {
		n.add(size, n.file, 0)
		return nil
	}
	d, err := readZipDirectory(n.file, size)
	if err != nil {
		return err
	}
	signature, err := d.findSignature()
	if err != nil {
		return err
	}
	length := d.lengthOf(signature)
	if !isPlainSignature(n.file, signature, length) {
		return errNupkg
	}
	n.add(int64(signature.offset), n.file, 0)
	after := int64(signature.offset) + length
	n.add(int64(d.start)-after, n.file, after)
	rest := d.without(signature, uint32(length))
	n.add(int64(len(rest)), bytes.NewReader(rest), 0)
	return nil
}

// entry finds the file of the package that is unpacked to name.
func (n *nupkg) entry(name, nuspec string) (*zip.File, error) {
	archive, err := openZip(n, n.size)
	if err != nil {
		return nil, err
	}
	var found *zip.File
	for _, f := range archive.File {
		// NuGet writes the manifest's name in small letters.
		unpacked := unpackedName(f.Name)
		if unpacked != name && !(isNuspec(unpacked) && name == nuspec) {
			continue
		}
		if found != nil {
			return nil, errors.New("the package has two files of its name")
		}
		found = f
	}
	if found == nil {
		return nil, notNamed(errors.New("it is not in the package"))
	}
	return found, nil
}

// unpackedName is where NuGet puts a file of a package: it takes names for addresses.
func unpackedName(name string) string {
	if unescaped, err := url.PathUnescape(name); err == nil {
		name = unescaped
	}
	return strings.ReplaceAll(name, `\`, "/")
}

func isNuspec(name string) bool {
	return !strings.Contains(name, "/") && strings.HasSuffix(strings.ToLower(name), ".nuspec")
}

// unpacked are the names of the files that NuGet unpacks (PackageHelper.IsPackageFile),
// but for the manifest.
func (n *nupkg) unpacked() ([]string, error) {
	archive, err := openZip(n, n.size)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range archive.File {
		name := unpackedName(f.Name)
		lower := strings.ToLower(name)
		own := strings.HasPrefix(lower, "_rels/") || strings.HasPrefix(lower, "package/") ||
			strings.HasPrefix(lower, "[content_types].xml") || strings.HasSuffix(lower, ".nupkg.sha512")
		if !own && !isNuspec(name) && !strings.HasSuffix(name, "/") && name != nupkgSignature {
			names = append(names, name)
		}
	}
	return names, nil
}

// zipDirectory is the list of files at the end of a zip.
type zipDirectory struct {
	start   uint32 // where it begins
	data    []byte // all of it
	end     []byte // the record that ends the zip
	records []zipRecord
}

// zipRecord is a file in the list.
type zipRecord struct {
	name   string
	data   []byte // of zipDirectory.data
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

// readZipDirectory reads the list of a zip that has neither a comment, nor a prefix,
// nor more than one disk, nor the extension for more than 4 GiB.
func readZipDirectory(file io.ReaderAt, size int64) (*zipDirectory, error) {
	d := &zipDirectory{end: make([]byte, zipEndSize)}
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
		int64(d.start)+int64(length) != size-zipEndSize || length > maxZipDirectory {
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

func (d *zipDirectory) readRecords() error {
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
		d.records = append(d.records, zipRecord{
			name: string(rest[zipRecordSize : zipRecordSize+name]), data: rest[:whole],
			offset: little.Uint32(rest[zipRecordOffset:]),
		})
		rest = rest[whole:]
	}
	return nil
}

// findSignature finds the only record of the signature, and makes sure that the
// files begin where the zip does, each at a place of its own.
func (d *zipDirectory) findSignature() (zipRecord, error) {
	var found []zipRecord
	offsets := map[uint32]bool{}
	for _, r := range d.records {
		if r.name == nupkgSignature {
			found = append(found, r)
		}
		if r.offset >= d.start || offsets[r.offset] {
			return zipRecord{}, errNupkg
		}
		offsets[r.offset] = true
	}
	if len(found) != 1 || !offsets[0] {
		return zipRecord{}, errNupkg
	}
	return found[0], nil
}

// isPlainSignature reports whether the signature is as NuGet writes it, stored and
// with nothing more: what is beyond the hash has no place to hide anything in.
func isPlainSignature(file io.ReaderAt, record zipRecord, length int64) bool {
	little := binary.LittleEndian
	header := make([]byte, zipHeaderSize+len(nupkgSignature))
	if len(record.data) != zipRecordSize+len(nupkgSignature) || length < int64(len(header)) {
		return false
	}
	if _, err := file.ReadAt(header, int64(record.offset)); err != nil {
		return false
	}
	size := little.Uint32(record.data[20:])
	// Flags, method, time, checksum, sizes and lengths are the same in both places.
	return string(header[:4]) == "PK\x03\x04" && string(header[zipHeaderSize:]) == nupkgSignature &&
		bytes.Equal(header[6:zipHeaderSize], record.data[8:8+zipHeaderSize-6]) &&
		little.Uint32(record.data[8:]) == 0 && little.Uint32(record.data[24:]) == size &&
		length == int64(len(header))+int64(size)
}

// lengthOf is how much a file takes with its header: up to the next, or the list.
func (d *zipDirectory) lengthOf(record zipRecord) int64 {
	next := d.start
	for _, r := range d.records {
		if r.offset > record.offset {
			next = min(next, r.offset)
		}
	}
	return int64(next) - int64(record.offset)
}

// without is the list and the end of the zip without a file of this length.
func (d *zipDirectory) without(record zipRecord, length uint32) []byte {
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
