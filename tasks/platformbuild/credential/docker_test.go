package credential

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// homeOfUser makes a user's folder with a configuration of Docker's, and returns the environment that says where it is.
func homeOfUser(t *testing.T, config string, files ...string) (environ []string, docker string) {
	t.Helper()
	folder := t.TempDir()
	docker = filepath.Join(folder, ".docker")
	if err := os.Mkdir(docker, 0o700); err != nil {
		t.Fatal(err)
	}
	if config != "" {
		files = append(files, configFile, config)
	}
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(docker, files[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return []string{homeVariable + "=" + folder, "PATH=" + os.Getenv("PATH")}, docker
}

// serve is Serve with sources, until the test ends.
func serve(t *testing.T, environ []string, sources ...*Source) map[string]string {
	t.Helper()
	d, stop, err := Serve(t.Context(), t.TempDir(), environ, sources...)
	if err != nil {
		t.Fatalf("Serve: %v", err)
	}
	t.Cleanup(stop)
	env := map[string]string{}
	for _, kv := range d.Env {
		name, value, _ := strings.Cut(kv, "=")
		if old, twice := env[name]; twice {
			t.Errorf("%s is there twice: %q, %q", name, old, value)
		}
		env[name] = value
	}
	return env
}

// run starts the helper as Docker does: by its name, with the server on its standard input.
func run(t *testing.T, env map[string]string, action, server string) (stdout string, err error) {
	t.Helper()
	name := filepath.Join(strings.Split(env["PATH"], string(filepath.ListSeparator))[0], program+exe)
	cmd := exec.CommandContext(t.Context(), name, action)
	cmd.Args[0] = program
	cmd.Env = ours(env)
	cmd.Stdin = strings.NewReader(server)
	out, err := cmd.Output()
	return string(out), err
}

func TestHelper(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	environ, _ := homeOfUser(t, "")
	env := serve(t, environ, l.federated(t, acr), l.plain(t, "https://index.docker.io/v1/", "u", `hun"ter2<&>`))
	for name, tc := range map[string]struct {
		action, server string
		want           string // a document, or a text
		ok             bool
	}{
		"token":         {"get", acr, "", true},
		"Docker Hub":    {"get", "https://index.docker.io/v1/\n", `{"ServerURL":"https://index.docker.io/v1/","Username":"u","Secret":"hun\"ter2<&>"}`, true},
		"list":          {"list", "", fmt.Sprintf(`{"https://index.docker.io/v1/":"u","%s":"%s"}`, acr, nobody), true},
		"another host":  {"get", "contoso.azurecr.io.evil.example", "credentials not found in native keychain\n", false},
		"another port":  {"get", acr + ":5000", "credentials not found in native keychain\n", false},
		"no host":       {"get", "a b", "credentials not found in native keychain\n", false},
		"nothing":       {"get", " \n", "no credentials server URL\n", false},
		"too much":      {"get", strings.Repeat("a", 1<<20), "credentials not found in native keychain\n", false},
		"store":         {"store", `{"ServerURL":"x","Username":"y","Secret":"z"}`, "the credentials are those of the service connection: they are neither stored nor erased here\n", false},
		"erase":         {"erase", acr, "the credentials are those of the service connection: they are neither stored nor erased here\n", false},
		"version":       {"version", "", program + "\n", true},
		"anything else": {"--help", "", "usage: docker-credential-guardrails get|list|version\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := run(t, env, tc.action, tc.server)
			if (err == nil) != tc.ok {
				t.Fatalf("%s %s %q: %v, %q", program, tc.action, tc.server, err, got)
			}
			if tc.want == "" {
				var c struct{ ServerURL, Username, Secret string }
				if err := json.Unmarshal([]byte(got), &c); err != nil || c.ServerURL != acr || c.Username != nobody ||
					!strings.HasSuffix(c.Secret, ".hunter2sig") {
					t.Errorf("%s %s %q: got %q", program, tc.action, tc.server, got)
				}
				return
			}
			if strings.HasPrefix(tc.want, "{") {
				var got2, want any
				if json.Unmarshal([]byte(got), &got2) != nil || json.Unmarshal([]byte(tc.want), &want) != nil {
					t.Fatalf("%s %s: got %q", program, tc.action, got)
				}
				if diff := cmp.Diff(want, got2); diff != "" {
					t.Errorf("%s %s (-want +got):\n%s", program, tc.action, diff)
				}
				return
			}
			if got != tc.want {
				t.Errorf("%s %s %q: got %q, want %q", program, tc.action, tc.server, got, tc.want)
			}
		})
	}
}

// The names of other programs, and what is near ours, are not the helper.
func TestIsHelper(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]bool{
		program: true, "/a b/" + program: true, "": false, "platformbuild": false, program + "s": false,
		"/" + program + "/platformbuild": false, program + ".exe": runtime.GOOS == "windows",
	} {
		var out bytes.Buffer
		if _, got := Helper([]string{arg, "version"}, nil, nil, &out); got != want || got != (out.Len() > 0) {
			t.Errorf("Helper(%q) = %v, %q, want %v", arg, got, out.String(), want)
		}
	}
	if _, ok := Helper(nil, nil, nil, nil); ok {
		t.Error("Helper of no arguments: got true")
	}
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	other := base64.StdEncoding.EncodeToString([]byte("me:other-password"))
	config := `{
		"auths": {
			"other.example": {"auth": "` + other + `"}, "https://CONTOSO.azurecr.io/v2/": {"auth": "b2xk"},
			"token.example": {"identitytoken": "identity-token"}, "index.docker.io": {}
		},
		"CredHelpers": {"gcr.io": "gcloud", "contoso.azurecr.io": "acr", "https://contoso.AzureCR.io": "acr", "https://index.docker.io/v1/": "x"},
		"credsStore": "desktop", "HttpHeaders": {"X": "y"}, "proxies": {"default": {"httpProxy": "http://p:1"}},
		"cliPluginsExtraDirs": ["/opt/plugins"], "currentContext": "remote", "unknown": {"a": [1, 2.50]}
	}`
	l := newLab(t)
	environ, docker := homeOfUser(t, config, "contexts/meta/x/meta.json", "{}")
	env := serve(t, environ, l.federated(t, acr), l.plain(t, "docker.io", "u", "hunter2"), l.plain(t, "r.example:5000", "v", "hunter3"))
	text, err := os.ReadFile(filepath.Join(env["DOCKER_CONFIG"], configFile))
	if err != nil {
		t.Fatal(err)
	}
	var got, want any
	plugins, _ := json.Marshal(filepath.Join(docker, "cli-plugins"))
	err = json.Unmarshal([]byte(`{
		"auths": {"other.example": {"auth": "`+other+`"}, "token.example": {"identitytoken": "identity-token"}},
		"credHelpers": {
			"gcr.io": "gcloud", "contoso.azurecr.io": "guardrails", "https://index.docker.io/v1/": "guardrails",
			"index.docker.io": "guardrails", "docker.io": "guardrails", "r.example:5000": "guardrails"
		},
		"credsStore": "desktop", "HttpHeaders": {"X": "y"}, "proxies": {"default": {"httpProxy": "http://p:1"}},
		"cliPluginsExtraDirs": ["/opt/plugins", `+string(plugins)+`], "currentContext": "remote", "unknown": {"a": [1, 2.50]}
	}`), &want)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the configuration (-want +got):\n%s", diff)
	}
	if _, err := os.Stat(filepath.Join(env["DOCKER_CONFIG"], "contexts", "meta", "x", "meta.json")); err != nil {
		t.Errorf("the contexts: %v", err)
	}
	if got, want := env["BUILDX_CONFIG"], filepath.Join(docker, "buildx"); got != want {
		t.Errorf("BUILDX_CONFIG is %q, want %q", got, want)
	}
	for _, secret := range []string{other, "other-password", "identity-token"} {
		if !slices.Contains(l.masked, secret) {
			t.Errorf("%q of the user's own was not masked", secret)
		}
	}
	if _, has := env["DOCKER_AUTH_CONFIG"]; has {
		t.Error("DOCKER_AUTH_CONFIG is set")
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	_, docker := homeOfUser(t, `{"credsStore": "x"}`)
	sep := string(filepath.ListSeparator)
	for name, tc := range map[string]struct {
		environ []string
		want    map[string]string
	}{
		"nothing": {nil, map[string]string{"BUILDX_CONFIG": "PRIVATE" + string(filepath.Separator) + "buildx", "PATH": "BIN"}},
		"home":    {[]string{homeVariable + "=" + filepath.Dir(docker), "PATH=/p"}, map[string]string{"BUILDX_CONFIG": filepath.Join(docker, "buildx"), "PATH": "BIN" + sep + "/p"}},
		"another configuration": {
			[]string{homeVariable + "=/nowhere", "DOCKER_CONFIG=" + docker, "BUILDX_CONFIG=" + docker},
			map[string]string{"BUILDX_CONFIG": docker, "PATH": "BIN"},
		},
		"certificates": {
			[]string{"DOCKER_CONFIG=" + docker, "DOCKER_TLS_VERIFY=1"},
			map[string]string{"BUILDX_CONFIG": filepath.Join(docker, "buildx"), "PATH": "BIN", "DOCKER_CERT_PATH": docker},
		},
		"certificates elsewhere": {
			[]string{"DOCKER_CONFIG=" + docker, "DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH=/c"},
			map[string]string{"BUILDX_CONFIG": filepath.Join(docker, "buildx"), "PATH": "BIN"},
		},
		"credentials in a variable": {
			[]string{"DOCKER_AUTH_CONFIG=" + `{"auths":{"contoso.azurecr.io":{"auth":"b2xkOm9sZA=="},"o.example":{"auth":"bmV3Om5ldw=="}}}`},
			map[string]string{
				"BUILDX_CONFIG": "PRIVATE" + string(filepath.Separator) + "buildx", "PATH": "BIN",
				"DOCKER_AUTH_CONFIG": `{"auths":{"o.example":{"auth":"bmV3Om5ldw=="}}}`,
			},
		},
		"ours in a variable": {
			[]string{"DOCKER_AUTH_CONFIG=" + `{"auths":{"contoso.azurecr.io":{"auth":"b2xkOm9sZA=="}}}`},
			map[string]string{"BUILDX_CONFIG": "PRIVATE" + string(filepath.Separator) + "buildx", "PATH": "BIN", "DOCKER_AUTH_CONFIG": ""},
		},
		"nonsense in a variable": {
			[]string{"DOCKER_AUTH_CONFIG={"},
			map[string]string{"BUILDX_CONFIG": "PRIVATE" + string(filepath.Separator) + "buildx", "PATH": "BIN", "DOCKER_AUTH_CONFIG": ""},
		},
	} {
		env := serve(t, tc.environ, l.federated(t, acr))
		private := env["DOCKER_CONFIG"]
		if env[socketVariable] == "" || private == "" {
			t.Errorf("%s: got %v", name, env)
		}
		delete(env, socketVariable)
		delete(env, "DOCKER_CONFIG")
		for key, value := range env {
			env[key] = strings.ReplaceAll(strings.ReplaceAll(value, filepath.Join(private, "bin"), "BIN"), private, "PRIVATE")
		}
		for _, kv := range tc.environ { // the rest stays
			key, value, _ := strings.Cut(kv, "=")
			if _, ours := tc.want[key]; !ours && key != "DOCKER_CONFIG" {
				tc.want[key] = value
			}
		}
		if diff := cmp.Diff(tc.want, env); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for config, want := range map[string]string{
		"{": "is not the JSON that Docker writes", "[]": "is not the JSON", "null": "is not the JSON", "{} {}": "is not the JSON",
		`{"auths":[]}`: `"auths" is not as Docker writes it`, `{"credHelpers":{"a":1}}`: `"credHelpers" is not`,
		`{"cliPluginsExtraDirs":"x"}`: `"cliPluginsExtraDirs" is not`, strings.Repeat(" ", maxConfig+1): "is no configuration",
	} {
		environ, docker := homeOfUser(t, config)
		folder := t.TempDir()
		_, _, err := Serve(t.Context(), folder, environ, l.federated(t, acr))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), filepath.Join(docker, configFile)) {
			t.Errorf("Serve with %.40q: %v, want %q", config, err, want)
		}
		if left, _ := os.ReadDir(folder); len(left) > 0 {
			t.Errorf("Serve with %.40q left %v", config, left)
		}
	}
	if _, _, err := Serve(t.Context(), t.TempDir(), nil, l.federated(t, acr), l.plain(t, acr, "u", "p")); err == nil {
		t.Error("Serve with two connections for one host: no error")
	}
	_, docker := homeOfUser(t, "{}")
	if _, _, err := Serve(t.Context(), filepath.Join(docker, configFile), nil); err == nil {
		t.Error("Serve in a file: no error")
	}
	environ, _ := homeOfUser(t, " \n")
	serve(t, environ, nil) // Docker takes it, too
}

