package safecache

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/safecache/seal"
)

// pair is a key pair as inputs have it.
type pair struct {
	private, seed, public, id string
	signer                    *seal.Signer
}

// newPair makes the pair of a number, the same each time.
func newPair(t *testing.T, number byte) pair {
	t.Helper()
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = number
	der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	signer, err := seal.ParseSigner(text)
	if err != nil {
		t.Fatal(err)
	}
	return pair{text, base64.StdEncoding.EncodeToString(seed), signer.Key().String(), signer.Key().ID(), signer}
}

// sign gives the run a signing key, and all runs what verifies it.
func (j *job) sign(p pair) *job {
	return j.set("INPUT_SIGNINGKEY", p.private, "INPUT_VERIFYKEYS", p.public)
}

func (j *job) unsign() *job { return j.set("INPUT_SIGNINGKEY", "") }

// What main signs, everybody believes who knows the public key.
func TestSigned(t *testing.T) {
	t.Parallel()
	p := newPair(t, 1)
	j := newJob(t).sign(p).as(onMain...)
	j.writes("hello", "Saved 1 file", "to the trusted entries of refs/heads/main, signed with the key "+p.id)
	j.unsign().as(pull("12")...).finds("exact").holds("main", "and is signed with the key "+p.id)
	if got := j.fact("main", "restored.keyID"); got != p.id {
		t.Errorf("the report says keyID %q, want %q", got, p.id)
	}
	if got := j.read(cached); got != "hello" {
		t.Errorf("restored %q, want hello", got)
	}
	// Whoever asks for no signature does not mind one.
	j.set("INPUT_VERIFYKEYS", "").as(onMain...).finds("exact").holds("main", "whether it is signed is not looked at, as verifyKeys is empty")
}

// With verifyKeys, nothing else of the trusted tier is believed.
func TestBadSignatures(t *testing.T) {
	t.Parallel()
	good, other := newPair(t, 1), newPair(t, 2)
	for name, tc := range map[string]struct {
		by     func(j *job)
		texts  []string
		reason string
	}{
		"unsigned": {func(*job) {}, nil, "it is not signed, and every trusted entry must be"},
		"unknown key": {
			func(j *job) { j.sign(other) }, nil, "it is not signed by a known key, but, it says, by " + other.id,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t)
			tc.by(j)
			j.as(onMain...).writes("evil", "Saved 1 file")
			j.sign(good).unsign().as(pull("12")...).expect("main", "Succeeded", "code=cache/rejected",
				"variable=hit;]rejected",
				tc.reason, "let a run of a trusted branch save it with the signingKey whose public key is in verifyKeys",
				"!Cache restored")
			if got := j.fact("main", "rejected.kind"); got != "signature" {
				t.Errorf("the report says that it was rejected for %q, want signature", got)
			}
			j.again().expect("main", "Succeeded", "variable=hit;]rejected").has()
			// Main replaces it, and then everybody has the good one.
			j.sign(good).as(onMain...).expect("main", "Succeeded", "variable=hit;]rejected")
			j.write(cached, "good")
			j.expect("post", "Succeeded", "Saved 1 file", "signed with the key "+good.id)
			j.unsign().as(pull("12")...).finds("exact")
			if got := j.read(cached); got != "good" {
				t.Errorf("restored %q, want good", got)
			}
		})
	}
}

// Somebody changed the payload under a genuine signature.
func TestChangedUnderASignature(t *testing.T) {
	t.Parallel()
	p := newPair(t, 1)
	j := newJob(t).sign(p).as(onMain...).writes("hello", "Saved 1 file")
	text, err := os.ReadFile(j.manifest())
	j.must(err)
	other := newJob(t).as(onMain...).writes("evil", "Saved 1 file") // its payload, signed by nobody
	payload := func(text string) string { return strings.Split(text, `"`)[3] }
	evil, err := os.ReadFile(other.manifest())
	j.must(err)
	forged := strings.Replace(string(text), payload(string(text)), payload(string(evil)), 1)
	if forged == string(text) {
		t.Fatalf("nothing was forged in %s", text)
	}
	j.must(os.WriteFile(j.manifest(), []byte(forged), 0o600))
	j.as(onMain...).finds("rejected").holds("main", "the signature of key "+p.id+" is wrong", "code=cache/rejected")
}

// copied puts a copy of the store's only manifest where this one's is.
func (j *job) copied(to *job) {
	j.t.Helper()
	for _, name := range j.objects(".pack") {
		data, err := j.repository().Store.Get(j.t.Context(), name, nil)
		j.must(err)
		// Under every name that the reader could look at.
		base := name[strings.Index(name, "/p/"):]
		for _, pack := range to.objects(".pack") {
			root, _, _ := strings.Cut(pack, "/p/")
			_ = to.repository().Store.Put(j.t.Context(), root+base, data)
		}
	}
	text, err := os.ReadFile(j.manifest())
	j.must(err)
	j.must(os.WriteFile(to.manifest(), text, 0o600))
}

