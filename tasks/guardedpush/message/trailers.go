package message

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const prefix = "Pipeline-Guardrails-"

// trailers writes the stamp, a line each, the run first.
func (s Stamp) trailers() string {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			b.WriteString(prefix + name + ": " + value + "\n")
		}
	}
	line("Run", encode(s.Pipeline)+"/"+strings.ReplaceAll(encode(s.Run), "/", "%2F"))
	line("Kind", encode(s.Kind))
	line("Fingerprint", encode(s.Fingerprint))
	line("Application", encode(s.Application))
	line("Environment", encode(s.Environment))
	line("Version", encode(s.Version))
	var causes []string
	for _, cause := range s.Causes {
		if cause != "" {
			causes = append(causes, encode(cause))
		}
	}
	line("Causes", strings.Join(causes, " "))
	return b.String()
}

// encode writes a value so that it has no blank, line end, control or invisible character,
// and so that it is no skip token, nor a part of one: a version must not decide whether a
// pipeline starts.
func encode(value string) string {
	encoded := escape(value, func(c rune) bool {
		return unicode.IsPrint(c) && !strings.ContainsRune(" %[]*", c)
	})
	// "skip-checks:" before a value "true" would be one across both.
	if _, ok := Skips(encoded + "true"); ok {
		return escape(value, func(c rune) bool {
			return c < utf8.RuneSelf && (unicode.IsLetter(c) || unicode.IsDigit(c))
		})
	}
	return encoded
}

// escape writes what is not to be kept as %XX, byte by byte.
func escape(value string, keep func(rune) bool) string {
	var b strings.Builder
	for len(value) > 0 {
		c, n := utf8.DecodeRuneInString(value)
		if (c != utf8.RuneError || n > 1) && keep(c) {
			b.WriteString(value[:n])
		} else {
			for i := range n {
				fmt.Fprintf(&b, "%%%02X", value[i])
			}
		}
		value = value[n:]
	}
	return b.String()
}

var escaped = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// decode is the reverse of encode; what is no escape stays as it is.
func decode(value string) string {
	return escaped.ReplaceAllStringFunc(value, func(e string) string {
		c, err := strconv.ParseUint(e[1:], 16, 8)
		if err != nil {
			return e
		}
		return string([]byte{byte(c)})
	})
}

// Read returns what our trailers say; false if the message is not ours.
//
// They count in the last paragraph only, if all of its lines are trailers, and not in the
// first, which is the subject. Squashing must not hide them, because a loop that goes
// through pull requests is a loop, too. So these are looked through at the end of a
// message: paragraphs of other people's trailers (GitHub adds Co-authored-by, with a line
// of hyphens before it), the "Related work items:" of Azure DevOps, and the indentation of
// "git merge --squash". If a squashed message has several stamps, the last one counts, and
// the pipelines of those before it are among its Causes. A stamp within other text, quoted,
// or in a diff is not ours. One in a cherry-picked commit is: nobody can tell a person
// who does that from a pipeline.
//
// Of a message of more than 64 KB only the end is looked at.
func Read(message string) (Stamp, bool) {
	all := paragraphs(message)
	for len(all) > 1 && isAppendix(all[len(all)-1]) {
		all = all[:len(all)-1]
	}
	if len(all) < 2 {
		return Stamp{}, false
	}
	s, ok := stamp(all[len(all)-1])
	if !ok {
		return Stamp{}, false
	}
	var earlier []string
	for _, p := range all[1 : len(all)-1] {
		if e, ok := stamp(p); ok {
			earlier = append(append(earlier, e.Causes...), e.Pipeline)
		}
	}
	s.Causes = append(without(earlier, append(s.Causes, s.Pipeline)), s.Causes...)
	return s, true
}

// without returns each pipeline once that is not among the known ones.
func without(all, known []string) []string {
	seen := map[string]bool{}
	for _, k := range known {
		seen[k] = true
	}
	var left []string
	for _, a := range all {
		if !seen[a] {
			seen[a] = true
			left = append(left, a)
		}
	}
	return left
}

// paragraphs are what empty lines part, without those lines.
func paragraphs(message string) []string {
	// If this cuts a paragraph, it is the first one, which is none of trailers.
	message = message[max(len(message)-most, 0):]
	message = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(message)
	squashed := strings.Contains(message, "Squashed commit of the following:\n")
	var all []string
	var lines []string
	for line := range strings.SplitSeq(message+"\n\n", "\n") {
		line = strings.TrimRight(line, " \t")
		switch {
		case line != "":
			lines = append(lines, line)
		case len(lines) > 0:
			p := strings.Join(lines, "\n")
			if rest, indented := strings.CutPrefix(p, "    "); squashed && indented {
				p = strings.ReplaceAll(rest, "\n    ", "\n")
			}
			all = append(all, p)
			lines = nil
		}
	}
	return all
}

// isAppendix reports whether a paragraph is one that servers put after a message.
func isAppendix(p string) bool {
	if strings.Trim(p, "-") == "" {
		return true
	}
	lines, ok := parse(p)
	if !ok {
		return strings.HasPrefix(p, "Related work items: ") && !strings.Contains(p, "\n")
	}
	return !slices.ContainsFunc(lines, func(t trailer) bool {
		_, ours := cutFold(t.name, prefix)
		return ours
	})
}

type trailer struct{ name, value string }

// A trailer, and the line of "git cherry-pick -x", which git takes for one. The blank is
// asked for, or an address would be a trailer.
var (
	named  = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9-]*):(?: (.*))?$`)
	cherry = regexp.MustCompile(`^\(cherry picked from commit [0-9a-f]+\)$`)
)

// parse reads a paragraph in which every line is a trailer, or goes on with one.
func parse(paragraph string) ([]trailer, bool) {
	var all []trailer
	for line := range strings.SplitSeq(paragraph, "\n") {
		m := named.FindStringSubmatch(line)
		switch {
		case m != nil:
			all = append(all, trailer{m[1], m[2]})
		case cherry.MatchString(line):
		case len(all) > 0 && strings.TrimLeft(line, " \t") != line:
		default:
			return nil, false
		}
	}
	return all, len(all) > 0
}

// stamp reads a paragraph of trailers; of several of a name the first counts.
func stamp(paragraph string) (Stamp, bool) {
	lines, ok := parse(paragraph)
	if !ok {
		return Stamp{}, false
	}
	values := map[string]string{}
	for _, t := range lines {
		if name, ours := cutFold(t.name, prefix); ours {
			name = strings.ToLower(name)
			if _, seen := values[name]; !seen {
				values[name] = strings.TrimSpace(t.value)
			}
		}
	}
	i := strings.LastIndexByte(values["run"], '/')
	if i <= 0 || i == len(values["run"])-1 {
		return Stamp{}, false
	}
	s := Stamp{
		Pipeline: decode(values["run"][:i]), Run: decode(values["run"][i+1:]), Kind: decode(values["kind"]),
		Fingerprint: decode(values["fingerprint"]), Application: decode(values["application"]),
		Environment: decode(values["environment"]), Version: decode(values["version"]),
	}
	for _, cause := range strings.Fields(values["causes"]) {
		s.Causes = append(s.Causes, decode(cause))
	}
	return s, true
}

// cutFold is strings.CutPrefix in any case of ASCII letters.
func cutFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}
