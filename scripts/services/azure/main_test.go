package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/scripts/services/beside"
)

// In a process of its own this test is the program that is run: what it does is said
// by its first argument.
func TestMain(m *testing.M) {
	if os.Getenv("FAKEAZURE_ADDRESS") == "" {
		os.Exit(m.Run())
	}
	switch os.Args[1] {
	case "get":
		value, err := secretOf(os.Args[2], os.Args[3])
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(value)
	case "fetch":
		response, err := http.Get(os.Args[2])
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		_, _ = io.Copy(os.Stdout, response.Body)
	case "env":
		for _, variable := range os.Environ() {
			fmt.Println(variable)
		}
	case "status":
		var status int
		_, _ = fmt.Sscan(os.Args[2], &status)
		os.Exit(status)
	}
}

func secretOf(vault, name string) (string, error) {
	source, err := azidentity.NewEnvironmentCredential(nil)
	if err != nil {
		return "", err
	}
	client, err := azsecrets.NewClient(vault, source, nil)
	if err != nil {
		return "", err
	}
	got, err := client.GetSecret(context.Background(), name, "", nil)
	if err != nil {
		return "", err
	}
	return *got.Value, nil
}

const (
	tenant = "11111111-2222-4333-8444-555555555555"
	app    = "66666666-7777-4888-8999-000000000000"
)

// result is what a run has done.
type result struct {
	status         int
	stdout, stderr string
}

