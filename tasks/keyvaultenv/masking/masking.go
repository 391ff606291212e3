// Package masking decides which strings of a job's secrets the agent is told to mask.
//
// The agent replaces, line by line, what it was given and three encodings of it; it
// knows neither that a connection string has a password in it, nor base64. So more
// than the values is registered: their parts, and the forms in which both turn up in
// logs. Each registration slows the agent down for the rest of the job, so there is a
// budget, and what does not fit is left to the scan at the end of the job.
//
// What it promises: every registration is one line, long enough not to be found
// everywhere, and not a word that logs cannot do without, such as the host of the
// same connection string. Where that leaves a secret visible, the [Plan] says so; it
// never has a value in what it says.
//
// What it does not do: register anything. Package pipeline does.
package masking

import (
	"net/url"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/dissect"
	"github.com/guardrails-ci/guardrails/shared/redact"
)

// Value is a secret.
type Value struct {
	Name string // how messages call it
	Text string
}

// Limits is the budget of a job.
type Limits struct {
	Most int // registrations in the whole job
	Used int // by earlier steps of the job
}

// Short is a secret, or a part of one, that is not masked.
type Short struct{ Name, Reason string }

// Plan says what to register with the agent.
type Plan struct {
	Register []string // in this order: values, parts, their usual forms, then rarer ones
	Skipped  int      // how many strings did not fit, and are left to the scan
	Unmasked []string // names of values that did not fit themselves, or not all their lines
	Short    []Short  // too short, or a well-known word: nothing of it is registered
	Open     []Short  // masked as a whole, but a secret part of it is too short or a public word
	Weak     []string // names of values with something of 4 or 5 characters, which is registered
}

const (
	weakLength = 6 // shorter strings are found where they do not belong
	pemLength  = 8 // the last line of a key may be "Ag=="
)

// Decide plans the registrations for values. public are other words that must never
// be masked: the names of variables, of the vault, of the project.
//
// Values come first, so that a secret with many parts cannot push out another
// secret's value; those of several lines come last among them, because they may be
// long. Within each later group the secrets take turns.
func Decide(values []Value, public []string, l Limits) Plan {
	var plan Plan
	var all []*pieces
	for _, v := range values {
		p := take(v, public)
		if p.short != "" {
			plan.Short = append(plan.Short, Short{v.Name, p.short})
			continue
		}
		all = append(all, p)
		plan.Open = append(plan.Open, p.open...)
		if p.weak {
			plan.Weak = append(plan.Weak, v.Name)
		}
	}
	b := budget{hidden: make(map[string]bool), left: make(map[string]bool)}
	room := max(0, l.Most-l.Used)
	b.room = room
	for _, long := range []bool{false, true} {
		for _, p := range all {
			if p.long == long && !b.registerAll(p.values) {
				plan.Unmasked = append(plan.Unmasked, p.name)
			}
		}
	}
	b.takeTurns(all, func(p *pieces) []string { return p.parts })
	// A later step of the job has secrets, too, whose values matter more than how
	// these would look in hex.
	b.room = room - l.Most/4
	b.takeTurns(all, func(p *pieces) []string { return p.forms })
	b.room = room - l.Most/2
	b.takeTurns(all, func(p *pieces) []string { return p.rare })
	plan.Register, plan.Skipped = b.registered, len(b.left)
	return plan
}

// budget hands out registrations while there is room.
type budget struct {
	room       int // how many there may be now
	registered []string
	hidden     map[string]bool // registered, or derived from that by the agent itself
	left       map[string]bool // had no room
}

// register reports false if there was no room for form.
func (b *budget) register(form string) bool {
	if b.hidden[form] {
		return true
	}
	if len(b.registered) >= b.room {
		b.left[form] = true
		return false
	}
	b.registered = append(b.registered, form)
	b.hidden[form], b.hidden[dataEscape(form)] = true, true
	return true
}

// registerAll reports false if there was no room for one of the forms.
func (b *budget) registerAll(forms []string) bool {
	all := true
	for _, form := range forms {
		all = b.register(form) && all
	}
	return all
}

// dataEscape is what the agent looks for as well (Uri.EscapeDataString, one of the
// encoders in HostContext.cs), so that it needs no registration.
func dataEscape(value string) string {
	return strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
}

// takeTurns registers the first string of each secret, then the second, and so on.
func (b *budget) takeTurns(all []*pieces, of func(*pieces) []string) {
	longest := 0
	for _, p := range all {
		longest = max(longest, len(of(p)))
	}
	for i := range longest {
		for _, p := range all {
			if list := of(p); i < len(list) {
				b.register(list[i])
			}
		}
	}
}

