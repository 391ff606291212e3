package platformbuild

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/azuretest"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

const (
	azureID = "5d0c1e7a-1111-4222-8333-944455566677"
	appID   = "c1a0f5d4-2b6e-4c39-8d57-90ab12cd34ef"
	keyID   = "https://contoso-kv.vault.azure.net/keys/images"
)

// identity is an application with a certificate; making its key takes a while.
var identity = sync.OnceValue(func() (made struct {
	certificate *x509.Certificate
	pem         string
}) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "app"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	if made.certificate, err = x509.ParseCertificate(der); err != nil {
		panic(err)
	}
	made.pem = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return made
})

// azure lets the job reach a cloud, and gives it a service connection for that.
func (j *job) azure() *azuretest.Cloud {
	j.t.Helper()
	c := azuretest.NewCloud(j.t, func(c *azuretest.Config) {
		c.Apps = []azuretest.App{{ID: appID, Certificate: identity().certificate}}
	})
	for _, entry := range c.AgentEnv() {
		name, value, _ := strings.Cut(entry, "=")
		j.set(name, value)
	}
	j.set("AGENT_PROXYBYPASSLIST", `["127\\.0\\.0\\.1"]`, "ENDPOINT_URL_"+azureID, "https://management.azure.com/")
	j.principal(azureID, c)
	return c
}

// principal makes a service connection one of the cloud's application.
func (j *job) principal(id string, c *azuretest.Cloud) {
	parameter := "ENDPOINT_AUTH_PARAMETER_" + id + "_"
	delete(j.env, "ENDPOINT_AUTH_"+id)
	j.set("ENDPOINT_AUTH_SCHEME_"+id, "ServicePrincipal", parameter+"TENANTID", c.Tenant(),
		parameter+"SERVICEPRINCIPALID", appID, parameter+"AUTHENTICATIONTYPE", "spnCertificate",
		parameter+"SERVICEPRINCIPALCERTIFICATE", identity().pem)
}

// signed is a job that signs with a key of a vault.
func signed(t *testing.T, f fake) (*job, *azuretest.Vault) {
	t.Helper()
	j := fakeJob(t, f)
	vault := j.azure().Vault("contoso-kv")
	vault.PutKey("images", azuretest.Key{})
	return j.input("azureSubscription", azureID, "signingKey", keyID), vault
}

// publicKey writes a public key into the agent's folder, and returns its path.
func (j *job) publicKey(key any) string {
	j.t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	j.must(err)
	j.write(map[string]string{"../../key.pem": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))})
	return j.path("work/key.pem")
}

// foreignKey is the public half of a key that has signed nothing.
func foreignKey(t *testing.T) any {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key.Public()
}

// acrJob is a job whose registry is one of Azure.
func acrJob(t *testing.T, acr containertest.ACR) (*job, *azuretest.Cloud) {
	t.Helper()
	files := map[string]string{"Dockerfile": "FROM scratch\nCOPY app /app\n", "app": "app\n"}
	j := newJobWith(t, files, containertest.NewRegistry(t, func(c *containertest.Config) { c.ACR = &acr }))
	for name := range j.env {
		if strings.Contains(name, connectionID) {
			delete(j.env, name)
		}
	}
	cloud := j.azure()
	j.principal(connectionID, cloud)
	j.set(
		"ENDPOINT_URL_"+connectionID,
		"https://"+j.registry.Host(),
		"ENDPOINT_DATA_"+connectionID+"_REGISTRYTYPE",
		"ACR",
		"ENDPOINT_AUTH_PARAMETER_"+connectionID+"_LOGINSERVER",
		j.registry.Host(),
		"ENDPOINT_AUTH_PARAMETER_"+connectionID+"_ROLE",
		"AcrPush",
	)
	return j, cloud
}
