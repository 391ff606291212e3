package trust

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ParseBranches reads the names of trusted branches, one a line, short ("main") or
// in full ("refs/heads/main"), and returns them in full, each once. The error holds
// every problem, one line each.
func ParseBranches(lines []string) ([]string, error) {
	var branches []string
	var problems []error
	for _, line := range lines {
		name := strings.TrimSpace(line)
		if name == "" {
			continue
		}
		if why := branchTrouble(name); why != "" {
			problems = append(problems, fmt.Errorf("%s cannot be a trusted branch: %s", shown(name), why))
			continue
		}
		if name = inFull(name); !slices.Contains(branches, name) {
			branches = append(branches, name)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return branches, nil
}

// branchTrouble says why a name is no trusted branch, and the fix; "" if it is one.
func branchTrouble(name string) string {
	switch {
	case strings.HasPrefix(name, "$(") || strings.HasPrefix(name, "$["):
		return "it is a variable that is not set; write the branch's name itself, " +
			"as who sets the variable sets the trust"
	case strings.HasPrefix(name, "$/"):
		return "it is a path of TFVC, where shelvesets are built under the branch's path; " +
			"only branches of Git can be trusted"
	case strings.ContainsAny(name, "*?["):
		return "patterns would trust every branch that somebody creates under such a name; " +
			"write the branches one by one"
	case hasPrefixFold(name, pulls):
		return "everybody who may open a pull request can run what they want under it; " +
			"name the branch it is merged into"
	case hasPrefixFold(name, tags):
		return "runs of tags never save; name the branch that is tagged"
	case strings.HasPrefix(name, "origin/"), strings.HasPrefix(name, "heads/"):
		_, short, _ := strings.Cut(name, "/")
		return "a branch of that name can be created by others; write " + shown(short) + ", or " + shown(heads+name) +
			" if that is what you mean"
	case name == "HEAD", name == "@":
		return "it is whatever was checked out; name the branch"
	}
	return spellingTrouble(name)
}

func spellingTrouble(name string) string {
	switch {
	case strings.HasPrefix(name, "refs/") && !strings.HasPrefix(name, heads):
		return "it is not a branch; those begin with refs/heads/"
	case strings.ContainsAny(name, " ,;"):
		return "branches are written one a line"
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "it has characters that cannot be seen, such as those that turn the direction of writing; type it anew"
	}
	if why := refTrouble(inFull(name)); why != "" {
		return "Git allows no branch of that name: " + why
	}
	return ""
}

// refTrouble says why Git would not allow a ref of that name (git check-ref-format);
// "" if it would.
func refTrouble(ref string) string {
	if !utf8.ValidString(ref) {
		return "it is not UTF-8" // Git would, but no two names may look alike once they are in JSON
	}
	for _, r := range ref {
		if unicode.IsControl(r) || strings.ContainsRune(" ~^:?*[\\", r) {
			return fmt.Sprintf("it has the character %+q", r)
		}
	}
	if strings.Contains(ref, "..") || strings.Contains(ref, "@{") || strings.HasSuffix(ref, ".") {
		return "it has .. or @{, or ends in a dot"
	}
	for part := range strings.SplitSeq(ref, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return "a part of it is empty, begins with a dot or ends in .lock"
		}
	}
	return ""
}

// shown makes a name fit for a message: one line, of bounded length.
func shown(name string) string {
	const most = 100
	runes := []rune(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\ufffd'
		}
		return r
	}, name))
	if len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return string(runes)
}
