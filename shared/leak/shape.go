package leak

import "cmp"

// shape is a token with a literal in it, and a fixed alphabet.
type shape struct {
	pre      int    // characters before the literal
	preClass *class // nil: of class
	literal  string
	min, max int    // characters after it
	class    *class // of those
	first    *class // of the first of them; nil: of class
	last     *class // of the last of them
	suffix   string
	edge     *class // what may stand neither before nor after it, but for a = before it; nil: class
	check    func(value []byte) bool
}

// find finds the shape around its literal, which is text[at:i].
func (s *shape) find(text []byte, at, i int) (found, bool) {
	edge, preClass := cmp.Or(s.edge, s.class), cmp.Or(s.preClass, s.class)
	from, ok := preClass.runCharsBack(text, at, s.pre)
	if !ok || !beginsChar(text, from, edge) {
		return found{}, false
	}
	end, n, last := s.class.runChars(text, i, s.max)
	if n < s.min || n > 0 && !s.fits(text[i], last) {
		return found{}, false
	}
	to, ok := skipChars(text, end, s.suffix)
	if !ok {
		return found{}, false
	}
	if next, _ := charAt(text, to); to < len(text) && edge[next] {
		return found{}, false
	}
	if s.check != nil && !s.check(text[from:to]) {
		return found{}, false
	}
	return found{from: from, to: to}, !isPlaceholder(text[from:to])
}

// beginsChar is begins for base64: what stands before i may be escaped, and a '=' ends
// what is before it, or is the sign of an assignment.
func beginsChar(text []byte, i int, edge *class) bool {
	c, width := charBefore(text, i)
	return c == '=' || (width <= 1 || !edge[c]) && begins(text, i, edge)
}

func (s *shape) fits(first, last byte) bool {
	return (s.first == nil || s.first[first]) && (s.last == nil || s.last[last])
}

// anyOf finds the first of several shapes.
func anyOf(shapes ...shape) finder {
	return func(text []byte, at int) (found, bool) {
		for i := range shapes {
			s := &shapes[i]
			if i, ok := skipChars(text, at, s.literal); ok {
				if f, ok := s.find(text, at, i); ok {
					return f, true
				}
			}
		}
		return found{}, false
	}
}

// tokenRule is a rule of shapes; its anchors are their literals.
func tokenRule(id string, kind Kind, severity Severity, description string, shapes ...shape) rule {
	r := rule{Rule: Rule{"leak/" + id, kind, severity, description}, exact: true, find: anyOf(shapes...)}
	had := make(map[string]bool)
	for _, s := range shapes {
		if !had[s.literal] {
			had[s.literal] = true
			r.anchors = append(r.anchors, spellings(s.literal)...)
		}
	}
	return r
}
