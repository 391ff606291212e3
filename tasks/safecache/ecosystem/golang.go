package ecosystem

import (
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/mod/module"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/shared/pkgzip"
	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
)

// golang keeps the downloads of Go modules: the zip, the go.mod and the recorded
// hash of each module that go.sum names.
//
// Not kept, although the go command puts them there too: .info files, which say
// when a version was made and where from, because nothing can prove them and a
// forged one turns a version into another (no build needs them; `go mod download`
// asks the proxy for them again); version lists, the checksum database's tiles,
// locks, partial downloads; and the extracted trees, which the go command never
// checks again.
var golang = Ecosystem{
	Name:   "go",
	Locks:  []string{"go.sum", "go.work.sum"},
	Folder: goFolder,
	Tool:   []string{"go", "env", "GOVERSION"},
	Next:   "go mod verify",
	Plan:   goPlan,
}

// goDownloads is where the downloads are in the module cache.
const goDownloads = "cache/download/"

// goFolder is the part of the module cache that holds downloads. Extracted trees
// are beside it, out of reach.
func goFolder(h Host) string {
	cache := h.env("GOMODCACHE")
	if cache == "" {
		list := ":"
		if h.OS == "windows" {
			list = ";"
		}
		gopath, _, _ := strings.Cut(h.env("GOPATH"), list)
		if gopath == "" {
			gopath = h.join(h.Home, "go")
		}
		cache = h.join(gopath, "pkg", "mod")
	}
	return h.join(cache, "cache", "download")
}

// goPlan claims what go.sum has hashes of, in a folder that is the module cache or
// its cache/download.
func goPlan(locks []lockfile.Lock) Plan {
	hashes := hashesByFile{}
	for _, lock := range locks {
		for _, p := range lock.Packages {
			version, isMod := strings.CutSuffix(p.Version, "/go.mod")
			escapedPath, err := module.EscapePath(p.Name)
			if err != nil {
				continue
			}
			escapedVersion, err := module.EscapeVersion(version)
			if err != nil || len(p.Integrity) != 1 {
				continue
			}
			name := escapedPath + "/@v/" + escapedVersion
			if isMod {
				hashes.add(name+".mod", p.Integrity[0])
			} else {
				hashes.add(name+".zip", p.Integrity[0])
			}
		}
	}
	return Plan{Claims: func(name string) (claim.Claim, bool) {
		name = strings.TrimPrefix(name, goDownloads)
		zipName, isZipHash := strings.CutSuffix(name, ".ziphash")
		if isZipHash {
			name = zipName + ".zip"
		}
		h1 := hashes[name]
		switch {
		case h1 == "":
			return claim.Claim{}, false
		case isZipHash:
			// The go command takes this file's word for the zip's hash: the file is
			// worth exactly as much as the zip beside it, which is claimed as well.
			sum := sha256.Sum256([]byte(h1))
			return claim.Claim{ID: "ziphash " + h1, Hash: crypto.SHA256, Sum: sum[:]}, true
		case strings.HasSuffix(name, ".mod"):
			return claim.Claim{ID: "go.mod " + h1, Deep: func(tree fs.FS, name string) error {
				return checkGoMod(tree, name, h1)
			}}, true
		default:
			return claim.Claim{ID: "zip " + h1, Deep: func(tree fs.FS, name string) error {
				return checkModuleZip(tree, name, h1)
			}}, true
		}
	}}
}

// hashesByFile are the hashes that lock files give to files of a download cache. A
// file of which two lock files disagree has the empty hash: none.
type hashesByFile map[string]string

func (h hashesByFile) add(name, hash string) {
	if known, ok := h[name]; ok && known != hash {
		hash = ""
	}
	h[name] = hash
}

// maxGoMod is the largest go.mod of a dependency, as golang.org/x/mod/zip has it.
const maxGoMod = 16 << 20

// checkGoMod holds a .mod file against its hash in go.sum, which is the hash of a
// tree with that one file.
func checkGoMod(tree fs.FS, name, want string) error {
	data, err := readSmall(tree, name, maxGoMod)
	if err != nil {
		return err
	}
	line := fmt.Sprintf("%x  go.mod\n", sha256.Sum256(data))
	sum := sha256.Sum256([]byte(line))
	return sameHash(want, "h1:"+base64.StdEncoding.EncodeToString(sum[:]))
}

// checkModuleZip holds a module's zip against its hash in go.sum.
func checkModuleZip(tree fs.FS, name, want string) error {
	file, size, err := openAt(tree, name, pkgzip.MaxModule)
	if err != nil {
		return err
	}
	defer file.Close()
	got, err := pkgzip.ModuleHash(file, size)
	if err != nil {
		return err
	}
	return sameHash(want, got)
}
