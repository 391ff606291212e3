package condition

import (
	"strings"
)

// maxDepth is the deepest nesting Azure Pipelines takes.
const maxDepth = 50

// node is a part of the expression that has a value.
type node interface {
	eval(s State) value
}

// parser is a recursive descent over the tokens. The last token is the end, and it
// is never consumed.
type parser struct {
	tokens []token
}

func (p *parser) peek() token { return p.tokens[0] }

func (p *parser) take() token {
	t := p.tokens[0]
	if t.kind != endToken {
		p.tokens = p.tokens[1:]
	}
	return t
}

func (p *parser) expect(text string) error {
	if t := p.take(); !t.is(text) {
		return t.errorf("unexpected %s, want %q", t, text)
	}
	return nil
}

// value parses a literal, a function call or a variable.
func (p *parser) value(depth int) (node, error) {
	t := p.take()
	if depth >= maxDepth {
		return nil, t.errorf("nested more than %d deep", maxDepth)
	}
	switch t.kind {
	case stringToken:
		return text(t.text), nil
	case numberToken:
		n, ok := parseNumber(t.text)
		if !ok {
			return nil, t.errorf("%s is not a number; versions are compared as strings only", t)
		}
		return number(n), nil
	case nameToken:
		return p.named(t, depth)
	default:
		return nil, t.errorf("unexpected %s, want a function, variables['name'], a string or a number", t)
	}
}

func (p *parser) named(t token, depth int) (node, error) {
	switch strings.ToLower(t.text) {
	case "true", "false":
		return boolean(strings.EqualFold(t.text, "true")), nil
	case "variables":
		return p.variable(t, depth)
	}
	if !p.peek().is("(") {
		return nil, t.errorf("unknown value %q; supported are variables['name'], 'text', numbers, true, false, %s",
			t.text, functionNames())
	}
	f, known := functions[strings.ToLower(t.text)]
	if !known {
		return nil, t.errorf("function %q is not supported; supported are %s", t.text, functionNames())
	}
	args, err := p.arguments(depth)
	if err != nil {
		return nil, err
	}
	if len(args) < f.min || f.max >= 0 && len(args) > f.max {
		return nil, t.errorf("%s takes %s, not %d", f.name, f.arity(), len(args))
	}
	return call{f.eval, args}, nil
}

// arguments parses ( value, value ... ).
func (p *parser) arguments(depth int) ([]node, error) {
	p.take() // the parenthesis
	if p.peek().is(")") {
		p.take()
		return nil, nil
	}
	var args []node
	for {
		arg, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
		switch t := p.take(); {
		case t.is(")"):
			return args, nil
		case !t.is(","):
			return nil, t.errorf(`unexpected %s, want "," or ")"`, t)
		}
	}
}

// variable parses what follows the word variables: ['name'] or .name.
func (p *parser) variable(t token, depth int) (node, error) {
	var name node
	switch next := p.take(); {
	case next.is("."):
		property := p.take()
		if property.kind != nameToken {
			return nil, property.errorf("unexpected %s, want the name of a variable", property)
		}
		name = text(property.text)
	case next.is("["):
		index, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if err := p.expect("]"); err != nil {
			return nil, err
		}
		name = index
	default:
		return nil, t.errorf("variables alone has no value, write variables['name']")
	}
	if rest := p.peek(); rest.is(".") || rest.is("[") {
		return nil, rest.errorf("a variable has no parts; write a name with dots as variables['a.b']")
	}
	return variable{name}, nil
}
