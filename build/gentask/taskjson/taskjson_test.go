package taskjson

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	const text = `{
	  "name": "Demo", "version": {"Major": 1, "Minor": 0, "Patch": 0},
	  "inputs": [
	    {"name": "on", "type": "boolean", "defaultValue": true},
	    {"name": "off", "type": "boolean", "defaultValue": "false"},
	    {"name": "mode", "type": "pickList", "options": {"z": "Last", "a": "First"}},
	    {"name": "vault", "type": "pickList", "properties": {"EditableOptions": "True"}},
	    {"name": "item", "type": "pickList"},
	    {"name": "token", "type": "string", "helpMarkDown": "Give it in a Secret Variable."}
	  ],
	  "dataSourceBindings": [{"target": "item"}],
	  "execution": {"Node24": {"target": "main.js"}},
	  "postjobexecution": {"Node24": {"target": "post.js"}}
	}`
	got, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	type facts struct {
		Default        Default
		Closed, Secret bool
		Env            string
	}
	inputs := map[string]facts{}
	for _, in := range got.Inputs {
		inputs[in.Name] = facts{in.Default, got.Closed(in), in.Secret(), in.Env()}
	}
	want := map[string]facts{
		"on":    {"true", false, false, "INPUT_ON"},
		"off":   {"false", false, false, "INPUT_OFF"},
		"mode":  {"", true, false, "INPUT_MODE"},
		"vault": {"", false, false, "INPUT_VAULT"},
		"item":  {"", false, false, "INPUT_ITEM"},
		"token": {"", false, true, "INPUT_TOKEN"},
	}
	if diff := cmp.Diff(want, inputs); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
	mode, _ := got.Input("mode")
	if diff := cmp.Diff(Options{{"z", "Last"}, {"a", "First"}}, mode.Options); diff != "" {
		t.Errorf("options keep the file's order (-want +got):\n%s", diff)
	}
	var stages []string
	for _, s := range got.Stages() {
		stages = append(stages, s.Key+" "+s.Target)
	}
	if diff := cmp.Diff([]string{"execution main.js", "postjobexecution post.js"}, stages); diff != "" {
		t.Errorf("Stages (-want +got):\n%s", diff)
	}
	if _, ok := got.Input("Mode"); ok {
		t.Error(`Input("Mode") found "mode"; names are compared in their case`)
	}
}

func TestParseWrongTypesAreLeftToTheSchema(t *testing.T) {
	t.Parallel()
	const text = `{"name": 5, "version": "1.0.0", "author": "A",
	  "inputs": [{"name": "a", "defaultValue": 5, "options": ["x"], "label": "A"}], "restrictions": {"commands": 1}}`
	got, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	if got.Author != "A" || len(got.Inputs) != 1 || got.Inputs[0].Label != "A" {
		t.Errorf("Parse lost what stands after a value of a wrong type: %+v", got)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, want string }{
		"empty":            {"", "line 1: the JSON ends in the middle"},
		"cut":              {"{\n\"a\": [1,\n", "line 3: the JSON ends in the middle"},
		"no JSON":          {"{\n\"a\": x}", "line 2: it is not JSON"},
		"comment":          {"{ // no\n}", "line 1: it is not JSON"},
		"a list":           {"[]", "it is not a JSON object"},
		"null":             {"null", "it is not a JSON object"},
		"trailing":         {"{}\n{}", "line 2: text after the end of the JSON object; remove it"},
		"trailing bracket": {"{}\n]", "line 2: text after the end of the JSON object; remove it"},
		"byte order mark":  {"\xef\xbb\xbf{}", "byte order mark"},
		"not UTF-8":        {"{\"a\": \"\xff\"}", "not UTF-8"},
		"twice":            {"{\"a\": 1,\n\"a\": 2}", `line 2: a stands twice in the same object (as "a" and "a"`},
		"twice in any case": {
			`{"inputs": [{}, {"name": 1, "Name": 2}]}`,
			`inputs[1].Name stands twice in the same object (as "name" and "Name"`,
		},
		"twice, escaped":    {`{"a": 1, "\u0061": 2}`, "a stands twice"},
		"all of them":       {`{"a": 1, "a": 2, "b": {"c": 1, "c": 2}}`, "b.c stands twice"},
		"very deep nesting": {strings.Repeat("[", 200000), "more than 50 levels deep"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Parse([]byte(tc.text))
			if err == nil {
				t.Fatalf("Parse = %+v, nil; want an error with %q", got, tc.want)
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Parse: got error %q, want one with %q", err, tc.want)
			}
		})
	}
}

func TestParseSameKeyInOtherObject(t *testing.T) {
	t.Parallel()
	if _, err := Parse([]byte(`{"a": {"x": 1}, "b": {"x": 1}, "c": [{"x": 1}, {"x": 2}]}`)); err != nil {
		t.Errorf("Parse: %v; want nil, the objects differ", err)
	}
}