func azure(t *testing.T, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	w := beside.World{
		Args: args, Stdout: &stdout, Stderr: &stderr,
		Environ: []string{
			"https_proxy=http://evil.example", "NO_PROXY=*", "PATH=" + os.Getenv("PATH"), "KEPT=1", "SYSTEMROOT=" + os.Getenv("SYSTEMROOT"),
			"AZURE_TENANT_ID=" + tenant, "AZURE_CLIENT_ID=" + app, "AZURE_CLIENT_SECRET=hunter3",
		},
	}
	status := w.Command("azure", run)
	return result{status, stdout.String(), stderr.String()}
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	name = filepath.Join(dir, name)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

const example = `{
  "tenant": "` + tenant + `", "latency": "1ms",
  "clients": [{"id": "` + app + `", "secret": "hunter3", "trust": [{}]}],
  "vaults": {
    "contoso-kv": {"secrets": {
      "db-url": "hunter2", "off": {"value": "x", "enabled": false}, "key": {"file": "key.txt"},
      "three": [{"value": "old"}, "current"], "late": {"value": "late", "expires": "-24h", "tags": {"a": "b"}}
    }},
    "other-kv": {"secrets": {"a": "b"}}
  },
  "faults": [{"kind": "throttled", "vault": "contoso-kv", "path": "/secrets/three", "times": 1, "wait": "1s"},
    {"kind": "firewall", "vault": "other-kv"}]
}`

func TestRun(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("Go reads SSL_CERT_FILE elsewhere only")
	}
	dir := t.TempDir()
	config := write(t, dir, "vaults.json", example)
	write(t, dir, "key.txt", "line 1\nline 2\n")
	requests, port := filepath.Join(dir, "requests"), filepath.Join(dir, "port")
	for name, tc := range map[string]struct {
		args   []string
		status int
		stdout string // in it
	}{
		"value":         {[]string{"get", "https://contoso-kv.vault.azure.net", "db-url"}, 0, "hunter2\n"},
		"file":          {[]string{"get", "https://contoso-kv.vault.azure.net", "key"}, 0, "line 1\nline 2\n\n"},
		"version":       {[]string{"get", "https://contoso-kv.vault.azure.net", "three"}, 0, "current\n"}, // throttled once
		"expired":       {[]string{"get", "https://contoso-kv.vault.azure.net", "late"}, 0, "late\n"},
		"disabled":      {[]string{"get", "https://contoso-kv.vault.azure.net", "off"}, 1, "SecretDisabled"},
		"fault":         {[]string{"get", "https://other-kv.vault.azure.net", "a"}, 1, "ForbiddenByFirewall"},
		"nothing else":  {[]string{"fetch", "https://example.com"}, 1, "Service Unavailable"},
		"status":        {[]string{"status", "42"}, 42, ""},
		"port and file": {[]string{"status", "0"}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := azure(t, append([]string{"-config", config, "-requests", requests, "-port-file", port, "--", os.Args[0]}, tc.args...)...)
			if got.status != tc.status || !strings.Contains(got.stdout, tc.stdout) || got.stderr != "" {
				t.Errorf("azure %q = %+v, want status %d and %q", tc.args, got, tc.status, tc.stdout)
			}
			if _, err := os.Stat(port); err == nil {
				t.Errorf("%s is still there", port)
			}
			log, err := os.ReadFile(requests)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(log)) {
				var r struct{ Method, Host, App string }
				if err := json.Unmarshal([]byte(line), &r); err != nil || r.Method == "" || r.Host == "" {
					t.Errorf("%q is no request", line)
				}
			}
			if name == "value" && strings.Count(string(log), `"app":"`+app) != 2 {
				t.Errorf("the requests are\n%s, want two of the application", log)
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args     []string
		has, not []string
	}{
		"program": {nil, []string{"HTTPS_PROXY=http://127.0.0.1:", "https_proxy=http://127.0.0.1:", "NO_PROXY=127.0.0.1,localhost,::1\n", "SSL_CERT_FILE=", "KEPT=1\n", "FAKEAZURE_CA="}, []string{"evil", "AGENT_"}},
		"agent":   {[]string{"-agent"}, []string{"AGENT_PROXYURL=http://127.0.0.1:", "AGENT_CAINFO=", "KEPT=1\n", "FAKEAZURE_CA="}, []string{"evil", "HTTPS_PROXY", "https_proxy", "NO_PROXY"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := azure(t, append(tc.args, os.Args[0], "env")...)
			for _, want := range tc.has {
				if !strings.Contains(got.stdout, want) {
					t.Errorf("the program has the environment\n%s without %q", got.stdout, want)
				}
			}
			for _, not := range tc.not {
				if strings.Contains(got.stdout, not) {
					t.Errorf("the program has the environment\n%s with %q", got.stdout, not)
				}
			}
			_, file, _ := strings.Cut(got.stdout, "FAKEAZURE_CA=")
			file, _, _ = strings.Cut(file, "\n")
			if _, err := os.Stat(file); file == "" || err == nil {
				t.Errorf("%q is still there", file)
			}
		})
	}
}

func TestDevOps(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("Go reads SSL_CERT_FILE elsewhere only")
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "it is "+r.URL.Path) }))
	defer server.Close()
	config := write(t, t.TempDir(), "c.json", `{"devOps": "`+server.URL+`"}`)
	got := azure(t, "-config", config, os.Args[0], "fetch", "https://dev.azure.com/o/p")
	if diff := cmp.Diff(result{0, "it is /o/p", ""}, got, cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("azure fetch (-want +got):\n%s", diff)
	}
}

func TestWrongArguments(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, tc := range map[string]struct {
		args   []string
		status int
		stderr string
	}{
		"no program":      {nil, 2, "there is no program"},
		"no such program": {[]string{filepath.Join(dir, "none")}, 127, "none"},
		"no such file":    {[]string{"-config", filepath.Join(dir, "none"), "a"}, 2, "none"},
		"no such folder":  {[]string{"-port-file", filepath.Join(dir, "none", "p"), "a"}, 2, "none"},
	} {
		if got := azure(t, tc.args...); got.status != tc.status || !strings.Contains(got.stderr, tc.stderr) {
			t.Errorf("%s: azure %q = %+v, want status %d and %q", name, tc.args, got, tc.status, tc.stderr)
		}
	}
}
