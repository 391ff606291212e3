package git

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/proc"
	"github.com/guardrails-ci/guardrails/shared/safepath"
)

// signer is what a commit needs to be signed. close removes it.
type signer struct {
	arg    string
	config []setting
	env    []string
	close  func()
}

// maxKey is the largest key file.
const maxKey = 1 << 20

// signer reads a key file.
func (r *Repo) signer(ctx context.Context, name string) (*signer, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("reading the signing key: %w", err)
	}
	defer f.Close()
	key, err := io.ReadAll(io.LimitReader(f, maxKey))
	if err != nil {
		return nil, fmt.Errorf("reading the signing key: %w", err)
	}
	// A secure file may come from Windows, and ssh-keygen wants its lines ended.
	key = append(bytes.TrimSpace(bytes.ReplaceAll(key, []byte("\r\n"), []byte("\n"))), '\n')
	first, _, _ := strings.Cut(string(key[:min(len(key), 200)]), "\n")
	var s *signer
	switch {
	case first == "-----BEGIN PGP PRIVATE KEY BLOCK-----":
		s, err = r.gpgSigner(ctx, key)
	case strings.HasPrefix(first, "-----BEGIN ") && strings.HasSuffix(first, " PRIVATE KEY-----"):
		s, err = r.sshSigner(key)
	default:
		err = errors.New("it is no private key of OpenPGP (gpg --armor --export-secret-keys) or OpenSSH")
	}
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	return s, nil
}

var errPassphrase = errors.New("it has a passphrase, which nobody is there to enter; use a key without one")

// sshSigner puts a key where ssh-keygen takes it from: a file that is its owner's alone.
func (r *Repo) sshSigner(key []byte) (*signer, error) {
	if !r.git.version.atLeast(2, 34) {
		return nil, fmt.Errorf("git on this agent is %s; signing with an SSH key needs git 2.34", r.git.version)
	}
	if encrypted(key) {
		return nil, errPassphrase
	}
	name := r.temporary("key")
	if err := safepath.WritePrivate(name, key); err != nil {
		return nil, err
	}
	return &signer{
		arg: "-S", config: []setting{{"gpg.format", "ssh"}, {"user.signingKey", name}},
		close: func() { _ = safepath.RemovePrivate(name) },
	}, nil
}

// encrypted reports whether a private key has a passphrase: it says so in words (PEM,
// PKCS #8), or names a cipher (OpenSSH, PROTOCOL.key).
func encrypted(key []byte) bool {
	text := string(key)
	if strings.Contains(text, "ENCRYPTED") {
		return true
	}
	_, body, _ := strings.Cut(text, "-----\n")
	body, _, _ = strings.Cut(body, "-----")
	raw, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(body, "\n", ""))
	rest, ok := bytes.CutPrefix(raw, []byte("openssh-key-v1\x00"))
	if err != nil || !ok || len(rest) < 4 {
		return false
	}
	size := binary.BigEndian.Uint32(rest)
	rest = rest[4:]
	return uint64(size) > uint64(len(rest)) || string(rest[:size]) != "none"
}

// maxSocketDir is how long the folder may be in which gpg-agent makes its sockets: with
// their names a Unix socket has room for 104 bytes at least.
const maxSocketDir = 80

// gpgSigner puts a key into a keyring of its own, which lies here: whatever becomes of this
// process, nobody forgets to remove it. The agent that gpg starts with it, a daemon, ends
// with close.
func (r *Repo) gpgSigner(ctx context.Context, key []byte) (*signer, error) {
	home := r.temporary("gpg")
	if err := os.Mkdir(home, 0o700); err != nil {
		return nil, err
	}
	name, forget, err := shortName(home)
	if err != nil {
		_ = os.Remove(home)
		return nil, err
	}
	s := &signer{env: []string{"GNUPGHOME=" + name}}
	s.close = func() {
		r.endGPG(ctx, home, s.env)
		forget()
	}
	fingerprint, err := r.importKey(ctx, name, key, s.env)
	if err != nil {
		s.close()
		return nil, err
	}
	s.arg = "-S" + fingerprint
	return s, nil
}

// shortName returns a name for a folder that is short enough for gpg-agent: a link to it in
// a folder of ours if need be.
func shortName(home string) (name string, forget func(), err error) {
	if len(home) <= maxSocketDir {
		return home, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "gpg")
	if err != nil {
		return "", nil, err
	}
	forget = func() { _ = os.RemoveAll(dir) } // not what is linked to
	name = filepath.Join(dir, "h")
	if err := os.Symlink(home, name); err != nil {
		// Not everybody may do that on Windows. What the folder itself has is removed, too.
		return dir, forget, nil
	}
	return name, forget, nil
}

func (r *Repo) importKey(ctx context.Context, home string, key []byte, env []string) (string, error) {
	for name, text := range map[string]string{
		"gpg.conf": "batch\nno-tty\npinentry-mode error\n", "gpg-agent.conf": "disable-scdaemon\n",
	} {
		if err := os.WriteFile(home+string(os.PathSeparator)+name, []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	out, err := r.program(ctx, "gpg", bytes.NewReader(key), env, "--status-fd", "1", "--import")
	var private []string
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) != 4 || fields[1] != "IMPORT_OK" {
			continue
		}
		if flags, err := strconv.Atoi(fields[2]); err == nil && flags&16 != 0 {
			private = append(private, fields[3])
		}
	}
	if len(private) != 1 {
		if err != nil {
			return "", err
		}
		return "", fmt.Errorf("the file holds %d private keys, and must hold one", len(private))
	}
	// The answer of a test: git hides that of gpg.
	_, err = r.program(ctx, "gpg", strings.NewReader("test"), env, "--local-user", private[0], "--detach-sign")
	if err != nil && strings.Contains(err.Error(), "pinentry") {
		return "", errPassphrase
	}
	return private[0], err
}

// endGPG ends what gpg has started, whatever has become of ctx.
func (r *Repo) endGPG(ctx context.Context, home string, env []string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, _ = r.program(ctx, "gpgconf", nil, env, "--kill", "all")
	_ = os.RemoveAll(home)
}

// program runs one of the programs of GnuPG.
func (r *Repo) program(
	ctx context.Context, name string, stdin io.Reader, env []string, args ...string,
) ([]byte, error) {
	said := &words{}
	out, err := proc.Output(ctx, proc.Cmd{
		Name: name, Args: args, Dir: r.workDir, Stdin: stdin, Stderr: said, Secrets: r.git.config.Secrets,
		Env: append(r.git.environment(r.home, "none", nil), env...),
	})
	if err != nil {
		return out, fmt.Errorf("%w: %s", err, oneLine(said.String(), 200))
	}
	return out, nil
}