// A signature is good for one key, branch, tier and pipeline: a genuine entry that is
// copied to another name is none.
func TestReplay(t *testing.T) {
	t.Parallel()
	p := newPair(t, 1)
	for name, tc := range map[string]struct {
		other []string // the run whose entry is replaced by the genuine one
		kind  string
	}{
		"another key":      {[]string{"INPUT_KEY", `"npm" | "x" | package-lock.json`}, "key"},
		"another salt":     {[]string{"AZP_CACHING_SALT", "2"}, "key"},
		"another branch":   {[]string{"BUILD_SOURCEBRANCH", "refs/heads/release"}, "scope"},
		"another pipeline": {[]string{"SYSTEM_DEFINITIONID", "8"}, "scope"},
		"another project":  {[]string{"SYSTEM_TEAMPROJECTID", "9"}, "scope"},
		"another organisation": {
			[]string{"SYSTEM_COLLECTIONURI", "https://dev.azure.com/other/"}, "scope",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const both = "refs/heads/main\nrefs/heads/release"
			genuine := newJob(t).sign(p).set("INPUT_TRUSTEDBRANCHES", both).as(onMain...).writes("old and holed",
				"Saved 1 file")
			j := newJob(t).sign(p).set("INPUT_TRUSTEDBRANCHES", both).as(onMain...).set(tc.other...)
			j.writes("new", "Saved 1 file")
			genuine.copied(j)
			j.again().expect("main", "Succeeded", "variable=hit;]rejected", "code=cache/rejected",
				"it is a copy of "+genuine.objects(".json")[0]+", which is another entry", "!Cache restored")
			if got := j.fact("main", "rejected.kind"); got != tc.kind {
				t.Errorf("it was rejected as %q, want %q", got, tc.kind)
			}
		})
	}
}

// An old generation of the very key, put back in the place of the newer one.
func TestReplayOfAnOldGeneration(t *testing.T) {
	t.Parallel()
	p := newPair(t, 1)
	j := newJob(t).sign(p).set("INPUT_MAXAGE", "1h").as(onMain...).writes("old", "Saved 1 file")
	first := j.manifest()
	j.later(2*3600e9).as(onMain...).writes("new", "Saved 1 file")
	old, err := os.ReadFile(first)
	j.must(err)
	second := filepath.Join(filepath.Dir(first), "00000002.json")
	j.must(os.WriteFile(second, old, 0o600))
	j.as(onMain...).finds("rejected").holds("main", "which is another entry")
	// Deleting the newer one leaves one that has expired.
	j.must(os.Remove(second))
	j.as(onMain...).finds("miss").holds("main", "expired")
}

// What this run could not read back is not saved, and the log says so.
func TestNotSigned(t *testing.T) {
	t.Parallel()
	p, other := newPair(t, 1), newPair(t, 2)
	j := newJob(t).sign(p).unsign().as(onMain...)
	j.writes("hello", "Not saved: verifyKeys is set, so what a trusted branch saves must be signed, "+
		"and this run has no signingKey", "!Saved")
	j.noStore()
	j.set("INPUT_SIGNINGKEY", other.private).as(onMain...)
	j.writes("hello", "type=warning;code=cache/rejected", "the key to sign with, "+other.id+", is not among the keys",
		"add the public key that belongs to signingKey to verifyKeys", "!trouble", "!Saved")
	if got := j.objects(""); len(got) != 0 {
		t.Errorf("the store holds %q, want nothing", got)
	}
}

// A signing key in the hands of a pull request signs nothing.
func TestPullRequestDoesNotSign(t *testing.T) {
	t.Parallel()
	p := newPair(t, 1)
	j := newJob(t).sign(p).as(pull("12")...).writes("hello", "Saved 1 file", "not signed", "!signed with the key")
	text, err := os.ReadFile(j.manifest())
	j.must(err)
	if strings.Contains(string(text), p.id) || !strings.Contains(string(text), `"signatures":[]`) {
		t.Errorf("the pull request's entry is signed:\n%s", text)
	}
	j.as(pull("12")...).finds("exact")
	// Nor does it need one for what only it reads.
	j = newJob(t).sign(p).unsign().as(pull("12")...).writes("hello", "Saved 1 file", "not signed")
	j.as(pull("12")...).finds("exact")
}

