// Package redact hides known secrets in text.
//
// A [Set] holds the secrets of one run together with the forms in which they
// usually turn up in a log: base64 at any alignment, hex, URL, JSON, shell, XML
// and so on. [Set.String] hides them in a text, [Set.Writer] in a stream, with
// the same result however the stream is cut into writes. Time and memory are
// linear in the input, whatever the input is.
//
// What it promises: no registered form is written. Ranges that overlap or touch
// become one [Mask], as the Azure Pipelines agent does (SecretMasker.cs), so the
// number of masks says nothing about how often a secret occurred.
//
// What it does not do: find secrets that nobody registered, or a secret that was
// encrypted, compressed, wrapped at a column by someone else, such as in a hex dump of
// several lines, or mixed with colour codes. Those are for a scanner.
//
// [Defuse] is the other half of printing untrusted text: it makes sure that the
// text cannot command the agent.
package redact

import (
	"slices"
	"strings"
	"sync"
)

const (
	// Mask stands in the place of a secret. It is the agent's own mask.
	Mask = "***"

	// MinLength is the length in bytes below which nothing is hidden. Hiding "1"
	// everywhere would ruin the log, and show to everyone that the secret is "1".
	MinLength = 4
)

// tooCommon are values that some systems store as secrets and that stand in
// every log; see TooShort.
var tooCommon = []string{"true", "false", "null", "none"}

// TooShort reports whether a Set would refuse to hide secret: it has fewer than
// MinLength bytes, white space at its ends not counted, or is a word such as
// "true" that every log is full of. Callers that fetch secrets should refuse
// such a value, because it cannot be protected.
func TooShort(secret string) bool {
	core := strings.TrimSpace(secret)
	if len(core) < MinLength {
		return true
	}
	return slices.ContainsFunc(tooCommon, func(word string) bool { return strings.EqualFold(word, core) })
}

// Set is a collection of secrets. The zero value is an empty Set, ready to use;
// a Set must not be copied. All methods may be called from several goroutines,
// and a nil *Set hides nothing.
type Set struct {
	mu      sync.Mutex
	forms   map[string]struct{}
	machine *machine // nil when there are forms it does not know yet, or no forms
}

// Add registers secrets and their derived forms. Those for which TooShort
// reports true are left out. Writers that are already open hide the new secrets
// from their next write on; what they have passed on is out of reach.
//
// Adding is cheap, the first use after it is not (milliseconds for hundreds of
// secrets): add all you have before you print.
func (s *Set) Add(secrets ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range secrets {
		for _, form := range AllForms(secret) {
			if _, known := s.forms[form]; known {
				continue
			}
			if s.forms == nil {
				s.forms = make(map[string]struct{})
			}
			s.forms[form] = struct{}{}
			s.machine = nil
		}
	}
}

// String returns text with every registered form replaced by Mask.
func (s *Set) String(text string) string {
	m := s.current()
	if m == nil {
		return text
	}
	var st stream
	st.use(m)
	out := st.feed(make([]byte, 0, len(text)), []byte(text))
	return string(st.finish(out))
}

// current returns the automaton for all forms added so far, nil if there are
// none.
func (s *Set) current() *machine {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.machine == nil && len(s.forms) > 0 {
		forms := make([]string, 0, len(s.forms))
		for form := range s.forms {
			forms = append(forms, form)
		}
		s.machine = compile(forms)
	}
	return s.machine
}
