// Package safepath keeps file names harmless and file writes whole.
//
//   - [CheckPortable] says whether a name from an archive, a manifest or a
//     stranger means the same file below a root on every operating system;
//   - [FoldKey] finds names that collide where upper and lower case do not count;
//   - [Rel] says where below a root a path lies;
//   - [WriteFile] writes a file that other processes see whole or not at all;
//   - [WritePrivate] does so with a new one for its owner's eyes only.
//
// What it does not do: look at the file system to judge a name. A checked name
// still follows a symbolic link that somebody has put into the root; open it
// through an [os.Root], which refuses that, and refuse links of your own that
// point outside, because os.Root does create those.
package safepath

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// maxName is the longest component in bytes that the usual file systems take.
// Windows and macOS count UTF-16 units, of which a name has fewer.
const maxName = 255

// CheckPortable returns an error unless name is a relative path with slashes that
// names the same file below a root on Linux, macOS and Windows. The error says
// what is wrong with it, and quotes it.
//
// filepath.IsLocal is not enough: on Linux it accepts "CON", "a:b", "x. " and
// `..\x`, which on Windows are a device, a stream of another file, the file "x"
// and a file outside the root.
func CheckPortable(name string) error {
	if err := portable(name); err != nil {
		return fmt.Errorf("path %s: %w", quote(name), err)
	}
	return nil
}

func portable(name string) error {
	switch {
	case name == "":
		return errors.New("it is empty")
	case !utf8.ValidString(name):
		return errors.New("it is not valid UTF-8")
	case name[0] == '/':
		return errors.New("it is absolute")
	}
	for _, c := range name {
		if unicode.IsControl(c) {
			return fmt.Errorf("it holds the control character %U", c)
		}
		if strings.ContainsRune(`<>:"|?*\`, c) {
			return fmt.Errorf("it holds %q, which means something else on Windows", c)
		}
	}
	for part := range strings.SplitSeq(name, "/") {
		if err := component(part); err != nil {
			return err
		}
	}
	return nil
}

func component(part string) error {
	switch {
	case part == "":
		return errors.New("it has an empty component")
	case part == "." || part == "..":
		return fmt.Errorf("it has the component %q", part)
	case len(part) > maxName:
		return fmt.Errorf("it has a component of %d bytes, and %d is the most", len(part), maxName)
	case strings.HasSuffix(part, ".") || strings.HasSuffix(part, " "):
		return errors.New("a component ends in a dot or a space, which Windows drops")
	case reserved(part):
		return fmt.Errorf("%q is a device on Windows", part)
	}
	return nil
}

// reserved reports whether Windows takes part for a device, whatever folder it is
// in and whatever extension it has: "NUL", "nul.txt", "COM¹ .log".
func reserved(part string) bool {
	base, _, _ := strings.Cut(part, ".")
	base = strings.ToUpper(strings.TrimRight(base, " "))
	if slices.Contains([]string{"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"}, base) {
		return true
	}
	port, isCOM := strings.CutPrefix(base, "COM")
	if !isCOM {
		var isLPT bool
		if port, isLPT = strings.CutPrefix(base, "LPT"); !isLPT {
			return false
		}
	}
	return utf8.RuneCountInString(port) == 1 && strings.Contains("0123456789¹²³", port)
}

// quote shows a hostile name in one short line.
func quote(name string) string {
	const most = 120
	if len(name) > most {
		return fmt.Sprintf("%+q...", name[:most])
	}
	return fmt.Sprintf("%+q", name)
}

// FoldKey returns a key that is equal for names that are one file on a file
// system that ignores case (Windows, macOS) or the way in which a character is
// composed (macOS). It errs on the careful side: names with equal keys need not
// collide everywhere. The key is for comparing only.
func FoldKey(name string) string {
	// Canonical caseless matching, Unicode chapter 3.13, D145.
	// What is no UTF-8 becomes a character first: norm may leave what comes after many such bytes as it is.
	folded := cases.Fold().String(norm.NFD.String(string([]rune(name))))
	return norm.NFC.String(strings.Map(least, folded))
}

// least is the first of the characters that differ only by case. Folding alone
// does not settle on one: x/text folds each Cherokee letter to its other case.
func least(r rune) rune {
	first := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		first = min(first, next)
	}
	return first
}

// Rel returns where path lies below root, with slashes; "." if it is the root
// itself. A relative path is meant to be below root. A path outside is an error.
//
// It compares names and does not touch the file system: a symbolic link on the
// way is taken for a folder, so this is for paths that this process has made or
// found by walking. To read what others have put there, use [os.Root].
func Rel(root, path string) (string, error) {
	full := path
	if !filepath.IsAbs(path) {
		full = filepath.Join(root, path)
	}
	rel, err := filepath.Rel(root, full)
	if err != nil || !filepath.IsLocal(rel) {
		return "", fmt.Errorf("path %s is outside %s", quote(path), quote(root))
	}
	return filepath.ToSlash(rel), nil
}
