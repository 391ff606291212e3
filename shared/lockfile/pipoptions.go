package lockfile

import "strings"

// Index is where packages are looked for, as a file says: every program that installs from
// the file goes there, whatever else it was told.
type Index struct {
	// Path is of the file: the lock file, one that it includes, or a manifest or settings
	// beside it.
	Path string
	Line int // 1-based; 0 if it is not known
	// Option is what says so, by its long name: "--index-url", "--extra-index-url",
	// "--find-links", "--trusted-host", "--no-index" (which has no URL), "tool.uv.index", ...; of npm,
	// Yarn and pnpm "registry", or "@scope:registry" for the packages of one scope.
	Option string
	URL    string // as written, without user and password: an address, a path, or a host
}

// pipOptions are the options that a line of a requirements file can have (pip,
// req_file.py), and those that older versions took. The value says whether they have one.
// Those that matter come first: a beginning of a name stands for the first.
var pipOptions = []struct {
	name, short string
	valued      bool
}{
	{"requirement", "r", true}, {"constraint", "c", true}, {"editable", "e", true}, {"index-url", "i", true},
	{"extra-index-url", "", true}, {"find-links", "f", true}, {"trusted-host", "", true}, {"pypi-url", "", true},
	{"no-index", "", false}, {"no-binary", "", true}, {"only-binary", "", true}, {"prefer-binary", "", false},
	{"require-hashes", "", false}, {"pre", "", false}, {"use-feature", "", true}, {"all-releases", "", true},
	{"only-final", "", true}, {"global-option", "", true}, {"install-option", "", true}, {"hash", "", true},
	{"config-settings", "C", true}, {"config-setting", "", true}, {"use-wheel", "", false}, {"no-use-wheel", "", false},
	{"always-unzip", "Z", false}, {"process-dependency-links", "", false},
}

// pipLine is what a line of options says.
type pipLine struct {
	editable, included, constraints []string
	indexes                         []Index // with Option and URL alone
	odd                             string  // what pip does not take
}

// readOptions reads a line that begins with an option, as pip does: with Python's shlex
// and optparse.
func readOptions(line string) pipLine {
	var l pipLine
	words, ok := shellWords(line)
	if !ok {
		l.odd = line
		return l
	}
	for len(words) > 0 && words[0] != "--" {
		word := words[0]
		words = words[1:]
		name, value, attached, valued := pipOption(word)
		switch {
		case name == "" && strings.HasPrefix(word, "-"), attached && !valued, valued && !attached && len(words) == 0:
			l.odd = word
			return l
		case valued && !attached:
			value, words = words[0], words[1:]
		}
		l.add(name, value)
	}
	return l
}

func (l *pipLine) add(name, value string) {
	switch name {
	case "requirement":
		l.included = append(l.included, value)
	case "constraint":
		l.constraints = append(l.constraints, value)
	case "editable":
		l.editable = append(l.editable, value)
	case "pypi-url":
		l.indexes = append(l.indexes, Index{Option: "--index-url", URL: value})
	case "index-url", "extra-index-url", "find-links", "trusted-host", "no-index":
		l.indexes = append(l.indexes, Index{Option: "--" + name, URL: value})
	}
}

// pipOption is the option of a word: "--name", "--name=value", the beginning of a name,
// "-n" or "-nvalue". It has no name if it is none.
func pipOption(word string) (name, value string, attached, valued bool) {
	long, isLong := strings.CutPrefix(word, "--")
	switch {
	case isLong:
		long, value, attached = strings.Cut(long, "=")
		matches := func(exact bool) bool {
			for _, o := range pipOptions {
				if o.name == long || !exact && strings.HasPrefix(o.name, long) {
					name, valued = o.name, o.valued
					return true
				}
			}
			return false
		}
		_ = matches(true) || matches(false)
	case len(word) > 1 && word[0] == '-':
		for _, o := range pipOptions {
			if o.short == word[1:2] {
				name, valued, value, attached = o.name, o.valued, word[2:], len(word) > 2
			}
		}
	}
	return name, value, attached, valued
}

// addIndexes adds what a line of a file says.
func (l *Lock) addIndexes(path string, line int, indexes []Index) {
	for _, index := range indexes {
		index.Path, index.Line = path, line
		l.Indexes = append(l.Indexes, index)
	}
}
