package safecache

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/azuretest"
	"github.com/guardrails-ci/guardrails/tasks/safecache/store"
	"github.com/guardrails-ci/guardrails/tasks/safecache/store/blob"
)

// inBlob lets a job keep its entries in a container.
func (j *job) inBlob(service, container, sas string) *job {
	return j.set("INPUT_STORE", "azureBlob", "INPUT_DIRECTORY", "", "INPUT_STORAGEACCOUNT", service,
		"INPUT_CONTAINER", container, "INPUT_SASTOKEN", sas, "SECRET_SAS", sas)
}

// signatureOf is the part of a SAS that is secret.
func signatureOf(t *testing.T, sas string) string {
	t.Helper()
	_, signature, ok := strings.Cut(sas, "sig=")
	if !ok {
		t.Fatalf("there is no signature in %s", sas)
	}
	signature, _, _ = strings.Cut(signature, "&")
	return signature
}

// Microsoft's own emulator, from the first save to trouble.
func TestAzureBlob(t *testing.T) {
	t.Parallel()
	account := azuretest.Azurite(t)
	container := account.Container(t)
	sas := account.SAS(container, "rcwdl", time.Now().Add(time.Hour))
	remote, err := blob.New(blob.Config{Account: account.URL, Container: container, SAS: sas})
	if err != nil {
		t.Fatal(err)
	}
	j := newJob(t).npm(map[string]string{"lodash": "lodash!"}).inBlob(account.URL, container,
		sas).set("SYSTEM_DEBUG", "true")
	j.now = time.Now() // the service has a clock of its own
	var shown strings.Builder
	j.watch = func(text string) { shown.WriteString(text) }
	hidden := func() {
		t.Helper()
		all := shown.String() + j.everything()
		for _, name := range []string{signatureOf(t, sas), "sig=" + signatureOf(t, sas)[:8]} {
			if at := strings.Index(all, name); at >= 0 {
				t.Errorf("the signature is shown: ...%.80q...", all[max(0, at-200):])
			}
		}
	}
	j.expect("main", "Succeeded", "variable=hit;]miss").download("lodash")
	j.expect("post", "Succeeded", "Saved 1 file, 7 bytes", "!type=warning").again()
	j.finds("exact").has("lodash!")
	j.noStore()
	hidden()

	// The local tier has the packs after the first restore, and then is enough for them.
	j.set("INPUT_LOCALTIER", j.path("tier")).again().finds("exact").has("lodash!")
	pack := j.tier()
	if len(pack) != 1 || !strings.HasSuffix(pack[0].Name, ".pack") {
		t.Fatalf("the local tier holds %v, want the pack", pack)
	}
	good, err := remote.Get(t.Context(), pack[0].Name, nil)
	j.must(err)
	j.must(remote.Delete(t.Context(), pack[0].Name))
	j.again().finds("exact").has("lodash!")
	// A copy that somebody has changed is not used, and not kept.
	file := filepath.Join(j.path("tier"), filepath.FromSlash(pack[0].Name))
	j.must(os.WriteFile(file, append(good, 'x'), 0o600))
	j.again().finds("rejected").holds("main", "the pack is not there any more")
	if got := j.tier(); len(got) != 0 {
		t.Errorf("the local tier holds %v, want nothing", got)
	}
	j.must(remote.Put(t.Context(), pack[0].Name, good))
	j.again().finds("exact").has("lodash!")
	j.set("INPUT_LOCALTIER", "")

	// What the service refuses costs the cache, and of a release the build.
	for _, tc := range []struct{ sas, text string }{
		{account.SAS(container, "rcwdl", time.Now().Add(-time.Minute)), "the shared access signature ended at"},
		{account.SAS(container, "t", time.Now().Add(time.Hour)), "permissions rcwdl"},
	} {
		j.inBlob(account.URL, container, tc.sas).again()
		j.expect("main", "Succeeded", "type=warning;code=cache/environment", "no cache is restored", tc.text,
			"variable=hit;]miss",
			"the build goes on without it", "!"+signatureOf(t, tc.sas))
		j.download("lodash").expect("post", "Succeeded", "type=warning;code=cache/environment",
			"the cache is not saved", tc.text,
			"!Saved 1", "!"+signatureOf(t, tc.sas))
		j.set("INPUT_FAILONMISS", "true").again().expect("main", "Failed", "type=error;code=cache/environment", tc.text)
		j.set("INPUT_FAILONMISS", "false")
	}
	// To read, less will do; then the save says what it lacks.
	readOnly := account.SAS(container, "rl", time.Now().Add(time.Hour))
	j.inBlob(account.URL, container, readOnly).again().finds("exact").has("lodash!")
	j.npm(map[string]string{"lodash": "lodash!", "minimist": "x"}).again().finds("partial").download("minimist")
	j.expect("post", "Succeeded", "type=warning;code=cache/environment", "permissions rcwdl", "!Saved 2")
	hidden()

	// The other commands work on it as well.
	j.inBlob(account.URL, container, sas).again().set("INPUT_COMMAND", "list")
	j.expect("main", "Succeeded", "1 entry in the container "+container+" of the storage account "+account.URL)
	j.npm(map[string]string{"lodash": "lodash!"}).set("INPUT_COMMAND", "delete").expect("main", "Succeeded",
		"1 entry deleted")
	hidden()
}

