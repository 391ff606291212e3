package cachekey

import (
	"fmt"
	"strings"
)

// system is an operating system's rules for paths, as .NET has them: windows,
// darwin or linux, in Go's names. path/filepath only knows the system it was
// built for, and its results differ in details that change a fingerprint.
type system string

const (
	windows system = "windows"
	linux   system = "linux"
)

// ignoresCase is about patterns and names; macOS does as well.
func (o system) ignoresCase() bool { return o != linux }

func (o system) separator() string {
	if o == windows {
		return `\`
	}
	return "/"
}

func (o system) isSeparator(c byte) bool { return c == '/' || o == windows && c == '\\' }

// inPath is IsPathyChar: a glob character, a separator, the drive's colon, or
// anything that may stand in a file's name (Path.GetInvalidFileNameChars).
func (o system) inPath(r rune) bool {
	if o != windows {
		return r != 0
	}
	return r >= 32 && !strings.ContainsRune(`"<>|`, r)
}

// volume returns the part of an absolute path that ".." cannot leave, without
// the separator after it: "", "C:" or `\\server\share`. Separators are the
// system's own.
func (o system) volume(path string) string {
	switch {
	case o != windows:
		return ""
	case strings.HasPrefix(path, `\\`):
		server, rest, _ := strings.Cut(path[2:], `\`)
		share, _, _ := strings.Cut(rest, `\`)
		return path[:min(len(path), len(`\\`+server+`\`+share))]
	case hasDrive(path):
		return path[:2]
	}
	return ""
}

// fullyQualified is Path.IsPathFullyQualified.
func (o system) fullyQualified(path string) bool {
	if o != windows {
		return strings.HasPrefix(path, "/")
	}
	if len(path) >= 2 && o.isSeparator(path[0]) {
		return path[1] == '?' || o.isSeparator(path[1])
	}
	return hasDrive(path) && len(path) >= 3 && o.isSeparator(path[2])
}

func hasDrive(path string) bool {
	return len(path) >= 2 && path[0]|0x20 >= 'a' && path[0]|0x20 <= 'z' && path[1] == ':'
}

// full is Path.GetFullPath(path, base): absolute, without "." and ".." and
// repeated separators; a separator at the end stays.
func (o system) full(path, base string) (string, error) {
	if !o.fullyQualified(path) {
		if !o.fullyQualified(base) {
			return "", fmt.Errorf("%q is relative, and there is no System.DefaultWorkingDirectory to start from", path)
		}
		path = o.join(path, base)
	}
	if o == windows {
		path = strings.ReplaceAll(path, "/", `\`)
	}
	return o.clean(path), nil
}

// join puts a path that is not fully qualified behind base.
func (o system) join(path, base string) string {
	if path == "" {
		return base
	}
	if o == windows {
		base = strings.ReplaceAll(base, "/", `\`)
		switch {
		case o.isSeparator(path[0]): // rooted on the drive of base
			return o.volume(base) + path
		case hasDrive(path): // relative to a drive's own folder
			if !strings.EqualFold(path[:2], o.volume(base)) {
				return path[:2] + `\` + path[2:]
			}
			path = path[2:]
		}
	}
	return base + o.separator() + path
}

func (o system) clean(path string) string {
	volume := o.volume(path)
	rest := path[len(volume):]
	var kept []string
	for part := range strings.SplitSeq(rest, o.separator()) {
		switch part {
		case "", ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, part)
		}
	}
	cleaned := volume + o.separator() + strings.Join(kept, o.separator())
	// "a/." and "a/.." end in a separator in .NET only if they do in the text.
	if len(kept) > 0 && strings.HasSuffix(rest, o.separator()) {
		cleaned += o.separator()
	}
	return cleaned
}

// split is Path.GetDirectoryName and Path.GetFileName of an absolute path.
func (o system) split(path string) (dir, name string) {
	at := strings.LastIndex(path, o.separator())
	dir, name = path[:at], path[at+1:]
	if len(dir) <= len(o.volume(path)) {
		dir = path[:at+1]
	}
	return dir, name
}

// child is the path of name in dir.
func (o system) child(dir, name string) string {
	return strings.TrimSuffix(dir, o.separator()) + o.separator() + name
}

// relative is Path.GetRelativePath: from root to path, or path itself when they
// stand on different drives.
func (o system) relative(root, path string) string {
	root = strings.TrimSuffix(o.clean(root), o.separator())
	if !strings.EqualFold(o.volume(root), o.volume(path)) {
		return path
	}
	from := o.parts(root)
	to := o.parts(path)
	common := 0
	for common < min(len(from), len(to)) && o.same(from[common], to[common]) {
		common++
	}
	up := make([]string, len(from)-common, len(from)+len(to))
	for i := range up {
		up[i] = ".."
	}
	parts := append(up, to[common:]...)
	if len(parts) == 0 {
		return "."
	}
	return strings.Join(parts, o.separator())
}

func (o system) parts(path string) []string {
	rest := strings.Trim(path[len(o.volume(path)):], o.separator())
	if rest == "" {
		return nil
	}
	return strings.Split(rest, o.separator())
}

func (o system) same(a, b string) bool {
	return a == b || o.ignoresCase() && strings.EqualFold(a, b)
}
