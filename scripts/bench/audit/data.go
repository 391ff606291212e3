package main

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The size of OSV's data for npm.
const (
	vulnerabilities = 4_400
	malicious       = 213_000
	dataFormat      = "1" // change it when the records do
)

// vulnerability is one of the made-up ones.
type vulnerability struct {
	id, cve, name, severity string
	introduced, fixed       string
}

// dataset is what there is known of packages.
type dataset struct {
	dir  string // as osv-scanner keeps it: osv-scalibr/npm/all.zip
	list []vulnerability
	size int64 // of the zip file
}

// makeData makes the zip file, unless it is there. One in twelve of the projects' packages
// has vulnerabilities; most are of other versions, as they are of real projects.
func makeData(dir string, projects []project) (dataset, error) {
	versions := map[string]string{}
	for _, p := range projects {
		for _, e := range p.packages {
			versions[e.Name] = e.Version
		}
	}
	d := dataset{}
	random := rand.New(rand.NewPCG(1, 2))
	for i, name := range slices.Sorted(maps.Keys(versions)) {
		if i%12 == 0 && len(d.list) < vulnerabilities {
			d.list = append(d.list, about(random, len(d.list), name, versions[name]))
		}
	}
	for len(d.list) < vulnerabilities {
		d.list = append(d.list, about(random, len(d.list), fmt.Sprintf("elsewhere-%d", len(d.list)/2), "3.4.5"))
	}
	sum := sha256.Sum256([]byte(dataFormat + fmt.Sprint(d.list)))
	d.dir = filepath.Join(dir, hex.EncodeToString(sum[:6]))
	name := filepath.Join(d.dir, "osv-scalibr", "npm", "all.zip")
	info, err := os.Stat(name)
	if err != nil {
		fmt.Fprintln(os.Stderr, "Making", vulnerabilities+malicious, "advisories once.")
		if err := writeZip(name, d.list); err != nil {
			return d, err
		}
		if info, err = os.Stat(name); err != nil {
			return d, err
		}
	}
	d.size = info.Size()
	return d, nil
}

// about is a vulnerability of a package; one in ten is of this version.
func about(random *rand.Rand, i int, name, version string) vulnerability {
	v := vulnerability{
		id:   fmt.Sprintf("GHSA-%04d-%s-%s", i, letters(random), letters(random)),
		cve:  fmt.Sprintf("CVE-2025-%d", 10_000+i),
		name: name, severity: []string{"LOW", "MODERATE", "HIGH", "CRITICAL"}[random.IntN(4)],
		introduced: "0", fixed: version,
	}
	plain, _, _ := strings.Cut(version, "-")
	parts := strings.SplitN(plain, ".", 3)
	major, err := strconv.Atoi(parts[0])
	switch {
	case err != nil:
	case random.IntN(10) == 0:
		v.fixed = fmt.Sprintf("%d.0.0", major+1)
	case random.IntN(2) == 0 && major > 0:
		v.introduced, v.fixed = fmt.Sprintf("%d.0.0", major-1), fmt.Sprintf("%d.0.0", major)
	case random.IntN(2) == 0:
		v.introduced, v.fixed = fmt.Sprintf("%d.0.0", major+1), fmt.Sprintf("%d.4.0", major+1)
	}
	return v
}

func letters(random *rand.Rand) string {
	const of = "23456789cfghjmpqrvwx"
	b := make([]byte, 4)
	for i := range b {
		b[i] = of[random.IntN(len(of))]
	}
	return string(b)
}

// writeZip writes the records as OSV does: a file each.
func writeZip(name string, list []vulnerability) (err error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.Create(name + ".part")
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err == nil {
			err = os.Rename(name+".part", name)
		}
	}()
	archive := zip.NewWriter(f)
	random := rand.New(rand.NewPCG(3, 4))
	for i := range malicious + len(list) {
		record, id := map[string]any(nil), ""
		if i < malicious {
			id = fmt.Sprintf("MAL-2025-%d", i)
			record = malware(random, id, i)
		} else {
			id = list[i-malicious].id
			record = list[i-malicious].record(random)
		}
		w, err := archive.Create(id + ".json")
		if err == nil {
			err = json.NewEncoder(w).Encode(record)
		}
		if err != nil {
			return err
		}
	}
	return archive.Close()
}

