package keyvaultenv

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/adotest"
	"github.com/guardrails-ci/guardrails/shared/azuretest"
)

// together runs cases that mostly wait, all at the same time: as tests they would wait for
// each other.
func together(t *testing.T, cases map[string]func(*job)) {
	t.Helper()
	var group sync.WaitGroup
	for name, do := range cases {
		j := newJob(t)
		group.Go(func() {
			do(j)
			if t.Failed() {
				t.Logf("that was perhaps %q", name)
			}
		})
	}
	group.Wait()
}

// TestSlowTroubles has what is tried again before it is an error.
func TestSlowTroubles(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*job){}
	for says, fault := range map[string]azuretest.Fault{
		"gives no connection to contoso-kv.vault.azure.net":  {Kind: azuretest.NoHost},
		"breaks off (4 attempts)":                            {Kind: azuretest.Cut, Path: "/secrets/a"},
		"breaks off (connection reset by peer) (4 attempts)": {Kind: azuretest.ResetRequest},
		"connection reset by peer":                           {Kind: azuretest.Reset},
		"has trouble of its own (503)":                       {Kind: azuretest.Unavailable, Path: "/secrets/a"},
		"login.microsoftonline.com cannot be reached":        {Kind: azuretest.ProxyDenied, Host: "login.microsoftonline.com"},
	} {
		cases[says] = func(j *job) { j.trouble(fault, says) }
	}
	together(t, cases)
}

// TestPatience: what passes is waited for.
func TestPatience(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*job){}
	for name, fault := range map[string]azuretest.Fault{
		"throttled, says when": {Kind: azuretest.Throttled, Times: 2, Wait: time.Second},
		"throttled":            {Kind: azuretest.Throttled, Times: 1},
		"unavailable":          {Kind: azuretest.Unavailable, Times: 1},
		"other claims":         {Kind: azuretest.Claims, Times: 1},
		"slow":                 {Kind: azuretest.Slow, Wait: 500 * time.Millisecond},
	} {
		cases[name] = func(j *job) {
			j.vault.Set("a", "hunter-22")
			j.vault.Set("b", "hunter-33")
			j.vault.Fail(fault)
			j.input("secrets", "A=a\nB=b").expect("main", "Succeeded")
			j.wantSecrets(map[string]string{"A": "hunter-22", "B": "hunter-33"})
		}
	}
	together(t, cases)
}

// TestLogsThatDoNotCome: the scan waits for them, and then says that it has not seen them.
func TestLogsThatDoNotCome(t *testing.T) {
	t.Parallel()
	run := func(j *job, enforcement string) {
		j.vault.Set("a", leakedValue)
		j.inputs("secrets", "A=a", "enforcement", enforcement).expect("main", "Succeeded")
	}
	ended := recordOf("Task", "Slow step", "completed")
	ended.Result = "succeeded"
	together(t, map[string]func(*job){
		"no log": func(j *job) {
			run(j, "enforce")
			j.record(ended).expect("post", "Failed", "log of Build / Slow step: the server does not have it", "!No secret found")
		},
		"no log, warn": func(j *job) {
			run(j, "warn")
			j.record(ended).expect("post", "SucceededWithIssues", "log of Build / Slow step: the server does not have it", "!No secret found")
		},
		"no end": func(j *job) {
			run(j, "enforce")
			j.record(recordOf("Task", "Endless step", "inProgress")).
				expect("post", "Failed", "log of Build / Endless step: the server does not have it", "!No secret found")
		},
		"not begun, says the server": func(j *job) {
			run(j, "enforce")
			before := recordOf("Task", "Unheard of", "pending")
			before.Order = postOrder - 1
			j.record(before).expect("post", "Failed", "log of Build / Unheard of: the server does not have it", "!come after this scan")
		},
		"none of ours": func(j *job) {
			run(j, "enforce")
			j.server.Update(func(p *adotest.Project) {
				for i, r := range p.Runs[0].Records {
					if strings.HasPrefix(r.Name, "Post-job") {
						p.Runs[0].Records[i].ParentID = recordID(999)
					}
				}
			})
			j.expect("post", "Failed", "the steps of this job: the server does not have it", "!No secret found")
		},
	})
}
