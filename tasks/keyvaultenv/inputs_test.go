package keyvaultenv

import (
	"strings"
	"testing"
)

// TestWrongInputs: all that is wrong is said at once, before anybody is asked.
func TestWrongInputs(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	j.vault.Set("a", "hunter-22")
	j.inputs("secrets", "A=a\nhunter-22\nPATH=a\nB=a@12\na=other\nC=a|rot13\nD=a#..\nSYSTEM_X=hunter_22",
		"SecretsFilter", "bad_name, System.Token, x/1", "scan", "logs, mail", "apiVersion", "latest", "expiryWarningDays", "-1",
		"outputFile", "x", "arguments", "--password", "command", "curl")
	j.expect("main", "Failed", "!hunter", "!Fetching")
	errors := strings.Join(j.issues("error"), "\n")
	for _, want := range []string{
		"secrets: line 2: it has not the form NAME=secret-name", "secrets: line 3: a variable PATH would change", "secrets: line 4", "secrets: line 5",
		"secrets: line 6", "secrets: line 7", "secrets: line 8", "SecretsFilter: item 1", "SecretsFilter: item 2", "SecretsFilter: item 3", "scan: ",
		"apiVersion: the vault knows no API version of this form", "expiryWarningDays: it is below 0", "outputFile: it does nothing with exportTo: variables",
		"arguments: it does nothing with exportTo: variables", "command: it does nothing with exportTo: variables",
	} {
		if !strings.Contains(errors, want) {
			t.Errorf("the errors lack %q:\n%s", want, errors)
		}
	}
	if got := j.cloud.Requests(); len(got) > 0 {
		t.Errorf("somebody was asked: %v", got)
	}
	j.nothingSet()
	j.expect("post", "Succeeded")
	if got := j.files("work/_temp"); len(j.sealed()) > 0 {
		t.Errorf("files are left: %q", got)
	}
}

// TestWrongInput has one wrong input each.
func TestWrongInput(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		inputs []string
		says   string
	}{
		"no connection":         {[]string{"ConnectedServiceName", ""}, "Azure subscription"},
		"unknown connection":    {[]string{"ConnectedServiceName", "00000000-0000-4000-8000-000000000000"}, "azureSubscription: "},
		"no vault":              {[]string{"KeyVaultName", ""}, "Key vault"},
		"an address":            {[]string{"KeyVaultName", "https://contoso-kv.vault.azure.net/"}, "KeyVaultName: "},
		"another's server":      {[]string{"KeyVaultName", "evil.example/x"}, "KeyVaultName: "},
		"no decoding":           {[]string{"decode", "rot13"}, "\"decode\" must be one of"},
		"no action":             {[]string{"onExpired", "ignore"}, "When a secret has expired"},
		"scan none and logs":    {[]string{"scan", "none, logs"}, "scan: "},
		"scan nothing":          {[]string{"scan", " , "}, "scan: "},
		"command without one":   {[]string{"exportTo", "command"}, "command: it is empty"},
		"no enforcement":        {[]string{"enforcement", "loose"}, "When something is refused"},
		"enforcement is no way": {[]string{"enforcement", "warn", "apiVersion", "x"}, "apiVersion: "},
		"two for one":           {[]string{"secrets", "A=a\na=b"}, "the variable a is that of secrets, line 1, too"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t)
			j.vault.Set("a", "hunter-22")
			j.input("secrets", "A=a").inputs(tc.inputs...).expect("main", "Failed", tc.says)
			j.nothingSet()
			if got := j.vault.Requests(); len(got) > 0 {
				t.Errorf("the vault was asked: %v", got)
			}
			j.run("post")
		})
	}
}

// TestClassicRelease: its steps cannot read its logs, so they have to say that they do
// not scan them.
func TestClassicRelease(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	j.vault.Set("a", "correct-horse-9")
	j.env["SYSTEM_HOSTTYPE"] = "release"
	delete(j.env, "BUILD_BUILDID")
	j.env["VSTS_PUBLIC_VARIABLES"] = `["Release.ReleaseId"]`
	j.input("secrets", "A=a").expect("main", "Failed", "scan: the logs of a classic release cannot be read", "write scan: paths, artifacts")
	j.nothingSet()
	j.input("scan", "paths, artifacts").expect("main", "Succeeded")
	j.write("work/1/a/out.txt", "password: correct-horse-9\n")
	j.expect("post", "Failed", "out.txt, line 1")
}
