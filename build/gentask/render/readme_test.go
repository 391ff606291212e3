package render

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/build/gentask/taskjson"
)

const (
	ib = "<!-- inputs:begin -->\n"
	ie = "<!-- inputs:end -->\n"
	ob = "<!-- outputs:begin -->\n"
	oe = "<!-- outputs:end -->\n"
)

func TestREADME(t *testing.T) {
	t.Parallel()
	task := &taskjson.Task{
		Inputs:  []taskjson.Input{{Name: "key", Type: "string", Required: true, HelpMarkDown: "The key."}},
		Outputs: []taskjson.Output{{Name: "hit", Description: "Whether."}},
	}
	const want = "# T\n" + ib + `
| Input (alias) | Type | Required or default | What it means |
|---|---|---|---|
| ` + "`key`" + ` | text | **required** | The key. |

` + ie + "between\n" + ob + `
| Output variable | What it holds |
|---|---|
| ` + "`hit`" + ` | Whether. |

` + oe + "end\n"
	for name, page := range map[string]string{
		"empty":      "# T\n" + ib + ie + "between\n" + ob + "\n" + oe + "end\n",
		"old tables": "# T\n" + ib + "\n\nold\n" + ie + "between\n" + ob + "older\n" + oe + "end\n",
		"CRLF":       strings.ReplaceAll(want, "\n", "\r\n"),
		"the same":   want,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := README(page, task)
			if err != nil {
				t.Fatalf("README: %v", err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("README (-want +got):\n%s", diff)
			}
		})
	}
}

func TestREADMEWithoutOutputs(t *testing.T) {
	t.Parallel()
	task := new(taskjson.Task)
	got, err := README(ib+ie+ob+oe, task)
	if err != nil || !strings.Contains(got, "This task sets no output variables.") {
		t.Errorf("README = %q, %v; want it to say that there are none", got, err)
	}
	if _, err := README(ib+ie, task); err != nil {
		t.Errorf("README without a place for no outputs: %v", err)
	}
}

func TestREADMEMarkersInText(t *testing.T) {
	t.Parallel()
	task := &taskjson.Task{Inputs: []taskjson.Input{{
		Name: "a", Type: "string", HelpMarkDown: "Not `<!-- inputs:end -->`, nor\n<!-- inputs:begin -->",
	}}}
	first, err := README("See `"+ib+"`.\n"+ib+ie, task)
	if err != nil {
		t.Fatalf("README: %v", err)
	}
	again, err := README(first, task)
	if err != nil || again != first {
		t.Errorf("README of its own page = %q, %v; want the same page", again, err)
	}
}

func TestREADMENoPlace(t *testing.T) {
	t.Parallel()
	task := &taskjson.Task{Outputs: []taskjson.Output{{Name: "hit"}}}
	inputs := "the table of inputs has no place; put a line <!-- inputs:begin --> and after it " +
		"a line <!-- inputs:end -->, each once"
	outputs := strings.NewReplacer("inputs", "outputs").Replace(inputs)
	for page, want := range map[string]string{
		"":                      inputs + "\n" + outputs,
		ie + ib + ob + oe:       inputs,
		ib + ob + oe:            inputs,
		ib + ie + ie + ob + oe:  inputs,
		ib + ib + ie + ob + oe:  inputs,
		ib + ie:                 outputs,
		ib + " " + ie + ob + oe: inputs,
	} {
		got, err := README(page, task)
		if err == nil || err.Error() != want {
			t.Errorf("README(%q) = %q, %v; want the error %q", page, got, err, want)
		}
	}
}

func TestProse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain [link](https://x)": "plain [link](https://x)",
		"a | b\nc\r\nd":           `a \| b<br>c<br>d`,
		"<script>":                "&lt;script&gt;",
		"`<a>|b` <c>":             "`<a>\\|b` &lt;c&gt;",
		"``a`<b>`` <c>":           "``a`<b>`` &lt;c&gt;",
		"`open <b>":               "`open &lt;b&gt;",
		"``open <b>` <c>":         "``open &lt;b&gt;` &lt;c&gt;",
		"  trimmed \n":            "trimmed",
		"":                        "",
	} {
		if got := prose(text); got != want {
			t.Errorf("prose(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestCode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a":       "`a`",
		"a|b":     "`a\\|b`",
		"`a":      "`` `a ``",
		"a``b`c":  "```a``b`c```",
		"a\r\nb":  "`a⏎b`",
		"<b>$(x)": "`<b>$(x)`",
	} {
		if got := code(text); got != want {
			t.Errorf("code(%q) = %q, want %q", text, got, want)
		}
	}
}

// FuzzProse: help text never ends its table cell or starts HTML.
func FuzzProse(f *testing.F) {
	for _, seed := range []string{"a|b", "`a|b`", "``<x>`", "a\nb", "\\|", "` `` `", "<!-- inputs:end -->"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cell := prose(text)
		if strings.Contains(cell, "\n") {
			t.Errorf("prose(%q) = %q, of several lines", text, cell)
		}
		if strings.Contains(strings.ReplaceAll(cell, `\|`, ""), "|") {
			t.Errorf("prose(%q) = %q, with a cell border", text, cell)
		}
		if !strings.Contains(text, "`") && strings.ContainsAny(strings.ReplaceAll(cell, "<br>", ""), "<>") {
			t.Errorf("prose(%q) = %q, with HTML", text, cell)
		}
	})
}
