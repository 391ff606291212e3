package taskjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// strict fails unless data is one JSON text whose objects have every key once,
// in whatever case.
func strict(data []byte) error {
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return errors.New("it starts with a byte order mark; save it as UTF-8 without one")
	case !utf8.Valid(data):
		return errors.New("it is not UTF-8; save it as UTF-8")
	}
	w := walker{d: json.NewDecoder(bytes.NewReader(data)), data: data}
	if err := w.value(""); err != nil {
		return err
	}
	if len(w.twice) > 0 {
		return errors.Join(w.twice...)
	}
	if _, err := w.d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("line %d: text after the end of the JSON object; remove it", w.line())
	}
	return nil
}

// maxDepth is far above a real file's six levels. Without it a file of brackets
// alone would take the machine's memory.
const maxDepth = 50

type walker struct {
	d     *json.Decoder
	data  []byte
	depth int
	twice []error
}

// value reads one value, the one at path.
func (w *walker) value(path string) error {
	if w.depth++; w.depth > maxDepth {
		return fmt.Errorf("line %d: more than %d levels deep", w.line(), maxDepth)
	}
	defer func() { w.depth-- }()
	token, err := w.token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		return w.object(path)
	case json.Delim('['):
		for i := 0; w.d.More(); i++ {
			if err := w.value(fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
		_, err = w.token()
		return err
	default:
		return nil
	}
}

func (w *walker) object(path string) error {
	seen := map[string]string{}
	for w.d.More() {
		token, err := w.token()
		if err != nil {
			return err
		}
		key, _ := token.(string)
		at := strings.TrimPrefix(path+"."+key, ".")
		if first, twice := seen[strings.ToLower(key)]; twice {
			w.twice = append(w.twice, fmt.Errorf(
				"line %d: %s stands twice in the same object (as %q and %q; the agent reads keys in any case); "+
					"keep one of them", w.line(), at, first, key))
		}
		seen[strings.ToLower(key)] = key
		if err := w.value(at); err != nil {
			return err
		}
	}
	_, err := w.token()
	return err
}

func (w *walker) token() (json.Token, error) {
	token, err := w.d.Token()
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("line %d: the JSON ends in the middle", lineAt(w.data, len(w.data)))
	case errors.As(err, &syntax):
		return nil, fmt.Errorf("line %d: it is not JSON: %w", lineAt(w.data, int(syntax.Offset)), err)
	}
	return token, err
}

func (w *walker) line() int { return lineAt(w.data, int(w.d.InputOffset())) }

func lineAt(data []byte, offset int) int {
	return 1 + bytes.Count(data[:min(max(offset, 0), len(data))], []byte("\n"))
}
