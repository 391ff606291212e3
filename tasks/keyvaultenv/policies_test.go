package keyvaultenv

import (
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/azuretest"
)

// TestPolicies has each state that a secret can be in, with each answer to it: one that
// fails takes the good secret with it, the others leave it alone.
func TestPolicies(t *testing.T) {
	t.Parallel()
	now := time.Now()
	const value = "Autumn-2025/reset"
	for state, tc := range map[string]struct {
		input  string
		secret *azuretest.Secret // nil: there is none
		says   string
		used   bool // warn uses it
	}{
		"expired":        {"onExpired", &azuretest.Secret{Value: value, Expires: now.Add(-time.Hour)}, "has expired on", true},
		"not yet active": {"onNotYetActive", &azuretest.Secret{Value: value, NotBefore: now.Add(time.Hour)}, "is not to be used before", true},
		"missing":        {"onMissing", nil, "does not exist, or has been deleted", false},
		"deleted":        {"onMissing", &azuretest.Secret{Value: value, Deleted: true}, "does not exist, or has been deleted", false},
		"disabled":       {"onMissing", &azuretest.Secret{Value: value, Disabled: true}, "is disabled", false},
		"empty":          {"onEmpty", &azuretest.Secret{Value: ""}, "is empty", false},
		"blank":          {"onEmpty", &azuretest.Secret{Value: " \r\n"}, "is empty", false},
		"short":          {"onShort", &azuretest.Secret{Value: "abc"}, "has fewer than 4 characters, so it cannot be hidden in logs", true},
		"a common word":  {"onShort", &azuretest.Secret{Value: "True"}, "is a word that every log is full of", true},
		"well known":     {"onShort", &azuretest.Secret{Value: "postgres"}, "cannot be hidden in logs", true},
		"a number":       {"onShort", &azuretest.Secret{Value: "83725"}, "cannot be hidden in logs", true},
		"a name":         {"onShort", &azuretest.Secret{Value: testVault}, "cannot be hidden in logs", true},
	} {
		for _, action := range []string{"", "fail", "warn", "skip"} {
			t.Run(state+" "+action, func(t *testing.T) {
				t.Parallel()
				j := newJob(t)
				j.vault.Set("good", "correct-horse-9")
				if tc.secret != nil {
					j.vault.Put("other", *tc.secret)
				}
				j.input("secrets", "GOOD=good\nOTHER=other")
				if action != "" {
					j.input(tc.input, action)
				}
				switch action {
				case "warn":
					j.expect("main", "Succeeded", "!"+value)
					if got := j.issues("warning"); len(got) == 0 || !strings.Contains(got[0], tc.says) {
						t.Errorf("the warnings are %q, want one with %q", got, tc.says)
					}
				case "skip":
					j.expect("main", "Succeeded", tc.says, "!"+value)
					if got := append(j.issues("warning"), j.issues("error")...); len(got) > 0 {
						t.Errorf("issues %q, want none", got)
					}
				default:
					j.expect("main", "Failed", "Nothing is set", "!"+value)
					if got := j.issues("error"); len(got) != 1 || !strings.Contains(got[0], tc.says) || !strings.Contains(got[0], "How to fix") {
						t.Errorf("the errors are %q, want one with %q and a fix", got, tc.says)
					}
					j.nothingSet()
					return
				}
				want := map[string]string{"GOOD": "correct-horse-9"}
				if action == "warn" && tc.used {
					want["OTHER"] = tc.secret.Value
				}
				j.wantSecrets(want)
			})
		}
	}
}

// TestOptional: what ends in ? may be missing, and nothing else.
func TestOptional(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, tc := range map[string]struct {
		secret *azuretest.Secret
		want   string
	}{
		"missing":  {nil, "Succeeded"},
		"disabled": {&azuretest.Secret{Value: "hunter-22", Disabled: true}, "Succeeded"},
		"there":    {&azuretest.Secret{Value: "hunter-22"}, "Succeeded"},
		"expired":  {&azuretest.Secret{Value: "hunter-22", Expires: now.Add(-time.Minute)}, "Failed"},
		"empty":    {&azuretest.Secret{}, "Failed"},
		"short":    {&azuretest.Secret{Value: "x"}, "Failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t)
			if tc.secret != nil {
				j.vault.Put("other", *tc.secret)
			}
			j.input("secrets", "OTHER=other?").expect("main", tc.want)
			if name == "there" {
				j.wantSecrets(map[string]string{"OTHER": "hunter-22"})
				return
			}
			j.wantSecrets(map[string]string{})
		})
	}
}

