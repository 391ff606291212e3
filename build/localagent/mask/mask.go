// Package mask hides secrets in log lines as the Azure Pipelines agent does: the
// same derived forms, the same always-on rule for passwords in URLs, the same
// merging of ranges - and therefore the same gaps. It hides no more than the agent
// would, so that a task that relies on luck is found out here.
//
// It is written from Agent.Sdk/SecretMasking, Worker.cs (InitializeSecretMasker) and
// AdditionalMaskingRegexes.cs of microsoft/azure-pipelines-agent.
package mask

import (
	"cmp"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// Replacement stands in a masked line for each secret range.
const Replacement = "***"

// LongestIgnored caps IgnoreShorterThan, as the agent does.
const LongestIgnored = 6

// Masker knows the secrets of one job. The zero value is ready, and all methods
// may be called at the same time.
type Masker struct {
	mu     sync.RWMutex
	values []string        // as registered, in order
	forms  []string        // what is searched, in order
	known  map[string]bool // the values
	listed map[string]bool // the forms
	min    int
}

// Add registers a secret that appears while the job runs (setvariable, setsecret):
// the value and its three encoded forms. There is no base64, no trimming and no
// splitting into lines; an empty value is ignored.
func (m *Masker) Add(value string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.add(value)
}

// AddJobSecret registers a secret variable known when the job starts. On top of
// Add: the value without surrounding quotes, without CR, LF and spaces at its
// ends, in logging-command escapes, and as base64. White space alone is ignored.
func (m *Masker) AddJobSecret(value string) {
	if strings.TrimSpace(value) == "" {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	lines := strings.NewReplacer("\r", "%0D", "\n", "%0A")
	for _, form := range []string{
		value,
		lines.Replace(strings.ReplaceAll(value, "%", "%AZP25")),
		lines.Replace(value),
		base64.StdEncoding.EncodeToString([]byte(value)),
	} {
		m.addUserSupplied(form)
	}
}

// addUserSupplied adds what a shell or a tool leaves of the value, too.
func (m *Masker) addUserSupplied(value string) {
	m.add(value)
	for _, quote := range []string{"'", `"`} {
		if strings.HasPrefix(value, quote) && strings.HasSuffix(value, quote) {
			m.add(strings.Trim(value, quote))
		}
	}
	m.add(strings.Trim(value, "\r\n "))
}

// add registers value and its encoded forms; m.mu is held.
func (m *Masker) add(value string) {
	if value == "" || m.tooShort(value) || m.known[value] {
		return
	}
	if m.known == nil {
		m.known, m.listed = make(map[string]bool), make(map[string]bool)
	}
	m.known[value] = true
	m.values = append(m.values, value)
	for _, form := range []string{value, jsonStringEscape(value), uriDataEscape(value), backslashUnescape(value)} {
		if m.listed[form] || form == "" || m.tooShort(form) {
			continue
		}
		m.listed[form] = true
		m.forms = append(m.forms, form)
	}
}

// IgnoreShorterThan drops secrets of fewer than n characters, those already
// registered and those to come, as AZP_IGNORE_SECRETS_SHORTER_THAN does. n above
// 6 counts as 6: nothing longer than 5 characters can be left unmasked this way.
func (m *Masker) IgnoreShorterThan(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.min = min(n, LongestIgnored)
	m.values = slices.DeleteFunc(m.values, m.tooShort)
	m.forms = slices.DeleteFunc(m.forms, m.tooShort)
	maps.DeleteFunc(m.known, func(value string, _ bool) bool { return m.tooShort(value) })
	maps.DeleteFunc(m.listed, func(form string, _ bool) bool { return m.tooShort(form) })
}

func (m *Masker) tooShort(s string) bool { return utf8.RuneCountInString(s) < m.min }

// Values returns the registered secrets (not their encoded forms) in order.
func (m *Masker) Values() []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Clone(m.values)
}

// Mask returns line with each secret replaced by ***. Ranges that overlap or touch
// become one. The agent masks a message before it is cut into lines, but what a
// program prints comes line by line, so that a secret that spans lines is seldom
// found.
func (m *Masker) Mask(line string) string {
	found := m.spans(line)
	if len(found) == 0 {
		return line
	}
	var out strings.Builder
	end := 0
	for _, s := range merge(found) {
		out.WriteString(line[end:s.start])
		out.WriteString(Replacement)
		end = s.end
	}
	out.WriteString(line[end:])
	return out.String()
}

// span is a half-open range of bytes.
type span struct{ start, end int }

func (m *Masker) spans(line string) []span {
	found := urlPasswords(line)
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, form := range m.forms {
		found = append(found, occurrences(line, form)...)
	}
	return found
}

// occurrences finds form in line, overlapping ones too: "aba" stands twice in "ababa".
func occurrences(line, form string) []span {
	var found []span
	for from := 0; ; from++ {
		at := strings.Index(line[from:], form)
		if at < 0 {
			return found
		}
		from += at
		found = extend(found, span{from, from + len(form)})
	}
}

// merge joins spans that overlap or touch, in order.
func merge(found []span) []span {
	slices.SortFunc(found, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	var merged []span
	for _, s := range found {
		merged = extend(merged, s)
	}
	return merged
}

// extend appends s, or widens the last span when s overlaps or touches it.
func extend(spans []span, s span) []span {
	if n := len(spans); n > 0 && s.start <= spans[n-1].end {
		spans[n-1].end = max(spans[n-1].end, s.end)
		return spans
	}
	return append(spans, s)
}
