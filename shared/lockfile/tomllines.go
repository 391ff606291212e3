package lockfile

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/pelletier/go-toml/v2"
)

// decodeTOML decodes a file into a struct; it does not care for what is not in it.
func decodeTOML(data []byte, name string, into any) error {
	err := toml.Unmarshal(data, into)
	if err == nil {
		return nil
	}
	var at *toml.DecodeError
	if errors.As(err, &at) {
		row, column := at.Position()
		return &FormatError{name, fmt.Sprintf("line %d, column %d: not the TOML that belongs there", row, column)}
	}
	return &FormatError{name, "it is not TOML of this kind"}
}

// tableLines are the lines of the headers [[name]], of which there must be so many; else
// the file is written in another way, and nothing is known of its lines. They are for
// messages alone: a text of several lines could pretend to be a header.
func tableLines(data []byte, name string, count int) []int {
	lines := make([]int, 0, count)
	header := []byte("[[" + name + "]]")
	number := 0
	for line := range bytes.Lines(data) {
		number++
		if bytes.HasPrefix(bytes.TrimLeft(line, " \t"), header) {
			lines = append(lines, number)
		}
	}
	if len(lines) != count {
		return make([]int, count)
	}
	return lines
}
