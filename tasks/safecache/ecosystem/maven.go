package ecosystem

import (
	"errors"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
)

// maven keeps what Maven downloaded into the local repository. Where the project has
// Maven's trusted checksums, only what they name; else every release that came from
// a repository, which nothing can prove: the checksums beside the files came from
// wherever the files came from.
//
// Not kept: snapshots and the lists of versions (both would bring yesterday back),
// marks of failed downloads, checksums (they are never read again), and what was
// installed from here, which is an output. Kept, without proof, is the note of where
// each file came from: without it Maven takes a file for installed from here, and
// gives it to builds whose repositories do not have it.
var maven = Ecosystem{
	Name:   "maven",
	Locks:  []string{"pom.xml", "checksums*.sha256", "checksums*.sha512"},
	Folder: mavenFolder,
	Next:   "mvn --batch-mode --strict-checksums verify",
	Plan:   mavenPlan,
}

const mavenWhy = "Maven has no lock file: nothing says which contents the files of the local repository must have"

// localRepository is the option that moves the local repository.
var localRepository = regexp.MustCompile(`(?:^|\s)-Dmaven\.repo\.local=("[^"]+"|\S+)`)

func mavenFolder(h Host) string {
	for _, name := range []string{"MAVEN_ARGS", "MAVEN_OPTS"} {
		if match := localRepository.FindStringSubmatch(h.env(name)); match != nil {
			return strings.Trim(match[1], `"`)
		}
	}
	return h.join(h.Home, ".m2", "repository")
}

// mavenRemotes is the note of where the files beside it came from.
const mavenRemotes = "_remote.repositories"

// mavenFile are the kinds of files that builds use.
var mavenFile = regexp.MustCompile(`\.(?:jar|pom|war|ear|rar|aar|zip|tar\.gz|tar\.bz2|xml|json|module|klib|so|dll|dylib|exe|nar|hpi|bin|txt|properties)$`)

func mavenPlan(locks []lockfile.Lock) Plan {
	hashes := map[string]anyOf{}
	for _, lock := range locks {
		for _, p := range lock.Packages {
			for _, h := range p.Integrity {
				if hashes[p.URL] == nil {
					hashes[p.URL] = anyOf{}
				}
				hashes[p.URL].add(h)
			}
		}
	}
	if len(hashes) > 0 {
		return Plan{Claims: func(name string) (claim.Claim, bool) { return hashes[name].claim() }}
	}
	return Plan{Unproven: mavenWhy, Claims: func(name string) (claim.Claim, bool) {
		folder, file := path.Split(name)
		parts := strings.Split(strings.TrimSuffix(folder, "/"), "/")
		if len(parts) < 3 {
			return claim.Claim{}, false
		}
		artifact, version := parts[len(parts)-2], parts[len(parts)-1]
		switch {
		case strings.HasSuffix(version, "-SNAPSHOT"):
			return claim.Claim{}, false
		case file == mavenRemotes:
			return claim.Claim{Maybe: true, Deep: checkMavenRemotes}, true
		case strings.HasPrefix(file, artifact+"-"+version) && mavenFile.MatchString(file):
			return claim.Claim{Maybe: true, Deep: checkMavenDownload}, true
		}
		return claim.Claim{}, false
	}}
}

// claim is the claim that a file has one of these hashes; false if there are none.
func (a anyOf) claim() (claim.Claim, bool) {
	if len(a) == 0 {
		return claim.Claim{}, false
	}
	return claim.Claim{ID: "any of " + a.id(), Deep: a.check}, true
}

// maxMavenRemotes bounds the note of where files came from.
const maxMavenRemotes = 64 << 10

var errMavenRemotes = errors.New("it is not a note of Maven's about where files came from")

// mavenSources reads lines such as "lib-1.0.jar>central=": the files of a folder
// with the repositories that they came from. Those of none were installed from here.
func mavenSources(tree fs.FS, name string) (map[string]bool, error) {
	data, err := readSmall(tree, name, maxMavenRemotes)
	if err != nil {
		return nil, err
	}
	downloaded := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		file, source, ok := strings.Cut(line, ">")
		if !ok || !strings.HasSuffix(source, "=") {
			return nil, errMavenRemotes
		}
		if source != "=" {
			downloaded[file] = true
		}
	}
	return downloaded, nil
}

// checkMavenRemotes looks into such a note; one without downloads is not needed.
func checkMavenRemotes(tree fs.FS, name string) error {
	downloaded, err := mavenSources(tree, name)
	if err == nil && len(downloaded) == 0 {
		err = errors.New("nothing beside it was downloaded")
	}
	return notNamed(err)
}

// checkMavenDownload asks the note beside a file whether the file was downloaded.
func checkMavenDownload(tree fs.FS, name string) error {
	downloaded, err := mavenSources(tree, path.Dir(name)+"/"+mavenRemotes)
	if err == nil && !downloaded[path.Base(name)] {
		err = errors.New("it was installed from here, not downloaded")
	}
	return notNamed(err)
}
