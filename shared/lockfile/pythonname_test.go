package lockfile

import (
	"regexp"
	"strings"
	"testing"
)

func FuzzPythonName(f *testing.F) {
	for _, name := range []string{"a", "Flask", "zope.interface", "a--b", "-a", "a-", "a_-.b", "é", "É", ""} {
		f.Add(name)
	}
	asPEP503 := regexp.MustCompile(`[-_.]+`)
	f.Fuzz(func(t *testing.T, name string) {
		want := strings.ToLower(asPEP503.ReplaceAllString(name, "-"))
		if got := PythonName(name); got != want {
			t.Errorf("PythonName(%q) = %q, want %q", name, got, want)
		}
	})
}
