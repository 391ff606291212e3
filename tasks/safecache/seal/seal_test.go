package seal

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/secure-systems-lab/go-securesystemslib/signerverifier"

	envelopes "github.com/guardrails-ci/guardrails/shared/dsse"
)

const payloadType = "application/vnd.example+json"

// envelope is what Seal writes, for those that it would not.
type envelope struct {
	Payload     string      `json:"payload"`
	PayloadType string      `json:"payloadType"`
	Signatures  []signature `json:"signatures"`
}

type signature struct {
	KeyID string `json:"keyid"`
	Sum   string `json:"sig"`
}

func pae(payloadType string, payload []byte) []byte {
	return envelopes.Envelope{Type: payloadType, Payload: payload}.PAE()
}

// rfc8032 is the private key of the RFC's first test vector.
const rfc8032 = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"

func signerOf(t testing.TB, seed string) *Signer {
	t.Helper()
	data, err := hex.DecodeString(seed)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseSigner(base64.StdEncoding.EncodeToString(data))
	if err != nil {
		t.Fatalf("ParseSigner of seed %s: %v", seed, err)
	}
	return s
}

func number(t testing.TB, n int) *Signer { return signerOf(t, fmt.Sprintf("%064x", n)) }

func oracle(t testing.TB, s *Signer) *signerverifier.ED25519SignerVerifier {
	t.Helper()
	key := s.Key()
	sv, err := signerverifier.NewED25519SignerVerifierFromSSLibKey(&signerverifier.SSLibKey{
		KeyID: key.ID(),
		KeyVal: signerverifier.KeyVal{
			Public: hex.EncodeToString(key.raw[:]), Private: hex.EncodeToString(s.private.Seed()),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return sv
}

var payloads = map[string][]byte{
	"empty": {}, "JSON": []byte(`{"a":1}`), "binary": {0, 255, 10, 13, 32}, "long": bytes.Repeat([]byte("x"), 1<<20),
}

func TestTheReferenceImplementationAcceptsWhatSealMakes(t *testing.T) {
	t.Parallel()
	s := number(t, 1)
	verifier, err := dsse.NewEnvelopeVerifier(oracle(t, s))
	if err != nil {
		t.Fatal(err)
	}
	for name, payload := range payloads {
		var e dsse.Envelope
		if err := json.Unmarshal(Seal(payloadType, payload, s), &e); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		accepted, got, err := verifier.VerifyAndDecode(t.Context(), &e)
		if err != nil || len(accepted) != 1 || !bytes.Equal(got, payload) {
			t.Errorf("%s: VerifyAndDecode: %d bytes by %d keys, %v; want %d bytes by 1",
				name, len(got), len(accepted), err, len(payload))
		}
	}
}

func TestOpenAcceptsWhatTheReferenceImplementationMakes(t *testing.T) {
	t.Parallel()
	s := number(t, 1)
	signer, err := dsse.NewEnvelopeSigner(oracle(t, number(t, 2)), oracle(t, s))
	if err != nil {
		t.Fatal(err)
	}
	for name, payload := range payloads {
		e, err := signer.SignPayload(t.Context(), payloadType, payload)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.MarshalIndent(e, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got, err := Open(text, payloadType, []Key{s.Key()})
		if err != nil || got.KeyID != s.Key().ID() || !bytes.Equal(got.Payload, payload) {
			t.Errorf("%s: Open: %d bytes by key %q, %v; want %d by %q",
				name, len(got.Payload), got.KeyID, err, len(payload), s.Key().ID())
		}
	}
}

// Envelopes are kept for months: what was sealed once must open for ever.
func TestFixedEnvelope(t *testing.T) {
	t.Parallel()
	s := signerOf(t, rfc8032)
	if got, want := s.Key().ID(), "21fe31dfa154a261"; got != want {
		t.Errorf("ID: got %s, want %s", got, want)
	}
	want := `{"payload":"aGVsbG8gd29ybGQ=","payloadType":"http://example.com/HelloWorld",` +
		`"signatures":[{"keyid":"21fe31dfa154a261","sig":"` + helloWorldSignature + `"}]}`
	if diff := cmp.Diff(want, string(Seal("http://example.com/HelloWorld", []byte("hello world"), s))); diff != "" {
		t.Errorf("Seal (-want +got):\n%s", diff)
	}
	got, err := Open([]byte(want), "http://example.com/HelloWorld", []Key{s.Key()})
	if err != nil || got.KeyID != s.Key().ID() || string(got.Payload) != "hello world" {
		t.Errorf("Open: %+v, %v", got, err)
	}
}

// Made with `openssl pkeyutl -sign -rawin`.
const helloWorldSignature = "4DHX3Zn4qpBKvEj7maE8O9u9bjXEnPLLnyXVUJ2PXJR8" +
	"DSLcL3QDpFvfJOj3pB/SPHsl6Jg4boxsMb6KvuYABw=="

func TestOpenTellsWhoSigned(t *testing.T) {
	t.Parallel()
	one, two, stranger := number(t, 1), number(t, 2), number(t, 3)
	payload := []byte("the payload")
	sum := func(s *Signer, payload string) string {
		return base64.StdEncoding.EncodeToString(ed25519.Sign(s.private, pae(payloadType, []byte(payload))))
	}
	envelopeOf := func(signatures ...signature) []byte {
		text, err := json.Marshal(envelope{base64.StdEncoding.EncodeToString(payload), payloadType, signatures})
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	good := func(s *Signer) signature { return signature{s.Key().ID(), sum(s, "the payload")} }
	bad := func(s *Signer) signature { return signature{s.Key().ID(), sum(s, "another payload")} }
	both := []Key{one.Key(), two.Key()}
	for name, tc := range map[string]struct {
		text  []byte
		keys  []Key
		want  Opened
		wrong string // the known key with a bad signature
	}{
		"first key":         {envelopeOf(good(one)), both, Opened{KeyID: one.Key().ID(), Signed: true}, ""},
		"second key":        {envelopeOf(good(two)), both, Opened{KeyID: two.Key().ID(), Signed: true}, ""},
		"one of two":        {envelopeOf(good(stranger), good(two)), both, Opened{KeyID: two.Key().ID(), Signed: true}, ""},
		"bad beside good":   {envelopeOf(bad(one), good(two)), both, Opened{KeyID: two.Key().ID(), Signed: true}, ""},
		"unsigned":          {envelopeOf([]signature{}...), both, Opened{}, ""},
		"unsigned, no keys": {Seal(payloadType, payload, nil), nil, Opened{}, ""},
		"key ID left out": {envelopeOf(signature{"", sum(one, "the payload")}), both,
			Opened{KeyID: one.Key().ID(), Signed: true}, ""},
		"another's key ID on a good signature": {envelopeOf(signature{two.Key().ID(), sum(one, "the payload")}), both,
			Opened{KeyID: one.Key().ID(), Signed: true}, ""},
		"stranger": {envelopeOf(good(stranger)), both,
			Opened{Signed: true, UnknownKeys: []string{stranger.Key().ID()}}, ""},
		"no keys": {envelopeOf(good(one)), nil, Opened{Signed: true, UnknownKeys: []string{one.Key().ID()}}, ""},
		"hostile key ID": {envelopeOf(signature{"\x1b[31m\n##vso[", sum(stranger, "the payload")}), both,
			Opened{Signed: true}, ""},
		"bad signature":        {envelopeOf(bad(two)), both, Opened{}, two.Key().ID()},
		"bad beside stranger":  {envelopeOf(good(stranger), bad(one)), both, Opened{}, one.Key().ID()},
		"stranger under alias": {envelopeOf(signature{one.Key().ID(), good(stranger).Sum}), both, Opened{}, one.Key().ID()},
		"short signature":      {envelopeOf(signature{one.Key().ID(), "AAAA"}), both, Opened{}, one.Key().ID()},
		"empty signature":      {envelopeOf(signature{one.Key().ID(), ""}), both, Opened{}, one.Key().ID()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Open(tc.text, payloadType, tc.keys)
			if tc.wrong != "" {
				var wrong *SignatureError
				if !errors.As(err, &wrong) || wrong.KeyID != tc.wrong || got.Payload != nil {
					t.Fatalf("Open(%s): %+v, %v; want the *SignatureError of %s and no payload", tc.text, got, err, tc.wrong)
				}
				return
			}
			tc.want.Payload = payload
			if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
				t.Errorf("Open(%s): %v (-want +got):\n%s", tc.text, err, diff)
			}
		})
	}
}

// Every bit of payload and payload type is signed.
func TestChangedEnvelopesAreNotAccepted(t *testing.T) {
	t.Parallel()
	s := number(t, 1)
	payload := []byte(`{"version":1}`)
	sum := ed25519.Sign(s.private, pae(payloadType, payload))
	text := func(payloadType string, payload, sum []byte) []byte {
		out, err := json.Marshal(envelope{base64.StdEncoding.EncodeToString(payload), payloadType,
			[]signature{{s.Key().ID(), base64.StdEncoding.EncodeToString(sum)}}})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	refused := func(what, payloadType string, payload, sum []byte) {
		t.Helper()
		if got, err := Open(text(payloadType, payload, sum), payloadType, []Key{s.Key()}); err == nil {
			t.Errorf("Open with a changed %s: %+v, want an error", what, got)
		}
	}
	for i := range 8 * len(payload) {
		refused(fmt.Sprintf("payload bit %d", i), payloadType, flip(payload, i), sum)
	}
	for i := range 8 * len(sum) {
		refused(fmt.Sprintf("signature bit %d", i), payloadType, payload, flip(sum, i))
	}
	refused("payload type", payloadType+"x", payload, sum)
	// The lengths: bytes cannot move from one to the other.
	refused("border", payloadType+" 1", append([]byte("3 "), payload...), sum)
	if _, err := Open(text(payloadType, payload, sum), payloadType, []Key{s.Key()}); err != nil {
		t.Errorf("Open of the unchanged envelope: %v", err)
	}
}

func flip(data []byte, bit int) []byte {
	data = bytes.Clone(data)
	data[bit/8] ^= 1 << (bit % 8)
	return data
}

// What else is no envelope is refused by package dsse.
func TestOpenRefusesWhatIsNoEnvelopeOfTheType(t *testing.T) {
	t.Parallel()
	s := number(t, 1)
	good := string(Seal(payloadType, []byte("payload?"), s))
	if _, err := Open([]byte(good), payloadType, []Key{s.Key()}); err != nil {
		t.Fatalf("Open(%s): %v", good, err)
	}
	for text, want := range map[string]string{
		good[:len(good)-1]: "well-formed",
		strings.Replace(good, `{`, `{"payload":"",`, 1):                     "payload twice",
		strings.Replace(good, payloadType, "application/vnd.other+json", 1): "payload type",
		strings.Replace(good, `"cGF5bG9hZD8="`, `"cGF5bG9hZD8"`, 1):         "payload is not canonical",
		strings.Replace(good, `"sig":"`, `"sig":"\r\n`, 1):                  "signature is not canonical",
	} {
		got, err := Open([]byte(text), payloadType, []Key{s.Key()})
		var format *FormatError
		if !errors.As(err, &format) || !strings.Contains(err.Error(), want) || got.Payload != nil {
			t.Errorf("Open(%s): %+v, %v; want a *FormatError with %q", text, got, err, want)
		}
	}
}
