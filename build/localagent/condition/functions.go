package condition

import (
	"fmt"
	"strings"
)

const (
	succeeded           = "Succeeded"
	succeededWithIssues = "SucceededWithIssues"
	failed              = "Failed"
	canceled            = "Canceled"
)

// function is one of the functions a condition may call. A max below 0 is no limit.
type function struct {
	name     string
	min, max int
	eval     func(args []node, s State) value
}

func (f function) arity() string {
	switch {
	case f.max < 0:
		return fmt.Sprintf("at least %d arguments", f.min)
	case f.max == 0:
		return "no arguments"
	default:
		return fmt.Sprintf("%d argument(s)", f.max)
	}
}

// supported lists the functions in the order messages name them. The status
// functions are those of ExpressionManager.cs (Agent.Worker).
var supported = []function{
	{"succeeded", 0, 0, status(succeeded, succeededWithIssues)},
	{"failed", 0, 0, status(failed)},
	{"always", 0, 0, func([]node, State) value { return boolean(true) }},
	{"canceled", 0, 0, status(canceled)},
	{"succeededOrFailed", 0, 0, status(succeeded, succeededWithIssues, failed)},
	{"eq", 2, 2, in},
	{"ne", 2, 2, func(args []node, s State) value { return boolean(!in(args, s).boolean()) }},
	{"in", 2, -1, in},
	{"and", 2, -1, func(args []node, s State) value { return boolean(!anyIs(false, args, s)) }},
	{"or", 2, -1, func(args []node, s State) value { return boolean(anyIs(true, args, s)) }},
	{"not", 1, 1, func(args []node, s State) value { return boolean(!args[0].eval(s).boolean()) }},
}

var functions = func() map[string]function {
	byName := make(map[string]function)
	for _, f := range supported {
		byName[strings.ToLower(f.name)] = f
	}
	return byName
}()

// functionNames lists the functions for messages.
func functionNames() string {
	names := make([]string, len(supported))
	for i, f := range supported {
		names[i] = f.name + "()"
	}
	return strings.Join(names, ", ")
}

func status(want ...string) func([]node, State) value {
	return func(_ []node, s State) value {
		for _, w := range want {
			if s.JobStatus == w {
				return boolean(true)
			}
		}
		return boolean(false)
	}
}

// in reports whether the first argument equals one of the others. With two
// arguments that is eq.
func in(args []node, s State) value {
	left := args[0].eval(s)
	for _, arg := range args[1:] {
		if equal(left, arg.eval(s)) {
			return boolean(true)
		}
	}
	return boolean(false)
}

// anyIs reports whether some argument is want, and looks no further once it is so.
func anyIs(want bool, args []node, s State) bool {
	for _, arg := range args {
		if arg.eval(s).boolean() == want {
			return true
		}
	}
	return false
}

// call is a function with its arguments.
type call struct {
	function func(args []node, s State) value
	args     []node
}

func (c call) eval(s State) value { return c.function(c.args, s) }

// variable is variables[name]; a variable that does not exist is null.
type variable struct {
	name node
}

func (v variable) eval(s State) value {
	if val, ok := s.Variables(v.name.eval(s).text()); ok {
		return text(val)
	}
	return value{}
}
