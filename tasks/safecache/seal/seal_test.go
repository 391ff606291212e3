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
)

const payloadType = "application/vnd.example+json"

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

// The specification's own example (protocol.md, "Test vectors").
func TestPAE(t *testing.T) {
	t.Parallel()
	want := "DSSEv1 29 http://example.com/HelloWorld 11 hello world"
	if got := string(pae("http://example.com/HelloWorld", []byte("hello world"))); got != want {
		t.Errorf("pae: got %q, want %q", got, want)
	}
	if got, want := string(pae("", nil)), "DSSEv1 0  0 "; got != want {
		t.Errorf("pae of nothing: got %q, want %q", got, want)
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

func TestOpenRefusesWhatCanBeReadInTwoWays(t *testing.T) {
	t.Parallel()
	s := number(t, 1)
	good := string(Seal(payloadType, []byte("payload?"), s)) // has padding
	if _, err := Open([]byte(good), payloadType, []Key{s.Key()}); err != nil {
		t.Fatalf("Open(%s): %v", good, err)
	}
	with := func(old, new string) string {
		t.Helper()
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in %s", old, good)
		}
		return strings.Replace(good, old, new, 1)
	}
	many := strings.Repeat(`{"sig":""},`, maxSignatures+1)
	for name, tc := range map[string]struct{ text, want string }{
		"empty":                  {"", "well-formed"},
		"not JSON":               {"payload", "well-formed"},
		"cut":                    {good[:len(good)-1], "well-formed"},
		"a list":                 {"[" + good + "]", "object belongs"},
		"null":                   {"null", "object belongs"},
		"unknown field":          {with(`{"payload":`, `{"extra":1,"payload":`), "does not know"},
		"other case":             {with(`"payload":`, `"Payload":`), "does not know"},
		"payload twice":          {with(`{`, `{"payload":"",`), "payload twice"},
		"type twice":             {with(`{`, `{"payloadType":"x",`), "payloadType twice"},
		"signatures twice":       {with(`{`, `{"signatures":[],`), "signatures twice"},
		"twice, escaped":         {with(`{`, `{"p\u0061yload":"",`), "payload twice"},
		"unknown in signature":   {with(`{"keyid"`, `{"cert":"x","keyid"`), "does not know"},
		"sig twice":              {with(`{"keyid"`, `{"sig":"","keyid"`), "sig twice"},
		"no sig":                 {`{"payload":"","payloadType":"` + payloadType + `","signatures":[{"keyid":"x"}]}`, "without sig"},
		"no payload":             {`{"payloadType":"` + payloadType + `","signatures":[]}`, "no payload"},
		"no signatures":          {`{"payload":"","payloadType":"` + payloadType + `"}`, "no payload, payloadType or signatures"},
		"signatures null":        {`{"payload":"","payloadType":"` + payloadType + `","signatures":null}`, "not a list"},
		"payload null":           {`{"payload":null,"payloadType":"` + payloadType + `","signatures":[]}`, "text belongs"},
		"payload number":         {`{"payload":1,"payloadType":"` + payloadType + `","signatures":[]}`, "text belongs"},
		"signature is text":      {`{"payload":"","payloadType":"` + payloadType + `","signatures":["x"]}`, "object belongs"},
		"too many":               {`{"payload":"","payloadType":"` + payloadType + `","signatures":[` + strings.TrimSuffix(many, ",") + `]}`, "too many"},
		"wrong bracket":          {`{"payload":"","payloadType":"` + payloadType + `","signatures":[}}`, "well-formed"},
		"trailing object":        {good + "{}", "after its end"},
		"trailing bracket":       {good + "}", "after its end"},
		"trailing text":          {good + " x", "after its end"},
		"not UTF-8":              {with(payloadType, payloadType+"\xff"), "UTF-8"},
		"another type":           {with(payloadType, "application/vnd.other+json"), "payload type"},
		"unpadded":               {with(`"cGF5bG9hZD8="`, `"cGF5bG9hZD8"`), "payload is not canonical"},
		"line end in payload":    {with(`"cGF5bG9hZD8="`, `"cGF5\nbG9hZD8="`), "payload is not canonical"},
		"loose bits in payload":  {with(`"cGF5bG9hZD8="`, `"cGF5bG9hZD9="`), "payload is not canonical"},
		"mixed alphabets":        {with(`"cGF5bG9hZD8="`, `"-_+/"`), "payload is not canonical"},
		"line end in signature":  {with(`"sig":"`, `"sig":"\r\n`), "signature is not canonical"},
		"loose bits in the sum":  {with(`=="}]`, `==="}]`), "signature is not canonical"},
		"white space in payload": {with(`"cGF5bG9hZD8="`, `" cGF5bG9hZD8="`), "payload is not canonical"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Open([]byte(tc.text), payloadType, []Key{s.Key()})
			var format *FormatError
			if !errors.As(err, &format) || !strings.Contains(err.Error(), tc.want) || got.Payload != nil {
				t.Errorf("Open(%s): %+v, %v; want a *FormatError with %q", tc.text, got, err, tc.want)
			}
		})
	}
	// Both alphabets are DSSE's; order and white space of JSON do not matter.
	other := "\n{\"signatures\": [], \"payloadType\":\"" + payloadType + "\",\n\"payload\":\"-_8=\"}\n"
	if got, err := Open([]byte(other), payloadType, nil); err != nil || !bytes.Equal(got.Payload, []byte{0xfb, 0xff}) {
		t.Errorf("Open(%s): %+v, %v", other, got, err)
	}
}
