package guardedpush

import (
	"bytes"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/adotest"
	"github.com/guardrails-ci/guardrails/shared/gittest"
)

const (
	keyID  = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
	ticket = "the-ticket-of-the-file"
)

// signs gives the step a secure file to sign with.
func (j *job) signs(key []byte) *job {
	j.devops.Update(func(p *adotest.Project) {
		p.Files = []adotest.SecureFile{{
			ID: keyID, Name: "signing.key", Ticket: ticket,
			Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(key)), nil },
		}}
	})
	return j.input("sign", keyID).set("SECUREFILE_TICKET_"+keyID, ticket, "SECUREFILE_NAME_"+keyID, "signing.key")
}

// sshKey makes a pair of keys, with a passphrase or without.
func (j *job) sshKey(passphrase string) (private []byte, public string) {
	j.t.Helper()
	path := filepath.Join(j.t.TempDir(), "key")
	j.shell(j.root, "ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "ci", "-f", path)
	private, err := os.ReadFile(path)
	j.must(err)
	text, err := os.ReadFile(path + ".pub")
	j.must(err)
	return private, string(text)
}

// The commit is signed, and the key is nowhere afterwards: not in the log, not on the disk.
func TestSign(t *testing.T) {
	t.Parallel()
	for name, pullRequest := range map[string]string{"pushed": "off", "proposed": "always"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fresh(t).input("pullRequest", pullRequest)
			private, public := j.sshKey("")
			j.signs(private).set("SYSTEM_DEBUG", "true")
			if got := j.run(); got != "Succeeded" {
				t.Fatalf("result %s:\n%s", got, j.log)
			}
			signers := filepath.Join(t.TempDir(), "signers")
			j.must(writeFile(signers, "guardrails@noreply.invalid "+public))
			j.remote("-c", "gpg.ssh.allowedSignersFile="+signers, "verify-commit", j.output("commit"))
			lines := strings.Split(string(private), "\n")
			j.silent(lines[1], ticket)
			err := filepath.WalkDir(j.path("work"), func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				data, err := os.ReadFile(path)
				if bytes.Contains(data, []byte(lines[1])) {
					t.Errorf("the key is in %s", path)
				}
				return err
			})
			j.must(err)
		})
	}
}

// What cannot be signed is not pushed.
func TestSignWithoutAKey(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		prepare func(j *job)
		reason  string
		says    string
	}{
		"no such file": {func(j *job) { j.input("sign", keyID) }, "push/input", "did not hand over"},
		"no id":        {func(j *job) { j.input("sign", "signing key") }, "push/input", `input "sign"`},
		"another ticket": {func(j *job) {
			private, _ := j.sshKey("")
			j.signs(private).set("SECUREFILE_TICKET_"+keyID, "another")
		}, "push/sign", "could not be downloaded"},
		"a passphrase": {func(j *job) {
			private, _ := j.sshKey("hunter-of-foxes")
			j.signs(private)
		}, "push/sign", "passphrase"},
		"no key":   {func(j *job) { j.signs([]byte("hello\n")) }, "push/sign", "OpenSSH"},
		"half one": {func(j *job) { j.signs([]byte("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n")) }, "push/sign", "OpenSSH"},
		"an outage": {func(j *job) {
			private, _ := j.sshKey("")
			j.signs(private).devops.Fail("securefiles", -1, adotest.Answer(http.StatusServiceUnavailable, "soon"))
		}, "push/sign", "could not be downloaded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fresh(t).input("enforcement", "warn")
			tc.prepare(j)
			j.untouched(func() { j.want("Failed", tc.reason) })
			j.oneError(tc.says, "How to fix: ")
			j.silent(ticket, "hunter-of-foxes")
		})
	}
}

// After a lost race the new commit is signed, too.
func TestSignAfterARace(t *testing.T) {
	t.Parallel()
	j := fresh(t)
	private, public := j.sshKey("")
	n := 0
	j.git.Before(func(gittest.Update) {
		if n++; n == 1 {
			j.theirs(map[string]string{"other.txt": "x\n"})
		}
	})
	j.signs(private).want("Succeeded", "pushed")
	signers := filepath.Join(t.TempDir(), "signers")
	j.must(writeFile(signers, "guardrails@noreply.invalid "+public))
	j.remote("-c", "gpg.ssh.allowedSignersFile="+signers, "verify-commit", "main")
	same(t, "tries", 2, n)
}
