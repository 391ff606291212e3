package containertest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Kubernetes is an API server with nothing behind it: it admits objects, or does not, and stores them.
type Kubernetes struct {
	// Config is a kubeconfig file of its administrator.
	Config string

	kubectl string
}

// StartKubernetes starts an API server that ends with the test. See [Judge] for where it has not been built.
func StartKubernetes(t testing.TB) *Kubernetes {
	t.Helper()
	k := &Kubernetes{kubectl: Judge(t, "kubectl")}
	store, api := Judge(t, "etcd"), Judge(t, "kube-apiserver")
	dir := t.TempDir()
	key, tokens := filepath.Join(dir, "key.pem"), filepath.Join(dir, "tokens.csv")
	token := rand.Text()
	writeFile(t, key, newKey(t))
	writeFile(t, tokens, []byte(token+",admin,1,system:masters\n"))
	client, peer, server := freeAddress(t), freeAddress(t), freeAddress(t)
	etcd := run(t, "etcd", store, "--data-dir", filepath.Join(dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls", "http://"+client, "--advertise-client-urls", "http://"+client,
		"--listen-peer-urls", "http://"+peer, "--initial-advertise-peer-urls", "http://"+peer,
		"--initial-cluster", "default=http://"+peer)
	_, port, err := net.SplitHostPort(server)
	if err != nil {
		t.Fatal(err)
	}
	apiserver := run(t, "kube-apiserver", api, "--etcd-servers=http://"+client, "--bind-address=127.0.0.1",
		"--secure-port="+port, "--cert-dir="+filepath.Join(dir, "certs"), "--service-account-issuer=https://kubernetes",
		"--service-account-key-file="+key, "--service-account-signing-key-file="+key, "--token-auth-file="+tokens,
		"--authorization-mode=RBAC", "--endpoint-reconciler-type=none", "--disable-admission-plugins=ServiceAccount")
	k.Config = filepath.Join(dir, "config")
	writeFile(t, k.Config, fmt.Appendf(nil, kubeconfig, server, token))
	awaitReady(t, "https://"+server+"/readyz", apiserver, etcd)
	return k
}

const kubeconfig = `{"apiVersion": "v1", "kind": "Config", "current-context": "test",
"clusters": [{"name": "test", "cluster": {"server": "https://%s", "insecure-skip-tls-verify": true}}],
"users": [{"name": "test", "user": {"token": %q}}],
"contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}]}
`

// Kubectl runs kubectl as the administrator, and returns what it wrote on either channel.
func (k *Kubernetes) Kubectl(stdin string, arguments ...string) (string, error) {
	cmd := exec.Command(k.kubectl, append([]string{"--kubeconfig", k.Config}, arguments...)...)
	cmd.Env = append(os.Environ(), "HOME="+filepath.Dir(k.Config)) // it keeps a cache there
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("kubectl %s: %w\n%s", strings.Join(arguments, " "), err, out)
	}
	return string(out), err
}

// run runs a program until the test ends.
func run(t testing.TB, name, program string, arguments ...string) *process {
	t.Helper()
	p, err := launch(name, exec.Command(program, arguments...))
	if err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	t.Cleanup(p.kill)
	return p
}

// awaitReady waits until a server says that it is ready.
func awaitReady(t testing.TB, address string, processes ...*process) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	// Its certificate is made as it starts.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	for {
		if answer, err := client.Get(address); err == nil {
			_ = answer.Body.Close() // nothing is read
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
		for _, p := range processes {
			select {
			case <-p.ended:
				t.Fatalf("%s has ended:\n%s", p.name, p.log.tail(2000))
			case <-ctx.Done():
				t.Fatalf("%s does not answer:\n%s", address, p.log.tail(2000))
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}

// freeAddress is one that nobody listens on just now.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// newKey is what the API server signs with.
func newKey(t testing.TB) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}

func writeFile(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
