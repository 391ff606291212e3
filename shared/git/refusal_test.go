package git

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What git says where no server of ours can make it: the words are those of git 2.39 with
// GnuTLS, OpenSSL and Windows' Schannel.
func TestFailuresInWords(t *testing.T) {
	t.Parallel()
	r := &remote{url: "https://certificate.example/returned error: 404/timed out"}
	access := "fatal: unable to access '" + r.url + "/': "
	for text, want := range map[string]Kind{
		access + "Could not resolve host: dev.azure.com":                                                                 Unreachable,
		access + "Failed to connect to dev.azure.com port 443 after 1 ms: Couldn't connect to server":                    Unreachable,
		access + "Could not resolve proxy: proxy.example":                                                                Unreachable,
		access + "Received HTTP code 407 from proxy after CONNECT":                                                       Other,
		access + "CONNECT tunnel failed, response 407":                                                                   Other,
		access + "Empty reply from server":                                                                               Unreachable,
		access + "OpenSSL SSL_read: Connection was reset, errno 10054":                                                   Unreachable,
		access + "GnuTLS recv error (-110): The TLS connection was non-properly terminated.":                             Unreachable,
		access + "gnutls_handshake() failed: The TLS connection was non-properly terminated.":                            Unreachable,
		access + "server certificate verification failed. CAfile: none CRLfile: none":                                    Certificate,
		access + "SSL certificate problem: self signed certificate in certificate chain":                                 Certificate,
		access + "schannel: SEC_E_UNTRUSTED_ROOT (0x80090325) - The certificate chain was issued":                        Certificate,
		access + "SSL: no alternative certificate subject name matches target host name":                                 Certificate,
		access + "The requested URL returned error: 502":                                                                 Unreachable,
		"fatal: early EOF\nfatal: fetch-pack: invalid index-pack output":                                                 Unreachable,
		"fatal: Authentication failed for '" + r.url + "/'":                                                              Unauthorized,
		"remote: Repository not found.\nfatal: repository '" + r.url + "/' not found":                                    NotFound,
		"remote: TF401019: The Git repository with name or identifier x does not exist\nfatal: repository 'x' not found": NotFound,
		"fatal: couldn't find remote ref refs/heads/x":                                                                   NoRef,
		"fatal: mismatched algorithms: client sha1; server sha256":                                                       Other,
		access: Other,
		"":     Other,
	} {
		if got := r.refusal("", text, "", errors.New("exit")); got.Kind != want {
			t.Errorf("refusal of %q = %s, want %s", text, got.Kind, want)
		}
	}
}

// Each kind says what it is, also without words of a server.
func TestRemoteErrorSaysItsKind(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, k := range []Kind{
		Raced, Policy, Denied, Hook, Unauthorized, NotFound, NoRef, Throttled, Certificate, Unreachable, Other,
	} {
		text := (&RemoteError{Kind: k}).Error()
		if text == "" || seen[text] {
			t.Errorf("a RemoteError of kind %s says %q, want words of its own", k, text)
		}
		seen[text] = true
	}
}

// An end without an error is a success only if git says so of the very ref, or that all is
// done and nothing else.
func TestRefusalOfASilentPush(t *testing.T) {
	t.Parallel()
	r := &remote{}
	const ref, done = "refs/heads/main", "\ta:refs/heads/main\t1..2\nDone\n"
	exit := errors.New("exit")
	for name, tc := range map[string]struct {
		stdout string
		err    error
		want   Kind // "" is success
	}{
		"moved":              {" " + done, nil, ""},
		"as it was":          {"=" + done, nil, ""},
		"new":                {"*" + done, nil, ""},
		"quiet":              {"Done\n", nil, ""},
		"quiet, but failed":  {"Done\n", exit, Other},
		"says nothing":       {"", nil, Other},
		"says another":       {strings.ReplaceAll(" "+done, "main", "mainly"), nil, Other},
		"moved, but failed":  {" " + done, exit, Other},
		"refused, no error":  {"!\ta:refs/heads/main\t[rejected] (stale info)\n", nil, Raced},
		"refused":            {"!\ta:refs/heads/main\t[rejected] (fetch first)\n", exit, Raced},
		"refused, no reason": {"!\ta:refs/heads/main\t[remote failure]\n", exit, Other},
	} {
		got := r.refusal(tc.stdout, "", ref, tc.err)
		if (got == nil) != (tc.want == "") || got != nil && got.Kind != tc.want {
			t.Errorf("%s: refusal(%q, %v) = %v, want %q", name, tc.stdout, tc.err, got, tc.want)
		}
	}
}

func TestParsePorcelain(t *testing.T) {
	t.Parallel()
	text := "To https://example.com/x\n" +
		" \tabc:refs/heads/main\t1..2\n" +
		"!\tabc:refs/heads/b\t[remote rejected] (TF402455: use (a)\tpull request)\r\n" +
		"*\tabc:refs/heads/c\t[new branch]\n-\t:refs/heads/d\t[deleted]\n" +
		"?\tabc:refs/heads/e\tx\n!\trefs/heads/f\tx\n!!\ta:b\tx\n!\ta:b\nDone\n"
	want := []status{
		{' ', "abc", "refs/heads/main", "1..2", ""},
		{'!', "abc", "refs/heads/b", "[remote rejected]", "TF402455: use (a)\tpull request"},
		{'*', "abc", "refs/heads/c", "[new branch]", ""},
		{'-', "", "refs/heads/d", "[deleted]", ""},
	}
	if diff := cmp.Diff(want, parsePorcelain(text), cmp.AllowUnexported(status{})); diff != "" {
		t.Errorf("parsePorcelain (-want +got):\n%s", diff)
	}
}

// Whatever a server says as a reason, it cannot say it of another ref, or that it took one.
func FuzzPorcelain(f *testing.F) {
	f.Add("fetch first")
	f.Add("x)\ty (z")
	f.Add("\t \t*\ta:refs/heads/main\tx")
	f.Add("\r")
	f.Fuzz(func(t *testing.T, reason string) {
		_ = parsePorcelain(reason)
		reason = strings.ReplaceAll(reason, "\n", " ") // it comes in one line
		text := fmt.Sprintf("To x\n!\tabc:refs/heads/main\t[remote rejected] (%s)\nDone\n", reason)
		want := []status{{'!', "abc", "refs/heads/main", "[remote rejected]", reason}}
		if got := parsePorcelain(text); !slices.Equal(got, want) {
			t.Errorf("parsePorcelain(%q) = %q, want %q", text, got, want)
		}
		if got := (&remote{}).refusal(text, "", "refs/heads/main", nil); got == nil || strings.ContainsAny(got.Said, "\n\r\x1b") {
			t.Errorf("refusal(%q) = %v, want an error of one line", text, got)
		}
	})
}
