package redact

import (
	"strings"
	"testing"
)

// TestTailOfWrappedBase64 has secrets whose base64 ends in a line of every length: it is
// hidden from six characters on.
func TestTailOfWrappedBase64(t *testing.T) {
	t.Parallel()
	for _, columns := range []int{64, 76} {
		for extra := 1; extra < 24; extra++ {
			secret := strings.Repeat("s3cret/", 11)[:columns*6/8] + "qW7!xY9?zK2&mN4+bV6=cT8@"[:extra]
			text := wrap(strings.TrimRight(b64(secret), "="), columns)
			tail := strings.Split(text, "\n")[1]
			var s Set
			s.Add(secret)
			got := s.String(text)
			hidden := !strings.Contains(got, tail[:extra*8/6])
			if want := extra*8/6 >= minTail; hidden != want {
				t.Errorf("wrapped at %d, last line %q: String = %q, hidden %v, want %v", columns, tail, got, hidden, want)
			}
		}
	}
}

// TestPublicTextIsNoTail: private keys of every length leave the base64 of what is public
// as it is, wherever in it the hyphens stand.
func TestPublicTextIsNoTail(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("uYhT5r", 20)
	for length := range 100 {
		for _, end := range []string{"", "\n", "\r\n"} {
			secrets := []string{
				"-----BEGIN PRIVATE KEY-----\n" + body[:length] + "\n-----END PRIVATE KEY-----" + end,
				"---- BEGIN SSH2 KEY ----\n" + body[:length] + "\n---- END SSH2 KEY ----" + end,
			}
			for _, secret := range secrets {
				var s Set
				s.Add(secret)
				for _, before := range []string{"", "x", "xy"} {
					text := wrap(b64(before+"-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----\n----------\n"), 76)
					if got := s.String(text); got != text {
						t.Fatalf("secret %q: String(%q) = %q, want it unchanged", secret, text, got)
					}
				}
			}
		}
	}
}

func TestIsHyphens(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"LS0tL": true, "LS0tLS0K": true, "LS0tLS0NCg": true, "LS0tLS": true, "S0tLS0": true, "0tLS0t": true, "tLS0tL": true,
		"LS0tLS0tC": true, "S0tLS0tCg": true,
		"LS0tLSE": false, "ES0tLS0": false, "aHVudGVy": false, "KKKKKK": false, "LS0tLS1CRUdJ": false, "LS0-LS": false,
	} {
		if got := isHyphens(line); got != want {
			t.Errorf("isHyphens(%q) = %v, want %v", line, got, want)
		}
	}
}
