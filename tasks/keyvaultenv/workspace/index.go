package workspace

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/safepath"
)

// maxIndex bounds an index: of two million files.
const maxIndex = 256 << 20

// maxConfig bounds git's settings.
const maxConfig = 1 << 20

// index is what git remembers of the files it has checked out, by their names below
// the folder, with slashes.
type index map[string]indexed

type indexed struct {
	changed, modified time.Time
	size              uint32
}

// is reports whether a file is what git remembers. On Windows git keeps the time of
// creation in the place of the change time.
func (e indexed) is(info fs.FileInfo) bool {
	return uint32(info.Size()) == e.size && info.ModTime().Equal(e.modified) &&
		(runtime.GOOS == "windows" || safepath.ChangeTime(info).Equal(e.changed))
}

// readIndex reads the index of a folder that git has checked something out to.
func readIndex(folder string) (index, error) {
	dir := filepath.Join(folder, ".git")
	if link, err := read(dir, maxConfig); err == nil {
		// A submodule or a worktree: a file that says where the folder is.
		to, ok := strings.CutPrefix(strings.TrimSpace(string(link)), "gitdir: ")
		if dir = filepath.FromSlash(to); !ok {
			return nil, errIndex
		}
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(folder, dir)
		}
	}
	settings := dir
	if common, err := read(filepath.Join(dir, "commondir"), maxConfig); err == nil { // of a worktree
		settings = filepath.Join(dir, filepath.FromSlash(strings.TrimSpace(string(common))))
	}
	config, err := read(filepath.Join(settings, "config"), maxConfig)
	if err != nil {
		return nil, err
	}
	data, err := read(filepath.Join(dir, "index"), maxIndex)
	if err != nil {
		return nil, err
	}
	hash := 20
	lower := strings.ToLower(string(config))
	if strings.Contains(lower, "objectformat") && strings.Contains(lower, "sha256") {
		hash = 32
	}
	return parseIndex(data, hash)
}

// read reads a whole file of at most so many bytes.
func read(path string, most int64) ([]byte, error) {
	file, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && int64(len(data)) > most {
		err = errIndex
	}
	return data, err
}

var errIndex = errors.New("not an index of git that we know")

const statLen = 40 // two times, device, inode, mode, user, group, size

// parseIndex reads an index of version 2 to 4 (git's Documentation/gitformat-index.adoc).
// hash is the length of object names.
func parseIndex(data []byte, hash int) (index, error) {
	if len(data) < 12 || !bytes.HasPrefix(data, []byte("DIRC")) {
		return nil, errIndex
	}
	version, count := binary.BigEndian.Uint32(data[4:]), binary.BigEndian.Uint32(data[8:])
	if version < 2 || version > 4 || int64(count)*int64(statLen+hash) > int64(len(data)) {
		return nil, errIndex
	}
	files := make(index, count)
	rest, name := data[12:], ""
	for range count {
		if len(rest) < statLen+hash+4 {
			return nil, errIndex
		}
		entry := indexed{
			changed: unix(rest[0:]), modified: unix(rest[8:]), size: binary.BigEndian.Uint32(rest[36:]),
		}
		fixed := statLen + hash + 2
		if flags := binary.BigEndian.Uint16(rest[fixed-2:]); flags&0x4000 != 0 && version > 2 {
			fixed += 2
		}
		var used int
		name, used = nextName(rest, fixed, version, name)
		if used == 0 {
			return nil, errIndex
		}
		rest = rest[used:]
		files[name] = entry
	}
	return files, nil
}

// nextName reads the name of the entry at the start of data, and returns how long the
// entry is; 0 if it is broken.
func nextName(data []byte, fixed int, version uint32, last string) (name string, used int) {
	start := fixed
	if version == 4 {
		drop, n := offset(data[fixed:])
		if n == 0 || drop > len(last) {
			return "", 0
		}
		name, start = last[:len(last)-drop], fixed+n
	}
	end := bytes.IndexByte(data[start:], 0)
	if end < 0 {
		return "", 0
	}
	name += string(data[start : start+end])
	used = start + end + 1
	if version < 4 {
		used = (start + end + 8) &^ 7
	}
	if used > len(data) {
		return "", 0
	}
	return name, used
}

// offset reads git's variable-length number (OFS_DELTA in gitformat-pack).
func offset(data []byte) (value, length int) {
	for i, b := range data[:min(len(data), 5)] {
		if i > 0 {
			value++
		}
		value = value<<7 | int(b&0x7f)
		if b&0x80 == 0 {
			return value, i + 1
		}
	}
	return 0, 0
}

func unix(data []byte) time.Time {
	return time.Unix(int64(binary.BigEndian.Uint32(data)), int64(binary.BigEndian.Uint32(data[4:])))
}
