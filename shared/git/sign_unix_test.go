//go:build unix

package git

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Where the agent's path is too long for the sockets of gpg-agent, the key lies in the
// repository all the same, and nothing is left elsewhere, also if the step is cancelled.
func TestSignWithGPGOnALongPath(t *testing.T) {
	t.Parallel()
	key, _ := gpgKey(t, "")
	for name, then := range map[string]string{"to the end": "", "cancelled": "sleep 60"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gpg, err := exec.LookPath("gpg")
			if err != nil {
				t.Fatal(err)
			}
			bin := t.TempDir()
			notes := filepath.Join(bin, "notes")
			script := "#!/bin/sh\necho \"$GNUPGHOME\" >>'" + notes + "'\n(cd \"$GNUPGHOME\" && pwd -P) >>'" + notes + "'\n" +
				"case \"$*\" in *--detach-sign*) : >'" + notes + ".signs'; " + then + ";; esac\nexec '" + gpg + "' \"$@\"\n"
			script = strings.ReplaceAll(script, "; ;;", " ;;")
			if err := os.WriteFile(filepath.Join(bin, "gpg"), []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			root, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			path := "PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH")
			r, err := client(t, path).Init(t.Context(), filepath.Join(root, strings.Repeat("long", 25)), Remote{})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if then != "" {
				go func() {
					for ctx.Err() == nil {
						if _, err := os.Stat(notes + ".signs"); err == nil {
							cancel()
						}
						time.Sleep(10 * time.Millisecond)
					}
				}()
			}
			c := plain()
			c.SigningKey = key
			if id, err := r.Commit(ctx, c); (err == nil) != (then == "") {
				t.Errorf("Commit = %q, %v", id, err)
			}
			longPathLeft(t, r, notes)
			nothingLeft(t, r)
		})
	}
}

// longPathLeft checks what gpg has noted: its folder, and where that is really.
func longPathLeft(t *testing.T, r *Repo, notes string) {
	t.Helper()
	text, err := os.ReadFile(notes)
	noted := strings.Split(strings.TrimSpace(string(text)), "\n")
	if err != nil || len(noted) < 4 {
		t.Fatalf("gpg was run with %q, %v, want twice at least", noted, err)
	}
	for i := 0; i < len(noted); i += 2 {
		if len(noted[i]) > maxSocketDir || !strings.HasPrefix(noted[i+1], r.Dir()+string(os.PathSeparator)) {
			t.Errorf("the keyring is %q, which is %q, want a short name for a folder in %q", noted[i], noted[i+1], r.Dir())
		}
	}
	if _, err := os.Lstat(filepath.Dir(noted[0])); !os.IsNotExist(err) {
		t.Errorf("%q is still there: %v", filepath.Dir(noted[0]), err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		running, _ := filepath.Glob("/proc/[0-9]*/environ")
		left := ""
		for _, name := range running {
			if text, _ := os.ReadFile(name); strings.Contains(string(text), "GNUPGHOME="+noted[0]) {
				left = name
			}
		}
		if left == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the process of %s is still there", left)
		}
	}
}
