package lockfile

import (
	"errors"
	"strings"
	"testing"
)

func TestMavenAndGradle(t *testing.T) {
	t.Parallel()
	const component = `<verification-metadata xmlns="https://schema.gradle.org/dependency-verification"><components>` +
		`<component group="org.x" name="lib" version="1.0">`
	const end = "</component></components></verification-metadata>"
	long := strings.Repeat("c", 128)
	for name, tc := range map[string]struct {
		lock, text string
		want       Lock
		err        string
	}{
		"pom":    {lock: "pom.xml", text: "<project>", want: Lock{Format: Maven}},
		"script": {lock: "build.gradle.kts", text: "exec(\"evil\")", want: Lock{Format: Gradle}},
		"checksums": {lock: ".mvn/checksums/checksums-central.sha256",
			text: sumA + "  org/x/lib/1.0/lib-1.0.jar\n# comment\n" + strings.ToUpper(sumB) + " org/x/lib/1.0/lib-1.0.pom\r\n",
			want: Lock{Format: Maven, Packages: []Package{
				{Name: "org.x:lib", Version: "1.0", Integrity: []string{hashA}, URL: "org/x/lib/1.0/lib-1.0.jar"},
				{Name: "org.x:lib", Version: "1.0", Integrity: []string{hashB}, URL: "org/x/lib/1.0/lib-1.0.pom"}}}},
		"checksums, traversal":  {lock: "checksums.sha256", text: sumA + " org/../../lib/1.0/lib-1.0.jar", err: "does not name a file"},
		"checksums, no layout":  {lock: "checksums.sha256", text: sumA + " lib-1.0.jar", err: "does not name a file"},
		"checksums, other hash": {lock: "checksums.sha512", text: sumA + " org/x/lib/1.0/lib-1.0.jar", err: "does not begin with a sha512"},
		"checksums, one field":  {lock: "checksums.sha256", text: sumA, err: "1 fields"},
		"gradle lock": {lock: "gradle.lockfile", text: "# This is\norg.x:lib:1.0=a,b\nempty=c\n",
			want: Lock{Format: Gradle, Packages: []Package{{Name: "org.x:lib", Version: "1.0"}}}},
		"gradle lock, two parts": {lock: "gradle.lockfile", text: "org.x:lib=a\n", err: "line 1"},
		"gradle lock, traversal": {lock: "gradle.lockfile", text: "..:lib:1.0=a\n", err: "line 1"},
		"verification": {lock: "gradle/verification-metadata.xml",
			text: component + `<artifact name="lib-1.0.jar"><md5 value="x"/><sha256 value="` + sumA + `"><also-trust value="` +
				strings.ToUpper(sumB) + `"/></sha256><sha512 value="` + long + `" origin="x"/></artifact><artifact name="lib-1.0.pom"><sha1 value="x">` +
				`<also-trust value="y"/></sha1></artifact><artifact name="x.pom"><pgp value="z"/></artifact>` + end,
			want: Lock{Format: Gradle, Packages: []Package{{Name: "org.x:lib", Version: "1.0", URL: "lib-1.0.jar",
				Integrity: []string{hashA, hashB, "sha512:" + long}}}}},
		"verification, traversal in a file":    {lock: "verification-metadata.xml", text: component + `<artifact name="../x"/>` + end, err: "name of a file"},
		"verification, traversal in a version": {lock: "verification-metadata.xml", text: `<verification-metadata><component group="x" name="y" version=".."/>`, err: "are not the group"},
		"verification, short hash":             {lock: "verification-metadata.xml", text: component + `<artifact name="x"><sha256 value="ab"/></artifact>` + end, err: "is not one"},
		"verification, cut":                    {lock: "verification-metadata.xml", text: component, err: "not the XML"},
		"verification, something else":         {lock: "verification-metadata.xml", text: "<project/>", err: "not the XML"},
		"verification, an entity":              {lock: "verification-metadata.xml", text: `<!DOCTYPE x [<!ENTITY a "b">]><verification-metadata>&a;</verification-metadata>`, err: "not the XML"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Read(mapTree(tc.lock, tc.text), tc.lock)
			got.Path, got.SHA256, got.Unproven, got.Notes = "", "", nil, nil
			if len(got.Packages) == 0 {
				got.Packages = nil
			}
			checkParse(t, got, tc.want, err, tc.err)
		})
	}
}

func FuzzGradle(f *testing.F) {
	f.Add(`<verification-metadata><component group="a" name="b" version="c"><artifact name="d"><sha256 value="e"/></artifact></component></verification-metadata>`)
	f.Add("org.x:lib:1.0=a\n")
	f.Add(sumA + " org/x/lib/1.0/lib-1.0.jar\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range []string{"verification-metadata.xml", "gradle.lockfile", "checksums.sha256"} {
			lock, err := Read(mapTree(name, text), name)
			var format *FormatError
			if err != nil && !errors.As(err, &format) {
				t.Fatalf("Read(%q) of %s: got %T, want *FormatError", text, name, err)
			}
			for _, p := range lock.Packages {
				if strings.Contains("/"+p.URL+"/", "/../") {
					t.Errorf("Read(%q) of %s: package %v", text, name, p)
				}
			}
		}
	})
}
