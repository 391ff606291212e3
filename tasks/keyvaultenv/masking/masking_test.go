package masking_test

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/dissect"
	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/masking"
)

func decide(text string, public ...string) masking.Plan {
	return masking.Decide([]masking.Value{{"s", text}}, public, masking.Limits{Most: 10000})
}

// TestPublicWordsStayVisible: a log without its hosts and names is worth nothing.
func TestPublicWordsStayVisible(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ secret, line string }{
		"URL":          {pgURL, "connected to db.contoso.com:5432/orders as app, sslmode require"},
		"ADO.NET":      {adoNet, "connected to tcp:db.contoso.com,1433 orders as app"},
		"libpq":        {libpq, "db.contoso.com 5432 orders app"},
		"JDBC":         {jdbc, "db.contoso.com 1433 orders app"},
		"redis":        {redis, "cache.contoso.net:6380 ssl=True"},
		"storage":      {blob, "account contoso, core.windows.net, https"},
		"JSON":         {object, "db.contoso.com as app"},
		"dotenv":       {dotenv, "DB_HOST=db.contoso.com, export API_TOKEN, OTHER_KEY, # mine"},
		"PEM":          {key, "-----BEGIN PRIVATE KEY-----"},
		"certificate":  {"-----BEGIN CERTIFICATE-----\nMIICabcdefgh\n-----END CERTIFICATE-----\n" + key, "MIICabcdefgh"},
		"short line":   {strings.Replace(key, "C3S\n", "C3S\nAg==\n", 1), "Ag=="},
		"in documents": {`{"url":"` + pgURL + `"}`, "db.contoso.com:5432/orders as app"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := decide(tc.secret)
			if got := agent(t, plan.Register).Mask(tc.line); got != tc.line {
				t.Errorf("Mask(%q) = %q with the registrations of Decide(%q): %q", tc.line, got, tc.secret, plan.Register)
			}
		})
	}
}

// TestOpen: what cannot be hidden is said, and never hidden by halves.
func TestOpen(t *testing.T) {
	t.Parallel()
	const public, short = "it is also a name that logs must show", "it has fewer than 4 characters"
	for name, tc := range map[string]struct {
		secret, word string // word must not be registered
		want         []masking.Short
	}{
		"password is user":     {"amqp://orders:orders@h", "orders", []masking.Short{{"s", "its password: " + public}}},
		"password is database": {"Server=h;Database=orders;Pwd=orders", "orders", []masking.Short{{"s", "its password (Pwd): " + public}}},
		"short password":       {"postgres://app:abc@h/db", "abc", []masking.Short{{"s", "its password: " + short}}},
		"well-known password":  {"Server=h;Password=Postgres", "Postgres", []masking.Short{{"s", "its password (Password): it is a word that every log is full of"}}},
		"port-like password":   {"postgres://app:8080@h/db", "8080", []masking.Short{{"s", "its password: it is a number such as a port or a year"}}},
		"a given name":         {"postgres://app:contoso-kv@h/db", "contoso-kv", []masking.Short{{"s", "its password: " + public}}},
		"field of a document":  {`{"mode":"on","password":"pw-1","x":"true"}`, "true", nil},
		"case of a host":       {"postgres://app:Orders@orders.net/db", "orders", nil},
		"case of a database":   {"postgres://app:Contoso-Orders@h/contoso-orders", "contoso-orders", nil},
		"looks like base64":    {"postgres://app:hunter2-x@h/aHVudGVyMi14", "aHVudGVyMi14", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := decide(tc.secret, "CONTOSO-KV")
			if diff := cmp.Diff(tc.want, plan.Open); diff != "" {
				t.Errorf("Decide(%q).Open (-want +got):\n%s", tc.secret, diff)
			}
			if slices.Contains(plan.Register, tc.word) {
				t.Errorf("Decide(%q) registers %q: %q", tc.secret, tc.word, plan.Register)
			}
			if !slices.Contains(plan.Register, tc.secret) {
				t.Errorf("Decide(%q) does not register the value: %q", tc.secret, plan.Register)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, want string }{
		"empty":           {"", "it is empty"},
		"white space":     {" \r\n\t", "it is empty"},
		"one character":   {"1", "it has fewer than 4 characters"},
		"three":           {" abc\n", "it has fewer than 4 characters"},
		"three in quotes": {`"abc"`, "it has fewer than 4 characters"},
		"true":            {"True", "it is a word that every log is full of"},
		"null in quotes":  {"'null'", "it is a word that every log is full of"},
		"admin":           {"Admin", "it is a word that every log is full of"},
		"postgres":        {"postgres", "it is a word that every log is full of"},
		"localhost":       {"localhost", "it is a word that every log is full of"},
		"password":        {"password\n", "it is a word that every log is full of"},
		"port":            {"5432", "it is a number such as a port or a year"},
		"port, longer":    {"15432", "it is a number such as a port or a year"},
		"variable name":   {"DB-URL", "it is also a name that logs must show"},
		"short lines":     {"a\nb\nadmin\n8080", "it has only lines of fewer than 4 characters or public words"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := decide(tc.text, "db-url")
			want := masking.Plan{Short: []masking.Short{{"s", tc.want}}}
			if diff := cmp.Diff(want, plan); diff != "" {
				t.Errorf("Decide(%q) (-want +got):\n%s", tc.text, diff)
			}
		})
	}
}

func TestWeak(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"four":            {"ab-1", []string{"s"}},
		"five":            {"ab-12", []string{"s"}},
		"six":             {"ab-123", nil},
		"part of four":    {"postgres://app:ab-1@h/db", []string{"s"}},
		"part of six":     {"postgres://app:ab-123@h/db", nil},
		"quotes of three": {`"ab-1"`, []string{"s"}},
		"PIN of six":      {"123456", nil},
	} {
		if got := decide(tc.text).Weak; !slices.Equal(got, tc.want) {
			t.Errorf("%s: Decide(%q).Weak = %q, want %q", name, tc.text, got, tc.want)
		}
	}
	// A form of so few characters would be found by chance.
	for _, form := range decide("ab-1").Register[1:] {
		if len(form) < 6 {
			t.Errorf("Decide(ab-1) registers the form %q", form)
		}
	}
}

