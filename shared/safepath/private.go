package safepath

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// errShared says that permissions are of no use where the file would be.
var errShared = errors.New("its file system has no permissions that keep others from reading it")

// WritePrivate writes data to a new file that only its owner can read or write. It must
// not exist: neither as a file nor as a symbolic link, wherever that may point, and of
// several processes that try, one gets it.
//
// On Unix its permissions are 0600, whatever the umask; on Windows its access list
// names this process's user alone and inherits nothing. Where the file system
// cannot keep that (FAT, some network shares), nothing is left behind and the error
// says so. The administrator of the machine reads it all the same.
//
// Whoever opens path sees all of data or no file, also when this process is killed in
// the middle; what a killed one may leave behind has another name, the same permissions,
// and is removed by [RemovePrivate].
func WritePrivate(path string, data []byte) error { return writePrivate(path, data, func(string) {}) }

// writePrivate calls at before each step that a test may want to be the last.
func writePrivate(path string, data []byte, at func(step string)) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing %s: %w", path, err)
		}
	}()
	switch _, err := os.Lstat(path); { // the last step checks it again, and for good
	case err == nil:
		return fs.ErrExist
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	partial := partialPrefix(path) + rand.Text() + partialSuffix
	f, err := createPrivate(partial)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(partial) }() // once it has its name there is nothing to remove
	at("created")
	_, err = f.Write(data)
	at("written")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	at("closed")
	if err := moveNew(partial, path); err != nil {
		return err
	}
	at("named")
	syncDir(filepath.Dir(path))
	return nil
}

// RemovePrivate removes the file path, and what a killed [WritePrivate] has left of
// it. It is no error if there is nothing to remove. A symbolic link is removed, and
// not what it points to.
func RemovePrivate(path string) error {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing %s: %w", path, err)
	}
	names := []string{path}
	for _, e := range entries {
		name := filepath.Join(filepath.Dir(path), e.Name())
		if strings.HasPrefix(name, partialPrefix(path)) && strings.HasSuffix(name, partialSuffix) {
			names = append(names, name)
		}
	}
	var errs []error
	for _, name := range names {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

const partialSuffix = ".partial"

// partialPrefix is how the unfinished files of path begin. The name is hashed: it
// could be too long to get an end, and hold what a pattern means something by.
func partialPrefix(path string) string {
	sum := sha256.Sum256([]byte(filepath.Base(path)))
	return filepath.Join(filepath.Dir(path), ".private-"+hex.EncodeToString(sum[:8])+"-")
}