// Two public keys make a rotation: what either has signed is believed.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	old, young := newPair(t, 1), newPair(t, 2)
	both := old.public + "\n" + young.public
	j := newJob(t).sign(old).as(onMain...).writes("hello", "Saved 1 file")
	j.set("INPUT_SIGNINGKEY", young.private, "INPUT_VERIFYKEYS", both).as(onMain...).finds("exact")
	j.holds("main", "is signed with the key "+old.id)
	j.write("work/1/s/package-lock.json", "lock 2\n")
	j.as(onMain...).finds("partial").write(cached, "new")
	j.expect("post", "Succeeded", "signed with the key "+young.id)
	j.unsign().set("INPUT_VERIFYKEYS", young.public).as(pull("12")...).finds("exact")
	j.write("work/1/s/package-lock.json", "lock 1\n")
	j.as(pull("12")...).finds("rejected").holds("main", "but, it says, by "+old.id)
}

// The private key, in no form, is anywhere that anybody can read.
func TestSigningKeyIsHidden(t *testing.T) {
	t.Parallel()
	p := newPair(t, 1)
	body := strings.Split(p.private, "\n")[1]
	for form, text := range map[string]string{
		"PEM": p.private, "one line": strings.ReplaceAll(p.private, "\n", " "),
		"escaped": strings.ReplaceAll(p.private, "\n", `\n`), "seed": p.seed, "body": body,
	} {
		var all strings.Builder
		j := newJob(t).sign(p).set("INPUT_SIGNINGKEY", text, "SYSTEM_DEBUG", "true")
		j.watch = func(text string) { all.WriteString(text) }
		j.as(onMain...).writes("hello", "Saved 1 file", "signed with the key "+p.id)
		j.as(onMain...).finds("exact")
		j.must(os.WriteFile(j.manifest(), []byte("{}"), 0o600))
		j.as(onMain...).finds("rejected")
		j.expect("post", "Succeeded", "type=warning")
		all.WriteString(j.everything())
		for name, value := range j.env {
			if strings.HasPrefix(name, "VSTS_TASKVARIABLE_") {
				all.WriteString(name + "=" + value + "\n")
			}
		}
		for _, secret := range []string{body, p.seed, strings.TrimRight(p.seed, "=")} {
			if at := strings.Index(all.String(), secret); at >= 0 {
				t.Errorf("%s: the key is shown: ...%.60q...", form, all.String()[max(0, at-200):])
			}
		}
	}
}

// How keys are made is said once: seal says it, where it helps.
func TestOpenSSLOnce(t *testing.T) {
	t.Parallel()
	_, err := parseSettings(Inputs{SigningKey: inputs.NewSecret("x"), VerifyKeys: inputs.Lines{"0123456789abcdef"}})
	for _, err := range unjoin(err) {
		var user *task.UserError
		if !errors.As(err, &user) {
			t.Fatalf("parseSettings: %v (%T), want a *task.UserError", err, err)
		}
		if text := user.Msg + user.Hint; strings.Count(text, "openssl pkey") != 1 || strings.Count(text, "genpkey") > 1 {
			t.Errorf("the advice to use openssl is not there exactly once: %s. How to fix: %s", user.Msg, user.Hint)
		}
	}
}

func TestBadKeys(t *testing.T) {
	t.Parallel()
	p := newPair(t, 1)
	for name, tc := range map[string]struct {
		inputs []string
		texts  []string
	}{
		"public key to sign with": {
			[]string{"INPUT_SIGNINGKEY", p.public}, []string{"signingKey: ", "is a public key, which cannot sign", "key vault"},
		},
		"not a key":            {[]string{"INPUT_SIGNINGKEY", "hello"}, []string{"signingKey: ", "openssl genpkey -algorithm ed25519"}},
		"private key in lines": {[]string{"INPUT_VERIFYKEYS", p.private}, []string{"verifyKeys: ", "is a private key", "out of use"}},
		"no public key":        {[]string{"INPUT_VERIFYKEYS", p.public + "\nhello"}, []string{"verifyKeys: verify key 2 is neither", "openssl pkey -in private.pem -pubout"}},
		"key ID":               {[]string{"INPUT_VERIFYKEYS", "0123456789abcdef"}, []string{"verifyKeys: verify key 1 is a key ID, not the key", "!genpkey"}},
		"all at once": {
			[]string{"INPUT_SIGNINGKEY", "x", "INPUT_VERIFYKEYS", "y", "INPUT_MAXAGE", "z", "INPUT_TRUSTEDBRANCHES", "*"},
			[]string{"signingKey: ", "verifyKeys: ", `maxAge: "z" is not an age`, "trustedBranches: "},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t).set(tc.inputs...)
			secret := strings.Split(p.private, "\n")[1]
			j.expect("main", "Failed", append(tc.texts, "code=cache/input", "!"+secret)...).noStore()
			if strings.Contains(j.everything(), secret) {
				t.Error("the report holds the private key")
			}
		})
	}
}
