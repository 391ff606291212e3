package redact

// span is a range of bytes to hide.
type span struct{ from, to int }

// stream is the state between two pieces of one text.
type stream struct {
	m     *machine
	state int32

	// held are the bytes that may yet become part of a form: the text of state.
	held []byte
	// done counts the bytes at the start of held for which a mask has been
	// written already, because they belong to a form that is complete.
	done int
	// masked says that the last thing written was a mask, so that a form that
	// begins right there joins it.
	masked bool

	// spans are the forms that are complete in held; a longer one may swallow
	// them and what stands before them.
	spans []span

	data []byte // scratch
}

// use switches to m, which knows at least the forms known so far. What is held
// is looked at again, because it may contain a new form or the beginning of one.
func (s *stream) use(m *machine) {
	if s.m == m {
		return
	}
	s.m, s.state, s.spans = m, root, s.spans[:0]
	s.scan(s.held, 0)
}

// feed reads p and appends to dst all that is decided by now.
func (s *stream) feed(dst, p []byte) []byte {
	if s.m == nil {
		return append(dst, p...)
	}
	data := p
	if len(s.held) > 0 {
		s.data = append(append(s.data[:0], s.held...), p...)
		data = s.data
	}
	s.scan(data, len(s.held))
	// No form that is still to come can begin before the horizon.
	horizon := len(data) - int(s.m.nodes[s.state].depth)
	dst = s.emit(dst, data, horizon)
	s.held = append(s.held[:0], data[horizon:]...)
	return dst
}

// scan runs the automaton over data[from:], in the state reached before it, and
// collects the spans.
func (s *stream) scan(data []byte, from int) {
	m, state, i := s.m, s.state, from
	start := i - int(m.nodes[state].depth) // state is the text data[start:i]
	for i < len(data) {
		if state == root {
			if i = m.skip(data, i); i == len(data) {
				break
			}
			start = i
		}
		state = m.step(state, data[i])
		i++
		n := &m.nodes[state]
		if n.out > 0 {
			s.add(span{i - int(n.out), i})
		}
		if d := int(n.depth); d < gramSize && i-d > start {
			// Only a few bytes match: let the filter judge them again. The start
			// has moved forward, so this cannot go on for ever, and no form can
			// end in so few bytes, so none is lost.
			i, state = i-d, root
		}
	}
	s.state = state
}

// add merges a span, which ends after all earlier ones, into spans.
func (s *stream) add(sp span) {
	for n := len(s.spans); n > 0 && s.spans[n-1].to >= sp.from; n = len(s.spans) {
		sp.from = min(sp.from, s.spans[n-1].from)
		s.spans = s.spans[:n-1]
	}
	s.spans = append(s.spans, sp)
}

// emit appends data to dst up to the horizon, and beyond it as far as a span
// reaches that begins before it.
func (s *stream) emit(dst, data []byte, horizon int) []byte {
	at, kept := s.done, 0
	for _, sp := range s.spans {
		if sp.from >= horizon && sp.from > at {
			s.spans[kept] = span{sp.from - horizon, sp.to - horizon}
			kept++
			continue
		}
		dst = s.plain(dst, data, at, sp.from)
		if !s.masked {
			dst = append(dst, Mask...)
			s.masked = true
		}
		at = max(at, sp.to)
	}
	s.spans = s.spans[:kept]
	dst = s.plain(dst, data, at, horizon)
	s.done = max(at, horizon) - horizon
	return dst
}

// plain appends data[from:to], if that is anything.
func (s *stream) plain(dst, data []byte, from, to int) []byte {
	if from >= to {
		return dst
	}
	s.masked = false
	return append(dst, data[from:to]...)
}

// finish appends what was held: it will not become a longer form any more.
func (s *stream) finish(dst []byte) []byte {
	dst = s.emit(dst, s.held, len(s.held))
	s.held, s.state = s.held[:0], root
	return dst
}
