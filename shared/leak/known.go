package leak

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
	"unicode/utf16"

	"github.com/guardrails-ci/guardrails/shared/dissect"
	"github.com/guardrails-ci/guardrails/shared/redact"
)

// The rules of the first pass.
const (
	ruleKnown      = "leak/known"
	ruleKnownPiece = "leak/known-piece"
)

const (
	// shortest is the length from which a derived form or a part is looked for:
	// four characters of base64 stand in every archive.
	shortest = 6
	// wordLength is the length below which a form counts only between other
	// characters than letters and digits.
	wordLength = 8
	// longestForm is how much of a form is compared.
	longestForm = 512
	// pieceFrom is the length from which the first and last characters of a value are
	// looked for, where it was cut off or wrapped.
	pieceFrom = 18
)

// entry is a known secret.
type entry struct {
	name, value string
	kind        Kind
}

// form is a text that is looked for.
type form struct {
	text  string
	entry int
	piece bool
	weak  bool // so short or so plain that it may be there by chance
}

// match is a form that was found.
type match struct {
	from, to, entry int
	piece           bool
	weak            bool
}

// knownSet finds forms.
type knownSet struct {
	entries []entry
	forms   []form
	// The few short forms are looked for apart: a text is read in steps that are shorter
	// than the shortest form.
	short, long gramIndex
}

// longFrom is the length from which a form is a long one.
const longFrom = 12

// newKnownSet derives the forms of the secrets. kindOf says what the rules take a
// value for.
func newKnownSet(secrets []Known, kindOf func(string) Kind) *knownSet {
	k := &knownSet{}
	for _, secret := range secrets {
		value := secret.Value.Reveal()
		if redact.TooShort(value) {
			continue
		}
		k.entries = append(k.entries, entry{secret.Name, value, kindOf(value)})
		k.add(len(k.entries)-1, value)
	}
	k.compile()
	return k
}

// derivation collects the forms of one secret.
type derivation struct {
	set   *knownSet
	entry int
	had   map[string]bool
}

// add adds a form, and what is left of it when it is printed with its colours.
func (d *derivation) add(text string, piece, weak bool) {
	text = text[:min(len(text), longestForm)]
	for _, text := range []string{text, withoutColours(text)} {
		if len(text) < redact.MinLength || d.had[text] {
			continue
		}
		d.had[text] = true
		d.set.forms = append(d.set.forms, form{text, d.entry, piece, weak || len(text) < shortest})
	}
}

// derive adds all forms of text.
func (d *derivation) derive(text string, weak bool) {
	whole := base64.StdEncoding.EncodeToString([]byte(text))
	for _, f := range redact.AllForms(text) {
		if len(f) >= shortest && !isLastLine(f, whole) || f == text {
			d.add(f, false, weak)
		}
	}
	d.addUTF16(strings.TrimSpace(text), weak)
}

// addUTF16 adds a text as Windows programs hold it, without a byte order mark. Of a
// shorter text, the bytes would stand in binaries by chance.
func (d *derivation) addUTF16(text string, weak bool) {
	units := utf16.Encode([]rune(text))
	if len(units) < wordLength {
		return
	}
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		var wide []byte
		for _, unit := range units {
			wide = order.AppendUint16(wide, unit)
		}
		d.add(string(wide), false, weak)
	}
}

// isLastLine reports whether form is what is left of base64 that is wrapped: it may be
// a port, and the lines before it are looked for.
func isLastLine(form, base64 string) bool {
	const columns = 64
	return len(form) < columns && len(base64) > columns && 2*len(form) < len(base64) && strings.Contains(base64, form)
}

// add derives the forms of one secret.
func (k *knownSet) add(entry int, value string) {
	d := derivation{k, entry, make(map[string]bool)}
	anatomy := dissect.Secret(value)
	for _, public := range anatomy.Public {
		d.had[public] = true
	}
	secret := withoutPublicPEM(value)
	d.add(secret, false, false)
	d.add(strings.TrimSpace(secret), false, false)
	for _, part := range anatomy.Parts {
		if part.Kind != "line" || strings.Contains(secret, part.Value) {
			d.addPart(part)
		}
	}
	if lines := strings.FieldsFunc(secret, isLineEnd); len(lines) > 1 {
		for _, line := range lines {
			if !tells(strings.TrimSpace(line), anatomy) {
				d.forget(line)
			}
		}
	}
	d.derive(secret, false)
	if anatomy.Format == "" && len(anatomy.Parts) == 0 {
		d.addPieces(secret)
	}
}

