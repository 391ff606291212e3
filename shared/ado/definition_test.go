package ado

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/adotest"
)

// rich is a pipeline with all that must survive.
func rich() adotest.Project {
	p := loop(0)
	p.Definitions[0].Variables = []adotest.Variable{{Name: "KEY", Value: "kept", Secret: true}, {Name: "OPEN", Value: "<b>&"}}
	p.Definitions[0].Raw = map[string]any{
		"process": map[string]any{"yamlFilename": "deploy.yml", "type": 2.0}, "path": `\deploy`,
		"repository": map[string]any{"clean": nil, "type": "TfsGit"}, "newField": []any{1e300, "x", nil, map[string]any{}},
		"bigNumber": json.Number("12345678901234567890"),
	}
	return p
}

// Nothing but the status is another afterwards, and doing it twice does nothing.
func TestDisableDefinition(t *testing.T) {
	t.Parallel()
	l := newLab(t, rich())
	read := func() (d adotest.Definition) {
		l.Update(func(p *adotest.Project) { d = p.Definitions[0] })
		return d
	}
	before := read()
	for _, step := range []struct {
		do       func() (bool, error)
		changed  bool
		status   string
		revision int
	}{
		{func() (bool, error) { return l.DisableDefinition(t.Context(), 47) }, true, "disabled", 4},
		{func() (bool, error) { return l.DisableDefinition(t.Context(), 47) }, false, "disabled", 4},
		{func() (bool, error) { return l.EnableDefinition(t.Context(), 47) }, true, "enabled", 5},
		{func() (bool, error) { return l.EnableDefinition(t.Context(), 47) }, false, "enabled", 5},
	} {
		changed, err := step.do()
		got, errRead := l.Definition(t.Context(), 47)
		want := Definition{ID: 47, Revision: step.revision, Name: "deploy", QueueStatus: step.status}
		if diff := cmp.Diff(want, got); err != nil || errRead != nil || diff != "" || changed != step.changed {
			t.Errorf("changed %v, want %v; %v, %v (-want +got):\n%s", changed, step.changed, err, errRead, diff)
		}
	}
	after := read()
	if after.Variables[0].Value != "kept" {
		t.Errorf("the secret is lost: %+v", after.Variables)
	}
	after.Revision, after.QueueStatus = before.Revision, before.QueueStatus
	after.Raw["bigNumber"], after.Raw["createdDate"] = before.Raw["bigNumber"], nil // the double reads numbers as float64
	before.Raw["createdDate"], before.Raw["type"] = nil, "build"
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the pipeline (-before +after):\n%s", diff)
	}
	_, err := l.DisableDefinition(t.Context(), 1)
	wantError(t, err, 404, "reading pipeline 1: ", "could not be found")
}

// A recorded pipeline goes back as it came, to the last digit.
func TestDefinitionGoesBackAsItCame(t *testing.T) {
	t.Parallel()
	came := strings.Replace(recorded(t, "definition.json"), `"quality"`, `"unknown": [12345678901234567890, 1.10, null], "quality"`, 1)
	l := newLab(t, loop(0))
	var went map[string]json.RawMessage
	l.Fail("definitions", -1, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		text := []byte(came)
		if r.Method == http.MethodPut {
			text, _ = io.ReadAll(r.Body)
			if err := json.Unmarshal(text, &went); err != nil {
				t.Errorf("body: %v", err)
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text)
	})
	if changed, err := l.DisableDefinition(t.Context(), 47); err != nil || !changed {
		t.Fatalf("DisableDefinition: %v, %v", changed, err)
	}
	var want map[string]json.RawMessage
	if err := json.Unmarshal([]byte(came), &want); err != nil {
		t.Fatal(err)
	}
	want["queueStatus"] = json.RawMessage(`"disabled"`)
	if diff := cmp.Diff(compacted(t, want), compacted(t, went)); diff != "" {
		t.Errorf("what was sent (-want +got):\n%s", diff)
	}
}

func compacted(t *testing.T, fields map[string]json.RawMessage) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for name, raw := range fields {
		data, err := json.Marshal(raw)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(data)
	}
	return texts
}

// Somebody else changes the pipeline between our reading and our writing.
func TestDefinitionConflict(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		times   int // that somebody is faster
		somehow func(*adotest.Definition)
		status  int // of our answer, instead of the double's own
		changed bool
		puts    int
		want    string
	}{
		"once":               {1, func(d *adotest.Definition) { d.Name = "new" }, 0, true, 2, ""},
		"not found":          {1, func(d *adotest.Definition) { d.Name = "new" }, 404, true, 2, ""},
		"bad request":        {1, func(d *adotest.Definition) { d.Name = "new" }, 400, true, 2, ""},
		"same by another":    {1, func(d *adotest.Definition) { d.QueueStatus = "disabled" }, 0, true, 1, ""},
		"four times":         {4, func(*adotest.Definition) {}, 0, true, 5, ""},
		"always":             {-1, func(*adotest.Definition) {}, 0, false, maxAttempts, "disabling pipeline 47: Azure DevOps says no (409)"},
		"not for a revision": {-1, nil, 400, false, 1, "disabling pipeline 47: Azure DevOps says no (400)"},
		"forbidden":          {-1, nil, 403, false, 1, `the permission "Edit build pipeline"`},
	} {
		l := newLab(t, rich())
		var puts atomic.Int32
		left := tc.times
		l.Fail("definitions", -1, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.Method == http.MethodPut {
				puts.Add(1)
			}
			if r.Method != http.MethodPut || left == 0 {
				next.ServeHTTP(w, r)
				return
			}
			left--
			if tc.somehow != nil {
				l.Update(func(p *adotest.Project) { p.Definitions[0].Revision++; tc.somehow(&p.Definitions[0]) })
			}
			if tc.status == 0 {
				next.ServeHTTP(w, r)
				return
			}
			adotest.Answer(tc.status, "no")(w, r, next)
		})
		changed, err := l.DisableDefinition(t.Context(), 47)
		if changed != tc.changed || int(puts.Load()) != tc.puts {
			t.Errorf("%s: changed %v with %d tries, %v; want %v with %d", name, changed, puts.Load(), err, tc.changed, tc.puts)
		}
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		}
		if tc.want != "" {
			continue
		}
		l.Update(func(p *adotest.Project) {
			d := p.Definitions[0]
			if d.QueueStatus != "disabled" || name == "once" && d.Name != "new" {
				t.Errorf("%s: got %+v", name, d)
			}
		})
	}
}

// What a hostile or broken server says of a pipeline is not sent back, nor believed.
func TestOddDefinition(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`null`, `{}`, `[]`, `{"id":48}`, `{"id":"47"}`, `{"id":47,"queueStatus":1}`} {
		l := newLab(t, rich())
		l.Fail("definitions", -1, raw("application/json", text))
		_, err := l.DisableDefinition(t.Context(), 47)
		if err == nil || !strings.HasPrefix(err.Error(), "reading pipeline 47: the answer is not what Azure DevOps would say") {
			t.Errorf("DisableDefinition, of %s: got %v", text, err)
		}
	}
	l := newLab(t, rich())
	l.Fail("definitions", -1, raw("application/json", `{"id":47,"revision":1,"queueStatus":"enabled"}`))
	_, err := l.DisableDefinition(t.Context(), 47)
	wantError(t, err, 200, "disabling pipeline 47: Azure DevOps says that it is done, but it is not", "by hand")
}
