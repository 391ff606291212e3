package auditdeps

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/task"
)

// plural is a number with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return number(n) + " " + noun
	}
	return number(n) + " " + noun + "s"
}

// number is n with separators of thousands.
func number(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// some names the first few of a list.
func some(names []string) string {
	if len(names) <= 4 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
}

// at gives an error a place.
func at(err error, path string, line int) error {
	var user *task.UserError
	if errors.As(err, &user) {
		user.Path, user.Line = path, line
	}
	return err
}
