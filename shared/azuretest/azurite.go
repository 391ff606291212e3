// Package azuretest starts stand-ins for Azure's services. It is for tests only.
//
// [Azurite] is Microsoft's own emulator of Azure Blob Storage; `make oracles` installs
// it, and scripts/services runs it.
//
// [Cloud] is a fake of our own: Entra, Key Vault and the metadata service of Azure's
// machines, at their real names, behind a proxy on this machine. A program that is told
// of the proxy and of its authority talks to it unchanged, with all of its checks.
// It speaks the documented wire format, and refuses what Azure refuses: a token that
// is not signed, or is for another audience or tenant, an assertion of somebody whom
// the application does not trust, a wrong version of the API. It does what goes wrong
// in the world, see [Fault]. scripts/services/azure makes a program of it.
//
// What it does not do: its keys only sign, it keeps no certificates, changes nothing on request
// (Key Vault's PUT, PATCH and DELETE), and speaks HTTP/1.1 only.
package azuretest

import (
	"bufio"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Account is a storage account of a running Azurite.
type Account struct {
	URL  string // of the blob service, such as http://127.0.0.1:41327/devstoreaccount1
	Name string
	Key  string         // base64
	CA   *x509.CertPool // trusts the service, where it speaks https; else nil
}

// The account that Azurite always has, see its documentation.
const (
	accountName = "devstoreaccount1"
	accountKey  = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)

const (
	sasVersion = "2020-12-06"
	startLimit = 60 * time.Second
)

// Azurite starts the emulator, which ends with the test and keeps nothing.
func Azurite(t testing.TB) Account {
	t.Helper()
	return start(t)
}

// AzuriteTLS is Azurite that speaks https and takes tokens, see [Account.Token].
func AzuriteTLS(t testing.TB) Account {
	t.Helper()
	cert, key, pool := certificate(t)
	account := start(t, "--oauth", "basic", "--cert", cert, "--key", key)
	account.CA = pool
	return account
}

func start(t testing.TB, flags ...string) Account {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(here), "../..")
	if _, err := os.Stat(filepath.Join(root, "build/npm/node_modules/azurite")); err != nil {
		t.Fatal("azurite is not installed: run `make oracles`")
	}
	service := exec.Command("bash", append([]string{filepath.Join(root, "scripts/services/azurite.sh")}, flags...)...)
	var complaint strings.Builder
	service.Stderr = &complaint
	input, err := service.StdinPipe() // it ends with this process, whatever happens
	if err != nil {
		t.Fatal(err)
	}
	output, err := service.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := service.Start(); err != nil {
		t.Fatalf("azurite.sh: %v", err)
	}
	t.Cleanup(func() {
		_ = input.Close()
		_ = service.Wait()
	})
	found := make(chan string, 1)
	go func() {
		defer close(found)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			if _, address, ok := strings.Cut(lines.Text(), "successfully listens on "); ok {
				found <- strings.TrimSpace(address)
			}
		}
	}()
	select {
	case address, ok := <-found:
		if ok {
			return Account{URL: address + "/" + accountName, Name: accountName, Key: accountKey}
		}
		_ = service.Wait()
		t.Fatalf("azurite.sh ended: %s", complaint.String())
	case <-time.After(startLimit):
		t.Fatalf("azurite.sh did not start within %s", startLimit)
	}
	return Account{}
}

// Client returns an HTTP client that trusts the service.
func (a Account) Client() *http.Client {
	transport := &http.Transport{}
	if a.CA != nil {
		transport.TLSClientConfig = &tls.Config{RootCAs: a.CA}
	}
	return &http.Client{Transport: transport, Timeout: startLimit}
}

// Container makes a container and returns its name, which is new each time.
func (a Account) Container(t testing.TB) string {
	t.Helper()
	name := "c" + strings.ToLower(rand.Text())
	values := url.Values{
		"sv": {sasVersion}, "ss": {"b"}, "srt": {"c"}, "sp": {"c"}, "se": {stamp(time.Now().Add(time.Hour))},
	}
	values.Set("sig", a.sign(accountName, values.Get("sp"), "b", "c", "", values.Get("se"), "", "", sasVersion, "", ""))
	request, err := http.NewRequest(http.MethodPut, a.URL+"/"+name+"?restype=container&"+values.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := a.Client().Do(request)
	if err != nil {
		t.Fatalf("making a container: %v", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		t.Fatalf("making a container: %s (%s)", answer.Status, answer.Header.Get("X-Ms-Error-Code"))
	}
	return name
}

// SAS returns a shared access signature for a container, with permissions such as
// "rcwdl", that ends at the given time.
func (a Account) SAS(container, permissions string, ends time.Time) string {
	values := url.Values{"sv": {sasVersion}, "sr": {"c"}, "sp": {permissions}, "se": {stamp(ends)}}
	resource := "/blob/" + a.Name + "/" + container
	values.Set("sig", a.sign(permissions, "", values.Get("se"), resource, "", "", "", sasVersion, "c",
		"", "", "", "", "", "", ""))
	return values.Encode()
}

// sign signs the fields of a SAS, in the order of its documentation (Create a service
// SAS, Create an account SAS).
func (a Account) sign(fields ...string) string {
	key, err := base64.StdEncoding.DecodeString(a.Key)
	if err != nil {
		panic(err) // ours
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(strings.Join(fields, "\n")))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func stamp(when time.Time) string { return when.UTC().Format("2006-01-02T15:04:05Z") }

// Token returns a token for the storage service that is good until the given time.
// Azurite checks all of it but the signature.
func (a Account) Token(ends time.Time) string {
	claims, err := json.Marshal(map[string]any{
		"aud": "https://storage.azure.com", "iss": "https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/",
		"nbf": ends.Add(-2 * time.Hour).Unix(), "iat": ends.Add(-2 * time.Hour).Unix(), "exp": ends.Unix(),
	})
	if err != nil {
		panic(err) // ours
	}
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + encode(claims) + "." + encode([]byte("unsigned"))
}

// certificate makes a certificate for this machine, and the pool that trusts it.
func certificate(t testing.TB) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	cert, pool := Certificate(t, "127.0.0.1")
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	if err := errors.Join(os.WriteFile(certFile, certPEM, 0o600), os.WriteFile(keyFile, keyPEM, 0o600)); err != nil {
		t.Fatal(err)
	}
	return certFile, keyFile, pool
}
