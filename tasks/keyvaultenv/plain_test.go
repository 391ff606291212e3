package keyvaultenv

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/adotest"
)

// TestPlainVariables has a variable that holds what it should not, with each answer.
func TestPlainVariables(t *testing.T) {
	t.Parallel()
	const password = "Autumn-2025/reset"
	for holds, tc := range map[string]struct {
		value, says string
		hidden      string // what must not be seen any more
	}{
		"the value":      {"Server=db;Password=" + password + ";User ID=app", "the value of the secret db", password},
		"a part":         {password, "the value of the secret db", password},
		"a derived form": {"Basic " + base64.StdEncoding.EncodeToString([]byte("app:"+password)), "the value of the secret db", "QXV0dW1uLTIwMjUvcmVzZ"},
		"URL-encoded":    {"postgres://app:Autumn-2025%2freset@db/orders", "the value of the secret db", "Autumn-2025"},
		"a credential":   {"AccountName=a;AccountKey=" + strings.Repeat("dGhpcyBpcyBub3QgYSBrZXk0", 3) + "dGhpcyBpcyB1==", "something that looks like a secret (leak/", "dGhpcyBpcyBub3QgYSBrZXk0"},
		"a private key":  {privateKey(), "something that looks like a secret (leak/private-key", strings.Split(privateKey(), "\n")[2]},
	} {
		for _, action := range []string{"", "warn", "off"} {
			t.Run(holds+" "+action, func(t *testing.T) {
				t.Parallel()
				j := newJob(t)
				j.vault.Set("db", "Server=db;Password="+password+";User ID=app")
				j.variable("Legacy.Setting", tc.value).variable("Harmless", "https://db.contoso.com/orders").input("secrets", "DB=db")
				if action != "" {
					j.input("plainVariables", action)
				}
				switch action {
				case "off":
					j.expect("main", "Succeeded", "!plain variable")
					return
				case "warn":
					j.expect("main", "SucceededWithIssues", "Rotate: ", "!Harmless")
					if len(j.secret) == 0 {
						t.Error("nothing is set")
					}
				default:
					j.expect("main", "Failed", "Rotate: ", "!Harmless")
					j.nothingSet()
				}
				kind := map[string]string{"": "error", "warn": "warning"}[action]
				got := j.issues(kind)
				if len(got) != 1 || !strings.Contains(got[0], "the plain variable Legacy.Setting holds "+tc.says) ||
					!strings.Contains(got[0], "How to fix: remove it there, fetch it with this task instead (secrets: Legacy.Setting=name-in-the-vault)") {
					t.Errorf("the issues are %q, want one about Legacy.Setting with %q and how to fix it", got, tc.says)
				}
				if masked := j.masker.Mask("x " + strings.ReplaceAll(tc.value, "\n", " ")); strings.Contains(masked, tc.hidden) {
					t.Errorf("the agent shows the variable's value as %q", masked)
				}
				j.hidden(password, tc.hidden)
			})
		}
	}
}

// privateKey is one by its looks.
func privateKey() string {
	var body []byte
	for i := range 20 {
		sum := sha256.Sum256([]byte{byte(i)})
		body = append(body, sum[:]...)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: body}))
}

// TestPlainVariableNamesItsPlace: the message says where the variable is defined.
func TestPlainVariableNamesItsPlace(t *testing.T) {
	t.Parallel()
	bad := []adotest.Variable{{Name: "db_password", Value: "Autumn-2025/reset"}}
	for name, tc := range map[string]struct {
		change func(*adotest.Project)
		want   string
	}{
		"pipeline": {func(p *adotest.Project) { p.Definitions[0].Variables = bad }, "where it is defined: the pipeline's own variables (Edit > Variables)"},
		"group":    {func(p *adotest.Project) { p.Groups = []adotest.Group{{ID: 3, Name: "shop settings", Variables: bad}} }, `where it is defined: variable group "shop settings"`},
		"queued": {func(p *adotest.Project) {
			p.Runs[0].Parameters = map[string]string{"DB_PASSWORD": "Autumn-2025/reset"}
		}, "where it is defined: the values that were given when the run was queued"},
		"YAML": {func(*adotest.Project) {}, "where it is defined: most likely in the YAML"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t)
			j.vault.Set("db", "Autumn-2025/reset")
			j.server.Update(tc.change)
			j.variable("DB_PASSWORD", "Autumn-2025/reset").input("secrets", "DB=db").expect("main", "Failed", "!Autumn")
			if got := j.issues("error"); len(got) != 1 || !strings.Contains(got[0], tc.want) {
				t.Errorf("the errors are %q, want %q", got, tc.want)
			}
		})
	}
}

