package seal

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// run runs a tool that a key's owner has, in dir.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func needs(t *testing.T, tool string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Skipf("%s is not here; the fixed vectors of the other tests are made with it", tool)
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// What a pipeline variable, JSON or a shell makes of a PEM's line ends.
var forms = map[string]func(pem string) string{
	"as written":      func(pem string) string { return pem },
	"spaces":          func(pem string) string { return strings.ReplaceAll(strings.TrimSpace(pem), "\n", " ") },
	"nothing":         func(pem string) string { return strings.ReplaceAll(pem, "\n", "") },
	"literal \\n":     func(pem string) string { return strings.ReplaceAll(pem, "\n", `\n`) },
	"literal \\r\\n":  func(pem string) string { return strings.ReplaceAll(pem, "\n", `\r\n`) },
	"CR LF":           func(pem string) string { return strings.ReplaceAll(pem, "\n", "\r\n") },
	"byte order mark": func(pem string) string { return "\ufeff" + pem },
	"indented":        func(pem string) string { return "  " + strings.ReplaceAll(pem, "\n", "\n  ") },
}

func TestKeysOfTheRealOpenSSL(t *testing.T) {
	t.Parallel()
	needs(t, "openssl")
	dir := t.TempDir()
	run(t, dir, "openssl", "genpkey", "-algorithm", "ed25519", "-out", "private.pem")
	run(t, dir, "openssl", "pkey", "-in", "private.pem", "-pubout", "-out", "public.pem")
	private, public := read(t, dir, "private.pem"), read(t, dir, "public.pem")
	for name, form := range forms {
		s, err := ParseSigner(form(private))
		if err != nil {
			t.Fatalf("%s: ParseSigner: %v", name, err)
		}
		for _, lines := range [][]string{{form(public)}, strings.Split(form(public), "\n")} {
			keys, err := ParseKeys(lines)
			if err != nil || len(keys) != 1 || keys[0] != s.Key() {
				t.Errorf("%s: ParseKeys(%q): %v, %v; want %v", name, lines, keys, err, s.Key())
			}
		}
		text := Seal(payloadType, []byte("x"), s)
		if got, err := Open(text, payloadType, []Key{s.Key()}); err != nil || got.KeyID != s.Key().ID() {
			t.Errorf("%s: Open: %+v, %v", name, got, err)
		}
	}
	body := strings.Split(public, "\n")[1]
	if s, err := ParseSigner(private); err != nil || s.Key().String() != body {
		t.Errorf("String of the key: %v, %v; openssl wrote %s", s, err, body)
	}
}

const (
	// The key of RFC 8032's first test vector, as openssl writes it.
	fixedPrivate = "-----BEGIN PRIVATE KEY-----\n" +
		"MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n"
	fixedPublic = "-----BEGIN PUBLIC KEY-----\n" +
		"MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n"
	fixedPoint = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
)

func base64Of(t *testing.T, digits string) string {
	t.Helper()
	data, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(data)
}

func TestFixedKeys(t *testing.T) {
	t.Parallel()
	want := Key{}
	if _, err := hex.Decode(want.raw[:], []byte(fixedPoint)); err != nil {
		t.Fatal(err)
	}
	seed := base64Of(t, rfc8032)
	for name, text := range map[string]string{
		"PEM": fixedPrivate, "body": strings.Split(fixedPrivate, "\n")[1], "seed": seed, "white space": "\n " + seed + "\n",
		"unpadded seed": strings.TrimRight(seed, "="),
	} {
		if s, err := ParseSigner(text); err != nil || s.Key() != want {
			t.Errorf("%s: ParseSigner(%q): %v, %v", name, text, s, err)
		}
	}
	other := number(t, 5).Key()
	for name, tc := range map[string]struct {
		lines []string
		want  []Key
	}{
		"none":           {nil, nil},
		"blank":          {[]string{"", " \t"}, nil},
		"body":           {[]string{strings.Split(fixedPublic, "\n")[1]}, []Key{want}},
		"raw":            {[]string{base64Of(t, fixedPoint)}, []Key{want}},
		"one line each":  {[]string{want.String(), other.String()}, []Key{want, other}},
		"twice":          {[]string{want.String(), fixedPublic, base64Of(t, fixedPoint)}, []Key{want}},
		"lost line ends": {[]string{want.String() + " " + other.String()}, []Key{want, other}},
		"PEMs in a line": {[]string{strings.ReplaceAll(fixedPublic, "\n", " ") + other.String() + " " +
			strings.ReplaceAll(fixedPublic, "\n", " ")}, []Key{want, other}},
		"PEM between": {append([]string{other.String()}, strings.Split(fixedPublic, "\n")...), []Key{other, want}},
	} {
		got, err := ParseKeys(tc.lines)
		if err != nil || !cmp.Equal(tc.want, got, cmp.Comparer(func(a, b Key) bool { return a == b })) {
			t.Errorf("%s: ParseKeys(%q): %v, %v; want %v", name, tc.lines, got, err, tc.want)
		}
	}
}

