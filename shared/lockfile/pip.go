package lockfile

import (
	"bytes"
	"io/fs"
	"iter"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	// pythonName is what Python packages are called (PEP 508).
	pythonName = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$`)
	// pythonHash is a hash of an algorithm that pip accepts, in hex.
	pythonHash = regexp.MustCompile(`^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$`)
	// requirement is a line of requirements.txt that names a package: name, extras,
	// then a version or an address, up to a marker or an option.
	requirement = requirementForm(`(?:\[[^\]]*\])`)
	// address is what cannot be a name: an address or a path.
	address = regexp.MustCompile(`^[A-Za-z0-9._+-]*[:/\\]`)
	// optionStart is where a requirement ends and its options begin.
	optionStart = regexp.MustCompile(`\s--[a-z]`)
	// hashOption is an option of a requirement.
	hashOption = regexp.MustCompile(`(?:^|\s)--hash(?:\s*=\s*|\s+)(\S+)`)
)

func requirementForm(extras string) *regexp.Regexp {
	return regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:` + extras + `)?\s*(.*)$`)
}

// requirements is the usual name of pip's requirements.
const requirements = "requirements.txt"

// unsafePackages are pip-compile's UNSAFE_PACKAGES.
var unsafePackages = []string{"pip", "setuptools", "distribute"}

// isRequirements reports whether a file of this name is one of pip's requirements,
// of which projects have several: requirements.txt, requirements-dev.txt, ...
func isRequirements(base string) bool {
	return strings.HasPrefix(base, "requirements") && strings.HasSuffix(base, ".txt")
}

// pythonPackage is what any of the Python lock files says of a package.
type pythonPackage struct {
	name, version string
	hashes        []string // of all its files, for all machines
	url           string
	// from is where it comes from if not as a file from the network: "git" or "folder".
	from string

	// For the graph:
	graphOnly bool // it is nothing that could be cached
	line      int
	span      string   // the versions that are asked for, as written
	locked    string   // the one version; empty if the lock file leaves it open
	where     string   // the registry, address or path that it comes from
	files     []string // names or addresses of its files, if they are a registry's
	remote    bool     // it comes from an address that is no registry's
	project   bool     // it is a project of this repository
	location  string   // of a project
	dev       bool
	optional  bool     // it is not for every machine, or not asked for by everyone
	marker    string   // which machines it is for
	groups    []string // that it belongs to
	extras    []string // that this entry is for alone
	needs     []pythonEdge
}

// pythonList reads the packages of one kind of lock file. What else there is to say
// goes to lock.
type pythonList func(data []byte, lock *Lock) ([]pythonPackage, error)

// pythonReader makes a reader of a list, and of what compares it with the manifest
// beside it; nil if nothing does.
func pythonReader(list pythonList, wants pythonWants) reader {
	r := reader{parse: func(data []byte, tree fs.FS, lock *Lock) error {
		lock.Format = Pip
		packages, err := list(data, lock)
		for i := 0; err == nil && i < len(packages); i++ {
			err = addPython(lock, packages[i])
		}
		if err == nil {
			lock.addEntries(findRoot(tree, lock, packages))
		}
		return err
	}}
	if wants != nil {
		r.stale = func(data []byte, tree fs.FS, lock Lock) error {
			wanted, err := wants(data, tree, lock.Path)
			if err != nil || wanted.manifest == "" {
				return err
			}
			packages, err := list(data, &lock)
			if err != nil {
				return err
			}
			return wanted.missingIn(packages, lock.Path)
		}
	}
	return r
}

// addPython adds a package, or says why it cannot be one.
func addPython(lock *Lock, p pythonPackage) error {
	if !pythonName.MatchString(p.name) {
		return malformed(lock, "%.60q is not the name of a package", p.name)
	}
	switch {
	case p.from == "folder" || p.graphOnly:
		return nil
	case p.from == "git":
		lock.Notes = append(lock.Notes, p.name+" comes from version control, which is not cached")
		return nil
	}
	var hashes []string
	for _, hash := range p.hashes {
		if pythonHash.MatchString(hash) { // others pip does not accept
			hashes = append(hashes, hash)
		}
	}
	if len(hashes) == 0 {
		lock.Unproven = append(lock.Unproven, p.name+"@"+p.version)
		return nil
	}
	lock.Packages = append(lock.Packages,
		Package{Name: PythonName(p.name), Version: p.version, Integrity: hashes, URL: p.url})
	return nil
}

