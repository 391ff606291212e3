package ecosystem

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

// fuzzClaims holds every claim against the lock file's text: its digest must be
// written there, whatever else is.
func fuzzClaims(f *testing.F, tool Ecosystem, lockName string, projects ...string) {
	f.Helper()
	for _, project := range projects {
		archive, err := txtar.ParseFile("testdata/" + project + ".txtar")
		if err != nil {
			f.Fatal(err)
		}
		i := slices.IndexFunc(archive.Files, func(file txtar.File) bool { return file.Name == lockName })
		f.Add(archive.Files[i].Data, "v6/npm-a-1-"+strings.Repeat("0", 40)+"/node_modules/a/x")
		f.Add(archive.Files[i].Data, "v10/files/00/"+strings.Repeat("0", 126))
	}
	f.Fuzz(func(t *testing.T, data []byte, path string) {
		lock, err := lockfile.Read(fstest.MapFS{lockName: {Data: data}}, lockName)
		if err != nil {
			return
		}
		plan := tool.Plan([]lockfile.Lock{lock})
		paths := []string{path}
		for _, p := range lock.Packages {
			for _, integrity := range p.Integrity {
				if c, ok := sriClaim(integrity); ok {
					algorithm, _, _ := strings.Cut(integrity, "-")
					sum := hex.EncodeToString(c.Sum)
					paths = append(paths, npmContents+algorithm+"/"+sum[:2]+"/"+sum[2:4]+"/"+sum[4:])
				}
				key, sum, _ := strings.Cut(integrity, "/")
				slug := berrySlug(p.Name, p.URL)
				paths = append(paths, slug+"-"+key+".zip", slug+"-"+sum[:min(10, len(sum))]+".zip")
			}
		}
		for _, path := range paths {
			c, ok := plan.Claims(path)
			if !ok {
				continue
			}
			if c.Hash != 0 && len(c.Sum) != c.Hash.Size() || c.Hash == 0 && plan.Unproven == "" {
				t.Errorf("%q: Claims(%q): got %+v, which proves nothing", data, path, c)
			}
			escaped := strings.Contains(string(data), `\`)
			if c.Hash != 0 && !escaped && !strings.Contains(string(data), base64.StdEncoding.EncodeToString(c.Sum)) &&
				!strings.Contains(string(data), hex.EncodeToString(c.Sum)) {
				t.Errorf("%q: Claims(%q): its digest %x is not in the lock file", data, path, c.Sum)
			}
		}
	})
}

func FuzzNPM(f *testing.F)  { fuzzClaims(f, npm, "package-lock.json", "npm1", "npm2", "npm3") }
func FuzzYarn(f *testing.F) { fuzzClaims(f, yarn, "yarn.lock", "yarn1", "yarn4") }
func FuzzPNPM(f *testing.F) { fuzzClaims(f, pnpm, "pnpm-lock.yaml", "pnpm") }
