package installed

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net/url"
	"strings"
)

// nupkgSignature is the file in a package that holds its signatures. The hash in lock
// files is that of the package as it was before it was signed (NuGet.Client,
// SignedPackageArchiveUtility): otherwise a signature of the registry would change it.
const nupkgSignature = ".signature.p7s"

// unpackedName is where NuGet puts a file of a package.
func unpackedName(name string) string {
	if unescaped, err := url.PathUnescape(name); err == nil {
		name = unescaped
	}
	return strings.ReplaceAll(name, `\`, "/")
}

var errNupkg = errors.New("is not a package as NuGet writes it: its hash cannot be told")

// The sizes and places of the zip format (APPNOTE.TXT 4.3.12, 4.3.16).
const (
	zipEndSize      = 22
	zipRecordSize   = 46
	zipRecordNames  = 28 // the lengths of name, extra field and comment
	zipRecordOffset = 42
)

// nupkgHash is the hash of a package without its signature, in base64. It only knows the
// plainest form of zip: one disk, nothing in front, no comment, less than 4 GiB.
func nupkgHash(file io.ReaderAt, size int64) (string, error) {
	end, little := make([]byte, zipEndSize), binary.LittleEndian
	if _, err := file.ReadAt(end, max(size-zipEndSize, 0)); err != nil || size < zipEndSize {
		return "", errNupkg
	}
	length, start := little.Uint32(end[12:]), little.Uint32(end[16:])
	if string(end[:4]) != "PK\x05\x06" || little.Uint16(end[20:]) != 0 || length > maxZipDirectory ||
		int64(start)+int64(length) != size-zipEndSize {
		return "", errNupkg
	}
	list := make([]byte, length)
	if _, err := file.ReadAt(list, int64(start)); err != nil {
		return "", errNupkg
	}
	at, next, rest, err := withoutSignature(list, end, start)
	if err != nil {
		return "", err
	}
	digest := sha512.New()
	for _, part := range []io.Reader{
		io.NewSectionReader(file, 0, int64(at)), io.NewSectionReader(file, int64(next), int64(start-next)),
	} {
		if _, err := io.Copy(digest, part); err != nil {
			return "", errUnreadable
		}
	}
	digest.Write(rest)
	return base64.StdEncoding.EncodeToString(digest.Sum(nil)), nil
}

// withoutSignature takes the signature out of the list of files and of what ends it. It
// lay from at to next; both are the list's start if there is none.
func withoutSignature(list, end []byte, start uint32) (at, next uint32, rest []byte, err error) {
	little := binary.LittleEndian
	at, next = start, start
	var records [][]byte
	signatures := 0
	for tail := list; len(tail) > 0; {
		if len(tail) < zipRecordSize || string(tail[:4]) != "PK\x01\x02" {
			return 0, 0, nil, errNupkg
		}
		name := int(little.Uint16(tail[zipRecordNames:]))
		extra, comment := int(little.Uint16(tail[zipRecordNames+2:])), int(little.Uint16(tail[zipRecordNames+4:]))
		whole := zipRecordSize + name + extra + comment
		if whole > len(tail) || little.Uint32(tail[zipRecordOffset:]) >= start {
			return 0, 0, nil, errNupkg
		}
		if string(tail[zipRecordSize:zipRecordSize+name]) == nupkgSignature {
			signatures++
			at = little.Uint32(tail[zipRecordOffset:])
		} else {
			records = append(records, tail[:whole])
		}
		tail = tail[whole:]
	}
	if signatures > 1 {
		return 0, 0, nil, errNupkg
	}
	for _, r := range records {
		if offset := little.Uint32(r[zipRecordOffset:]); offset > at {
			next = min(next, offset)
		}
	}
	for _, r := range records {
		place := len(rest)
		rest = append(rest, r...)
		if offset := little.Uint32(r[zipRecordOffset:]); offset > at {
			little.PutUint32(rest[place+zipRecordOffset:], offset-(next-at))
		}
	}
	place := len(rest)
	rest = append(rest, end...)
	if signatures > 0 {
		little.PutUint16(rest[place+8:], uint16(len(records)))
		little.PutUint16(rest[place+10:], uint16(len(records)))
		little.PutUint32(rest[place+12:], uint32(place))
		little.PutUint32(rest[place+16:], start-(next-at))
	}
	return at, next, rest, nil
}
