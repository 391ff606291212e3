// Package dissect takes a secret apart: which pieces of a connection string, a URL, a
// JSON document or an environment file are secret themselves and turn up in logs
// without the rest of it, and which are names that everybody may read.
//
// What it promises: it never fails and never loses the whole (a text it does not
// understand has no parts), it looks at each byte a bounded number of times, and no
// part is also one of the public words of the same secret.
//
// Where a text can be read in two ways - a raw "@" or "/" in the password of a URL, a
// raw ";" in one of a connection string - it gives the part in both readings.
//
// What it does not do: derive encoded forms (package redact does), or judge whether a
// part is long enough to be hidden.
package dissect

import "strings"

// Part is a piece of a secret that is a secret by itself.
type Part struct {
	// Kind is what it is: "password", "key", "signature", "token", "line", "field".
	// The first four are secret by their name, the others because they are in a secret.
	Kind string
	// Name is where it stands: "AccountKey", "$.db.password", "PASSWORD"; "" if nowhere special.
	Name string
	// Value is the piece as it is used, decoded.
	Value string
	// Raw is the piece as it is written, if that differs; else "".
	Raw string
}

// Anatomy is a secret taken apart.
type Anatomy struct {
	// Format is "url", "ado.net", "odbc", "jdbc", "amqp", "redis", "libpq", "storage",
	// "json", "xml", "dotenv", "netrc" or "pem"; "" if none.
	Format string
	Parts  []Part   // in order, without repetition
	Public []string // words that must not be hidden: hosts, ports, database and user names
	Open   []Part   // secret by their name, but public words as well: a password that is also the user
}

// Secret takes value apart.
func Secret(value string) Anatomy { return dissect(value, 0) }

// maxDepth is how many documents inside documents are opened, so that a byte is
// looked at a bounded number of times.
const maxDepth = 4

// dissect takes value apart, which stands inside depth other documents.
func dissect(value string, depth int) Anatomy {
	f := &finder{depth: depth}
	if depth <= maxDepth {
		f.format = f.read(strings.TrimSpace(strings.TrimPrefix(value, "\ufeff")))
	}
	return f.anatomy()
}

// read finds out what text is and collects its parts; it returns the format.
func (f *finder) read(text string) string {
	if text == "" {
		return ""
	}
	if format := f.json(text); format != "" {
		return format
	}
	text, isPEM := f.pem(text)
	if text = strings.TrimSpace(text); text == "" {
		return "pem"
	}
	for _, reader := range []func(string) string{
		f.quoted, f.xml, f.netrc, f.lines, f.jdbc, f.url, f.libpq, f.redis, f.header, f.query, f.pgpass, f.assignment,
		f.pairs, f.words,
	} {
		if format := reader(text); format != "" {
			return strings.TrimPrefix(format, unnamed)
		}
	}
	if isPEM {
		f.part(Part{"line", "", text, ""})
		return "pem"
	}
	return ""
}

// unnamed is what a reader returns that has understood a text which has no format.
const unnamed = "-"

// finder collects parts and public words.
type finder struct {
	depth  int
	format string
	parts  []Part
	public []string
	listed map[string]bool // the public words
}

func (f *finder) part(p Part) {
	if p.Raw == p.Value {
		p.Raw = ""
	}
	f.parts = append(f.parts, p)
}

// publish enters words that must not be hidden.
func (f *finder) publish(words ...string) {
	if f.listed == nil {
		f.listed = make(map[string]bool)
	}
	for _, word := range words {
		if word = strings.TrimSpace(word); word != "" && !f.listed[word] {
			f.listed[word] = true
			f.public = append(f.public, word)
		}
	}
}

// anatomy drops what is empty or repeated, and sets apart what is public.
func (f *finder) anatomy() Anatomy {
	a := Anatomy{Format: f.format, Public: f.public}
	seen := make(map[string]bool)
	enter := func(list *[]Part, key string, p Part) {
		if key += p.Value + "\x00" + p.Raw; !seen[key] {
			seen[key] = true
			*list = append(*list, p)
		}
	}
	for _, p := range f.parts {
		value := strings.TrimSpace(p.Value)
		switch {
		case value == "":
		case !f.listed[value] && !f.listed[p.Raw]:
			enter(&a.Parts, "", p)
		case p.Kind != "field" && p.Kind != "line", p.Kind == "field" && mentionsSecret(plain(p.Name)):
			enter(&a.Open, "\x00", p)
		}
	}
	return a
}

// setting is one named value, wherever it stands.
type setting struct{ name, value, raw string }

// option takes in a setting of a connection string, in which most are public or
// harmless. It reports whether the setting is a secret.
func (f *finder) option(s setting) bool {
	if kind := secretKind(s.name); kind != "" {
		f.part(Part{kind, s.name, s.value, s.raw})
		f.basic(s)
		if kind == "signature" { // a whole query, of which sig= is the secret
			f.query(s.value)
		}
		return true
	}
	inner := dissect(s.value, f.depth+1)
	f.include(s.name, inner)
	if publicName(s.name) && len(inner.Parts) == 0 {
		f.publish(s.value)
		f.publishHosts(s.value)
	}
	return false
}

// leaf takes in a setting of a document that is secret as a whole: what is not known
// to be public is a part.
func (f *finder) leaf(s setting, path string) {
	inner := dissect(s.value, f.depth+1)
	kind := secretKind(s.name)
	switch {
	case kind != "":
		f.part(Part{kind, path, s.value, s.raw})
		f.basic(s)
	case len(inner.Parts)+len(inner.Open) == 0 && openly(s):
		f.publish(s.value)
		f.publishHosts(s.value)
	default:
		f.part(Part{"field", path, s.value, s.raw})
	}
	f.include(path, inner)
}

// include takes over what was found in a value that stands at path.
func (f *finder) include(path string, inner Anatomy) {
	for _, p := range inner.Parts {
		p.Name = strings.TrimSpace(path + " " + p.Name)
		f.part(p)
	}
	for _, p := range inner.Open {
		p.Name = strings.TrimSpace(path + " " + p.Name)
		f.part(p) // the same word is public here, too
	}
	f.publish(inner.Public...)
}

// publishHosts enters the hosts and ports of a list such as "tcp:a.example,1433" or
// "a:1,b:2", and the labels of the hosts.
func (f *finder) publishHosts(list string) {
	if !hostLike(list) {
		return
	}
	for _, piece := range strings.FieldsFunc(list, func(c rune) bool { return strings.ContainsRune(`,:\/()[]`, c) }) {
		f.publish(piece)
		f.publish(strings.Split(piece, ".")...)
	}
}

// hostLike reports whether text has only characters of host lists in it.
func hostLike(text string) bool {
	return text != "" && strings.IndexFunc(text, func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune(`._-,:\/()[] `, c))
	}) < 0
}