// A connection without credentials leaves the user's own to Docker.
func TestNobody(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s, err := Of(connect(t, "UsernamePassword", "auth REGISTRY=r.example"), l.config)
	if err != nil {
		t.Fatal(err)
	}
	environ, _ := homeOfUser(t, `{"auths":{"r.example":{"auth":"bWU6bWU="}}}`)
	env := serve(t, environ, s)
	text, err := os.ReadFile(filepath.Join(env["DOCKER_CONFIG"], configFile))
	if err != nil || !strings.Contains(string(text), "bWU6bWU=") || strings.Contains(string(text), `"r.example":"guardrails"`) {
		t.Errorf("the configuration is %s, %v", text, err)
	}
	if out, err := run(t, env, "get", "r.example"); err == nil || out != errUnknown.Error()+"\n" {
		t.Errorf("get: %q, %v", out, err)
	}
}

// Nothing of ours is on the disk but the way to it, which ends with close; others cannot even look for it.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	folder := t.TempDir()
	environ, docker := homeOfUser(t, `{}`, "contexts/meta/x/meta.json", "{}")
	d, stop, err := Serve(t.Context(), folder, environ, l.federated(t, acr), l.plain(t, "r.example", "u", "hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for _, kv := range d.Env {
		name, value, _ := strings.Cut(kv, "=")
		env[name] = value
	}
	if out, err := run(t, env, "get", acr); err != nil || !strings.Contains(out, "hunter2sig") {
		t.Fatalf("get: %q, %v", out, err)
	}
	word, _, _ := strings.Cut(env[socketVariable], ":")
	err = filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if path != folder && runtime.GOOS != "windows" && info.Mode()&fs.ModeSymlink == 0 && info.Mode().Perm()&0o077 != 0 && e.Type() != fs.ModeSocket {
			t.Errorf("%s has the mode %s", path, info.Mode())
		}
		if !info.Mode().IsRegular() || strings.HasPrefix(e.Name(), program) {
			return nil
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), "hunter2") || strings.Contains(string(text), word) {
			t.Errorf("%s holds a secret: %s", path, text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	stop()
	stop()
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("after close there is %v, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(docker, "contexts", "meta", "x", "meta.json")); err != nil {
		t.Errorf("the user's own contexts: %v", err)
	}
}

// Docker itself, if there is one, takes its credentials from us: also when those of its last call have ended.
func TestDocker(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("docker"); err != nil {
		t.Skip("there is no docker here")
	}
	l := newLab(t)
	r := l.registryOfAzure(t, false)
	name, err := name.NewTag(r.Host() + "/app:1")
	if err != nil {
		t.Fatal(err)
	}
	image, err := random.Image(10, 1)
	if err == nil {
		err = remote.Write(name, image, remote.WithTransport(r.Inside()))
	}
	if err != nil {
		t.Fatal(err)
	}
	environ, _ := homeOfUser(t, "")
	env := ours(serve(t, environ, l.federated(t, r.Host())))
	for exchanges, tc := range []struct {
		env  []string
		want string
	}{
		{nil, "unauthorized"}, {env, "schemaVersion"}, {env, "schemaVersion"},
	} {
		cmd := exec.CommandContext(t.Context(), "docker", "manifest", "inspect", "--insecure", name.String())
		cmd.Env = append(append(environ, "DOCKER_HOST=unix:///nowhere.sock"), tc.env...)
		out, _ := cmd.CombinedOutput()
		if !strings.Contains(string(out), tc.want) || r.Count("exchange", http.StatusOK) != exchanges {
			t.Errorf("docker manifest inspect with %q: %s\nwant %q, and %d exchanges in\n%s", tc.env, out, tc.want, exchanges, r.Log())
		}
		l.pass(4 * time.Hour)
	}
}

func ours(env map[string]string) (environ []string) {
	for key, value := range env {
		environ = append(environ, key+"="+value)
	}
	return environ
}