// listRequirements reads a requirements file as pip does (req_file.py), without the
// files that it includes: those are named as lock files of their own.
func listRequirements(data []byte, lock *Lock) ([]pythonPackage, error) {
	if encoding := foreignEncoding(data); encoding != "" {
		return nil, malformed(lock, "it says that its encoding is %.40q, and only UTF-8 is read here", encoding)
	}
	var packages []pythonPackage
	for line, number := range requirementLines(string(data)) {
		if !strings.HasPrefix(line, "-") {
			p := readRequirement(line)
			p.line = number
			packages = append(packages, p)
			continue
		}
		options := readOptions(line)
		for _, editable := range options.editable {
			packages = append(packages, addressed(pythonPackage{line: number, graphOnly: true}, editable))
		}
		for _, file := range slices.Concat(options.included, options.constraints) {
			lock.Notes = append(lock.Notes, "it includes "+file+", which is only read if it is named as well")
		}
	}
	return packages, nil
}

// encodingComment is what pip decodes a file by, if it is in one of the first two lines
// (pip, auto_decode; PEP 263).
var encodingComment = regexp.MustCompile(`coding[:=]\s*([-\w.]+)`)

// foreignEncoding is the encoding that a file says it is in, if that is not UTF-8: in
// UTF-7, say, it has other lines and names than those that are read here.
func foreignEncoding(data []byte) string {
	lines := bytes.SplitN(data, []byte("\n"), 3)
	for _, line := range lines[:min(2, len(lines))] {
		match := encodingComment.FindSubmatch(line)
		if match == nil || line[0] != '#' {
			continue
		}
		encoding := string(match[1])
		plain := strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(encoding))
		if slices.Contains([]string{"utf8", "ascii", "usascii"}, plain) {
			return ""
		}
		return encoding
	}
	return ""
}

// requirementLines are the logical lines as pip makes them (req_file.py): joined at
// backslashes, without comments. The numbers are of the lines that they begin in.
func requirementLines(text string) iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		var joined strings.Builder
		first := 0
		for line, number := range pythonLines(text) {
			if joined.Len() == 0 {
				first = number
			}
			// A comment ends a line, and the joining of lines.
			if isComment := strings.HasPrefix(strings.TrimLeftFunc(line, isPythonSpace), "#"); isComment {
				line = " " + line
			} else if strings.HasSuffix(line, `\`) {
				joined.WriteString(strings.Trim(line, `\`))
				continue
			}
			joined.WriteString(line)
			logical := withoutComment(joined.String())
			joined.Reset()
			if logical != "" && !yield(logical, first) {
				return
			}
		}
		if logical := withoutComment(joined.String()); logical != "" {
			yield(logical, first)
		}
	}
}

// pythonLines are the lines of a text as Python splits it (str.splitlines), at more than
// most other programs do. The numbers are those that editors show.
func pythonLines(text string) iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		start, number := 0, 1
		for i, r := range text {
			if i < start || !isLineEnd(r) && (r != utf8.RuneError || text[i] != nextLine) {
				continue
			}
			end := i + 1
			switch {
			case strings.HasPrefix(text[i:], "\r\n"):
				end++
			case text[i] >= utf8.RuneSelf && r != utf8.RuneError:
				end = i + utf8.RuneLen(r)
			}
			if !yield(text[start:i], number) {
				return
			}
			number += strings.Count(text[i:end], "\n")
			start = end
		}
		if start < len(text) {
			yield(text[start:], number)
		}
	}
}

// nextLine ends a line also as the one byte that it is where a text is not of UTF-8, which
// pip then reads as the machine does.
const nextLine = '\u0085'

// isLineEnd reports whether a line ends at a character
// (https://docs.python.org/3/library/stdtypes.html#str.splitlines).
func isLineEnd(r rune) bool {
	return r >= '\n' && r <= '\r' || r >= '\x1c' && r <= '\x1e' || r == nextLine || r == '\u2028' || r == '\u2029'
}

// isPythonSpace reports whether Python takes a character for white space (str.isspace).
func isPythonSpace(r rune) bool { return unicode.IsSpace(r) || r >= '\x1c' && r <= '\x1f' }

// withoutComment cuts a comment, which begins the line or follows a space.
func withoutComment(line string) string {
	space := true
	for i, r := range line {
		if r == '#' && space {
			line = line[:i]
			break
		}
		space = isPythonSpace(r)
	}
	return strings.TrimFunc(line, isPythonSpace)
}

// readRequirement understands "name==1.0 ; marker --hash=...", an address with a
// name before it, an address alone, and a path.
func readRequirement(line string) pythonPackage {
	var p pythonPackage
	for _, match := range hashOption.FindAllStringSubmatch(line, -1) {
		p.hashes = append(p.hashes, strings.Trim(match[1], `"'`))
	}
	if at := optionStart.FindStringIndex(line); at != nil {
		line = line[:at[0]]
	}
	line = strings.TrimSpace(line)
	match := requirement.FindStringSubmatch(line)
	if match == nil || address.MatchString(line) {
		return addressed(p, line)
	}
	p.name = strings.TrimRight(match[1], "._-")
	constraint, marker, _ := strings.Cut(match[2], ";")
	p.marker = strings.TrimSpace(marker)
	p.optional = conditional(p.marker)
	if at, ok := strings.CutPrefix(constraint, "@"); ok {
		named := addressed(p, strings.TrimSpace(at))
		named.name = p.name
		return named
	}
	p.version = strings.TrimSpace(constraint)
	p.span = strings.Trim(p.version, "() ")
	p.locked = pinnedTo(p.span)
	if pinned, ok := strings.CutPrefix(p.version, "=="); ok && !strings.ContainsAny(pinned, ",*=") {
		p.version = strings.TrimSpace(pinned)
	}
	return p
}