// malware is a record of a malicious package, as long as OSV's are (1.5 kB).
func malware(random *rand.Rand, id string, i int) map[string]any {
	name := fmt.Sprintf("%s-%s-%s", letters(random), words[random.IntN(len(words))], letters(random))
	var origins []map[string]any
	for range 3 {
		origins = append(origins, map[string]any{
			"import_time": "2025-11-02T10:01:22.123456Z", "modified_time": "2025-11-02T09:59:10Z",
			"sha256": fmt.Sprintf("%016x%016x%016x%016x",
				random.Uint64(), random.Uint64(), random.Uint64(), random.Uint64()),
			"source": "ossf-package-analysis", "versions": []string{"1.0.0", fmt.Sprintf("%d.%d.0", i%90, i%7)},
		})
	}
	return map[string]any{
		"schema_version": "1.7.3", "id": id, "modified": "2025-12-01T08:00:00Z",
		"published": "2025-11-02T10:00:00Z",
		"summary":   "Malicious code in " + name + " (npm)",
		"details": "\n---\n_-= Per source details. Do not edit below this line.=-_\n\n" +
			"## Source: ossf-package-analysis (" +
			fmt.Sprintf("%016x%016x", random.Uint64(), random.Uint64()) + ")\n" +
			"The OpenSSF Package Analysis project identified '" + name + "' @ 1.0.0 (npm) as malicious.\n\n" +
			"It is considered malicious because:\n\n- The package " +
			"communicates with a domain associated with malicious activity.\n",
		"affected": []map[string]any{{
			"package":  map[string]string{"ecosystem": "npm", "name": name, "purl": "pkg:npm/" + name},
			"ranges":   []map[string]any{{"type": "SEMVER", "events": []map[string]string{{"introduced": "0"}}}},
			"versions": []string{"1.0.0"},
		}},
		"credits":           []map[string]any{{"name": "OpenSSF: Package Analysis", "type": "FINDER"}},
		"database_specific": map[string]any{"malicious-packages-origins": origins},
	}
}

// record is what OSV publishes of a vulnerability of GitHub's (3 kB).
func (v vulnerability) record(random *rand.Rand) map[string]any {
	var details strings.Builder
	for details.Len() < 1_800 {
		details.WriteString(words[random.IntN(len(words))] + " ")
	}
	return map[string]any{
		"schema_version": "1.7.3", "id": v.id, "aliases": []string{v.cve}, "modified": "2025-12-01T08:00:00Z",
		"published": "2025-06-01T10:00:00Z", "summary": "Made-up vulnerability in " + v.name,
		"details": details.String(),
		"affected": []map[string]any{{
			"package": map[string]string{"ecosystem": "npm", "name": v.name, "purl": "pkg:npm/" + v.name},
			"ranges": []map[string]any{{
				"type":   "SEMVER",
				"events": []map[string]string{{"introduced": v.introduced}, {"fixed": v.fixed}},
			}},
		}},
		"references": []map[string]string{
			{"type": "WEB", "url": "https://example.com/" + v.id},
			{"type": "PACKAGE", "url": "https://example.com/" + v.name},
			{"type": "ADVISORY", "url": "https://nvd.nist.gov/vuln/detail/" + v.cve},
		},
		"severity": []map[string]string{{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}},
		"database_specific": map[string]any{
			"cwe_ids": []string{"CWE-1321"}, "github_reviewed": true, "severity": v.severity,
		},
	}
}

// vulnerable is the range as npm writes it.
func (v vulnerability) vulnerable() string {
	if v.introduced == "0" {
		return "<" + v.fixed
	}
	return ">=" + v.introduced + " <" + v.fixed
}
