package lockfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// parseYarn reads yarn.lock. Yarn 1 and its successors (Berry) use the same name
// for different formats; the later one is YAML and always has __metadata.
func parseYarn(data []byte, tree fs.FS, lock *Lock) error {
	if isBerry(data) {
		return parseBerry(data, tree, lock)
	}
	return parseYarn1(data, tree, lock)
}

func staleYarn(data []byte, tree fs.FS, lock Lock) error {
	if isBerry(data) {
		return staleBerry(data, tree, lock)
	}
	return staleYarn1(data, tree, lock)
}

const berryMark = "__metadata:"

func isBerry(data []byte) bool {
	return bytes.HasPrefix(data, []byte(berryMark)) || bytes.Contains(data, []byte("\n"+berryMark))
}

// yarn1Entry is one entry of a yarn.lock of Yarn 1: a package and the requests
// (name@range) that it answers.
type yarn1Entry struct {
	keys                               []string
	line                               int
	name, version, resolved, integrity string
	requires                           []Require
}

// parseYarn1 reads the packages that are downloaded, and the graph.
func parseYarn1(data []byte, tree fs.FS, lock *Lock) error {
	lock.Format = Yarn1
	entries, err := yarn1Entries(data, lock)
	if err != nil {
		return err
	}
	yarn1Packages(entries, lock)
	return readYarn1Graph(entries, tree, lock)
}

func yarn1Packages(entries []yarn1Entry, lock *Lock) {
	var git []string
	for _, e := range entries {
		name, spec := cutSpec(e.keys[0])
		if alias, ok := strings.CutPrefix(spec, "npm:"); ok {
			if real, _ := cutSpec(alias); real != "" {
				name = real
			}
		}
		address, hash, _ := strings.Cut(e.resolved, "#")
		scheme, _, _ := strings.Cut(address, ":")
		p := Package{Name: name, Version: e.version, URL: address, Integrity: sri(e.integrity)}
		switch {
		case address == "" || scheme == "file":
			continue
		case isGit(scheme) || strings.HasSuffix(address, ".git") || isCommitArchive(address):
			git = append(git, name)
			continue
		}
		p.Integrity = append(p.Integrity, sriFromHex("sha1", hash)...)
		if len(p.Integrity) == 0 {
			lock.Unproven = append(lock.Unproven, p.Name+"@"+p.Version)
			continue
		}
		lock.Packages = append(lock.Packages, p)
	}
	if len(git) > 0 {
		lock.Notes = append(lock.Notes, some(git)+": taken from git, by commit and not by hash")
	}
}

// isCommitArchive tells the addresses at which the hosts of git repositories serve a
// commit as an archive, to which Yarn 1 and pnpm turn a dependency such as
// "owner/name" (pnpm's isGitHostedPkgUrl).
func isCommitArchive(address string) bool {
	hosts := []string{"https://codeload.github.com/", "https://gitlab.com/", "https://bitbucket.org/"}
	return strings.Contains(address, "tar.gz") &&
		slices.ContainsFunc(hosts, func(host string) bool { return strings.HasPrefix(address, host) })
}

// cutSpec cuts name@range; the name may start with an @.
func cutSpec(key string) (name, spec string) {
	if at := strings.Index(key[min(1, len(key)):], "@"); at >= 0 {
		return key[:at+1], key[at+2:]
	}
	return key, ""
}

// yarn1Reader reads the format of Yarn 1: lines that are indented by two blanks
// for each level, each with a key and a value, or a key, a colon and a block.
type yarn1Reader struct {
	lock    *Lock
	entries []yarn1Entry
	seen    map[string]bool // keys
	block   string          // in which the lines that are indented by four are; "" if in none
}

func yarn1Entries(data []byte, lock *Lock) ([]yarn1Entry, error) {
	r := &yarn1Reader{lock: lock, seen: map[string]bool{}}
	number := 0
	for line := range bytes.Lines(data) {
		number++
		text := strings.TrimRight(string(line), "\r\n")
		body := strings.TrimLeft(text, " ")
		if body == "" || body[0] == '#' {
			continue
		}
		words, block, err := yarn1Words(body)
		if err != nil || !r.fits(len(text)-len(body), len(words), block) {
			return nil, malformed(lock, "line %d is not Yarn's: %.60q", number, body)
		}
		if twice, ok := r.take(len(text)-len(body), words, block); !ok {
			return nil, malformed(lock, "line %d has %.200q a second time", number, twice)
		}
		if len(text) == len(body) {
			r.entries[len(r.entries)-1].line = number
		}
	}
	return r.entries, nil
}

// fits reports whether a line can be at this indentation, with so many words.
func (r *yarn1Reader) fits(indent, words int, block bool) bool {
	switch indent {
	case 0:
		return block
	case 2:
		return len(r.entries) > 0 && (block || words == 2)
	case 4:
		return r.block != "" && (block || words == 2)
	}
	return false
}

