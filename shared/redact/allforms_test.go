package redact

import (
	"slices"
	"strings"
	"testing"
)

// TestAllFormsAreWhatASetHides: who searches with AllForms must not find less than a
// Set hides, nor look for what no Set would.
func TestAllFormsAreWhatASetHides(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{nasty, pem, "hunter2\n", "'quoted'", strings.Repeat(nasty, 800)} {
		all := AllForms(secret)
		if len(all) == 0 || all[0] != secret {
			t.Fatalf("AllForms(%.40q) begins with %.40q, want the secret", secret, all)
		}
		var set Set
		set.Add(secret)
		if len(set.forms) != len(all) {
			t.Errorf("AllForms(%.40q) has %d forms, a Set of it %d", secret, len(all), len(set.forms))
		}
		for _, form := range all {
			if _, ok := set.forms[form]; !ok {
				t.Errorf("AllForms(%.40q) has %.40q, which a Set does not hide", secret, form)
			}
		}
	}
}

func TestAllFormsOfTheUnprotectable(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"", "abc", " \n", "True", " false\n"} {
		if got := AllForms(secret); got != nil {
			t.Errorf("AllForms(%q) = %q, want none", secret, got)
		}
	}
	// Forms are for the agent, which works line by line; a scanner sees whole files.
	if got := AllForms("one-1\ntwo-2"); !slices.Contains(got, "one-1\ntwo-2") || !slices.Contains(got, `one-1\ntwo-2`) {
		t.Errorf("AllForms of two lines = %q, want them together, too", got)
	}
}
