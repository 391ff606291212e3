package lockfile

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"regexp"
	"strings"
)

// isMute reports whether a file that is part of a cache's key does not say which packages
// are used: a program, or hashes of whatever was ever downloaded.
func isMute(base string) bool {
	return base == "build.gradle" || base == "build.gradle.kts" || base == "verification-metadata.xml" ||
		isMavenChecksums(base)
}

// parseGradleScript takes a build script for what it is: a program, which nothing is
// read from. What is cached is bound to it by the key alone.
func parseGradleScript(_ []byte, _ fs.FS, lock *Lock) error {
	lock.Format = Gradle
	return nil
}

// parseGradleLock reads gradle.lockfile: "group:name:version=configurations". It has
// no hashes, and does not say what requires what.
func parseGradleLock(data []byte, _ fs.FS, lock *Lock) error {
	lock.Format = Gradle
	lock.Entries = []Entry{{Source: Project}}
	number := 0
	for line := range bytes.Lines(data) {
		number++
		text := strings.TrimSpace(string(line))
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		module, configurations, ok := strings.Cut(text, "=")
		if ok && module == "empty" {
			continue
		}
		parts := strings.Split(module, ":")
		if !ok || len(parts) != 3 || !isFileName(parts[0]) || !isFileName(parts[1]) || !isFileName(parts[2]) {
			return malformed(lock, "line %d is not group:name:version=configurations", number)
		}
		name := parts[0] + ":" + parts[1]
		lock.Packages = append(lock.Packages, Package{Name: name, Version: parts[2]})
		r := Require{Name: name, Kind: Prod, To: len(lock.Entries)}
		e := Entry{Name: name, Version: parts[2], Line: number, Source: Registry, Dev: forTests(configurations)}
		if e.Dev {
			r.Kind = Dev
		}
		lock.Entries[0].Requires = append(lock.Entries[0].Requires, r)
		lock.Entries = append(lock.Entries, e)
	}
	return nil
}

// forTests reports whether each of the configurations is one for tests, such as
// testRuntimeClasspath or debugAndroidTestCompileClasspath.
func forTests(configurations string) bool {
	for name := range strings.SplitSeq(configurations, ",") {
		if !testConfiguration.MatchString(strings.TrimSpace(name)) {
			return false
		}
	}
	return true
}

// testConfiguration has the word test in it, and not a part of another.
var testConfiguration = regexp.MustCompile(`(?:^test|Test)(?:$|[^a-z])`)

// gradleHash is a hash that counts, by the name of its element.
var gradleHash = map[string]*regexp.Regexp{
	"sha256": regexp.MustCompile(`^[0-9a-fA-F]{64}$`),
	"sha512": regexp.MustCompile(`^[0-9a-fA-F]{128}$`),
}

// parseGradleVerification reads gradle/verification-metadata.xml: the hashes of the
// files of each component. A file with weak hashes only, or with signatures, is as
// good as not named. The URL of a package is the name of its file.
func parseGradleVerification(data []byte, _ fs.FS, lock *Lock) error {
	lock.Format = Gradle
	r := verificationReader{lock: lock}
	decoder := xml.NewDecoder(bytes.NewReader(data))
	for {
		token, err := decoder.Token()
		switch {
		case errors.Is(err, io.EOF) && r.isRoot:
			return nil
		case err != nil:
			line, column := decoder.InputPos()
			return malformed(lock, "line %d, column %d: not the XML of Gradle's verification metadata", line, column)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if err := r.start(token.Name.Local, attributes(token)); err != nil {
				return err
			}
		case xml.EndElement:
			r.end(token.Name.Local)
		}
	}
}

func attributes(element xml.StartElement) map[string]string {
	values := map[string]string{}
	for _, a := range element.Attr {
		values[a.Name.Local] = a.Value
	}
	return values
}

// verificationReader is where the reading of a verification file is.
type verificationReader struct {
	lock      *Lock
	isRoot    bool
	component Package // Name and Version; empty outside of components
	artifact  string
	algorithm string // of the hash element that is open
	hashes    []string
}

func (r *verificationReader) start(name string, attribute map[string]string) error {
	switch name {
	case "verification-metadata":
		r.isRoot = true
	case "component":
		group, module, version := attribute["group"], attribute["name"], attribute["version"]
		if !isFileName(group) || !isFileName(module) || !isFileName(version) {
			return malformed(r.lock, "%.60q %.60q %.60q are not the group, name and version of a component",
				group, module, version)
		}
		r.component = Package{Name: group + ":" + module, Version: version}
	case "artifact":
		if r.artifact = attribute["name"]; !isFileName(r.artifact) {
			return malformed(r.lock, "%.60q is not the name of a file", r.artifact)
		}
		r.hashes = nil
	case "sha256", "sha512":
		r.algorithm = name
		return r.hash(attribute["value"])
	case "also-trust": // another hash of the same kind
		return r.hash(attribute["value"])
	}
	return nil
}

func (r *verificationReader) hash(value string) error {
	form, ok := gradleHash[r.algorithm]
	if !ok || r.artifact == "" {
		return nil
	}
	if !form.MatchString(value) {
		return malformed(r.lock, "the %s of %.60q is not one", r.algorithm, r.artifact)
	}
	r.hashes = append(r.hashes, r.algorithm+":"+strings.ToLower(value))
	return nil
}

func (r *verificationReader) end(name string) {
	switch name {
	case "component":
		r.component = Package{}
	case "sha256", "sha512":
		r.algorithm = ""
	case "artifact":
		if r.component.Name != "" && len(r.hashes) > 0 {
			p := r.component
			p.URL, p.Integrity = r.artifact, r.hashes
			r.lock.Packages = append(r.lock.Packages, p)
		}
		r.artifact = ""
	}
}