// TestPlainVariableWithoutServer: where it is defined is help alone; without it the
// variable is refused all the same.
func TestPlainVariableWithoutServer(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	j.vault.Set("db", "Autumn-2025/reset")
	j.server.Fail("", -1, adotest.Answer(403, "no"))
	j.variable("DB_PASSWORD", "Autumn-2025/reset").input("secrets", "DB=db").
		expect("main", "Failed", "the plain variable DB_PASSWORD holds the value of the secret db")
	j.nothingSet()
}

// TestPublicVariablesMissing: what cannot be audited is not taken for good.
func TestPublicVariablesMissing(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		list   string
		inputs []string
		result string
	}{
		"none":      {"", nil, "Failed"},
		"no list":   {"Build.BuildId", nil, "Failed"},
		"other":     {`{"a":1}`, nil, "Failed"},
		"warn":      {"", []string{"enforcement", "warn"}, "SucceededWithIssues"},
		"off":       {"", []string{"plainVariables", "off"}, "Succeeded"},
		"empty":     {"[]", nil, "Succeeded"},
		"plain and": {"", []string{"plainVariables", "warn"}, "Failed"},
	} {
		j := newJob(t)
		j.vault.Set("a", "correct-horse-9")
		j.input("secrets", "A=a").inputs(tc.inputs...)
		if j.env["VSTS_PUBLIC_VARIABLES"] = tc.list; tc.list == "" {
			delete(j.env, "VSTS_PUBLIC_VARIABLES")
		}
		if got := j.run("main"); got != tc.result {
			t.Errorf("%s: main ended as %s, want %s:\n%s", name, got, tc.result, j.shown())
		}
		if tc.result != "Succeeded" {
			j.nothingSet()
			if !strings.Contains(j.shown(), "VSTS_PUBLIC_VARIABLES") {
				t.Errorf("%s: the log does not say which:\n%s", name, j.shown())
			}
		}
	}
}

// TestOwnVariablesAreNoFindings: what the agent and this task set themselves, and what
// only looks a little like a secret.
func TestOwnVariablesAreNoFindings(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	j.vault.Set("a", "correct-horse-9")
	for name, value := range map[string]string{
		"Build.SourceVersion": "8a1f0c3be2d94f670123456789abcdef01234567", "System.JobId": jobID,
		"Build.Repository.Uri": "https://contoso@dev.azure.com/contoso/shop/_git/shop", "Agent.Version": "4.260.0",
		"Build.SourceVersionMessage": "fix the password field", "tokenLifetime": "3600", "passwordFile": "/run/secrets/db",
		"Token": "aGVsbG8gd29ybGQgMTIz", // looks a little like one
	} {
		j.variable(name, value)
	}
	j.input("secrets", "A=a").expect("main", "Succeeded", "none of 9 holds a secret")
	j.input("secrets", "B=a").expect("main", "Succeeded")
}

// TestAllOfAPlainVariableIsMasked: a variable may hold several credentials.
func TestAllOfAPlainVariableIsMasked(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	j.vault.Set("a", "correct-horse-9")
	const first, second = "hX9kk2mm3Qa1", "Zp7-wq41LmNb"
	j.variable("DATABASES", "postgres://app:"+first+"@one.contoso.com/a;mysql://app:"+second+"@two.contoso.com/b")
	j.inputs("secrets", "A=a", "plainVariables", "warn").expect("main", "SucceededWithIssues")
	if got := j.masker.Mask("x " + first + " y " + second); got != "x *** y ***" {
		t.Errorf("the agent shows %q", got)
	}
}
