package dsse_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	oracle "github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/guardrails-ci/guardrails/shared/dsse"
)

const payloadType = "application/vnd.example+json"

// The specification's own example (protocol.md, "Test vectors").
func TestPAE(t *testing.T) {
	t.Parallel()
	e := dsse.Envelope{Type: "http://example.com/HelloWorld", Payload: []byte("hello world")}
	want := "DSSEv1 29 http://example.com/HelloWorld 11 hello world"
	if got := string(e.PAE()); got != want {
		t.Errorf("PAE: got %q, want %q", got, want)
	}
	if got, want := string(dsse.Envelope{}.PAE()), "DSSEv1 0  0 "; got != want {
		t.Errorf("PAE of nothing: got %q, want %q", got, want)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	e := dsse.Envelope{
		Type: payloadType, Payload: []byte{0xfb, 0xff, 0},
		Signatures: []dsse.Signature{{KeyID: "one", Sum: []byte("1")}, {Sum: []byte{}}},
	}
	want := `{"payload":"+/8A","payloadType":"application/vnd.example+json","signatures":[` +
		`{"keyid":"one","sig":"MQ=="},{"keyid":"","sig":""}]}`
	if diff := cmp.Diff(want, string(e.Text())); diff != "" {
		t.Errorf("Text (-want +got):\n%s", diff)
	}
	got, err := dsse.Parse(e.Text())
	if diff := cmp.Diff(e, got); err != nil || diff != "" {
		t.Errorf("Parse of the Text: %v (-want +got):\n%s", err, diff)
	}
}

// FuzzParse: what is taken is what the reference implementation reads, and is written as it was.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"payload":"+/8A","payloadType":"x","signatures":[{"keyid":"one","sig":"MQ=="}]}`))
	f.Add([]byte(`{"payloadType":"x","payload":"-_8=","signatures":[{"sig":""}]}`))
	f.Add([]byte(`{"payload":"","payload":"","payloadType":"x","signatures":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := dsse.Parse(text)
		if err != nil {
			return
		}
		var other oracle.Envelope
		if err := json.Unmarshal(text, &other); err != nil {
			t.Fatalf("Parse(%q) takes what is no JSON: %v", text, err)
		}
		payload, err := other.DecodeB64Payload()
		if err != nil || !bytes.Equal(payload, e.Payload) || other.PayloadType != e.Type || len(other.Signatures) != len(e.Signatures) {
			t.Errorf("Parse(%q) = %+v, want %+v (%v)", text, e, other, err)
		}
		if !bytes.Equal(e.PAE(), oracle.PAE(other.PayloadType, payload)) {
			t.Errorf("Parse(%q).PAE() = %q, want %q", text, e.PAE(), oracle.PAE(other.PayloadType, payload))
		}
		again, err := dsse.Parse(e.Text())
		if diff := cmp.Diff(e, again); err != nil || diff != "" {
			t.Errorf("Parse(%q) and again: %v (-first +second):\n%s", text, err, diff)
		}
	})
}

func TestParseRefusesWhatCanBeReadInTwoWays(t *testing.T) {
	t.Parallel()
	e := dsse.Envelope{Type: payloadType, Payload: []byte("payload?"), Signatures: []dsse.Signature{{KeyID: "k", Sum: make([]byte, 64)}}}
	good := string(e.Text()) // has padding
	if _, err := dsse.Parse([]byte(good)); err != nil {
		t.Fatalf("Parse(%s): %v", good, err)
	}
	with := func(old, new string) string {
		t.Helper()
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in %s", old, good)
		}
		return strings.Replace(good, old, new, 1)
	}
	many := strings.Repeat(`{"sig":""},`, 17)
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
			got, err := dsse.Parse([]byte(tc.text))
			var format *dsse.FormatError
			if !errors.As(err, &format) || !strings.Contains(err.Error(), tc.want) || got.Payload != nil {
				t.Errorf("Parse(%s): %+v, %v; want a *dsse.FormatError with %q", tc.text, got, err, tc.want)
			}
		})
	}
	// Both alphabets are DSSE's; order and white space of JSON do not matter.
	other := "\n{\"signatures\": [], \"payloadType\":\"" + payloadType + "\",\n\"payload\":\"-_8=\"}\n"
	if got, err := dsse.Parse([]byte(other)); err != nil || !bytes.Equal(got.Payload, []byte{0xfb, 0xff}) {
		t.Errorf("Parse(%s): %+v, %v", other, got, err)
	}
}
