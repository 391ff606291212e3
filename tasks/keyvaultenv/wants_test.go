package keyvaultenv

import (
	"crypto/rand"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/azuretest"
)

const oldVersion = "0123456789abcdef0123456789abcdef"

// TestWants has what a step can ask for, and the variables that come of it: to the agent,
// upper and lower case are the same.
func TestWants(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		inputs []string
		want   map[string]string
	}{
		"by name":          {[]string{"secrets", "A=api-key"}, map[string]string{"A": "correct-horse-9"}},
		"version":          {[]string{"secrets", "A=versioned@" + oldVersion}, map[string]string{"A": "the old value"}},
		"current version":  {[]string{"secrets", "A=versioned"}, map[string]string{"A": "the new value"}},
		"JSON path":        {[]string{"secrets", "A=mail#smtp.password\nB=mail#hosts[1]"}, map[string]string{"A": "s3cret \"quoted\"", "B": "second.example"}},
		"exact number":     {[]string{"secrets", "A=mail#pin"}, map[string]string{"A": "12345678901234567890.10"}},
		"key with a dot":   {[]string{"secrets", "A=mail#a.b"}, map[string]string{"A": "dotted key"}},
		"base64":           {[]string{"secrets", "A=encoded|base64"}, map[string]string{"A": "decoded value"}},
		"base64 for all":   {[]string{"secrets", "A=encoded\nB=api-key|none", "decode", "base64"}, map[string]string{"A": "decoded value", "B": "correct-horse-9"}},
		"all at once":      {[]string{"secrets", "A=nested@" + oldVersion + "#x.y|base64?"}, map[string]string{"A": "decoded value"}},
		"comments, blanks": {[]string{"secrets", "# the key\n\n  A = api-key  \n"}, map[string]string{"A": "correct-horse-9"}},
		"list":             {[]string{"SecretsFilter", "api-key, versioned"}, map[string]string{"api-key": "correct-horse-9", "API_KEY": "correct-horse-9", "versioned": "the new value"}},
		"name/version": {[]string{"SecretsFilter", "versioned/" + oldVersion}, map[string]string{
			"versioned": "the old value", "versioned/" + oldVersion: "the old value",
		}},
		"pattern":            {[]string{"SecretsFilter", "api-*"}, map[string]string{"api-key": "correct-horse-9", "API_KEY": "correct-horse-9", "api-url": "https://api.example", "API_URL": "https://api.example"}},
		"pattern and secret": {[]string{"SecretsFilter", "api-k*", "secrets", "X=versioned"}, map[string]string{"api-key": "correct-horse-9", "API_KEY": "correct-horse-9", "X": "the new value"}},
		"both say the same":  {[]string{"SecretsFilter", "api-key", "secrets", "X=api-key"}, map[string]string{"api-key": "correct-horse-9", "API_KEY": "correct-horse-9", "X": "correct-horse-9"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t)
			j.vault.Set("api-key", "correct-horse-9")
			j.vault.Set("api-url", "https://api.example")
			j.vault.Put("versioned", azuretest.Secret{Value: "the old value", Version: oldVersion})
			j.vault.Set("versioned", "the new value")
			j.vault.Set("mail", `{"smtp":{"password":"s3cret \"quoted\""},"hosts":["first.example","second.example"],"pin":12345678901234567890.10,"a.b":"dotted key"}`)
			j.vault.Set("encoded", base64.StdEncoding.EncodeToString([]byte("decoded value")))
			j.vault.Put("nested", azuretest.Secret{Value: `{"x":{"y":"ZGVjb2RlZCB2YWx1ZQ"}}`, Version: oldVersion})
			j.inputs(tc.inputs...).expect("main", "Succeeded")
			if diff := cmp.Diff(tc.want, j.secret); diff != "" {
				t.Errorf("secret variables (-want +got):\n%s\n%s", diff, j.shown())
			}
			j.expect("post", "Succeeded")
		})
	}
}

// TestNeedsGetOnly: what is named is not listed, and each secret is read once.
func TestNeedsGetOnly(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	j.vault.Configure(azuretest.VaultConfig{Permissions: []string{"get"}})
	j.vault.Set("mail", `{"user":"somebody","password":"correct-horse-9"}`)
	j.input("secrets", "USER_OF=mail#user\nPASSWORD_OF=mail#password").expect("main", "Succeeded", "Fetching 1 secret ")
	got := 0
	for _, r := range j.vault.Requests() {
		if r.Status == 200 {
			got++
		}
	}
	if got != 1 {
		t.Errorf("%d answers with a secret, want 1: %v", got, j.vault.Requests())
	}
	j.input("SecretsFilter", "*").expect("main", "Failed", "has no role to list the secrets of it", "which needs Get only")
}