// TestBudget: 400 registrations a job, values first, and no secret at another's cost.
func TestBudget(t *testing.T) {
	t.Parallel()
	var values []masking.Value
	for i := range 60 {
		text := fmt.Sprintf("postgres://app%[1]d:s3cr%%40t-%[1]d@h%[1]d/db%[1]d", i)
		values = append(values, masking.Value{Name: fmt.Sprintf("s%d", i), Text: text})
	}
	free := len(masking.Decide(values, nil, masking.Limits{Most: 1 << 20}).Register)
	for name, tc := range map[string]struct {
		limits              masking.Limits
		registered          int // -1: any number up to the limit
		unmasked, passwords int
	}{
		"a job":           {masking.Limits{Most: 400}, 300, 0, 60},
		"a later step":    {masking.Limits{Most: 400, Used: 300}, 100, 0, 40},
		"room for values": {masking.Limits{Most: 400, Used: 340}, 60, 0, 0},
		"too little room": {masking.Limits{Most: 400, Used: 350}, 50, 10, 0},
		"no room":         {masking.Limits{Most: 400, Used: 400}, 0, 60, 0},
		"less than none":  {masking.Limits{Most: 400, Used: 500}, 0, 60, 0},
		"all the room":    {masking.Limits{Most: 1 << 20}, free, 0, 60},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := masking.Decide(values, nil, tc.limits)
			passwords := 0
			for i := range values {
				if slices.Contains(plan.Register, fmt.Sprintf("s3cr@t-%d", i)) {
					passwords++
				}
			}
			got := []int{len(plan.Register), len(plan.Unmasked), passwords}
			if diff := cmp.Diff([]int{tc.registered, tc.unmasked, tc.passwords}, got); diff != "" {
				t.Errorf("Decide with %+v: registrations, unmasked, passwords (-want +got):\n%s", tc.limits, diff)
			}
			// More than together: an encoding counts when the agent does not derive it.
			if (plan.Skipped == 0) != (len(plan.Register) == free) || len(plan.Register)+plan.Skipped < free {
				t.Errorf("Decide with %+v: %d registered, %d skipped, want at least %d together",
					tc.limits, len(plan.Register), plan.Skipped, free)
			}
		})
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	values := []masking.Value{{"a", "amqp://u:first-1@h"}, {"b", "second-2"}, {"c", "line-3\nline-4"}, {"d", "Server=h;Pwd=fourth-4"}}
	got := masking.Decide(values, nil, masking.Limits{Most: 400}).Register
	want := []string{"amqp://u:first-1@h", "second-2", "Server=h;Pwd=fourth-4", "line-3", "line-4", "first-1", "fourth-4"}
	if diff := cmp.Diff(want, got[:len(want)]); diff != "" {
		t.Errorf("Decide (-want +got):\n%s", diff)
	}
	if unique := slices.Compact(slices.Sorted(slices.Values(got))); len(unique) != len(got) {
		t.Errorf("Decide repeats itself: %q", got)
	}
	// Rare forms are a luxury: they leave half of the room to later steps.
	if n := len(masking.Decide([]masking.Value{{"s", nasty}}, nil, masking.Limits{Most: 80}).Register); n != 40 {
		t.Errorf("Decide with room for 80 registers %d strings of one secret, want 40", n)
	}
}