// pinnedTo is the one version that a range allows; empty if it allows several.
func pinnedTo(span string) string {
	for part := range strings.SplitSeq(span, ",") {
		if version, ok := strings.CutPrefix(strings.TrimSpace(part), "=="); ok {
			version = strings.TrimSpace(strings.TrimPrefix(version, "="))
			if !strings.ContainsAny(version, "*= ") {
				return version
			}
		}
	}
	return ""
}

// addressed fills in a package that is named by its address or path.
func addressed(p pythonPackage, from string) pythonPackage {
	from, _, _ = strings.Cut(from, " ")
	scheme, _, isURL := strings.Cut(from, "://")
	bare, fragment, _ := strings.Cut(from, "#")
	p.name = "unnamed"
	for option := range strings.SplitSeq(fragment, "&") {
		key, value, _ := strings.Cut(option, "=")
		switch key {
		case "egg":
			p.name, _, _ = strings.Cut(value, "[")
		case "sha256", "sha384", "sha512":
			p.hashes = append(p.hashes, key+":"+value)
		}
	}
	switch {
	case strings.Contains(scheme, "+") && isURL:
		p.from = "git"
	case !isURL || scheme == "file":
		p.from = "folder"
	default:
		p.url, p.remote = bare, true
	}
	p.where = bare
	if !pythonName.MatchString(p.name) {
		p.name = "unnamed"
	}
	return p
}

// compiledFrom is what the .in file beside a requirements file asks for, which
// pip-tools and uv make such files from.
func compiledFrom(data []byte, tree fs.FS, lockPath string) (pythonManifest, error) {
	source := strings.TrimSuffix(lockPath, ".txt") + ".in"
	text, err := manifest(tree, source)
	if err != nil || text == nil {
		return pythonManifest{}, err
	}
	for line := range requirementLines(string(data)) {
		if o := readOptions(line); strings.HasPrefix(line, "-") && len(o.included)+len(o.constraints) > 0 {
			return pythonManifest{}, nil // the rest of the packages is elsewhere
		}
	}
	wanted := pythonManifest{manifest: source, fix: "pip-compile --generate-hashes " + path.Base(source)}
	for line := range requirementLines(string(text)) {
		if !strings.HasPrefix(line, "-") {
			wanted.add(line)
		}
	}
	wanted.wants = slices.DeleteFunc(wanted.wants, func(w pythonWant) bool {
		return slices.Contains(unsafePackages, w.name) // which pip-compile leaves out, unless it is told not to
	})
	return wanted, nil
}