// tier lists the local tier.
func (j *job) tier() []store.Object {
	j.t.Helper()
	all, err := store.NewDir(j.path("tier")).List(j.t.Context(), "")
	j.must(err)
	return all
}

const anySAS = "sv=2024-11-04&se=2030-01-01&sp=rcwdl&sr=c&sig=c2VjcmV0LXNlY3JldC1zZWNyZXQ%3D"

// A service that cannot be reached is a warning, and the build goes on.
func TestUnreachableAccount(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	for input, want := range map[string]string{"": "Succeeded", "INPUT_CRITICAL": "Failed"} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			j := critical(t).set("INPUT_CRITICAL", "false").inBlob(nobody, "container", anySAS)
			if input != "" {
				j.set(input, "true")
			}
			j.expect("main", want, "code=cache/environment",
				"no cache is restored, as there is trouble with the container container",
				"variable=hit;]miss", "!c2VjcmV0", "!panic")
			if strings.Contains(j.everything(), "c2VjcmV0") {
				t.Error("the report holds the signature")
			}
		})
	}
}

// A service that refuses is asked once, not for every object.
func TestRefusingAccount(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("X-Ms-Error-Code", "AuthorizationFailure")
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(service.Close)
	j := newJob(t).npm(map[string]string{"lodash": "lodash!"}).inBlob(service.URL, "container", anySAS)
	j.expect("main", "Succeeded", "type=warning;code=cache/environment",
		"the storage account does not accept requests from this "+
			"agent's network", "allow the agent's network under Networking", "!c2VjcmV0")
	if got := asked.Load(); got != 1 {
		t.Errorf("the service was asked %d times, want once", got)
	}
	j.set("INPUT_COMMAND", "list").expect("main", "Failed", "type=error;code=cache/environment",
		"there is trouble with the container container of the storage account "+service.URL, "Networking")
}

// A service connection that is not there, or of another kind.
func TestServiceConnection(t *testing.T) {
	t.Parallel()
	j := newJob(t).inBlob("acc", "container", "").set("INPUT_AZURESUBSCRIPTION", "0c8b")
	j.expect("main", "Failed", "azureSubscription: ", "name a service connection that this pipeline may use")
	j.set("ENDPOINT_URL_0C8B", "https://management.azure.com/", "ENDPOINT_AUTH_SCHEME_0C8B", "Basic",
		"ENDPOINT_AUTH_0C8B", `{"scheme":"Basic","parameters":{"password":"hunter2-hunter2"}}`)
	j.expect("main", "Failed", "azureSubscription: ", "!hunter2")
}
