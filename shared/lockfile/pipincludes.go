package lockfile

import (
	"io/fs"
	"path"
	"strings"
)

// maxIncludes bounds how many files a requirements file includes, also by way of others;
// together they may be as large as one may.
const maxIncludes = 100

// includer reads the files that a requirements file includes, as pip does.
type includer struct {
	tree     fs.FS
	lock     *Lock
	seen     map[string]bool
	size     int
	packages []pythonPackage
}

// includedPackages are the packages of the files that a requirements file includes. They
// get the line that does so. One that cannot be read is a contradiction: pip would not
// install what the file says then.
func includedPackages(tree fs.FS, lock *Lock) []pythonPackage {
	data, err := manifest(tree, lock.Path)
	if err != nil || data == nil {
		return nil // it was read just now
	}
	in := includer{tree: tree, lock: lock, seen: map[string]bool{lock.Path: true}}
	for line, number := range requirementLines(strings.TrimPrefix(string(data), utf8BOM)) {
		if strings.HasPrefix(line, "-") {
			in.options(line, lock.Path, number, number)
		}
	}
	return in.packages
}

// options follows a line of options, which is in a file that is included in the line at of
// the lock file. What the lock file itself has editable is known.
func (in *includer) options(line, file string, number, at int) {
	options := readOptions(line)
	in.lock.addIndexes(file, number, options.indexes)
	if options.odd != "" {
		in.lock.Contradictions = append(in.lock.Contradictions, Contradiction{at, file +
			" has an option that pip does not take, " + shownText(options.odd) + ", and who does may install more"})
	}
	for _, editable := range options.editable {
		if file != in.lock.Path {
			in.add(addressed(pythonPackage{}, editable), at)
		}
	}
	for _, name := range options.included {
		in.follow(name, path.Dir(file), at, false)
	}
	for _, name := range options.constraints {
		in.follow(name, path.Dir(file), at, true)
	}
}

func (in *includer) add(p pythonPackage, at int) {
	p.line = at
	in.packages = append(in.packages, p)
}

// follow reads a file. Of one that only limits versions the options count alone.
func (in *includer) follow(file, dir string, at int, limits bool) {
	name := path.Join(dir, strings.ReplaceAll(file, `\`, "/"))
	key := name
	if limits {
		key = "limits " + name
	}
	if in.seen[key] {
		return
	}
	in.seen[key] = true
	var data []byte
	if !strings.Contains(file, "://") && !path.IsAbs(file) && len(in.seen) <= maxIncludes && in.size < maxManifest {
		data, _ = manifest(in.tree, name) // nil says it all
		in.size += len(data)
	}
	if foreignEncoding(data) != "" {
		data = nil
	}
	if data == nil && !limits {
		in.lock.Contradictions = append(in.lock.Contradictions, Contradiction{at,
			"it includes " + file + ", which cannot be read, so nothing is known of the packages in there"})
		return
	}
	for line, number := range requirementLines(strings.TrimPrefix(string(data), utf8BOM)) {
		switch {
		case strings.HasPrefix(line, "-"):
			in.options(line, name, number, at)
		case !limits:
			in.add(readRequirement(line), at)
		}
	}
}
