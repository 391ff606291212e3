package leak

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestFingerprintsAreKeyedAndStable(t *testing.T) {
	t.Parallel()
	a, b := newFingerprints([]byte("contoso")), newFingerprints([]byte("fabrikam"))
	// PBKDF2-HMAC-SHA256 with 50 000 rounds: a baseline must stay valid.
	if got, want := a.of("hunter2"), "9106ed6ca6cfd13e"; got != want {
		t.Errorf("of(hunter2) = %q, want %q", got, want)
	}
	if a.of("hunter2") == b.of("hunter2") || a.of("hunter2") == a.of("hunter3") {
		t.Error("fingerprints of different keys or values are equal")
	}
}

func TestFingerprintsAreBounded(t *testing.T) {
	t.Parallel()
	f := newFingerprints([]byte("k"))
	f.rounds = 1
	first := f.of("value 0")
	for i := range mostPrints {
		if print := f.of(fmt.Sprint("value ", i)); len(print) != 16 {
			t.Fatalf("of(value %d) = %q", i, print)
		}
	}
	if got := f.of("one more"); got != "" {
		t.Errorf("of the value after the last = %q, want none", got)
	}
	if got := f.of("value 0"); got != first {
		t.Errorf("of(value 0) = %q, want %q still", got, first)
	}
}

func TestPreviewsTellLittle(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"hunter2": "*** (7)", "hunter22": "hu*** (8)", "\x1b[31m-x-y": "*** (9)", "": "*** (0)", "a\nbcdefgh": "*** (9)",
	} {
		if got := preview(value); got != want {
			t.Errorf("preview(%q) = %q, want %q", value, got, want)
		}
	}
}

func TestBaseline(t *testing.T) {
	t.Parallel()
	e := testEngine(t, known("plain", plain))
	token := expand("gh¦p_{36a}")
	found := e.String(token+" "+plain, "x", Log)
	if len(found) != 2 {
		t.Fatalf("found %+v", found)
	}
	entry := func(f Finding, rule, expires string) string {
		return fmt.Sprintf(`{"schema":1,"accepted":[{"fingerprint":%q,"rule":%q,"reason":"a test's","expires":%q}]}`,
			f.Fingerprint, rule, expires)
	}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		json string
		want bool
	}{
		"accepted":        {entry(found[0], "leak/github-token", ""), true},
		"until today":     {entry(found[0], "leak/github-token", "2026-11-22"), true},
		"until yesterday": {entry(found[0], "leak/github-token", "2026-11-21"), false},
		"another rule's":  {entry(found[0], "leak/jwt", ""), false},
		"another value's": {entry(found[1], "leak/github-token", ""), false},
		"an empty list":   {`{"schema":1}`, false},
	} {
		b, err := ReadBaseline(strings.NewReader(tc.json))
		if err != nil {
			t.Errorf("%s: ReadBaseline: %v", name, err)
		}
		if got := b.Has(found[0], now); got != tc.want {
			t.Errorf("%s: Has = %v, want %v", name, got, tc.want)
		}
		if b.Has(found[1], now) {
			t.Errorf("%s: a known secret is accepted", name)
		}
	}
	if (Baseline{}).Has(found[0], now) {
		t.Error("the zero Baseline accepts something")
	}
}

func TestBaselineRefusesMistakes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ json, want string }{
		"no JSON":       {`accepted:`, "not what it should be"},
		"schema":        {`{"schema":2}`, "schema 2"},
		"unknown field": {`{"schema":1,"acepted":[]}`, "unknown field"},
		"two values":    {`{"schema":1}{}`, "more than one"},
		"fingerprint":   {`{"schema":1,"accepted":[{"fingerprint":"XYZ","rule":"leak/jwt","reason":"r"}]}`, "accepted[0]: the fingerprint"},
		"rule":          {`{"schema":1,"accepted":[{"fingerprint":"0123456789abcdef","rule":"jwt","reason":"r"}]}`, `no rule "jwt"`},
		"reason":        {`{"schema":1,"accepted":[{"fingerprint":"0123456789abcdef","rule":"leak/jwt"}]}`, "reason is missing"},
		"known":         {`{"schema":1,"accepted":[{"fingerprint":"0123456789abcdef","rule":"leak/known","reason":"r"}]}`, "cannot be accepted"},
		"expires":       {`{"schema":1,"accepted":[{"fingerprint":"0123456789abcdef","rule":"leak/jwt","reason":"r","expires":"soon"}]}`, `"soon"`},
	} {
		if _, err := ReadBaseline(strings.NewReader(tc.json)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: ReadBaseline = %v, want %q", name, err, tc.want)
		}
	}
}