// TestPatternLeavesOut: of what a pattern alone has chosen, nothing that cannot be used
// is taken, and that is said; a * reaches over all pages.
func TestPatternLeavesOut(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	j.vault.Configure(azuretest.VaultConfig{EmptyPages: true})
	j.vault.Put("off", azuretest.Secret{Value: "hunter-off", Disabled: true})
	j.vault.Put("old", azuretest.Secret{Value: "hunter-old", Expires: j.now.Add(-time.Hour)})
	j.vault.Put("early", azuretest.Secret{Value: "hunter-early", NotBefore: j.now.Add(time.Hour)})
	j.vault.Set("path", "hunter-path")
	j.vault.Set("System-AccessToken", "hunter-system")
	for i := range 60 {
		j.vault.Set("s-"+string(rune('a'+i/26))+string(rune('a'+i%26)), "correct-horse-"+rand.Text())
	}
	j.expect("main", "Succeeded", "off, which SecretsFilter matches, is left out: it is disabled", "old, which SecretsFilter matches, is left out: it has expired on",
		"early, which SecretsFilter matches, is left out: it is not active before", "the secret path is left out", "!hunter")
	if len(j.secret) != 60*2+1 { // System-AccessToken has no name in capitals: that is the agent's
		t.Errorf("%d secret variables, want 121: %q", len(j.secret), slices.Sorted(maps.Keys(j.secret)))
	}
	for _, name := range []string{"off", "old", "early", "path", "PATH", "SYSTEM_ACCESSTOKEN"} {
		if _, set := j.secret[name]; set {
			t.Errorf("%s is set", name)
		}
	}
	if !strings.Contains(j.log, "are left to the scan") {
		t.Errorf("60 secrets: nothing says that forms are left to the scan:\n%s", j.log)
	}
}

// TestPatternAndPolicies: warn takes what else is left out, and what is named as well as
// matched is judged as named.
func TestPatternAndPolicies(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		inputs []string
		result string
		want   map[string]string
	}{
		"left out": {[]string{"SecretsFilter", "*"}, "Succeeded", map[string]string{"good": "correct-horse-9"}},
		"warn": {[]string{"SecretsFilter", "*", "onExpired", "warn"}, "Succeeded", map[string]string{
			"good": "correct-horse-9", "old": "hunter-old",
		}},
		"named, too":       {[]string{"SecretsFilter", "*", "secrets", "X=old"}, "Failed", map[string]string{}},
		"nothing":          {[]string{"SecretsFilter", "none-*"}, "Failed", map[string]string{}},
		"nothing, warn":    {[]string{"SecretsFilter", "none-*,good", "onMissing", "warn"}, "Succeeded", map[string]string{"good": "correct-horse-9"}},
		"nothing, skip":    {[]string{"SecretsFilter", "none-*", "onMissing", "skip"}, "Succeeded", map[string]string{}},
		"nothing to use":   {[]string{"SecretsFilter", "ol*"}, "Failed", map[string]string{}},
		"missing in lists": {[]string{"SecretsFilter", "good, none"}, "Failed", map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t)
			j.vault.Set("good", "correct-horse-9")
			j.vault.Put("old", azuretest.Secret{Value: "hunter-old", Expires: j.now.Add(-time.Hour)})
			j.inputs(tc.inputs...).expect("main", tc.result)
			j.wantSecrets(tc.want)
		})
	}
}

// TestRunAsPreJob: then the other phase has nothing to do, and the other way round.
func TestRunAsPreJob(t *testing.T) {
	t.Parallel()
	for _, before := range []string{"true", "false"} {
		j := newJob(t)
		j.vault.Set("a", "correct-horse-9")
		j.inputs("secrets", "A=a", "RunAsPreJob", before).expect("pre", "Succeeded")
		j.wantSecrets(map[string]map[string]string{"true": {"A": "correct-horse-9"}, "false": {}}[before])
		j.secret = map[string]string{}
		j.expect("main", "Succeeded")
		j.wantSecrets(map[string]map[string]string{"false": {"A": "correct-horse-9"}, "true": {}}[before])
		j.printed("Test", "correct\x1b[1m-horse-9\n").expect("post", "Failed", "the secret a of the vault", "log of Build / Test")
	}
}
