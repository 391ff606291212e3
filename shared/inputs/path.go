package inputs

import (
	"path/filepath"
	"strings"
)

// Path is a filePath input: absolute, as the agent roots it, or empty.
//
// The agent turns an empty filePath input into the repository's folder itself
// (TaskRunner.cs TranslateFilePathInput), so a user cannot give that folder on
// purpose, and a Path that names it is empty here, as filePathSupplied of the
// official task library has it.
type Path string

// EnvDecode takes val as it is.
func (p *Path) EnvDecode(val string) error {
	*p = Path(val)
	return nil
}

// roots are the folders an empty path input may have become: the checkout, the
// working directory with several checkouts, a release's artifacts.
func roots(lookup Lookup) []string {
	var found []string
	for _, key := range []string{
		"BUILD_SOURCESDIRECTORY", "BUILD_REPOSITORY_LOCALPATH",
		"SYSTEM_DEFAULTWORKINGDIRECTORY", "SYSTEM_ARTIFACTSDIRECTORY",
	} {
		if root, ok := lookup(key); ok && root != "" {
			found = append(found, clean(root))
		}
	}
	return found
}

func (l loader) isRoot(path string) bool {
	for _, root := range l.roots {
		if samePath(clean(path), root) {
			return true
		}
	}
	return false
}

func clean(path string) string { return filepath.Clean(strings.TrimSpace(path)) }