// addPart adds the forms of a part, decoded and as it is written.
func (d *derivation) addPart(part dissect.Part) {
	for _, text := range []string{part.Value, part.Raw} {
		if len(text) < shortest || redact.TooShort(text) {
			continue
		}
		weak := part.Kind == "field" && !convincing(text)
		d.derive(text, weak)
		if !weak {
			d.addPieces(text)
		}
	}
}

func isLineEnd(r rune) bool { return r == '\n' || r == '\r' }

// forget sees to it that a line of the secret is not looked for: a PORT=8080 stands
// in many places.
func (d *derivation) forget(line string) {
	for _, f := range redact.AllForms(line) {
		d.had[f] = true
	}
}

// tells reports whether a line of a secret is one itself.
func tells(line string, anatomy dissect.Anatomy) bool {
	switch anatomy.Format {
	case "pem":
		return true
	case "":
		return convincing(line)
	}
	for _, part := range anatomy.Parts {
		if part.Kind != "field" && part.Kind != "line" || convincing(part.Value) {
			if strings.Contains(line, part.Value) || part.Raw != "" && strings.Contains(line, part.Raw) {
				return true
			}
		}
	}
	return false
}

// convincing reports whether text is no word, and no identifier such as everybody
// may know.
func convincing(text string) bool {
	return !isGUID(text) && (isPassword([]byte(text)) || isSecret([]byte(text)))
}

// isGUID reports whether text is a GUID: most are names of tenants, subscriptions and
// clients.
func isGUID(text string) bool {
	const hyphens = "        -    -    -    -            "
	if len(text) != len(hyphens) {
		return false
	}
	for i := range len(text) {
		if isHex(text[i]) == (hyphens[i] == '-') || hyphens[i] == '-' && text[i] != '-' {
			return false
		}
	}
	return true
}

// addPieces adds the first and last characters of a value that is long enough to be
// cut off or wrapped: two thirds of it, but not more than 16 if that is telling.
func (d *derivation) addPieces(value string) {
	value = strings.TrimSpace(value)
	if len(value) < pieceFrom {
		return
	}
	short, long := min(16, len(value)*2/3), min(24, len(value)*2/3)
	for _, n := range []int{short, long} {
		if head := value[:n]; telling(head) {
			d.add(head, true, false)
			break
		}
	}
	for _, n := range []int{short, long} {
		if tail := value[len(value)-n:]; telling(tail) {
			d.add(tail, true, false)
			break
		}
	}
}

// telling reports whether a piece belongs to one secret only: keys and tokens of one
// kind begin alike, and words stand everywhere. A piece with a slash may be a path,
// unless it looks like base64.
func telling(piece string) bool {
	for _, common := range []string{"eyJ", "MII", "-----", "http", "AAAAB3", "b3BlbnNzaC1rZXkt"} {
		if strings.HasPrefix(piece, common) {
			return false
		}
	}
	distinct := make(map[byte]bool)
	for i := range len(piece) {
		distinct[piece[i]] = true
	}
	numbers := strings.ContainsAny(piece, "0123456789")
	mixed := strings.ToLower(piece) != piece && strings.ToUpper(piece) != piece
	if strings.Contains(piece, "/") && !(numbers && mixed) {
		return false
	}
	return len(distinct) >= min(8, len(piece)/2) && !strings.ContainsAny(piece, " \\\n") && (numbers || mixed) &&
		!wordy([]byte(piece))
}

// compile builds the tables.
func (k *knownSet) compile() {
	k.short.compile(k.forms, 0, longFrom)
	k.long.compile(k.forms, longFrom, longestForm+1)
}

// search calls found for each form that has a gram in data[from:to]. Forms that cross a
// line end are searchWrapped's.
func (k *knownSet) search(data []byte, from, to int, found func(match)) {
	const cached = 16 << 10 // what is read a second time is in the first-level cache
	candidate := func(form, start int) {
		f := &k.forms[form]
		end := start + len(f.text)
		if start < 0 || end > len(data) || string(data[start:end]) != f.text {
			return
		}
		if len(f.text) < wordLength && !isWord(data, start, end) {
			return
		}
		found(match{start, end, f.entry, f.piece, f.weak})
	}
	for ; from < to; from += cached {
		k.short.search(data, from, min(to, from+cached), candidate)
		k.long.search(data, from, min(to, from+cached), candidate)
	}
}

func isWord(data []byte, from, to int) bool {
	return (from == 0 || !alnum[data[from-1]]) && (to == len(data) || !alnum[data[to]])
}
