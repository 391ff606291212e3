package ado

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/adotest"
)

// The double says nothing that dev.azure.com would not: what it answers has the names and
// the kinds of values of what was recorded.
func TestDoubleSpeaksLikeTheService(t *testing.T) {
	t.Parallel()
	p := loop(1)
	p.Definitions[0].Variables = []adotest.Variable{{Name: "var1", Secret: true}, {Name: "var2", Value: "x"}}
	for name, tc := range map[string]struct{ method, path, kind, body string }{
		"builds.json":     {http.MethodGet, "build/builds", "", ""},
		"definition.json": {http.MethodGet, "build/definitions/47", "", ""},
		"workitem.json": {http.MethodPost, "wit/workitems/$Task", jsonPatch,
			`[{"op":"add","path":"/fields/System.Title","value":"x"}]`},
	} {
		l := newLab(t, p)
		req, err := http.NewRequestWithContext(t.Context(), tc.method,
			l.web.URL+"/Contoso/"+project+"/_apis/"+tc.path+"?api-version=7.1", strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("", token)
		req.Header.Set("Content-Type", tc.kind)
		resp, err := l.web.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s, %v", tc.path, resp.StatusCode, answer, err)
		}
		var got, want any
		if err := json.Unmarshal(answer, &got); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(recorded(t, name)), &want); err != nil {
			t.Fatal(err)
		}
		compare(t, name, got, want)
	}
}

// compare wants all of got in one of the wants, by name and kind.
func compare(t *testing.T, where string, got any, wants ...any) {
	t.Helper()
	switch got := got.(type) {
	case map[string]any:
		for name, value := range got {
			var inside []any
			for _, want := range wants {
				if fields, ok := want.(map[string]any); ok && fields[name] != nil {
					inside = append(inside, fields[name])
				}
			}
			if len(inside) == 0 && value != nil {
				t.Errorf("%s.%s: the service has no such thing", where, name)
				continue
			}
			compare(t, where+"."+name, value, inside...)
		}
	case []any:
		var inside []any
		for _, want := range wants {
			all, _ := want.([]any)
			inside = append(inside, all...)
		}
		for _, value := range got {
			compare(t, where+"[]", value, inside...)
		}
	default:
		for _, want := range wants {
			if got != nil && fmt.Sprintf("%T", got) != fmt.Sprintf("%T", want) {
				t.Errorf("%s: got %T, the service has %T", where, got, want)
			}
		}
	}
}
