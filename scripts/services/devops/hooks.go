package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/guardrails-ci/guardrails/tasks/guardedpush/alert/alerttest"
)

// receivers take alerts, if those whose part they play would.
type receivers struct {
	mu     sync.Mutex
	alerts []received
}

type received struct {
	format, body string
	err          error
}

// answers are what the receivers say to an alert that they take.
var answers = map[string]struct {
	status int
	text   string
}{
	"teams":     {http.StatusAccepted, ""},
	"slack":     {http.StatusOK, "ok"},
	"pagerduty": {http.StatusAccepted, `{"status":"success","message":"Event processed","dedup_key":""}`},
	"generic":   {http.StatusNoContent, ""},
}

// ServeHTTP takes an alert at /hooks/<format>.
func (h *receivers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	format := strings.TrimPrefix(r.URL.Path, "/hooks/")
	answer, known := answers[format]
	if !known {
		http.NotFound(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err == nil && r.Method != http.MethodPost {
		err = fmt.Errorf("the method is %s", r.Method)
	}
	if kind := r.Header.Get("Content-Type"); err == nil && !strings.HasPrefix(kind, "application/json") {
		err = fmt.Errorf("the content type is %q", kind)
	}
	if err == nil {
		err = alerttest.Validate(format, body)
	}
	h.mu.Lock()
	h.alerts = append(h.alerts, received{format, string(body), err})
	h.mu.Unlock()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(answer.status)
	_, _ = io.WriteString(w, answer.text) // the client is gone
}

// lines tells of the alerts.
func (h *receivers) lines() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []string
	for _, a := range h.alerts {
		var flat bytes.Buffer
		if json.Compact(&flat, []byte(a.body)) != nil {
			fmt.Fprintf(&flat, "%q", a.body)
		}
		all = append(all, fmt.Sprintf("alert %s: %s", a.format, flat.String()))
	}
	return all
}

func (h *receivers) verdict() (errs []error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range slices.DeleteFunc(slices.Clone(h.alerts), func(a received) bool { return a.err == nil }) {
		errs = append(errs, fmt.Errorf("%s would not take an alert: %w", a.format, a.err))
	}
	return errs
}