// mistake is a text that is no signing key, or no verify key, and what is said of it.
type mistake struct{ text, signer, key string }

// secretsOf are the parts of a text that no error may show.
func secretsOf(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \r\n\\", r) })
}

func check(t *testing.T, name string, m mistake) {
	t.Helper()
	s, err := ParseSigner(m.text)
	if err == nil || s != nil || !strings.Contains(err.Error(), m.signer) {
		t.Errorf("%s: ParseSigner: %v, %v; want an error with %q", name, s, err, m.signer)
	}
	keys, keyErr := ParseKeys(strings.Split(m.text, "\n"))
	if keyErr == nil || keys != nil || !strings.Contains(keyErr.Error(), m.key) {
		t.Errorf("%s: ParseKeys: %v, %v; want an error with %q", name, keys, keyErr, m.key)
	}
	for _, err := range []error{err, keyErr} {
		for _, part := range secretsOf(m.text) {
			if err != nil && len(part) >= 12 && strings.Contains(err.Error(), part) {
				t.Errorf("%s: the error %q shows %q", name, err, part)
			}
		}
	}
	if err != nil && strings.Contains(err.Error(), "\n") {
		t.Errorf("%s: the error %q is more than one line", name, err)
	}
}

func TestEachMistakeHasItsOwnWords(t *testing.T) {
	t.Parallel()
	seed := strings.Split(fixedPrivate, "\n")[1]
	for name, m := range map[string]mistake{
		"variable":   {"$(safecache.key)", "a variable that is not set", "a variable that is not set"},
		"word":       {"hunter2hunter2", "neither the PEM", "neither the PEM"},
		"words":      {"my secret passphrase here", "neither the PEM", "neither the PEM"},
		"short seed": {base64Of(t, rfc8032[:60]), "neither the PEM", "neither the PEM"},
		"hex seed":   {rfc8032, "neither the PEM", "neither the PEM"},
		"cut":        {"-----BEGIN PRIVATE KEY-----\n" + seed, "has no END line", "private key, which does not belong here"},
		"damaged": {strings.Replace(fixedPrivate, "MC4C", "MC5C", 1), "is damaged",
			"private key, which does not belong here"},
		"wrong END": {strings.Replace(fixedPrivate, "END PRIVATE", "END PUBLIC", 1), "is damaged", "is damaged"},
		"key as label": {"-----BEGIN PRIVATE KEY MC4CAQAWBQYDK2VWBCIEIJ1HSZ-----\nAAAA\n-----END X-----", "is damaged",
			"is damaged"},
		"public body": {strings.Split(fixedPublic, "\n")[1] + "!", "neither the PEM", "neither the PEM"},
		"short key": {"-----BEGIN PRIVATE KEY-----\n" +
			"MC0CAQAwBQYDK2VwBCEEHwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" + "-----END PRIVATE KEY-----", "is damaged", "is damaged"},
		"short public key": {"-----BEGIN PUBLIC KEY-----\n" +
			"MCkwBQYDK2VwAyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n" + "-----END PUBLIC KEY-----", "is damaged", "is damaged"},
		"two signers":    {fixedPrivate + fixedPrivate, "something beside it", "is a private key"},
		"beside":         {"key: " + fixedPrivate, "something beside it", "neither the PEM"},
		"private body":   {strings.Repeat(seed, 2), "neither the PEM", "neither the PEM"},
		"OpenSSH public": {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGdQ me@example.com", "format of OpenSSH", "format of OpenSSH"},
	} {
		check(t, name, m)
	}
	if s, err := ParseSigner(" \n"); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("ParseSigner of nothing: %v, %v", s, err)
	}
	for name, text := range map[string]string{"PEM": fixedPublic, "body": strings.Split(fixedPublic, "\n")[1]} {
		if s, err := ParseSigner(text); err == nil || !strings.Contains(err.Error(), "is a public key, which cannot sign") {
			t.Errorf("ParseSigner of a public key (%s): %v, %v", name, s, err)
		}
	}
	for name, text := range map[string]string{"PEM": fixedPrivate, "body": seed} {
		keys, err := ParseKeys([]string{text})
		if err == nil || !strings.Contains(err.Error(), "take this key out of use") || strings.Contains(err.Error(), seed) {
			t.Errorf("ParseKeys of a private key (%s): %v, %v", name, keys, err)
		}
	}
}

