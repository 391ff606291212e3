package condition

import (
	"math/big"
	"strings"

	"github.com/guardrails-ci/guardrails/build/localagent/ordinal"
)

type kind int

const (
	nullKind kind = iota
	booleanKind
	numberKind
	textKind
)

// value is a value of the expression language; the zero value is null. It is also
// the node of a literal.
type value struct {
	kind kind
	b    bool
	n    *big.Rat
	s    string
}

func boolean(b bool) value       { return value{kind: booleanKind, b: b} }
func number(n *big.Rat) value    { return value{kind: numberKind, n: n} }
func text(s string) value        { return value{kind: textKind, s: s} }
func (v value) eval(State) value { return v }

// boolean casts v: nothing, 0 and the empty string are false. The string 'false'
// is true.
func (v value) boolean() bool {
	switch v.kind {
	case booleanKind:
		return v.b
	case numberKind:
		return v.n.Sign() != 0
	default:
		return v.s != ""
	}
}

// text casts v to a string; it always can.
func (v value) text() string {
	switch {
	case v.kind == booleanKind && v.b:
		return "True"
	case v.kind == booleanKind:
		return "False"
	case v.kind == numberKind:
		return formatNumber(v.n)
	default:
		return v.s
	}
}

// number casts v; a string must be empty or a number.
func (v value) number() (*big.Rat, bool) {
	switch {
	case v.kind == numberKind:
		return v.n, true
	case v.kind == booleanKind && v.b:
		return big.NewRat(1, 1), true
	case v.kind == textKind && v.s != "":
		return parseNumber(withoutGroups(strings.Trim(v.s, " \t\n\v\f\r")))
	default:
		return new(big.Rat), true
	}
}

// equal casts right to the type of left. When that cannot be done they differ.
func equal(left, right value) bool {
	switch left.kind {
	case booleanKind:
		return left.b == right.boolean()
	case numberKind:
		n, ok := right.number()
		return ok && left.n.Cmp(n) == 0
	case textKind:
		return ordinal.Equal(left.s, right.text())
	default:
		return right.kind == nullKind || right.kind == textKind && right.s == ""
	}
}

// maxNumber is the largest .NET decimal, and numberDigits about its precision.
var maxNumber, _ = new(big.Rat).SetString("79228162514264337593543950335")

const numberDigits = 29

// parseNumber reads a decimal number: no exponent, no spaces, no thousands.
func parseNumber(s string) (*big.Rat, bool) {
	sign, digits := "", s
	if strings.HasPrefix(s, "-") || strings.HasPrefix(s, "+") {
		sign, digits = s[:1], s[1:]
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	if whole+fraction == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return nil, false
	}
	whole = strings.TrimLeft(whole, "0")
	if len(whole) > numberDigits {
		return nil, false
	}
	fraction = fraction[:min(len(fraction), numberDigits)]
	n, ok := new(big.Rat).SetString(sign + "0" + whole + "." + fraction + "0")
	if !ok || new(big.Rat).Abs(n).Cmp(maxNumber) > 0 {
		return nil, false
	}
	return n, true
}

// withoutGroups drops the commas that .NET takes for thousands separators: anywhere
// after the first digit and before the point.
func withoutGroups(s string) string {
	whole, fraction, point := strings.Cut(s, ".")
	first := strings.IndexAny(whole, "0123456789")
	if first < 0 {
		return s
	}
	whole = whole[:first] + strings.ReplaceAll(whole[first:], ",", "")
	if point {
		return whole + "." + fraction
	}
	return whole
}

// formatNumber writes n as .NET's "0.#######" does.
func formatNumber(n *big.Rat) string {
	s := strings.TrimRight(strings.TrimRight(n.FloatString(7), "0"), ".")
	if s == "-0" || s == "" {
		return "0"
	}
	return s
}
