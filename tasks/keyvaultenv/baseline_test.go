package keyvaultenv

import (
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/azuretest"
)

// TestBaseline: what a file accepts by its fingerprint is no finding any more, until its
// day, and by its own rule alone. A secret of the run is never accepted.
func TestBaseline(t *testing.T) {
	t.Parallel()
	found := func(j *job) map[string]any {
		leaks, _ := j.facts("post")["leaks"].([]any)
		if len(leaks) != 1 {
			j.t.Fatalf("the leaks are %v, want one", leaks)
		}
		one, _ := leaks[0].(map[string]any)
		return one
	}
	leave := func(j *job) *job {
		j.vault.Set("a", "correct-horse-9")
		j.write("baseline.json", `{"schema":1,"accepted":[]}`)
		j.inputs("secrets", "A=a", "baseline", j.path("baseline.json")).expect("main", "Succeeded")
		j.logged("Test", "postgres://app:hX9kk2mm3Q@db.contoso.com/orders\n")
		return j
	}
	first := leave(newJob(t)).expect("post", "Failed")
	one := found(first)
	fingerprint, rule := one["fingerprint"].(string), one["rule"].(string)
	entry := func(fingerprint, rule, expires string) string {
		return `{"schema":1,"accepted":[{"fingerprint":"` + fingerprint + `","rule":"` + rule + `","reason":"a test's"` + expires + `}]}`
	}
	for name, tc := range map[string]struct {
		file, result string
	}{
		"accepted":     {entry(fingerprint, rule, ""), "Succeeded"},
		"until later":  {entry(fingerprint, rule, `,"expires":"2099-01-31"`), "Succeeded"},
		"until sooner": {entry(fingerprint, rule, `,"expires":"2020-01-31"`), "Failed"},
		"another rule": {entry(fingerprint, "leak/jwt", ""), "Failed"},
		"another":      {entry(strings.Repeat("0", 16), rule, ""), "Failed"},
		"no reason":    {strings.Replace(entry(fingerprint, rule, ""), "a test's", "", 1), "Failed"},
		"known":        {entry(fingerprint, "leak/known", ""), "Failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := leave(newJob(t))
			j.write("baseline.json", tc.file)
			j.expect("post", tc.result)
			if tc.result == "Succeeded" {
				if got := j.facts("post")["acceptedByBaseline"]; got != float64(1) {
					t.Errorf("acceptedByBaseline = %v, want 1", got)
				}
			}
		})
	}
}

// TestKnownIsNeverAccepted: not by its own fingerprint under any rule.
func TestKnownIsNeverAccepted(t *testing.T) {
	t.Parallel()
	j := ran(t)
	j.logged("Test", leakedValue).expect("post", "Failed")
	leaks, _ := j.facts("post")["leaks"].([]any)
	one, _ := leaks[0].(map[string]any)
	for _, rule := range []string{"leak/known", "leak/generic-password", "leak/connection-string"} {
		j := newJob(t)
		j.vault.Put("orders-db", azuretest.Secret{Value: "Server=db;User ID=app;Password=" + leakedValue})
		j.write("baseline.json", `{"schema":1,"accepted":[{"fingerprint":"`+one["fingerprint"].(string)+`","rule":"`+rule+`","reason":"x"}]}`)
		j.inputs("secrets", "DB=orders-db", "baseline", j.path("baseline.json")).expect("main", "Succeeded")
		j.logged("Test", leakedValue).expect("post", "Failed", "the secret orders-db of the vault contoso-kv stands in")
	}
}

// TestFingerprints: equal in an organization, and not in another.
func TestFingerprints(t *testing.T) {
	t.Parallel()
	print := func(collection string) string {
		j := newJob(t)
		j.env["SYSTEM_COLLECTIONID"] = collection
		j.vault.Set("a", leakedValue)
		j.input("secrets", "A=a").expect("main", "Succeeded")
		j.logged("Test", leakedValue).expect("post", "Failed")
		leaks, _ := j.facts("post")["leaks"].([]any)
		one, _ := leaks[0].(map[string]any)
		text, _ := one["fingerprint"].(string)
		return text
	}
	a, again, b := print("c0"), print("C0"), print("c1")
	if a != again || a == b || len(a) != 16 {
		t.Errorf("fingerprints %q, %q in one organization, %q in another", a, again, b)
	}
}

// TestJobToken: checkout keeps the job's token in .git/config if it is told to. It ends
// with the job, so it is a warning there, and a leak everywhere else, whatever is found
// first.
func TestJobToken(t *testing.T) {
	t.Parallel()
	const header = "AUTHORIZATION: bearer " + jobToken + "\n"
	j := ran(t)
	j.write("work/1/s/.git/config", "[http]\n\textraheader = "+header)
	j.expect("post", "Succeeded", "!"+jobToken)
	if got := j.issues("warning"); len(got) != 1 || !strings.Contains(got[0], "s/.git/config, line 2") {
		t.Errorf("the warnings are %q, want one about .git/config", got)
	}
	for _, name := range []string{"work/1/a/config.txt", "work/1/b/config.txt"} {
		j = ran(t)
		j.write("work/1/s/.git/config", "[http]\n\textraheader = "+header)
		j.write(name, header)
		j.expect("post", "Failed", "config.txt, line 1", "!"+jobToken)
	}
	j = ran(t)
	j.write("work/1/s/.git/config", "[http]\n\textraheader = "+strings.Replace(header, "S1TH", "X9zz", 1))
	j.expect("post", "Failed", ".git/config, line 2")
}
