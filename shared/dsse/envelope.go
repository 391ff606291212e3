package dsse

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// maxSignatures bounds the work that an envelope can ask for.
const maxSignatures = 16

// envelope is an envelope as it is written.
type envelope struct {
	Payload     string      `json:"payload"`
	PayloadType string      `json:"payloadType"`
	Signatures  []signature `json:"signatures"`
}

type signature struct {
	KeyID string `json:"keyid"`
	Sum   string `json:"sig"`
}

// read reads token by token: json.Unmarshal would take the last of repeated fields and
// any upper or lower case of their names, where another reader takes the first or none.
func read(text []byte) (envelope, error) {
	var e envelope
	if !utf8.Valid(text) {
		return e, &FormatError{"it is not UTF-8"} // or the decoder would replace bytes
	}
	r := reader{json.NewDecoder(bytes.NewReader(text))}
	seen, err := r.object(map[string]func() error{
		"payload":     func() error { return r.text(&e.Payload) },
		"payloadType": func() error { return r.text(&e.PayloadType) },
		"signatures":  func() error { return r.signatures(&e.Signatures) },
	})
	switch {
	case err != nil:
		return envelope{}, err
	case len(seen) != 3: // the number of names above
		return envelope{}, &FormatError{"it has no payload, payloadType or signatures"}
	}
	if _, err := r.Token(); !errors.Is(err, io.EOF) {
		return envelope{}, &FormatError{"there is something after its end"}
	}
	return e, nil
}

type reader struct{ *json.Decoder }

func (r reader) next() (json.Token, error) {
	token, err := r.Token()
	if err != nil {
		return nil, &FormatError{"it is not well-formed JSON"}
	}
	return token, nil
}

// object reads an object whose fields are read by name, each once at most. It
// returns the names of those it has.
func (r reader) object(fields map[string]func() error) (map[string]bool, error) {
	if token, err := r.next(); err != nil {
		return nil, err
	} else if token != json.Delim('{') {
		return nil, &FormatError{"it has something else where an object belongs"}
	}
	seen := map[string]bool{}
	for r.More() {
		token, err := r.next()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string)
		read, known := fields[name]
		switch {
		case !known:
			return nil, &FormatError{"it has a field that DSSE does not know"}
		case seen[name]:
			return nil, &FormatError{"it has " + name + " twice"}
		}
		seen[name] = true
		if err := read(); err != nil {
			return nil, err
		}
	}
	_, err := r.next() // the closing brace, or what is there instead
	return seen, err
}

func (r reader) text(into *string) error {
	token, err := r.next()
	if err != nil {
		return err
	}
	text, ok := token.(string)
	if !ok {
		return &FormatError{"it has something else where a text belongs"}
	}
	*into = text
	return nil
}

func (r reader) signatures(into *[]signature) error {
	if token, err := r.next(); err != nil {
		return err
	} else if token != json.Delim('[') {
		return &FormatError{"its signatures are not a list"}
	}
	for r.More() {
		var s signature
		seen, err := r.object(map[string]func() error{
			"keyid": func() error { return r.text(&s.KeyID) },
			"sig":   func() error { return r.text(&s.Sum) },
		})
		switch {
		case err != nil:
			return err
		case !seen["sig"]: // keyid is optional
			return &FormatError{"it has a signature without sig"}
		case len(*into) == maxSignatures:
			return &FormatError{"it has too many signatures"}
		}
		*into = append(*into, s)
	}
	_, err := r.next()
	return err
}

// decodeBase64 takes the standard and the URL alphabet, as DSSE wants it, but only
// the one way to write the bytes in each: the decoder would skip line ends. The
// error goes on from "the payload", ...
func decodeBase64(text string) ([]byte, error) {
	encoding := base64.StdEncoding
	if strings.ContainsAny(text, "-_") {
		encoding = base64.URLEncoding
	}
	data, err := encoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("is not canonical base64")
	}
	return data, nil
}
