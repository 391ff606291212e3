package ecosystem

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"regexp"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
)

// gradle keeps the files that Gradle downloaded. Where the project has verification
// metadata with SHA-256 or SHA-512, only the files that those name; else all, which
// nothing proves.
//
// Not kept: the metadata of modules-2, which remembers what versions there were and
// which files belong to which module. So `gradle --offline` does not work from the
// cache alone: Gradle asks the repositories for checksums, and downloads no file
// that it has. Nor are kept what Gradle made of the files (jars, transforms), build
// caches, and the wrapper's distributions.
var gradle = Ecosystem{
	Name: "gradle",
	Locks: []string{"verification-metadata.xml", "gradle.lockfile", "buildscript-gradle.lockfile",
		"build.gradle", "build.gradle.kts"},
	Folder: gradleFolder,
	Next:   "gradle build",
	Plan:   gradlePlan,
}

const gradleWhy = "Gradle's lock files have no hashes, and gradle/verification-metadata.xml, which could have, " +
	"is not in the key"

func gradleFolder(h Host) string {
	home := h.env("GRADLE_USER_HOME")
	if home == "" {
		home = h.join(h.Home, ".gradle")
	}
	return h.join(home, "caches", "modules-2", "files-2.1")
}

// gradleFile is a file of the cache: group, module, version, SHA-1, name, in a
// folder that is GRADLE_USER_HOME, or any on the way to files-2.1.
var gradleFile = regexp.MustCompile(`^(?:(?:(?:caches/)?modules-2/)?files-2\.1/)?([^/]+)/([^/]+)/([^/]+)/([0-9a-f]{1,40})/([^/]+)$`)

func gradlePlan(locks []lockfile.Lock) Plan {
	hashes := map[string]anyOf{}
	for _, lock := range locks {
		for _, p := range lock.Packages {
			for _, h := range p.Integrity {
				key := p.Name + ":" + p.Version + "/" + p.URL
				if hashes[key] == nil {
					hashes[key] = anyOf{}
				}
				hashes[key].add(h)
			}
		}
	}
	plan := Plan{Claims: func(name string) (claim.Claim, bool) {
		part := gradleFile.FindStringSubmatch(name)
		if part == nil || strings.HasSuffix(part[3], "-SNAPSHOT") {
			return claim.Claim{}, false
		}
		if len(hashes) == 0 {
			return claim.Claim{Maybe: true, Deep: func(tree fs.FS, name string) error {
				return notNamed(checkGradleName(tree, name, part[4]))
			}}, true
		}
		allowed := hashes[part[1]+":"+part[2]+":"+part[3]+"/"+part[5]]
		c, ok := allowed.claim()
		// The same file can have been published twice, with different contents.
		c.Deep, c.Maybe = allowed.checkMaybe, true
		return c, ok
	}}
	if len(hashes) == 0 {
		plan.Unproven = gradleWhy
	}
	return plan
}

// checkGradleName holds a file against the SHA-1 that it is named by, which Gradle
// writes without zeros in front. That proves nothing about where it came from; it
// finds what was damaged.
func checkGradleName(tree fs.FS, name, want string) error {
	file, err := tree.Open(name)
	if err != nil {
		return errors.New("it cannot be opened")
	}
	defer file.Close()
	sum := sha1.New()
	if _, err := io.Copy(sum, file); err != nil {
		return errors.New("it cannot be read")
	}
	got := hex.EncodeToString(sum.Sum(nil))
	return sameHash("sha1 "+strings.TrimLeft(want, "0"), "sha1 "+strings.TrimLeft(got, "0"))
}
