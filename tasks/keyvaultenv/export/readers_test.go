package export_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/export"
)

// The readers are the real ones: each is given the file as a pipeline would give
// it, and says which values it has found under the names.

type reader func(t *testing.T, file string, names []string) map[string]string

func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no %s here", name)
	}
	return path
}

func output(t *testing.T, command *exec.Cmd) []byte {
	t.Helper()
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command.Args[0], err, stderr.String())
	}
	return out
}

func bash(t *testing.T, file string, names []string) map[string]string {
	t.Helper()
	var script strings.Builder
	script.WriteString("set -eu; source \"$1\"\n")
	for _, name := range names {
		fmt.Fprintf(&script, "printf '%%s\\0' \"$%s\"\n", name)
	}
	command := exec.Command(tool(t, "bash"), "--noprofile", "--norc", "-s", "--", file)
	command.Env = []string{"PATH=/nowhere"} // no value may run anything
	command.Stdin = strings.NewReader(script.String())
	values := strings.Split(string(output(t, command)), "\x00")
	found := map[string]string{}
	for i, name := range names {
		found[name] = values[i]
	}
	return found
}

func node(version string) reader {
	return func(t *testing.T, file string, names []string) map[string]string {
		t.Helper()
		program := filepath.Join("..", "..", "..", "build", "npm", "node_modules", "node"+version, "bin", "node")
		if _, err := os.Stat(program); err != nil {
			t.Fatalf("%v (run `make oracles`)", err)
		}
		command := exec.Command(program, "--env-file="+file, "-e",
			`process.stdout.write(JSON.stringify(process.argv.slice(1).map(n => process.env[n] ?? "(unset)")))`)
		command.Args = append(command.Args, names...)
		command.Env = []string{"SYSTEMROOT=" + os.Getenv("SYSTEMROOT")}
		return named(t, output(t, command), names)
	}
}

func jq(t *testing.T, file string, names []string) map[string]string {
	t.Helper()
	wanted, err := json.Marshal(names)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(tool(t, "jq"), "-c", "--argjson", "names", string(wanted), `[$names[] as $n | .[$n]]`, file)
	return named(t, output(t, command), names)
}

func named(t *testing.T, out []byte, names []string) map[string]string {
	t.Helper()
	var values []string
	if err := json.Unmarshal(out, &values); err != nil || len(values) != len(names) {
		t.Fatalf("the reader wrote %q: %v", out, err)
	}
	found := map[string]string{}
	for i, name := range names {
		found[name] = values[i]
	}
	return found
}

// docker asks the client what it would tell the daemon, of which there is none.
func docker(t *testing.T, file string, _ []string) map[string]string {
	t.Helper()
	client := tool(t, "docker")
	found := map[string]string{}
	daemon := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.43")
		if !strings.HasSuffix(r.URL.Path, "/containers/create") {
			return
		}
		var container struct{ Env []string }
		if err := json.NewDecoder(r.Body).Decode(&container); err != nil {
			t.Errorf("docker sent no container: %v", err)
		}
		for _, entry := range container.Env {
			name, value, _ := strings.Cut(entry, "=")
			found[name] = value
		}
		w.WriteHeader(http.StatusTeapot)
	}))
	defer daemon.Close()
	command := exec.Command(client, "run", "--env-file", file, "image")
	command.Env = []string{"HOME=" + t.TempDir(), "DOCKER_HOST=tcp://" + daemon.Listener.Addr().String()}
	out, err := command.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "418") && !strings.Contains(string(out), "teapot") {
		t.Fatalf("docker run did not reach the daemon: %v\n%s", err, out)
	}
	return found
}

var readers = map[export.Format]map[string]reader{
	export.Dotenv: {"bash": bash, "node 20": node("20"), "node 24": node("24")},
	export.Docker: {"docker": docker},
	export.JSON:   {"jq": jq},
}

