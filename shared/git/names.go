package git

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// BranchRef returns the ref of a branch (main, refs/heads/main), or why it is none.
func BranchRef(branch string) (string, error) {
	const heads = "refs/heads/"
	name := strings.TrimPrefix(branch, heads)
	if name == branch && strings.HasPrefix(branch, "refs/") {
		return "", fmt.Errorf("%.60q is no branch; a branch is like main or refs/heads/main", branch)
	}
	if name == "HEAD" || strings.HasPrefix(name, "-") {
		return "", fmt.Errorf("a branch cannot be called %.60q", branch)
	}
	if err := checkRef(heads + name); err != nil {
		return "", err
	}
	return heads + name, nil
}

// maxRef is the longest ref: as a file with ".lock" its last part must fit a file system.
const maxRef = 250

// checkRef refuses what is no whole name of a ref (git check-ref-format).
func checkRef(ref string) error {
	if err := refFormat(ref); err != nil {
		return fmt.Errorf("%.60q cannot be the name of a branch or ref: %w", ref, err)
	}
	return nil
}

func refFormat(ref string) error {
	switch {
	case !strings.HasPrefix(ref, "refs/"):
		return errors.New("it does not begin with refs/")
	case !utf8.ValidString(ref):
		return errors.New("it is not valid UTF-8")
	case len(ref) > maxRef:
		return fmt.Errorf("it has %d bytes, and %d is the most", len(ref), maxRef)
	case strings.Contains(ref, "..") || strings.Contains(ref, "@{") || strings.HasSuffix(ref, "."):
		return errors.New("it holds .. or @{ or ends in a dot")
	}
	for _, c := range ref {
		if strings.ContainsRune(` ~^:?*[\`, c) || !strconv.IsPrint(c) {
			return fmt.Errorf("it holds %q", c)
		}
	}
	return refParts(strings.Split(ref, "/"))
}

func refParts(parts []string) error {
	for _, part := range parts {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") {
			return errors.New("a part of it is empty, begins with a dot, or ends in .lock")
		}
	}
	if len(parts) < 3 {
		return errors.New("it has no part after refs/heads/ or another such folder")
	}
	return nil
}

// checkID refuses what is no object's name.
func checkID(id ID) error {
	if len(id) != 40 || strings.Trim(string(id), "0123456789abcdef") != "" {
		return fmt.Errorf("%.60q is not the name of a git object", string(id))
	}
	return nil
}

// CheckPath refuses the path of a file that git would not check out everywhere, or that
// would harm where it does: a pull request may have brought it.
func CheckPath(path string) error {
	if err := pathFormat(path); err != nil {
		return fmt.Errorf("file %.100q cannot be committed: %w", path, err)
	}
	return nil
}

func pathFormat(path string) error {
	switch {
	case path == "":
		return errors.New("it has no name")
	case !utf8.ValidString(path):
		return errors.New("its name is not valid UTF-8")
	case len(path) > 4000:
		return errors.New("its name is too long")
	case len(path) > 1 && path[1] == ':':
		return errors.New("its name begins like a drive")
	}
	for _, c := range path {
		if c < ' ' || c >= 0x7f && c < 0xa0 || c == '\\' {
			return fmt.Errorf("its name holds %q", c)
		}
	}
	for part := range strings.SplitSeq(path, "/") {
		if err := pathPart(part); err != nil {
			return err
		}
	}
	return nil
}

func pathPart(part string) error {
	switch {
	case part == "" || part == "." || part == "..":
		return errors.New("its name is absolute, or a part of it is empty or only dots")
	case isGitDir(part):
		return errors.New("it would be a part of the repository itself")
	}
	return nil
}

// isGitDir reports whether some file system takes part for .git: Windows ignores case,
// dots and spaces at the end, what follows a colon (a stream), and knows a short name;
// macOS ignores case and some characters (git: path.c is_ntfs_dotgit, utf8.c is_hfs_dotgit).
func isGitDir(part string) bool {
	part, _, _ = strings.Cut(part, ":")
	visible := strings.Map(func(c rune) rune {
		if hfsIgnores(c) {
			return -1
		}
		return c
	}, part)
	name := strings.TrimRight(strings.ToLower(visible), ". ")
	return name == ".git" || name == "git~1"
}

func hfsIgnores(c rune) bool {
	return c >= 0x200c && c <= 0x200f || c >= 0x202a && c <= 0x202e || c >= 0x206a && c <= 0x206f || c == 0xfeff
}