func TestExpiryWarning(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		days string // the input; "" for its default
		in   time.Duration
		want bool
	}{
		"soon":        {"", 29 * 24 * time.Hour, true},
		"later":       {"", 31 * 24 * time.Hour, false},
		"own, soon":   {"3", 2 * 24 * time.Hour, true},
		"own, later":  {"3", 4 * 24 * time.Hour, false},
		"never":       {"0", time.Hour, false},
		"no end":      {"", 0, false},
		"in an hour":  {"1", time.Hour, true},
		"hundred":     {"100", 99 * 24 * time.Hour, true},
		"hundred off": {"100", 101 * 24 * time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t)
			s := azuretest.Secret{Value: "hunter-22"}
			if tc.in > 0 {
				s.Expires = j.now.Add(tc.in)
			}
			j.vault.Put("a", s)
			j.input("secrets", "A=a")
			if tc.days != "" {
				j.input("expiryWarningDays", tc.days)
			}
			j.expect("main", "Succeeded")
			if got := strings.Contains(strings.Join(j.issues("warning"), "\n"), "expires on"); got != tc.want {
				t.Errorf("warned: %v, want %v; log:\n%s", got, tc.want, j.shown())
			}
			next := ""
			if tc.in > 0 {
				next = s.Expires.UTC().Format(time.RFC3339)
			}
			if got := j.public["nextExpiry"]; got != next {
				t.Errorf("nextExpiry = %q, want %q", got, next)
			}
		})
	}
}

// TestNextExpiry: of several it is the first, and one without a date does not count.
func TestNextExpiry(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	first := j.now.Add(100 * 24 * time.Hour)
	j.vault.Put("a", azuretest.Secret{Value: "hunter-22", Expires: first.Add(time.Hour)})
	j.vault.Put("b", azuretest.Secret{Value: "hunter-33", Expires: first})
	j.vault.Put("c", azuretest.Secret{Value: "hunter-44"})
	j.vault.Put("d", azuretest.Secret{Value: "hunter-55", Expires: first.Add(24 * time.Hour)})
	j.input("secrets", "A=a\nB=b\nC=c\nD=d").expect("main", "Succeeded", "B = b, expires "+first.Format(time.DateOnly))
	if got, want := j.public["nextExpiry"], first.Format(time.RFC3339); got != want {
		t.Errorf("nextExpiry = %q, want %q", got, want)
	}
	if got := j.public["secretCount"]; got != "4" {
		t.Errorf("secretCount = %q, want 4", got)
	}
}

// TestAllOrNothing has ten secrets, of which the last one is bad in one way or another.
func TestAllOrNothing(t *testing.T) {
	t.Parallel()
	for bad, tc := range map[string]struct {
		line string
		make func(*azuretest.Vault)
	}{
		"missing":     {"BAD=bad", func(*azuretest.Vault) {}},
		"denied":      {"BAD=bad", func(v *azuretest.Vault) { v.Fail(azuretest.Fault{Kind: azuretest.RBAC, Path: "/secrets/bad"}) }},
		"no such key": {"BAD=bad#b", func(v *azuretest.Vault) { v.Set("bad", `{"a":"hunter-22"}`) }},
		"not base64":  {"BAD=bad|base64", func(v *azuretest.Vault) { v.Set("bad", "hunter-22 !!") }},
		"cut": {"BAD=bad", func(v *azuretest.Vault) {
			v.Set("bad", "hunter-22")
			v.Fail(azuretest.Fault{Kind: azuretest.Truncated, Path: "/secrets/bad"})
		}},
		"macro": {"BAD=bad", func(v *azuretest.Vault) { v.Set("bad", "hunter-22 $(A)") }},
		"NUL":   {"BAD=bad", func(v *azuretest.Vault) { v.Set("bad", "hunter-22\x00") }},
	} {
		for _, to := range []string{"variables", "file", "command"} {
			if to != "variables" && bad == "macro" || to == "file" && bad == "NUL" {
				continue // there it can be written as it is, or export's own tests have it
			}
			t.Run(bad+" to "+to, func(t *testing.T) {
				t.Parallel()
				j := newJob(t)
				var lines []string
				for _, name := range strings.Split("abcdefghi", "") {
					j.vault.Set(name, "correct-horse-"+name)
					lines = append(lines, strings.ToUpper(name)+"="+name)
				}
				tc.make(j.vault)
				j.inputs("secrets", strings.Join(append(lines, tc.line), "\n"), "exportTo", to)
				ran := j.path("ran")
				if to == "command" {
					j.child("touch", ran)
				}
				j.expect("main", "Failed", "!hunter-22", "!correct-horse")
				j.nothingSet()
				j.hidden("hunter-22", "correct-horse")
				for _, name := range j.files(".") {
					if name == "ran" {
						t.Error("the program has run")
					}
				}
				j.expect("post", "Succeeded")
				if left := j.sealed(); len(left) > 0 {
					t.Errorf("the post stage has left %q", left)
				}
			})
		}
	}
}

// TestOutputsShowNoSecret: an output of which a secret is a part stays empty, and the
// secrets are set with the outputs or not at all.
func TestOutputsShowNoSecret(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	expires := time.Date(j.now.Year()+2, 1, 31, 0, 0, 0, 0, time.UTC)
	j.vault.Put("odd", azuretest.Secret{Value: expires.Format("01-02T15"), Expires: expires})
	j.input("secrets", "ODD=odd").expect("main", "Succeeded", "the output variable nextExpiry is left empty")
	if got := j.public["nextExpiry"]; got != "" || j.secret["ODD"] == "" {
		t.Errorf("nextExpiry = %q, the secrets are %q", got, j.secret)
	}
	j = two(t).inputs("exportTo", "file", "outputFile", "correct-horse-9.env")
	j.expect("main", "Failed", "outputFile: a secret is a part of its path")
	j.nothingSet()
	if got := j.theirs(); len(got) > 0 {
		t.Errorf("files are left: %q", got)
	}
}
