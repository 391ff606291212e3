package lockfile

import (
	"bytes"
	"encoding/hex"
	"io/fs"
	"path"
	"strings"
)

// isMavenChecksums reports whether a file is one of the checksum files that Maven's
// resolver verifies downloads with, if it is told to: .mvn/checksums/checksums.sha256,
// or checksums-central.sha256 for the repository "central".
func isMavenChecksums(base string) bool {
	name, extension, _ := strings.Cut(base, ".")
	return (extension == "sha256" || extension == "sha512") && strings.HasPrefix(name, mavenChecksums)
}

const mavenChecksums = "checksums"

// parseMavenChecksums reads lines of a hash and a path in the local repository.
func parseMavenChecksums(data []byte, _ fs.FS, lock *Lock) error {
	lock.Format = Maven
	algorithm := strings.TrimPrefix(path.Ext(lock.Path), ".")
	size := map[string]int{"sha256": 32, "sha512": 64}[algorithm]
	number := 0
	for line := range bytes.Lines(data) {
		number++
		fields := strings.Fields(string(line))
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 2 {
			return malformed(lock, "line %d has %d fields, not a hash and a path", number, len(fields))
		}
		sum, err := hex.DecodeString(fields[0])
		if err != nil || len(sum) != size {
			return malformed(lock, "line %d does not begin with a %s", number, algorithm)
		}
		name, version, ok := mavenPath(fields[1])
		if !ok {
			return malformed(lock, "line %d does not name a file of a repository", number)
		}
		lock.Packages = append(lock.Packages, Package{Name: name, Version: version,
			Integrity: []string{algorithm + ":" + strings.ToLower(fields[0])}, URL: fields[1]})
	}
	return nil
}

// mavenPath splits group/id/artifact/version/file into "group.id:artifact" and the
// version.
func mavenPath(name string) (artifact, version string, ok bool) {
	parts := strings.Split(name, "/")
	for _, p := range parts {
		if !isFileName(p) {
			return "", "", false
		}
	}
	n := len(parts)
	if n < 4 || !strings.HasPrefix(parts[n-1], parts[n-3]+"-") {
		return "", "", false
	}
	return strings.Join(parts[:n-3], ".") + ":" + parts[n-3], parts[n-2], true
}

// isFileName reports whether a text can be one element of a path anywhere.
func isFileName(text string) bool {
	return text != "" && text != "." && text != ".." && !strings.ContainsAny(text, `/\:*?"<>|`)
}