// pieces is what there is to register of one secret.
type pieces struct {
	name   string
	short  string   // why there is nothing
	long   bool     // the value has several lines
	values []string // the value without quotes around it; of several lines, all its parts instead
	parts  []string
	forms  []string // usual forms of both
	rare   []string // other forms
	open   []Short
	weak   bool

	names map[string]bool // words that must never be masked, in lower case
	own   map[string]bool // public words of the secret itself
}

// take finds out what there is to register of v.
func take(v Value, public []string) *pieces {
	p := &pieces{name: v.Name, names: make(map[string]bool), own: make(map[string]bool)}
	for _, word := range public {
		p.names[strings.ToLower(strings.TrimSpace(word))] = true
	}
	if p.short = p.refusal(unquoted(v.Text)); p.short != "" {
		return p
	}
	anatomy := dissect.Secret(v.Text)
	for _, word := range anatomy.Public {
		p.own[word] = true
	}
	p.add(&p.values, unquoted(v.Text))
	formsOf := []string{v.Text}
	for _, part := range anatomy.Parts {
		if p.part(part) && !isPEMLine(part) {
			formsOf = append(formsOf, part.Value)
		}
	}
	for _, part := range anatomy.Open {
		p.say(part, isPublic)
	}
	if p.long = strings.ContainsAny(unquoted(v.Text), "\r\n"); p.long {
		p.values, p.parts = p.parts, nil // the agent sees lines, so nothing else hides it
	}
	if len(p.values)+len(p.parts) == 0 {
		p.short = "it has only lines of fewer than 4 characters or public words"
		return p
	}
	lines := lineSet(v.Text)
	p.derive(&p.forms, formsOf, func(secret string) []string {
		return slices.DeleteFunc(redact.Forms(secret), func(form string) bool { return lines[form] })
	})
	if p.long {
		formsOf = formsOf[1:] // the rare forms of a text of several lines are those of each line
	}
	p.derive(&p.rare, formsOf, func(secret string) []string {
		return slices.DeleteFunc(redact.AllForms(secret), func(form string) bool { return lines[form] })
	})
	return p
}

// part enters a part, as it is used and as it is written, and reports whether it could.
func (p *pieces) part(part dissect.Part) bool {
	value := strings.TrimSpace(part.Value)
	if isPEMLine(part) && len(value) < pemLength {
		return false
	}
	if reason := p.refusal(value); reason != "" {
		p.leaveOpen(part, reason)
		return false
	}
	p.add(&p.parts, value)
	if part.Raw != "" {
		p.add(&p.parts, strings.TrimSpace(part.Raw))
	}
	return true
}

// isPEMLine reports whether a part is base64 already, and of no use elsewhere.
func isPEMLine(part dissect.Part) bool {
	return part.Kind == "line" && strings.HasSuffix(part.Name, "PEM")
}

// leaveOpen notes that a part stays visible, if it is a secret by its name: a field of
// a document may well be "on", and a line "}".
func (p *pieces) leaveOpen(part dissect.Part, reason string) {
	if part.Kind != "field" && part.Kind != "line" {
		p.say(part, reason)
	}
}

// say notes that a part stays visible.
func (p *pieces) say(part dissect.Part, reason string) {
	what := "its " + part.Kind
	if part.Name != "" {
		what += " (" + part.Name + ")"
	}
	p.open = append(p.open, Short{p.name, what + ": " + reason})
}

// add enters text into list, if the agent can mask it.
func (p *pieces) add(list *[]string, text string) {
	if strings.ContainsAny(text, "\r\n") || p.refusal(text) != "" || slices.Contains(*list, text) {
		return
	}
	*list = append(*list, text)
	if len(text) < weakLength {
		p.weak = true
	}
}

// derive enters the forms of secrets, the likeliest of each first. Short ones - the
// base64 of four bytes, cut to what is certain - would be found by chance.
func (p *pieces) derive(list *[]string, secrets []string, forms func(string) []string) {
	var all [][]string
	longest := 0
	for _, secret := range secrets {
		found := forms(secret)
		all = append(all, found)
		longest = max(longest, len(found))
	}
	for i := range longest {
		for _, found := range all {
			if i < len(found) && len(strings.TrimSpace(found[i])) >= weakLength {
				p.add(list, strings.TrimSpace(found[i]))
			}
		}
	}
}

// unquoted returns text without white space and quotes around it, as shells and YAML
// leave it.
func unquoted(text string) string {
	text = strings.TrimSpace(text)
	if n := len(text); n >= 2 && text[0] == text[n-1] && strings.IndexByte("\"'`", text[0]) >= 0 {
		text = text[1 : n-1]
	}
	return strings.TrimSpace(text)
}

// lineSet returns the lines of a text: which of several are secret is for package
// dissect to say, and not each is; one alone is the value.
func lineSet(text string) map[string]bool {
	set := make(map[string]bool)
	for line := range strings.FieldsFuncSeq(text, func(c rune) bool { return c == '\r' || c == '\n' }) {
		set[strings.TrimSpace(line)] = true
	}
	return set
}