// take keeps what a line says of an entry; not ok if it was said before.
func (r *yarn1Reader) take(indent int, words []string, block bool) (twice string, ok bool) {
	switch {
	case indent == 4 && !block:
		r.require(words[0], words[1])
	case indent == 4: // Yarn has no such block, and would ignore it
	case indent == 2:
		r.block = ""
		if block {
			r.block = words[0]
		} else if !r.entries[len(r.entries)-1].set(words[0], words[1]) {
			return words[0], false
		}
	default:
		r.block = ""
		for _, key := range words {
			if r.seen[key] {
				return key, false
			}
			r.seen[key] = true
		}
		r.entries = append(r.entries, yarn1Entry{keys: words})
	}
	return "", true
}

// require keeps a line of the block that the reader is in.
func (r *yarn1Reader) require(name, spec string) {
	kind := Prod
	switch r.block {
	case "dependencies":
	case "optionalDependencies":
		kind = Optional
	default:
		return
	}
	e := &r.entries[len(r.entries)-1]
	e.requires = append(e.requires, Require{Name: name, Range: spec, Kind: kind, To: -1})
}

// set keeps a value; false if there is another already.
func (e *yarn1Entry) set(key, value string) bool {
	var field *string
	switch key {
	case "name":
		field = &e.name
	case "version":
		field = &e.version
	case "resolved":
		field = &e.resolved
	case "integrity":
		field = &e.integrity
	default:
		return true
	}
	first := *field == ""
	*field = value
	return first
}

// has reports whether a request, such as name@range, is one of the wishes.
func (w wishes) has(request string) bool {
	name, spec := cutSpec(request)
	return slices.Contains(w[name], spec)
}

// yarn1Words cuts a line into words, which are bare or quoted as in JSON, and
// reports whether it ends in a colon.
func yarn1Words(line string) (words []string, block bool, err error) {
	for line = strings.TrimLeft(line, " ,"); line != ""; line = strings.TrimLeft(line, " ,") {
		if line == ":" {
			return words, len(words) > 0, nil
		}
		word := line
		if plain, ok := plainlyQuoted(line); ok {
			words = append(words, plain)
			word = line[:len(plain)+2]
		} else if line[0] == '"' {
			if word, err = strconv.QuotedPrefix(line); err != nil {
				return nil, false, err
			}
			var text string
			if err := json.Unmarshal([]byte(word), &text); err != nil {
				return nil, false, err
			}
			words = append(words, text)
		} else {
			if end := strings.IndexAny(line, " ,:\""); end >= 0 {
				word = line[:end]
			}
			if word == "" {
				return nil, false, fmt.Errorf("a colon in the middle")
			}
			words = append(words, word)
		}
		line = line[len(word):]
	}
	return words, false, nil
}

// plainlyQuoted returns what is between quotation marks, if it is that and nothing else.
func plainlyQuoted(line string) (string, bool) {
	if line[0] != '"' {
		return "", false
	}
	for i := 1; i < len(line); i++ {
		switch c := line[i]; {
		case c == '"':
			return line[1:i], true
		case c < ' ' || c > '~' || c == '\\':
			return "", false
		}
	}
	return "", false
}

// staleYarn1 looks for each request of the manifests among those that the lock
// file answers, as yarn install --frozen-lockfile does.
func staleYarn1(data []byte, tree fs.FS, lock Lock) error {
	entries, err := yarn1Entries(data, &lock)
	if err != nil {
		return err
	}
	answered := wishes{}
	for _, e := range entries {
		for _, key := range e.keys {
			answered.add(cutSpec(key))
		}
	}
	p, err := readProject(tree, lock, nil)
	if err != nil {
		return err
	}
	var found []string
	direct := wishes{}
	for _, location := range slices.Sorted(maps.Keys(p.members)) {
		wanted := wishesOf(p.members[location], kinds[:3]...)
		for name, specs := range wanted {
			direct[name] = append(direct[name], specs...)
		}
		for _, name := range union(wanted, nil) {
			for _, spec := range wanted[name] {
				if p.local(location, name, spec) || slices.Contains(answered[name], spec) {
					continue
				}
				have := "does not know it"
				if others := answered[name]; len(others) > 0 {
					have = "was made for " + strings.Join(others, " and ")
				}
				found = append(found, fmt.Sprintf("%s%s: package.json wants %s, the lock file %s",
					p.prefix(location), name, spec, have))
			}
		}
	}
	found = append(found, yarn1Overridden(p.resolutions(), entries, direct)...)
	return p.stale(lock, found, "yarn install, and commit yarn.lock")
}

// local reports whether a request is for a workspace or a folder: these are never in
// a yarn.lock of Yarn 1, or relative to the root instead of the workspace.
func (p project) local(location, name, spec string) bool {
	return p.names[name] || strings.HasPrefix(spec, "link:") || location != "." && strings.HasPrefix(spec, "file:")
}

// yarn1Overridden compares what the lock file does not keep. What the project itself
// asks for is not overridden (PackageResolver.resolveToResolution).
func yarn1Overridden(o overrides, entries []yarn1Entry, direct wishes) []string {
	var found []string
	for _, e := range entries {
		if name, _ := cutSpec(e.keys[0]); !slices.ContainsFunc(e.keys, direct.has) {
			found = append(found, o.difference(name, e.version)...)
		}
	}
	return found
}
