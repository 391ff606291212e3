// Package npmtest is a registry of npm packages, as an http.Handler, and projects that
// real package managers install from it, for tests.
//
// The registry speaks what npm, pnpm and both Yarns ask for: package documents in both
// forms, archives, and the audit endpoint. Its archives are made in memory of what a
// test says, and are the same bytes every time.
package npmtest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Package is one version of a package.
type Package struct {
	Name, Version string
	Dependencies  map[string]string
	// Manifest has further fields of package.json.
	Manifest map[string]any
	// Files are further files, such as those of bundled packages in node_modules/.
	Files map[string]string
}

// Advisory is what the audit endpoint says of a package.
type Advisory struct {
	ID       int
	Package  string
	Range    string // of vulnerable versions, as npm writes them
	Severity string // low, moderate, high, critical
	Title    string
}

// published is a Package as the registry has it.
type published struct {
	manifest           map[string]any
	tarball            []byte
	file               string // name of the archive
	integrity, sha1Hex string
}

// pack makes what is published.
func pack(p Package) (published, error) {
	manifest := map[string]any{"name": p.Name, "version": p.Version, "license": "MIT"}
	if len(p.Dependencies) > 0 {
		manifest["dependencies"] = p.Dependencies
	}
	maps.Copy(manifest, p.Manifest)
	text, err := json.MarshalIndent(manifest, "", "  ")
	if err != nil {
		return published{}, fmt.Errorf("npmtest: manifest of %s@%s: %w", p.Name, p.Version, err)
	}
	files := map[string]string{"index.js": fmt.Sprintf("module.exports = %q;\n", p.Name+"@"+p.Version)}
	maps.Copy(files, p.Files)
	files["package.json"] = string(text) + "\n"
	tarball, err := archive(files)
	if err != nil {
		return published{}, fmt.Errorf("npmtest: archive of %s@%s: %w", p.Name, p.Version, err)
	}
	base := p.Name[strings.LastIndex(p.Name, "/")+1:]
	long, short := sha512.Sum512(tarball), sha1.Sum(tarball)
	return published{
		manifest: manifest, tarball: tarball, file: base + "-" + p.Version + ".tgz",
		integrity: "sha512-" + base64.StdEncoding.EncodeToString(long[:]), sha1Hex: hex.EncodeToString(short[:]),
	}, nil
}

// archive makes a package's archive, of the same bytes every time.
func archive(files map[string]string) ([]byte, error) {
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	writer := tar.NewWriter(zipped)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		header := &tar.Header{Name: "package/" + name, Mode: 0o644, Size: int64(len(files[name])),
			ModTime: time.Date(1985, 10, 26, 8, 15, 0, 0, time.UTC)}
		if err := writer.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := writer.Write([]byte(files[name])); err != nil {
			return nil, err
		}
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	if err := zipped.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
