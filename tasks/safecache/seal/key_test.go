package seal

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// forge signs for a public key of small order without any private key: with S = 0
// the check comes down to R = -[k]A, and A has at most eight multiples.
func forge(payload string, key Key) ([]byte, bool) {
	for point := range smallOrder {
		for _, sign := range []byte{0, 0x80} {
			sum := make([]byte, ed25519.SignatureSize)
			if _, err := hex.Decode(sum, []byte(point)); err != nil {
				panic(err)
			}
			sum[31] |= sign
			if ed25519.Verify(key.raw[:], pae(payloadType, []byte(payload)), sum) {
				return sum, true
			}
		}
	}
	return nil, false
}

func TestKeysThatAnybodyCanSignForAreRefused(t *testing.T) {
	t.Parallel()
	for point := range smallOrder {
		for _, sign := range []byte{0, 0x80} {
			var key Key
			if _, err := hex.Decode(key.raw[:], []byte(point)); err != nil {
				t.Fatal(err)
			}
			key.raw[31] |= sign
			if !key.weak() {
				t.Errorf("%x is not found to be weak", key.raw)
			}
			keys, err := ParseKeys([]string{base64.StdEncoding.EncodeToString(key.raw[:])})
			if err == nil || !strings.Contains(err.Error(), "anybody can sign for") {
				t.Errorf("ParseKeys(%x): %v, %v", key.raw, keys, err)
			}
			var sum []byte
			payload, forged := "", false
			for i := 0; i < 200 && !forged; i++ {
				payload = fmt.Sprint("evil ", i)
				sum, forged = forge(payload, key)
			}
			if !forged {
				t.Logf("nothing could be forged for %x: crypto/ed25519 refuses the point", key.raw)
				continue
			}
			text, err := json.Marshal(envelope{base64.StdEncoding.EncodeToString([]byte(payload)), payloadType,
				[]signature{{"", base64.StdEncoding.EncodeToString(sum)}}})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := Open(text, payloadType, []Key{key}); err != nil || got.KeyID != "" {
				t.Errorf("Open with the key %x: %+v, %v; the signature is forged", key.raw, got, err)
			}
		}
	}
	if !(Key{}).weak() || number(t, 1).Key().weak() {
		t.Error("the zero key must be weak, and a real one not")
	}
}

func TestPrintingASignerShowsNoPrivateKey(t *testing.T) {
	t.Parallel()
	s := signerOf(t, rfc8032)
	marshalled, err := json.Marshal(map[string]any{"signer": s})
	if err != nil {
		t.Fatal(err)
	}
	var held any = struct{ Signer *Signer }{s}
	seed := s.private.Seed()
	for _, text := range []string{
		fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q %x %X %d", s, s, s, s, s, s, s, s), fmt.Sprintf("%v %+v %#v", held, held, held),
		string(marshalled),
	} {
		for _, secret := range []string{hex.EncodeToString(seed[:8]), strings.ToUpper(hex.EncodeToString(seed[:8])),
			strings.Trim(fmt.Sprint(seed[:6]), "[]"), base64.StdEncoding.EncodeToString(seed)[:12], string(seed[:6])} {
			if strings.Contains(text, secret) {
				t.Errorf("%q shows the private key", text)
			}
		}
	}
	if got := fmt.Sprint((*Signer)(nil)); got != "no signer" {
		t.Errorf("no signer: %q", got)
	}
}

func FuzzOpen(f *testing.F) {
	s, stranger := number(f, 1), number(f, 2)
	good := Seal(payloadType, []byte("payload"), s)
	for _, text := range [][]byte{
		good, Seal(payloadType, nil, s), Seal(payloadType, []byte("payload"), nil), Seal("x", []byte("payload"), s),
		Seal(payloadType, []byte("payload"), stranger), append(bytes.Clone(good), '}'),
		bytes.Replace(good, []byte(`{"payload"`), []byte(`{"payload":"","payload"`), 1),
		bytes.Replace(good, []byte(`"payload"`), []byte(`"Payload"`), 1), []byte(`{"signatures":[{"sig":"-_8="}]}`),
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := Open(text, payloadType, []Key{s.Key()})
		if err != nil {
			if got.Payload != nil {
				t.Fatalf("Open(%q): a payload beside the error %v", text, err)
			}
			return
		}
		// What is accepted means the same to encoding/json, which is lax.
		var e envelope
		if err := json.Unmarshal(text, &e); err != nil || e.PayloadType != payloadType || got.Signed != (len(e.Signatures) > 0) {
			t.Fatalf("Open(%q): %+v; encoding/json reads %+v, %v", text, got, e, err)
		}
		std := strings.NewReplacer("-", "+", "_", "/").Replace
		if payload := base64.StdEncoding.EncodeToString(got.Payload); payload != std(e.Payload) {
			t.Fatalf("Open(%q): payload %q; encoding/json reads %q", text, payload, e.Payload)
		}
		// Nobody signed anything but what the seeds have.
		if got.KeyID != "" && (got.KeyID != s.Key().ID() || string(got.Payload) != "payload" && len(got.Payload) > 0) {
			t.Fatalf("Open(%q): %+v, which was never signed", text, got)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{fixedPrivate, fixedPublic, "ssh-ed25519 AAAA", "$(x)", "-----BEGIN ", strings.Repeat("A", 43)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := ParseSigner(text); (s == nil) == (err == nil) {
			t.Fatalf("ParseSigner(%q): %v, %v", text, s, err)
		} else if err != nil && strings.Contains(err.Error(), "\n") {
			t.Fatalf("ParseSigner(%q): %v has several lines", text, err)
		}
		keys, err := ParseKeys([]string{text})
		if err != nil && keys != nil {
			t.Fatalf("ParseKeys(%q): %v, %v", text, keys, err)
		}
		for _, key := range keys {
			if again, err := ParseKeys([]string{key.String()}); err != nil || len(again) != 1 || again[0] != key {
				t.Fatalf("ParseKeys(%q): %v, %v", key.String(), again, err)
			}
		}
	})
}
