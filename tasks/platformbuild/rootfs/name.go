package rootfs

import (
	"errors"
	"strings"
)

// maxPath and maxName are what Linux takes (PATH_MAX, NAME_MAX). No runtime unpacks a layer with longer names.
const maxPath, maxName = 4096, 255

var errTooLong = errors.New("file name too long")

// isWindows reports whether a path begins with a drive letter.
func isWindows(path string) bool {
	return len(path) >= 2 && path[1] == ':' && (path[0]|0x20) >= 'a' && (path[0]|0x20) <= 'z'
}

func isAbsolute(path string, windows bool) bool {
	if windows {
		return isWindows(path) || strings.HasPrefix(path, `\`) || strings.HasPrefix(path, "/")
	}
	return strings.HasPrefix(path, "/")
}

// split returns the names of a path; "" and "." are left out, ".." is not.
func split(path string, windows bool) ([]string, error) {
	if windows {
		path = strings.TrimPrefix(path, `\??\`)
		path = strings.TrimPrefix(path, `\\?\`)
		if isWindows(path) {
			path = path[2:]
		}
		path = strings.ReplaceAll(path, `\`, "/")
	}
	if len(path) > maxPath {
		return nil, errTooLong
	}
	var names []string
	for name := range strings.SplitSeq(path, "/") {
		switch {
		case name == "" || name == ".":
		case len(name) > maxName:
			return nil, errTooLong
		default:
			names = append(names, name)
		}
	}
	return names, nil
}

// clean is split for an entry of a layer: it stays in the root, however many ".." it has.
func clean(path string) ([]string, error) {
	names, err := split(path, false)
	if err != nil {
		return nil, err
	}
	kept := names[:0]
	for _, name := range names {
		if name != ".." {
			kept = append(kept, name)
		} else if len(kept) > 0 {
			kept = kept[:len(kept)-1]
		}
	}
	return kept, nil
}

// root is where a system's files begin in a layer.
func (w *walk) root() []string {
	if w.windows {
		return []string{"Files"}
	}
	return nil
}

func (w *walk) show(names []string) string {
	if w.windows {
		return `C:\` + strings.Join(names[min(1, len(names)):], `\`)
	}
	return "/" + strings.Join(names, "/")
}
