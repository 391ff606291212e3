package leak

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
	edge     *class // what may stand neither before nor after it; nil: class
	check    func(value []byte) bool
}

// find finds the shape around its literal.
func (s *shape) find(text []byte, at int) (found, bool) {
	from, i := at-s.pre, at+len(s.literal)
	edge := s.edge
	if edge == nil {
		edge = s.class
	}
	if from < 0 || !begins(text, from, edge) {
		return found{}, false
	}
	preClass := s.preClass
	if preClass == nil {
		preClass = s.class
	}
	if !preClass.all(text[from:at]) {
		return found{}, false
	}
	end := s.class.run(text, i, s.max)
	if end-i < s.min || !s.fits(text[i:end]) {
		return found{}, false
	}
	to := end + len(s.suffix)
	if to > len(text) || string(text[end:to]) != s.suffix || !ends(text, to, edge) {
		return found{}, false
	}
	if s.check != nil && !s.check(text[from:to]) {
		return found{}, false
	}
	return found{from: from, to: to}, !isPlaceholder(text[from:to])
}

func (s *shape) fits(rest []byte) bool {
	if len(rest) == 0 {
		return true
	}
	return (s.first == nil || s.first[rest[0]]) && (s.last == nil || s.last[rest[len(rest)-1]])
}

// anyOf finds the first of several shapes.
func anyOf(shapes ...shape) finder {
	return func(text []byte, at int) (found, bool) {
		for i := range shapes {
			s := &shapes[i]
			if len(text)-at >= len(s.literal) && string(text[at:at+len(s.literal)]) == s.literal {
				if f, ok := s.find(text, at); ok {
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
			r.anchors = append(r.anchors, s.literal)
		}
	}
	return r
}
