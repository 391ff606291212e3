package installed

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"path"
	"strings"
)

// record is what a package says of its files.
type record struct {
	files map[string]bool // all of them in the folder; nil if nothing says so
	tops  []string        // then: the modules and folders that are its own
}

// record reads the RECORD of a package, and holds each file against its hash in it.
func (s *site) record(d distribution, label string, c *complaints) record {
	name := d.folder + "/RECORD"
	data, err := s.small(name, maxNote)
	if err != nil {
		return record{}
	}
	lines := csv.NewReader(bytes.NewReader(data))
	lines.FieldsPerRecord = -1
	lines.ReuseRecord = true
	r := record{files: map[string]bool{name: true}}
	for {
		fields, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return r
		}
		if err != nil || len(fields) != 3 {
			c.unread(name, "the RECORD of %s cannot be understood to its end", label)
			return r
		}
		file, inside := recorded(fields[0])
		if !inside {
			continue
		}
		r.files[file] = true
		if file != name {
			s.checkRecorded(file, fields[1], label, c)
		}
	}
}

// recorded is the name of a file in RECORD below the folder; false if it is elsewhere.
func recorded(name string) (string, bool) {
	name = path.Clean(strings.ReplaceAll(name, `\`, "/"))
	elsewhere := path.IsAbs(name) || name == ".." || strings.HasPrefix(name, "../") || len(name) > 1 && name[1] == ':'
	return name, !elsewhere && fs.ValidPath(name)
}

// checkRecorded holds a file against what RECORD has for it. Only what pip compiles may
// do without a hash.
func (s *site) checkRecorded(file, want, label string, c *complaints) {
	if isCompiled(file) || want == "" && s.besideSource(file) {
		return
	}
	algorithm, encoded, _ := strings.Cut(want, "=")
	digest := recordHash(algorithm)
	if digest == nil {
		if signed := path.Base(file); signed != "RECORD.jws" && signed != "RECORD.p7s" {
			c.wrong(file, "the RECORD of %s has no hash of this file that proves anything", label)
		}
		return
	}
	sum, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(encoded, "="))
	if len(encoded) == 2*digest.Size() { // as some installers write it, Debian's among them
		sum, err = hex.DecodeString(encoded)
	}
	if err != nil || len(sum) != digest.Size() {
		c.wrong(file, "the RECORD of %s has a hash of this file that is none", label)
		return
	}
	got, err := s.sum(file, digest)
	switch {
	case err != nil:
		c.about(file, label, err)
	case got != hex.EncodeToString(sum):
		c.wrong(file, "a file of %s was changed after it was installed: it has another hash than RECORD says", label)
	}
}

// recordHash is an algorithm that proves something, as pip takes it; nil for others.
func recordHash(algorithm string) hash.Hash {
	switch algorithm {
	case "sha256":
		return sha256.New()
	case "sha384":
		return sha512.New384()
	case "sha512":
		return sha512.New()
	}
	return nil
}

// isCompiled reports whether a file is a cache of Python's own.
func isCompiled(name string) bool {
	return strings.HasSuffix(name, ".pyc") && path.Base(path.Dir(name)) == "__pycache__"
}

// besideSource reports whether a file is compiled, as Python 2 keeps them, beside the source
// that Python 3 loads instead.
func (s *site) besideSource(name string) bool {
	source, ok := strings.CutSuffix(name, ".pyc")
	if !ok {
		return false
	}
	_, err := fs.Stat(s.tree, source+".py")
	return err == nil
}

// tops are the modules and folders of a package without RECORD.
func (s *site) tops(d distribution, name string) []string {
	tops := []string{d.folder, strings.ReplaceAll(name, "-", "_")}
	data, err := s.small(d.folder+"/top_level.txt", maxNote)
	if err != nil {
		return tops
	}
	return append(tops, strings.Fields(string(data))...)
}

// foreign finds what Python would import, or run at its start, and belongs to no package.
func (s *site) foreign() []Problem {
	known, tops := map[string]bool{}, map[string]bool{}
	for _, r := range s.records {
		for file := range r.files {
			known[file] = true
		}
		for _, top := range r.tops {
			tops[top] = true
		}
	}
	at := map[string]*complaints{}
	var order []string
	odd := &complaints{at: s.disk}
	err := s.walk(".", func(name string, entry fs.DirEntry) {
		top, _, _ := strings.Cut(name, "/")
		if isCompiled(name) && s.isUnchecked(name) {
			odd.wrong(name, "Python loads this compiled file without comparing it with its source (PEP 552)")
			return
		}
		isLink := entry.Type()&fs.ModeSymlink != 0 // it may lead to a folder of modules
		isOwned := known[name] || tops[top] || tops[moduleOf(top)]
		if isOwned || !importable(name) && !isLink || s.besideSource(name) {
			return
		}
		if at[top] == nil {
			at[top] = &complaints{at: s.disk}
			order = append(order, top)
		}
		at[top].wrong(name, "Python can load this file, and no package's RECORD has it")
	})
	problems := odd.all()
	for _, top := range order {
		problems = append(problems, at[top].all()...)
	}
	if err != nil {
		problems = append(problems, Problem{s.path, "the folder " + err.Error(), true})
	}
	return problems
}

// isUnchecked reports whether a compiled file says that it needs no source: bit 0 of its
// flags makes it go by a hash, bit 1 has that hash checked. pip makes neither.
func (s *site) isUnchecked(name string) bool {
	file, _, err := s.open(name)
	if err != nil {
		return false // said where files are read
	}
	defer file.Close()
	var header [8]byte
	if _, err := io.ReadFull(file, header[:]); err != nil {
		return false // Python compiles it anew
	}
	return header[4]&3 == 1
}

// importable reports whether Python loads a file of this name: as a module, or at its
// start (site.py: .pth files).
func importable(name string) bool {
	if name == "_virtualenv.py" || name == "_virtualenv.pth" || isCompiled(name) {
		return false // virtualenv and uv put those two there, and record them nowhere
	}
	switch path.Ext(name) {
	case ".py", ".pyc", ".so", ".pyd":
		return true
	case ".pth":
		return !strings.Contains(name, "/")
	}
	return false
}

// moduleOf is the name that a file is imported by.
func moduleOf(file string) string {
	module, _, _ := strings.Cut(file, ".")
	return module
}
