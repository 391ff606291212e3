package credential

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// place takes the variable for the helper apart.
func place(t *testing.T, env map[string]string) (word, path string) {
	t.Helper()
	word, path, ok := strings.Cut(env[socketVariable], ":")
	if !ok || len(word) < 26 {
		t.Fatalf("%s is %q", socketVariable, env[socketVariable])
	}
	return word, path
}

// talk sends a text to the socket and returns all that comes back.
func talk(t *testing.T, path, text string) string {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, text) // it may hang up
	answer, _ := io.ReadAll(conn)
	return string(answer)
}

func TestHostileClients(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	env := serve(t, nil, l.plain(t, "r.example", "u", "hunter2"))
	word, path := place(t, env)
	if !slices.Contains(l.masked, word) {
		t.Errorf("the word is not masked: %q", l.masked)
	}
	for name, text := range map[string]string{
		"no word":          `{"action":"get","server":"r.example"}` + "\n",
		"another word":     `{"word":"` + strings.Repeat("A", len(word)) + `","action":"get","server":"r.example"}` + "\n",
		"half a word":      `{"word":"` + word[:10] + `","action":"get","server":"r.example"}` + "\n",
		"not JSON":         word + "\n",
		"wrong JSON":       `["` + word + `"]` + "\n",
		"empty line":       "\n",
		"a line too long":  `{"word":"` + word + `","action":"get","server":"` + strings.Repeat(" ", maxRequest) + `r.example"}` + "\n",
		"HTTP":             "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"megabytes":        strings.Repeat("A", 4<<20),
		"a list of a word": `{"word":["` + word + `"],"action":"get","server":"r.example"}` + "\n",
	} {
		if got := talk(t, path, text); got != "" {
			t.Errorf("%s: got %q, want silence", name, got)
		}
	}
	if got := talk(t, path, `{"word":"`+word+`","action":"get","server":"r.example"}`+"\nmore\n"); !strings.Contains(got, "hunter2") {
		t.Errorf("a good client after those: got %q", got)
	}
	if got := talk(t, path, `{"word":"`+word+`","action":"dump"}`+"\n"); !strings.Contains(got, "error") || strings.Contains(got, "hunter2") {
		t.Errorf("another action: got %q", got)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Errorf("the socket's folder: %v, %v", info.Mode(), err)
	}
}

// Clients that say nothing keep the others waiting at most, and do not keep close.
func TestSilentClients(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	d, stop, err := Serve(t.Context(), t.TempDir(), nil, l.plain(t, "r.example", "u", "hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	_, value, _ := strings.Cut(find(d.Env, socketVariable), "=")
	_, path := place(t, map[string]string{socketVariable: value})
	var conns []net.Conn
	for range maxClients + 4 {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	stop()
	for i, conn := range conns {
		if got, err := bufio.NewReader(conn).ReadByte(); err == nil {
			t.Errorf("client %d got %q", i, got)
		}
		_ = conn.Close()
	}
	if _, err := net.Dial("unix", path); err == nil {
		t.Error("after close there is somebody who listens")
	}
}

func find(environ []string, name string) string {
	for _, kv := range environ {
		if strings.HasPrefix(kv, name+"=") {
			return kv
		}
	}
	return ""
}

func TestManyClients(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	env := serve(t, nil, l.federated(t, acr))
	word, path := place(t, env)
	var all sync.WaitGroup
	for range 60 {
		all.Go(func() {
			var said reply
			got := talk(t, path, fmt.Sprintf(`{"word":%q,"action":"get","server":%q}`, word, acr)+"\n")
			if json.Unmarshal([]byte(got), &said) != nil || !strings.HasSuffix(said.Secret, "hunter2sig") {
				t.Errorf("got %q", got)
			}
		})
	}
	all.Wait()
	if l.asked() != 1 {
		t.Errorf("60 clients made %d requests to the registry, want one", l.asked())
	}
}

// The end of the job ends a request that waits for the registry.
func TestCloseWhileAsking(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	arrived := make(chan bool, 1)
	l.answer = func(_ http.ResponseWriter, r *http.Request) {
		arrived <- true
		<-r.Context().Done()
	}
	ctx, cancel := context.WithCancel(t.Context())
	d, stop, err := Serve(ctx, t.TempDir(), nil, l.federated(t, acr))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan string, 1)
	go func() {
		var out strings.Builder
		Helper([]string{program, "get"}, d.Env, strings.NewReader(acr), &out)
		ended <- out.String()
	}()
	<-arrived
	cancel()
	if got := <-ended; !strings.Contains(got, "does not answer") {
		t.Errorf("the helper says %q", got)
	}
	stop()
}

// A refusal of the registry reaches Docker as one line.
func TestRefusalReachesDocker(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.answer = refuse(401, "UNAUTHORIZED")
	env := serve(t, nil, l.federated(t, acr))
	out, err := run(t, env, "get", acr)
	if err == nil || !strings.Contains(out, "give it the role AcrPush") || strings.Count(out, "\n") != 1 {
		t.Errorf("get: %q, %v", out, err)
	}
}

func TestHelperWithoutTask(t *testing.T) {
	t.Parallel()
	for place, want := range map[string]string{
		"": "works only for a Docker that", "x": "works only for", "word:" + filepath.Join(t.TempDir(), "s"): "has ended",
	} {
		var out strings.Builder
		code, ok := Helper([]string{program, "get"}, []string{socketVariable + "=" + place}, strings.NewReader(acr), &out)
		if code != 1 || !ok || !strings.Contains(out.String(), want) {
			t.Errorf("Helper with %q: %d, %v, %q, want %q", place, code, ok, out.String(), want)
		}
	}
}

// One who does not say what it wants loses its place.
func TestSlowClient(t *testing.T) {
	t.Parallel()
	l, err := listen(t.TempDir(), tempFolders)
	if err != nil {
		t.Fatal(err)
	}
	l.patience = time.Millisecond
	defer l.serve(t.Context(), nil)()
	if got := talk(t, l.path, `{"word":`); got != "" {
		t.Errorf("got %q", got)
	}
}

// Where a path is too long for a socket, it is in another folder, which is as private and goes as well.
func TestLongPath(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("the folder for it comes from other variables")
	}
	l := newLab(t)
	folder := filepath.Join(t.TempDir(), strings.Repeat("x", 150))
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	d, stop, err := Serve(t.Context(), folder, []string{"TMPDIR=/nowhere"}, l.plain(t, "r.example", "u", "hunter2"))
	if err != nil {
		t.Fatalf("Serve: %v", err)
	}
	_, value, _ := strings.Cut(find(d.Env, socketVariable), "=")
	word, path := place(t, map[string]string{socketVariable: value})
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%s: %v", path, err)
	}
	if got := talk(t, path, `{"word":"`+word+`","action":"list"}`+"\n"); !strings.Contains(got, "r.example") {
		t.Errorf("got %q", got)
	}
	stop()
	if _, err := os.Stat(filepath.Dir(path)); err == nil {
		t.Errorf("%s is left", filepath.Dir(path))
	}
}
