package render

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/guardrails-ci/guardrails/build/gentask/taskjson"
)

// tag returns an input's struct tag, as a raw string literal.
func tag(t *taskjson.Task, in taskjson.Input) string {
	text := fmt.Sprintf("input:%s label:%s env:%s", quote(in.Name), quote(in.Label), quote(envTag(in)))
	if t.Closed(in) {
		values := make([]string, len(in.Options))
		for i, option := range in.Options {
			values[i] = option.Value
		}
		text += " options:" + quote(strings.Join(values, ","))
	}
	return "`" + text + "`"
}

// envTag returns what go-envconfig reads.
//
// An input that the editor can hide is not required here: its rule belongs to
// the task. A default with "$" is left out: the agent expands $(name) and hands
// over the result, and without an agent the text is no value at all (go-envconfig
// would expand it by rules of its own).
func envTag(in taskjson.Input) string {
	value := strings.TrimSpace(string(in.Default)) // as the agent does
	switch {
	case in.Required && in.VisibleRule == "":
		return in.Env() + ",required"
	case value == "" || strings.Contains(value, "$"):
		return in.Env()
	default:
		// Last, because "default=" takes the rest of the tag, commas and all.
		return in.Env() + ",default=" + escapeDefault(value)
	}
}

// escapeDefault escapes value for go-envconfig, which reads a default twice:
// keyAndOpts takes one backslash away before a comma (only if the tag has a
// backslash at all), then lookup turns two backslashes into one.
func escapeDefault(value string) string {
	value = strings.ReplaceAll(value, `\`, `\\`)
	return strings.ReplaceAll(value, `\,`, `\\,`)
}

// quote writes s as a struct tag's value. A back quote is written in hex, because
// the tag stands in back quotes.
func quote(s string) string {
	return strings.ReplaceAll(strconv.Quote(s), "`", `\x60`)
}
