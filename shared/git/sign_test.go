package git

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tool runs a program that makes or checks keys.
func tool(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v: it is needed for this test (packages gnupg and openssh-client)\n%s", name, args, err, out)
	}
	return string(out)
}

// sshKey makes a key pair and returns the file of the private one.
func sshKey(t *testing.T, passphrase string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "key")
	tool(t, nil, "ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "bob@example.com", "-f", name)
	return name
}

// gpgKey makes a key and returns the file with the private one, and the keyring with the
// public one.
func gpgKey(t *testing.T, passphrase string) (name, home string) {
	t.Helper()
	home, err := os.MkdirTemp("", "g") // sockets have short names
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"GNUPGHOME=" + home}
	t.Cleanup(func() {
		cmd := exec.Command("gpgconf", "--kill", "all")
		cmd.Env = append(env, "PATH="+os.Getenv("PATH"))
		_ = cmd.Run()
		_ = os.RemoveAll(home)
	})
	pass := []string{"--batch", "--pinentry-mode", "loopback", "--passphrase", passphrase}
	tool(t, env, "gpg", append(pass, "--quick-gen-key", "Bob <bob@example.com>", "ed25519", "sign", "never")...)
	text := tool(t, env, "gpg", append(pass, "--quiet", "--no-tty", "--armor", "--export-secret-keys")...)
	name = filepath.Join(t.TempDir(), "key.asc")
	if err := os.WriteFile(name, []byte(text[strings.Index(text, "-----BEGIN"):]), 0o644); err != nil {
		t.Fatal(err)
	}
	return name, home
}

// signed commits with a key.
func signed(t *testing.T, r *Repo, key string) (ID, error) {
	t.Helper()
	c := plain()
	c.SigningKey = key
	return r.Commit(t.Context(), c)
}

func TestSignWithSSH(t *testing.T) {
	t.Parallel()
	r := scratch(t)
	if !r.git.version.atLeast(2, 34) {
		return // with the flag -git; see TestSSHNeedsANewerGit
	}
	key := sshKey(t, "")
	text, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	// As a secure file: readable for others, and edited on Windows.
	if err := os.WriteFile(key, bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	id, err := signed(t, r, key)
	if err != nil {
		t.Fatalf("Commit with an SSH key: %v", err)
	}
	allowed := filepath.Join(t.TempDir(), "allowed")
	if err := os.WriteFile(allowed, append([]byte("bob@example.com "), public...), 0o600); err != nil {
		t.Fatal(err)
	}
	gitIn(t, r.Dir(), "", "-c", "gpg.format=ssh", "-c", "gpg.ssh.allowedSignersFile="+allowed, "verify-commit", string(id))
	nothingLeft(t, r)
}

func TestSignWithGPG(t *testing.T) {
	t.Parallel()
	r := scratch(t)
	key, home := gpgKey(t, "")
	id, err := signed(t, r, key)
	if err != nil {
		t.Fatalf("Commit with an OpenPGP key: %v", err)
	}
	// With the public key alone, as somebody else has it.
	env := []string{"GNUPGHOME=" + home, "GIT_DIR=" + r.Dir()}
	tool(t, env, "git", "verify-commit", string(id))
	nothingLeft(t, r)
}

// nothingLeft checks that no key and no keyring is left, and that no daemon uses one.
func nothingLeft(t *testing.T, r *Repo) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(r.Dir(), "guardrails-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("after signing there are %q, %v, want nothing", left, err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		running, _ := filepath.Glob("/proc/[0-9]*/environ")
		found := ""
		for _, name := range running {
			text, _ := os.ReadFile(name)
			if bytes.Contains(text, []byte("GNUPGHOME="+r.Dir())) {
				found = name
			}
		}
		if found == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("after signing the process of %s is still there", found)
		}
	}
}

func TestSignRefusals(t *testing.T) {
	t.Parallel()
	locked, _ := gpgKey(t, "hunter2")
	open, _ := gpgKey(t, "")
	two, err := os.ReadFile(open)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := gpgKey(t, "")
	more, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) string {
		name := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for name, tc := range map[string]struct{ key, want string }{
		"no file":              {filepath.Join(t.TempDir(), "none"), "reading the signing key"},
		"no key":               {write("hello\n"), "it is no private key of OpenPGP"},
		"public key":           {sshKey(t, "") + ".pub", "it is no private key of OpenPGP"},
		"SSH with passphrase":  {sshKey(t, "hunter2"), "it has a passphrase"},
		"SSH PEM with phrase":  {write("-----BEGIN ENCRYPTED PRIVATE KEY-----\nx\n"), "it has a passphrase"},
		"broken SSH key":       {write("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----"), "commit-tree"},
		"gpg with passphrase":  {locked, "it has a passphrase"},
		"broken gpg key":       {write("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n-----END PGP PRIVATE KEY BLOCK-----\n"), "gpg"},
		"two keys in the file": {write(string(two) + string(more)), "the file holds 2 private keys"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := scratch(t)
			if strings.Contains(name, "SSH") && !r.git.version.atLeast(2, 34) {
				return
			}
			id, err := signed(t, r, tc.key)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("Commit = %q, %v, want one line with %q", id, err, tc.want)
			}
			nothingLeft(t, r)
		})
	}
}

func TestSSHNeedsANewerGit(t *testing.T) {
	t.Parallel()
	r := scratch(t)
	r.git.version = version{2, 33}
	if _, err := signed(t, r, sshKey(t, "")); err == nil || !strings.Contains(err.Error(), "needs git 2.34") {
		t.Errorf("Commit with git 2.33 = %v, want that 2.34 is needed", err)
	}
}
