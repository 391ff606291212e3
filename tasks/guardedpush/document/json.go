package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/guardrails-ci/guardrails/shared/redact"
)

// parseJSON reads a JSON text, as RFC 8259 has it, into the nodes that YAML has for it.
func parseJSON(data []byte, lines []int) (*yaml.Node, error) {
	start := bom(data)
	if !json.Valid(data[start:]) {
		return nil, jsonError(data[start:])
	}
	p := &jsonParser{data: data, pos: start, places: places{data: data, lines: lines}}
	return p.value(1)
}

func jsonError(data []byte) error {
	var v json.RawMessage
	err := json.Unmarshal(data, &v)
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return errors.New("it is not JSON")
	}
	before := data[:min(max(int(syntax.Offset)-1, 0), len(data))]
	return fmt.Errorf("line %d: it is not JSON: %s", 1+bytes.Count(before, []byte("\n")), redact.Line(syntax.Error()))
}

// jsonParser reads what is known to be JSON: it needs to check no syntax.
type jsonParser struct {
	data   []byte
	pos    int
	nodes  int
	places places
}

func (p *jsonParser) space() {
	for p.pos < len(p.data) && strings.IndexByte(" \t\r\n", p.data[p.pos]) >= 0 {
		p.pos++
	}
}

// node makes the node that starts here.
func (p *jsonParser) node(kind yaml.Kind, tag string) (*yaml.Node, error) {
	if p.nodes++; p.nodes > maxNodes {
		return nil, fmt.Errorf("it has more than %d nodes, and more are not read", maxNodes)
	}
	line, column := p.places.of(p.pos)
	return &yaml.Node{Kind: kind, Tag: tag, Line: line, Column: column}, nil
}

func (p *jsonParser) value(depth int) (*yaml.Node, error) {
	p.space()
	switch p.data[p.pos] {
	case '{':
		return p.object(depth)
	case '[':
		return p.array(depth)
	case '"':
		return p.text()
	}
	return p.literal()
}

func (p *jsonParser) open(kind yaml.Kind, tag string, depth int) (*yaml.Node, error) {
	n, err := p.node(kind, tag)
	if err != nil {
		return nil, err
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("line %d: it is nested more than %d deep", n.Line, maxDepth)
	}
	n.Style = yaml.FlowStyle
	p.pos++
	return n, nil
}

// more reports whether another element follows, and stands before it.
func (p *jsonParser) more() bool {
	p.space()
	switch p.data[p.pos] {
	case '}', ']':
		p.pos++
		return false
	case ',':
		p.pos++
		p.space()
	}
	return true
}

func (p *jsonParser) array(depth int) (*yaml.Node, error) {
	n, err := p.open(yaml.SequenceNode, "!!seq", depth)
	if err != nil {
		return nil, err
	}
	for p.more() {
		child, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, child)
	}
	return n, nil
}

func (p *jsonParser) object(depth int) (*yaml.Node, error) {
	n, err := p.open(yaml.MappingNode, "!!map", depth)
	if err != nil {
		return nil, err
	}
	for p.more() {
		key, err := p.text()
		if err != nil {
			return nil, err
		}
		p.space()
		p.pos++ // the colon
		value, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, key, value)
	}
	return n, checkKeys(n)
}

func (p *jsonParser) text() (*yaml.Node, error) {
	n, err := p.node(yaml.ScalarNode, "!!str")
	if err != nil {
		return nil, err
	}
	n.Style = yaml.DoubleQuotedStyle
	start, escaped := p.pos, false
	for p.pos++; p.data[p.pos] != '"'; p.pos++ {
		if p.data[p.pos] == '\\' {
			escaped = true
			p.pos++
		}
	}
	p.pos++
	if !escaped {
		n.Value = string(p.data[start+1 : p.pos-1])
		return n, nil
	}
	return n, json.Unmarshal(p.data[start:p.pos], &n.Value)
}

func (p *jsonParser) literal() (*yaml.Node, error) {
	n, err := p.node(yaml.ScalarNode, "")
	if err != nil {
		return nil, err
	}
	start := p.pos
	for p.pos < len(p.data) && strings.IndexByte(" \t\r\n,]}", p.data[p.pos]) < 0 {
		p.pos++
	}
	n.Value = string(p.data[start:p.pos])
	switch {
	case n.Value == "null":
		n.Tag = "!!null"
	case n.Value == "true" || n.Value == "false":
		n.Tag = "!!bool"
	case strings.ContainsAny(n.Value, ".eE"):
		n.Tag = "!!float"
	default:
		n.Tag = "!!int"
	}
	return n, nil
}
