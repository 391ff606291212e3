package store

import (
	"fmt"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/safepath"
)

// maxName is the longest name. Azure takes 1024 characters, and Windows a path of
// 32767; ours are far below.
const maxName = 512

// CheckName returns an error unless name can be an object's, in every store.
func CheckName(name string) error {
	if err := checkText(name); err != nil {
		return err
	}
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") {
			return fmt.Errorf("object name %.80q: a part begins with a dot", name)
		}
	}
	return safepath.CheckPortable(name)
}

// CheckPrefix returns an error unless names of objects can begin with prefix.
func CheckPrefix(prefix string) error {
	folder, rest := splitPrefix(prefix)
	if folder != "." {
		if err := CheckName(folder); err != nil {
			return err
		}
	}
	if strings.HasPrefix(rest, ".") || strings.HasPrefix(prefix, "/") {
		return fmt.Errorf("prefix %.80q: no name begins like that", prefix)
	}
	return checkText(rest)
}

// splitPrefix returns the folder that all names with this prefix lie in, "." for
// the store itself, and what the names in it begin with.
func splitPrefix(prefix string) (folder, rest string) {
	if at := strings.LastIndexByte(prefix, '/'); at > 0 {
		return prefix[:at], prefix[at+1:]
	}
	return ".", prefix
}

func checkText(name string) error {
	if len(name) > maxName {
		return fmt.Errorf("object name %.80q...: it is longer than %d characters", name, maxName)
	}
	if at := strings.IndexFunc(name, isForeign); at >= 0 {
		return fmt.Errorf("object name %.80q: only a-z, 0-9, \".\", \"_\", \"-\" and \"/\" may be in it", name)
	}
	return nil
}

func isForeign(c rune) bool {
	return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-' && c != '/'
}
