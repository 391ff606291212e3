package lockfile

import (
	"regexp"
	"strings"
)

// pythonSeparators are the same in names of packages, however many of them there are.
var pythonSeparators = regexp.MustCompile(`[-_.]+`)

// PythonName is the name under which a package of Python is looked for (PEP 503).
func PythonName(name string) string {
	for i := range len(name) {
		c := name[i]
		plain := 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' && (i == 0 || name[i-1] != '-')
		if !plain {
			return strings.ToLower(pythonSeparators.ReplaceAllLiteralString(name, "-"))
		}
	}
	return name
}