// TestAgentsOwnForms: what the agent derives needs no registration.
func TestAgentsOwnForms(t *testing.T) {
	t.Parallel()
	got := decide("postgres://app:s3cr%40t@h/db").Register
	for _, form := range []string{"s3cr%40t", "postgres%3A%2F%2Fapp%3As3cr%2540t%40h%2Fdb"} {
		if slices.Contains(got, form) {
			t.Errorf("Decide registers %q, which the agent looks for by itself: %q", form, got)
		}
		if masked := agent(t, got).Mask(form); strings.Contains(masked, "s3cr") {
			t.Errorf("Mask(%q) = %q", form, masked)
		}
	}
}

// TestKeysAreCheap: a line of a key is base64 already, and nobody prints one in hex.
func TestKeysAreCheap(t *testing.T) {
	t.Parallel()
	got := decide(key).Register
	for _, line := range strings.Split(key, "\n")[1:3] {
		if form := hex.EncodeToString([]byte(line)); slices.Contains(got, form) {
			t.Errorf("Decide of a key registers %q, the hex of its line %q", form, line)
		}
	}
}

// FuzzDecide: masked stays masked. No registration is a public word, short or of
// several lines; and no usual form of what was not refused is seen behind the masks.
func FuzzDecide(f *testing.F) {
	for _, seed := range []string{
		nasty, pgURL, adoNet, amqps, redis, libpq, jdbc, blob, object, key, dotenv, long, "'x'\n", `"a"`, "1", "a\nbcde\n\"fghi\"", "\xff\xfe12",
	} {
		f.Add(seed, "app", "db.contoso.com")
	}
	f.Fuzz(func(t *testing.T, text, public, other string) {
		if len(text) > 4096 {
			return
		}
		values := []masking.Value{{"s", text}}
		plan := masking.Decide(values, []string{public, other}, masking.Limits{Most: 1 << 20})
		own := dissect.Secret(text).Public
		for _, form := range plan.Register {
			if strings.ContainsAny(form, "\r\n") || redact.TooShort(form) || strings.TrimSpace(form) != form ||
				strings.EqualFold(form, strings.TrimSpace(public)) || slices.Contains(own, form) {
				t.Errorf("Decide(%q, %q) registers %q", text, public, form)
			}
		}
		if small := masking.Decide(values, nil, masking.Limits{Most: 20, Used: 3}); len(small.Register) > 17 {
			t.Errorf("Decide(%q) registers %d strings, want at most 17", text, len(small.Register))
		}
		if len(plan.Short) > 0 {
			if len(plan.Register) > 0 {
				t.Errorf("Decide(%q) refuses and registers %q", text, plan.Register)
			}
			return
		}
		masker := agent(t, plan.Register)
		for form, secret := range usual(text) {
			if got := masker.Mask("\x00" + form + "\x00"); strings.Contains(got, form) && !excused(form, secret, public, other) {
				t.Errorf("Decide(%q): the agent masks %q as %q", text, form, got)
			}
		}
	})
}

// excused reports whether form is visible for a reason: it or what it is a form of is
// refused, which Decide says, or is public.
func excused(form, secret, public, other string) bool {
	return decide(form, public, other).Short != nil || decide(secret, public, other).Short != nil
}

// usual returns the forms of a secret and its parts that must be hidden, each with
// what it is a form of. Those with a star in them might be made by the mask itself.
func usual(text string) map[string]string {
	a := dissect.Secret(text)
	lines := strings.FieldsFunc(text, func(c rune) bool { return c == '\n' || c == '\r' })
	forms := make(map[string]string)
	add := func(secret string) {
		for _, form := range redact.Forms(secret) {
			isLine := len(lines) > 1 && slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, form) })
			if len(form) >= 8 && !strings.Contains(form, "*") && !slices.Contains(a.Public, form) && (secret != text || !isLine) {
				forms[form] = secret
			}
		}
	}
	add(text)
	for _, p := range a.Parts {
		if p.Name != "PEM" {
			add(p.Value)
		}
	}
	return forms
}