// texts are values that some format or reader is known to stumble over.
var texts = []string{
	"", "plain", "postgresql://app:p%40ss@db.contoso.com:5432/app?sslmode=require", "a=b", "=", "a b", " a ", "\t",
	"#comment", "a#b", "a #b", "$HOME", "${HOME}", "$(id)", "`id`", `a"b`, `"quoted"`, "it's", "''", `it's; "both"`,
	`'; touch /tmp/x; '`, "~", "~root", "a:~", "!!", "a!b", "*", "?", "[a-z]", "{a,b}", "a&b", "a;b", "a|b", "<a>", "(a)",
	`a\b`, `a\nb`, `\`, `a\`, `a\\`, "a\nb", "\na", "a\n", "\n", "a\n#b\nA=c\n", "a\rb", "a\r\nb", "grün", "\u00a0x", "日本語",
	"\u2028", "\ufeffbom", "a\x00b", "\xff", "export A=b", "\x1b[31m", "\x7f", `C:\dir\new`, "a\vb\fc", "%s%n", "-n", "--",
	"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ==\n-----END PRIVATE KEY-----\n",
	`{"user":"app","password":"it's"}`, `Server=tcp:db;Password="x;y";`, "AccountKey=abc+/==;EndpointSuffix=core.windows.net",
}

// Every text alone, in each format: a reader finds it as it is, or it is refused.
func TestReadersFindWhatWasWritten(t *testing.T) {
	t.Parallel()
	for format, all := range readers {
		for name, read := range all {
			t.Run(string(format)+" by "+name, func(t *testing.T) {
				t.Parallel()
				var values []export.Pair
				for i, text := range texts {
					v := export.Pair{Name: fmt.Sprintf("V%d", i), Value: text}
					if _, err := export.Render(format, []export.Pair{v}); err == nil {
						values = append(values, v)
					}
				}
				if len(values) < 20 {
					t.Fatalf("%s holds only %d of the texts", format, len(values))
				}
				checkReader(t, format, read, values)
			})
		}
	}
}

// The texts that a format does not hold are these, so that no refusal is for nothing.
func TestRefusedTexts(t *testing.T) {
	t.Parallel()
	want := map[export.Format][]string{
		export.Dotenv: {`it's; "both"`, `\`, `a\`, `a\\`, "a\rb", "a\r\nb", "a\x00b", "\xff", `{"user":"app","password":"it's"}`},
		export.Docker: {"a\nb", "\na", "a\n", "\n", "a\n#b\nA=c\n", "a\rb", "a\r\nb", "a\x00b", "\xff",
			"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ==\n-----END PRIVATE KEY-----\n"},
		export.JSON: {"\xff"},
		export.Raw:  nil,
	}
	for format, refused := range want {
		var got []string
		for _, text := range texts {
			_, err := export.Render(format, []export.Pair{{Name: "NAME", Value: text}})
			if err == nil {
				continue
			}
			got = append(got, text)
			if !strings.Contains(err.Error(), "NAME") || len(text) > 4 && strings.Contains(err.Error(), text) {
				t.Errorf("Render(%s, %q): the error must name it and not show it: %v", format, text, err)
			}
		}
		if diff := cmp.Diff(refused, got); diff != "" {
			t.Errorf("the format %s refuses (-want +got):\n%s", format, diff)
		}
	}
}

// Random texts of the characters that mean something to somebody, next to each
// other in one file: no value may spill into the next.
func TestReadersFindRandomTexts(t *testing.T) {
	t.Parallel()
	for format, all := range readers {
		values := randomValues(t, format, 400)
		for name, read := range all {
			t.Run(string(format)+" by "+name, func(t *testing.T) {
				t.Parallel()
				checkReader(t, format, read, values)
			})
		}
	}
}

func TestReadersFindBigTexts(t *testing.T) {
	t.Parallel()
	for format, all := range readers {
		values := []export.Pair{
			{Name: "A", Value: "a"}, {Name: "BIG", Value: strings.Repeat("0123456789 abcdef", 25*1024/17)}, {Name: "C", Value: "c"},
		}
		if format != export.Docker {
			values = append(values, export.Pair{Name: "HUGE", Value: strings.Repeat("line of a file\n", 1<<16)})
		}
		for name, read := range all {
			t.Run(string(format)+" by "+name, func(t *testing.T) {
				t.Parallel()
				checkReader(t, format, read, values)
			})
		}
	}
}

func checkReader(t *testing.T, format export.Format, read reader, values []export.Pair) {
	t.Helper()
	rendered, err := export.Render(format, values)
	if err != nil {
		t.Fatalf("Render(%s): %v", format, err)
	}
	temp := t.TempDir()
	file := filepath.Join(temp, "secrets.env")
	if err := export.Write(temp, file, rendered); err != nil {
		t.Fatal(err)
	}
	var names []string
	want := map[string]string{}
	for _, v := range values {
		names = append(names, v.Name)
		want[v.Name] = v.Value
	}
	if diff := cmp.Diff(want, read(t, file, names)); diff != "" {
		t.Errorf("the reader of %s found (-want +got):\n%.2000s", format, diff)
	}
}

// The names that are refused for bash's sake are those that bash does not hold.
func TestBashDoesNotHoldTheNamesThatAreRefused(t *testing.T) {
	t.Parallel()
	program := tool(t, "bash")
	held := func(name string) bool {
		script := fmt.Sprintf("%s=12x45\n[ \"${%s-}\" = 12x45 ] && echo held", name, name)
		out, _ := exec.Command(program, "--noprofile", "--norc", "-c", script).Output()
		return slices.Equal(out, []byte("held\n"))
	}
	names := output(t, exec.Command(program, "--noprofile", "--norc", "-c", "compgen -v"))
	for _, name := range strings.Fields(string(names)) {
		if export.Named(export.Dotenv, name) && !held(name) {
			t.Errorf("Named(dotenv, %q), but bash does not hold a value in it", name)
		}
	}
	for _, name := range []string{"UID", "RANDOM", "_", "PPID", "OPTIND"} {
		if export.Named(export.Dotenv, name) || held(name) {
			t.Errorf("Named(dotenv, %q) is %v, and that bash holds a value in it %v; want neither", name,
				export.Named(export.Dotenv, name), held(name))
		}
	}
}
