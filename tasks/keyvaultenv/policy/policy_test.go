package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/policy"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// Each state of a secret under each action.
func TestJudge(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	type texts struct{ fail, warn, note string } // begins of the one text there is
	for name, tc := range map[string]struct {
		facts policy.Facts
		rules func(policy.Action) policy.Rules
		want  texts
	}{
		"expired": {
			policy.Facts{Expires: now.Add(-time.Second)},
			func(a policy.Action) policy.Rules { return policy.Rules{Expired: a} },
			texts{
				"the secret a has expired on 2026-11-22 11:59 UTC; rotate it",
				"the secret a has expired on 2026-11-22 11:59 UTC; it is used anyway",
				"the secret a has expired on 2026-11-22 11:59 UTC; skipped",
			},
		},
		"expires now": {
			policy.Facts{Expires: now},
			func(a policy.Action) policy.Rules { return policy.Rules{Expired: a, ExpiryWarningDays: 30} },
			texts{"the secret a has expired", "the secret a has expired", "the secret a has expired"},
		},
		"not yet active": {
			policy.Facts{NotBefore: now.Add(time.Second), Expires: now.Add(day)},
			func(a policy.Action) policy.Rules { return policy.Rules{NotYetActive: a} },
			texts{
				"the secret a is not to be used before 2026-11-22 12:00 UTC; wait",
				"the secret a is not to be used before 2026-11-22 12:00 UTC; it is used",
				"the secret a is not to be used before 2026-11-22 12:00 UTC; skipped",
			},
		},
		"missing": {
			policy.Facts{Missing: "is not in the vault v"},
			func(a policy.Action) policy.Rules { return policy.Rules{Missing: a} },
			texts{
				"the secret a is not in the vault v; if it may be missing, write a ?",
				"the secret a is not in the vault v; it is left out", "the secret a is not in the vault v; skipped",
			},
		},
		"empty": {
			policy.Facts{Empty: true, Short: "has 0 characters"},
			func(a policy.Action) policy.Rules { return policy.Rules{Empty: a} },
			texts{"the secret a is empty; give", "the secret a is empty; it is left out", "the secret a is empty; skipped"},
		},
		"short": {
			policy.Facts{Short: "has 3 characters"},
			func(a policy.Action) policy.Rules { return policy.Rules{Short: a} },
			texts{
				"the secret a has 3 characters, so it cannot be hidden in logs; make it longer",
				"the secret a has 3 characters, so it cannot be hidden in logs; it is used and not hidden",
				"the secret a has 3 characters, so it cannot be hidden in logs; skipped",
			},
		},
	} {
		for _, action := range []policy.Action{policy.Fail, policy.Warn, policy.Skip, "", "unknown"} {
			t.Run(name+" "+string(action), func(t *testing.T) {
				t.Parallel()
				facts := tc.facts
				facts.Name = "the secret a"
				got := policy.Judge(facts, tc.rules(action), now)
				want := map[policy.Action][]string{
					policy.Warn: {"", tc.want.warn, ""}, policy.Skip: {"", "", tc.want.note},
				}[action]
				if want == nil {
					want = []string{tc.want.fail, "", ""}
				}
				for i, texts := range [][]string{got.Fail, got.Warn, got.Note} {
					if n := len(texts); want[i] == "" && n > 0 || want[i] != "" && (n != 1 || !strings.HasPrefix(texts[0], want[i])) {
						t.Errorf("Judge with %q = %q (fail, warn, note: %d), want %q", action, texts, i, want[i])
					}
				}
				if use := action == policy.Warn && facts.Missing == "" && !facts.Empty; got.Use != use {
					t.Errorf("Judge with %q says Use = %t, want %t", action, got.Use, use)
				}
			})
		}
	}
}

func TestJudgeTimes(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for name, tc := range map[string]struct {
		facts policy.Facts
		days  int
		warn  []string
	}{
		"no times":           {policy.Facts{}, 30, nil},
		"active since now":   {policy.Facts{NotBefore: now}, 30, nil},
		"long":               {policy.Facts{Expires: now.Add(30*day + time.Second)}, 30, nil},
		"the first day":      {policy.Facts{Expires: now.Add(30 * day)}, 30, []string{"a expires on 2026-12-22 12:00 UTC, in 30 days; rotate it before that"}},
		"tomorrow":           {policy.Facts{Expires: now.Add(47 * time.Hour)}, 30, []string{"a expires on 2026-11-24 11:00 UTC, in 1 day; rotate it before that"}},
		"today":              {policy.Facts{Expires: now.Add(time.Second)}, 1, []string{"a expires on 2026-11-22 12:00 UTC, in less than a day; rotate it before that"}},
		"no warnings wanted": {policy.Facts{Expires: now.Add(time.Second)}, 0, nil},
		"in another zone":    {policy.Facts{Expires: now.Add(day).In(time.FixedZone("", 7200))}, 2, []string{"a expires on 2026-11-23 12:00 UTC, in 1 day; rotate it before that"}},
	} {
		tc.facts.Name = "a"
		got := policy.Judge(tc.facts, policy.Rules{ExpiryWarningDays: tc.days}, now)
		if diff := cmp.Diff(policy.Verdict{Use: true, Warn: tc.warn}, got); diff != "" {
			t.Errorf("%s: Judge (-want +got):\n%s", name, diff)
		}
	}
}

func TestJudgeSeveral(t *testing.T) {
	t.Parallel()
	bad := policy.Facts{Name: "a", NotBefore: now.Add(time.Hour), Expires: now.Add(-time.Hour), Short: "has 1 character"}
	for name, tc := range map[string]struct {
		facts policy.Facts
		rules policy.Rules
		use   bool
		count []int // fail, warn, note
	}{
		"all fail":              {bad, policy.Rules{}, false, []int{3, 0, 0}},
		"all are told":          {bad, policy.Rules{Expired: policy.Warn, NotYetActive: policy.Warn, Short: policy.Warn}, true, []int{0, 3, 0}},
		"one is enough":         {bad, policy.Rules{Expired: policy.Warn, NotYetActive: policy.Skip, Short: policy.Warn}, false, []int{0, 2, 1}},
		"skip hides no failure": {bad, policy.Rules{Expired: policy.Skip, NotYetActive: policy.Skip}, false, []int{1, 0, 2}},
		"no warning of what is not used": {
			policy.Facts{Name: "a", NotBefore: now.Add(time.Hour), Expires: now.Add(2 * time.Hour)},
			policy.Rules{NotYetActive: policy.Skip, ExpiryWarningDays: 30}, false, []int{0, 0, 1},
		},
		"an optional one":               {policy.Facts{Name: "a", Missing: "is missing", Optional: true}, policy.Rules{}, false, []int{0, 0, 1}},
		"optional and there":            {policy.Facts{Name: "a", Empty: true, Optional: true}, policy.Rules{}, false, []int{1, 0, 0}},
		"nothing else if it is missing": {policy.Facts{Name: "a", Missing: "is missing", Empty: true, Expires: now}, policy.Rules{Missing: policy.Warn}, false, []int{0, 1, 0}},
	} {
		got := policy.Judge(tc.facts, tc.rules, now)
		if count := []int{len(got.Fail), len(got.Warn), len(got.Note)}; got.Use != tc.use || !slices.Equal(count, tc.count) {
			t.Errorf("%s: Judge = %+v, want Use %t and %v texts", name, got, tc.use, tc.count)
		}
	}
}
