package installed

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

const packageFile = "package.json"

// manifest is what is read of a package.json.
type manifest struct {
	name, version string
	requires      []lockfile.Require
	bundles       bool // it says that it brings packages of its own
	overrides     []override
	problem       string // "" if there is none
}

// maxText is the longest name, version or range that is taken.
const maxText = 8 << 10

// wishes are the objects of a package.json that name packages, in the order in which
// a later one takes the place of an earlier one: npm forgets a dependency that is also
// an optional one.
type wishes struct {
	prod, dev, optional, peer map[string]string
	mayMiss                   map[string]bool // peers
}

// readManifest reads a package.json. Of keys that are there twice the last one counts,
// as for every program that reads it; a name or version that is there twice is a problem,
// because not all programs do. Only a project's own dev dependencies are ever installed.
func readManifest(data []byte, project bool) (manifest, error) {
	m, w := manifest{}, wishes{}
	err := whole(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), func(s *scanner) error {
		return s.object(maxDepth, func(key string) error { return m.field(s, key, &w, project) })
	})
	if err != nil {
		return manifest{}, err
	}
	m.requires = w.list()
	m.check()
	return m, nil
}

// field reads the value of a key.
func (m *manifest) field(s *scanner, key string, w *wishes, project bool) error {
	switch key {
	case "name":
		return m.once(s, key, &m.name)
	case "version":
		return m.once(s, key, &m.version)
	case "dependencies":
		return texts(s, &w.prod)
	case "optionalDependencies":
		return texts(s, &w.optional)
	case "peerDependencies":
		return texts(s, &w.peer)
	case "peerDependenciesMeta":
		return w.meta(s)
	case "bundleDependencies", "bundledDependencies":
		return m.bundle(s)
	}
	if project {
		switch key {
		case "devDependencies":
			return texts(s, &w.dev)
		case "overrides", "resolutions", "pnpm":
			return m.forced(s, key)
		}
	}
	return s.skip(maxDepth - 1)
}

// once reads a text; what is no text is as if it were not there.
func (m *manifest) once(s *scanner, key string, into *string) error {
	if !s.isText() {
		return s.skip(maxDepth - 1)
	}
	text, err := s.text()
	if err == nil && *into != "" && *into != text {
		m.problem = fmt.Sprintf("says twice what its %s is, and not the same", key)
	}
	*into = text
	return err
}

// texts reads an object of texts.
func texts(s *scanner, into *map[string]string) error {
	*into = nil
	if s.next() != '{' {
		return s.skip(maxDepth - 1)
	}
	found := map[string]string{}
	*into = found
	return s.object(maxDepth-1, func(key string) error {
		if !s.isText() {
			return s.skip(maxDepth - 2)
		}
		text, err := s.text()
		found[key] = text
		return err
	})
}

// meta reads which peers may be missing.
func (w *wishes) meta(s *scanner) error {
	w.mayMiss = map[string]bool{}
	if s.next() != '{' {
		return s.skip(maxDepth - 1)
	}
	return s.object(maxDepth-1, func(peer string) error {
		if s.next() != '{' {
			return s.skip(maxDepth - 2)
		}
		return s.object(maxDepth-2, func(key string) error {
			start := s.at
			if err := s.skip(maxDepth - 3); err != nil {
				return err
			}
			if key == "optional" {
				w.mayMiss[peer] = string(bytes.TrimSpace(s.data[start:s.at])) == "true"
			}
			return nil
		})
	})
}

// bundle reads whether packages come inside of this one: a list with something in it, or
// true.
func (m *manifest) bundle(s *scanner) error {
	if s.next() == '[' {
		return s.list(maxDepth-1, func() error {
			m.bundles = true
			return s.skip(maxDepth - 2)
		})
	}
	start := s.at
	err := s.skip(maxDepth - 1)
	m.bundles = m.bundles || err == nil && string(s.data[start:s.at]) == "true"
	return err
}

func (w *wishes) list() []lockfile.Require {
	var list []lockfile.Require
	add := func(from map[string]string, kind lockfile.Kind, but ...map[string]string) {
		for _, name := range slices.Sorted(maps.Keys(from)) {
			if !slices.ContainsFunc(but, func(other map[string]string) bool { return has(other, name) }) {
				list = append(list, lockfile.Require{Name: name, Range: from[name], Kind: kind, To: -1})
			}
		}
	}
	for peer := range w.peer {
		if w.mayMiss[peer] {
			delete(w.peer, peer)
		}
	}
	add(w.prod, lockfile.Prod, w.optional)
	add(w.dev, lockfile.Dev, w.optional, w.prod)
	add(w.optional, lockfile.Optional)
	add(w.peer, lockfile.Peer, w.optional, w.prod, w.dev)
	return list
}

func has(m map[string]string, key string) bool { _, ok := m[key]; return ok }

// check refuses texts that no package has: they are compared and printed from here on.
func (m *manifest) check() {
	if !plain(m.name) || !plain(m.version) {
		m.name, m.version, m.problem = "", "", "has a name or version that no package has"
	}
	odd := func(r lockfile.Require) bool { return !plain(r.Name) || !plain(r.Range) }
	if slices.ContainsFunc(m.requires, odd) {
		m.requires = slices.DeleteFunc(m.requires, odd)
		m.problem = "asks for a package by a name or version that no package has"
	}
}

// plain reports whether a text can be a name, a version or a range.
func plain(text string) bool {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c < 0x20 || c >= 0x7f {
			return len(text) <= maxText && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
				return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
			})
		}
	}
	return len(text) <= maxText
}
