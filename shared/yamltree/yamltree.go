// Package yamltree reads YAML that may be hostile, as trees.
//
// It bounds how much memory the parser takes, which has no bound of its own, and turns a
// panic of the parser into an error. What aliases come to when they are written out, what
// %TAG defines, and what a tree may hold is for the caller to judge.
package yamltree

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxMarks bounds what a text may come to: every node needs a mark, and takes some 200
// bytes of memory.
const maxMarks = 3_000_000

// What is wrong with a text besides what the library says.
var (
	ErrTooMany = errors.New("it has too many values")
	ErrNotYAML = errors.New("it is not YAML that can be read")
)

// Read returns the documents of a text, a DocumentNode each, and why there are no more.
// The library's own errors may quote the text.
func Read(data []byte) (docs []*yaml.Node, err error) {
	if marks(data) > maxMarks {
		return nil, ErrTooMany
	}
	defer func() {
		// The library panics on a text that it cannot make sense of (internal error; CVE-2022-28948).
		if recover() != nil {
			err = ErrNotYAML
		}
	}()
	in := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc yaml.Node
		switch err := in.Decode(&doc); {
		case errors.Is(err, io.EOF):
			return docs, nil
		case err != nil:
			return docs, err
		}
		docs = append(docs, &doc)
	}
}

// marks is the most nodes that a text can have.
func marks(data []byte) int {
	n := 0
	for _, c := range data {
		switch c {
		case ',', ':', '-', '[', '{', '?', '\n', '\r':
			n++
		}
	}
	return n
}

var (
	lineForm     = regexp.MustCompile(`^yaml: line (\d+): `)
	fromZeroForm = regexp.MustCompile(`^did not find expected (?:key|node content|'-' indicator|',' or|<)`)
)

// Explain takes apart an error of [Read]: the line that it names, or 0, and what the line
// is said to hold. For what the library's parser finds, and not its scanner, it counts
// from 0; Explain does not.
func Explain(err error) (line int, text string) {
	text = err.Error()
	m := lineForm.FindStringSubmatch(text)
	if m == nil {
		return 0, strings.TrimPrefix(text, "yaml: ")
	}
	line, _ = strconv.Atoi(m[1])
	if text = text[len(m[0]):]; fromZeroForm.MatchString(text) {
		line++
	}
	return line, text
}