// Messages show key IDs, so that is what some will write.
func TestKeyIDIsNoKey(t *testing.T) {
	t.Parallel()
	id := number(t, 1).Key().ID()
	for _, text := range []string{id, strings.ToUpper(id), fixedPublic + id, number(t, 2).Key().String() + " " + id} {
		_, err := ParseKeys([]string{text})
		got := fmt.Sprint(err)
		if !strings.Contains(got, "is a key ID, not the key: ") || strings.Contains(got, "genpkey") || strings.Contains(got, id) {
			t.Errorf("ParseKeys(%q): %v; want that it is a key ID, and no advice to make another key", text, err)
		}
	}
	for _, text := range []string{id[1:], id + "0", id[1:] + "g"} {
		if _, err := ParseKeys([]string{text}); err == nil || strings.Contains(err.Error(), "key ID") {
			t.Errorf("ParseKeys(%q): %v; that is no key ID", text, err)
		}
	}
}

func TestMistakesMadeWithRealTools(t *testing.T) {
	t.Parallel()
	needs(t, "openssl")
	const here = "private key, which does not belong here"
	dir := t.TempDir()
	for name, tc := range map[string]struct {
		args []string
		want mistake
	}{
		"RSA":     {[]string{"genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"}, mistake{"", "for RSA", here}},
		"old RSA": {[]string{"genrsa", "-traditional", "1024"}, mistake{"", "for RSA", here}},
		"ECDSA": {[]string{"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"},
			mistake{"", "for ECDSA", here}},
		"old ECDSA": {[]string{"ecparam", "-name", "prime256v1", "-genkey"}, mistake{"", "for ECDSA", here}},
		"Ed448":     {[]string{"genpkey", "-algorithm", "ed448"}, mistake{"", "for another algorithm", here}},
		"X25519":    {[]string{"genpkey", "-algorithm", "x25519"}, mistake{"", "for another algorithm", here}},
		"encrypted": {[]string{"genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:hunter2"},
			mistake{"", "protected by a passphrase", "is a " + here + ": whoever saw it"}},
	} {
		file := strings.ReplaceAll(name, " ", "-") + ".pem"
		run(t, dir, "openssl", append(tc.args[:1:1], append([]string{"-out", file}, tc.args[1:]...)...)...)
		tc.want.text = read(t, dir, file)
		check(t, name, tc.want)
		tc.want.text = forms["spaces"](tc.want.text)
		check(t, name+", in a line", tc.want)
		if name == "encrypted" {
			continue
		}
		public := run(t, dir, "openssl", "pkey", "-in", file, "-pubout")
		check(t, name+", public half", mistake{public, tc.want.signer, tc.want.signer})
	}
	run(t, dir, "openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", "k", "-out", "c", "-subj", "/CN=x")
	check(t, "certificate", mistake{read(t, dir, "c"), "is a certificate", "is a certificate"})
	needs(t, "ssh-keygen")
	run(t, dir, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "ssh")
	check(t, "OpenSSH", mistake{read(t, dir, "ssh"), "format of OpenSSH", here})
	check(t, "OpenSSH public", mistake{read(t, dir, "ssh.pub"), "format of OpenSSH", "format of OpenSSH"})
}

func TestParseKeysTellsEveryProblem(t *testing.T) {
	t.Parallel()
	_, err := ParseKeys([]string{"nonsense", fixedPublic, "$(keys)", fixedPrivate})
	want := []string{"verify key 1 is neither", "verify key 3 is a variable", "verify key 4 is a private key"}
	lines := strings.Split(fmt.Sprint(err), "\n")
	if len(lines) != len(want) {
		t.Fatalf("ParseKeys: %v; want %d lines", err, len(want))
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, want[i]) {
			t.Errorf("line %d: got %q, want %q ...", i+1, line, want[i])
		}
	}
}
