package installed

import (
	"archive/zip"
	"context"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/pkgzip"
)

// The files in which Yarn keeps what Plug'n'Play loads, see https://yarnpkg.com/advanced/pnp-spec.
const (
	pnpCode = ".pnp.cjs"
	pnpData = ".pnp.data.json"
)

// maxPnP bounds those; the zip files bound themselves, as they are not read whole.
const maxPnP = 128 << 20

// pnpPackage is a package as Plug'n'Play knows it.
type pnpPackage struct {
	name, reference string
	location        string // of its folder, below that of the lock file, also within a zip file
	project         bool   // a workspace
}

// plugAndPlay reads what Plug'n'Play loads packages from.
func (w *nodeWalk) plugAndPlay(ctx context.Context) {
	w.out.Kind, w.out.Path = PlugAndPlay, w.at(pnpCode)
	all, err := w.pnpPackages()
	if err != nil {
		w.problem(pnpCode, err.Error(), true)
		return
	}
	var inside []pnpPackage
	seen, outside := map[string]bool{}, 0
	for _, p := range all {
		p.location = devirtualize(p.location)
		switch {
		case seen[p.location]:
			continue // the same files, with other peers
		case p.project:
			w.projects[join(p.location)] = true
		case path.IsAbs(p.location) || strings.Contains(p.location, ":") || !fs.ValidPath(w.at(p.location)):
			outside++
		case w.exists(archiveOf(p.location)): // else it was left out, being for another system
			inside = append(inside, p)
		}
		seen[p.location] = true
	}
	if outside > 0 {
		w.problem(pnpCode, fmt.Sprintf("loads %d packages from a folder that is not of the project: "+
			"set enableGlobalCache to false, so that they can be looked into", outside), true)
	}
	w.out.gather(ctx, len(inside), func(i int) result { return w.pnpRead(inside[i]) })
}

// rawState is where the code has the data: as a text, whose lines end in a backslash.
var rawState = regexp.MustCompile(`(?s)RAW_RUNTIME_STATE\s*=\s*'((?:[^'\\]|\\.)*)'`)

// pnpPackages reads the data, wherever it is.
func (w *nodeWalk) pnpPackages() ([]pnpPackage, error) {
	data, err := w.small(w.at(pnpData), maxPnP)
	if errors.Is(err, errNotThere) {
		data, err = w.small(w.at(pnpCode), maxPnP)
		if err != nil {
			return nil, err
		}
		quoted := rawState.FindSubmatch(data)
		if quoted == nil {
			return nil, errors.New("has no data of a form that is known")
		}
		data = unquote(quoted[1])
	}
	if err != nil {
		return nil, err
	}
	var all []pnpPackage
	err = whole(data, func(s *scanner) error {
		return s.object(maxDepth, func(key string) error {
			if key != "packageRegistryData" {
				return s.skip(maxDepth - 1)
			}
			return s.pairs(func(name string) error {
				return s.pairs(func(reference string) error {
					p := pnpPackage{name: name, reference: reference}
					p.project = name == "" || strings.HasPrefix(reference, "workspace:")
					err := p.read(s)
					all = append(all, p)
					return err
				})
			})
		})
	})
	return all, err
}

// unquote takes the backslashes out of a text of JavaScript.
func unquote(text []byte) []byte {
	plain := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			if i++; text[i] == '\n' {
				continue
			}
		}
		plain = append(plain, text[i])
	}
	return plain
}

// pairs visits a list of [key, value]. A key may be null, which is "" here.
func (s *scanner) pairs(visit func(key string) error) error {
	return s.list(maxDepth, func() error {
		at, key := 0, ""
		err := s.list(maxDepth, func() (err error) {
			switch at++; {
			case at == 1 && s.isText():
				key, err = s.text()
			case at == 2:
				err = visit(key)
			default:
				err = s.skip(maxDepth)
			}
			return err
		})
		return err
	})
}

func (p *pnpPackage) read(s *scanner) error {
	return s.object(maxDepth, func(key string) error {
		if key != "packageLocation" || !s.isText() {
			return s.skip(maxDepth)
		}
		text, err := s.text()
		p.location = path.Clean(text)
		return err
	})
}

// devirtualize returns the folder that a virtual one stands for: a/__virtual__/x/1/b is
// b one above a.
func devirtualize(location string) string {
	for _, marker := range []string{"/__virtual__/", "/$$virtual/"} {
		before, after, found := strings.Cut("/"+location, marker)
		parts := strings.SplitN(after, "/", 3)
		if !found || len(parts) != 3 || len(parts[1]) != 1 || parts[1] < "0" || parts[1] > "9" {
			continue
		}
		up := strings.Repeat("../", int(parts[1][0]-'0'))
		return path.Join(strings.TrimPrefix(before, "/"), up, parts[2])
	}
	return location
}

// archiveOf returns the zip file that a location is in, or the location.
func archiveOf(location string) string {
	if archive, _, zipped := strings.Cut(location, ".zip/"); zipped {
		return archive + ".zip"
	}
	return location
}

// pnpRead reads one package, from its folder or from a zip file.
func (w *nodeWalk) pnpRead(p pnpPackage) result {
	_, inner, zipped := strings.Cut(p.location, ".zip/")
	archive := archiveOf(p.location)
	if !zipped {
		r, _ := w.one(folder{path: p.location})
		if len(r.packages)+len(r.problems) == 0 {
			r.problems = []Problem{{w.at(p.location), "is loaded as a package, and has no package.json", false}}
		}
		return r
	}
	bad := func(text string, unread bool) result {
		return result{problems: []Problem{{w.at(archive), text, unread}}}
	}
	data, sum, err := w.zipped(archive, inner+"/"+packageFile)
	if err != nil {
		return bad(err.Error(), !errors.Is(err, errNotThere))
	}
	m, err := readManifest(data, false)
	switch {
	case err != nil:
		return bad("has a package.json that "+err.Error(), true)
	case m.problem != "":
		return bad("has a package.json that "+m.problem, false)
	case m.name == "" || m.version == "":
		return bad("has a package.json without name or version", false)
	}
	return result{packages: []Package{{
		Name: m.name, Version: m.version, Path: p.location, Requires: m.requires,
		Key: p.name + "@" + p.reference, Integrity: sum,
	}}}
}

// zipped returns a file of a zip file, and the SHA-512 of the whole, which yarn.lock has.
func (w *nodeWalk) zipped(archive, name string) ([]byte, string, error) {
	file, err := w.archive(w.at(archive), maxArchive)
	if err != nil {
		return nil, "", err
	}
	defer file.Close()
	sum := sha512.New()
	if _, err := io.Copy(sum, io.NewSectionReader(file, 0, file.size)); err != nil {
		return nil, "", errUnreadable
	}
	reader, err := pkgzip.Open(file, file.size)
	if err != nil {
		return nil, "", fmt.Errorf("cannot be looked into: %w", err)
	}
	var wanted []*zip.File
	for _, f := range reader.File {
		if f.Name == name {
			wanted = append(wanted, f)
		}
	}
	if len(wanted) != 1 {
		return nil, "", fmt.Errorf("has %d times the package.json of its package", len(wanted))
	}
	inner, err := wanted[0].Open()
	if err != nil {
		return nil, "", errUnreadable
	}
	defer inner.Close()
	data, err := io.ReadAll(io.LimitReader(inner, maxNote+1))
	if err == nil && len(data) > maxNote {
		err = errTooLarge
	} else if err != nil {
		err = errUnreadable
	}
	return data, fmt.Sprintf("%x", sum.Sum(nil)), err
}
