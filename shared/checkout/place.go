package checkout

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// place is where a checkout keeps what belongs to git.
type place struct {
	dir    string // index and HEAD: .git, or what a file .git names
	common string // objects, refs and configuration: the same but in linked work trees
}

// maxPointer is more than a file .git or commondir holds.
const maxPointer = 8 << 10

// locate finds the repository of a checkout. Folders above are not looked into: a job
// that has no checkout must not get that of somebody else.
func locate(dir string) (place, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return place{}, err
	}
	at := filepath.Join(dir, ".git")
	info, err := os.Stat(at)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return place{}, fmt.Errorf("there is no .git in %s; name the folder that the repository is checked out to", dir)
	case err != nil:
		return place{}, fmt.Errorf("looking for the repository of %s: %w", dir, err)
	case !info.IsDir():
		if at, err = follow(at, "gitdir: "); err != nil {
			return place{}, fmt.Errorf("looking for the repository of %s: %w", dir, err)
		}
	}
	p := place{dir: at, common: at}
	if _, err := os.Lstat(filepath.Join(at, "commondir")); err == nil {
		if p.common, err = follow(filepath.Join(at, "commondir"), ""); err != nil {
			return place{}, fmt.Errorf("looking for the repository of %s: %w", dir, err)
		}
	}
	// With a pipe for its configuration, git would wait for ever.
	if info, err := os.Stat(filepath.Join(p.common, "objects")); err != nil || !info.IsDir() ||
		!isRegular(filepath.Join(p.common, "config")) {
		return place{}, fmt.Errorf("what is .git in %s is no whole repository; check the sources out anew", dir)
	}
	return p, nil
}

// follow reads a file that names a folder, after a prefix and from where the file is.
func follow(name, prefix string) (string, error) {
	data, err := readSmall(name, maxPointer)
	if err != nil {
		return "", err
	}
	target, ok := strings.CutPrefix(strings.TrimRight(string(data), "\r\n"), prefix)
	if !ok || target == "" {
		return "", fmt.Errorf("%s does not name a folder", filepath.Base(name))
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(name), target)
	}
	return target, nil
}

// readSmall reads a regular file of up to most bytes.
func readSmall(name string, most int64) ([]byte, error) {
	if !isRegular(name) {
		return nil, fmt.Errorf("%s is no regular file", filepath.Base(name))
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s has more than %d bytes", filepath.Base(name), most)
	}
	return data, err
}
