package guardedpush

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/endpoint"
	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/safepath"
	"github.com/guardrails-ci/guardrails/shared/task"
)

// signingKey downloads the key that signs the commit into the scratch folder, which only
// this user can read and which is removed; "" if nothing is to be signed.
func (s *step) signingKey(ctx context.Context) (string, error) {
	if s.in.Sign == "" {
		return "", nil
	}
	e := endpoint.New(s.env.Environ())
	file, err := e.SecureFile(s.in.Sign, "sign")
	if err != nil {
		return "", &task.UserError{ // its words name the input
			Class: task.BadInput, Rule: "push/input", Msg: err.Error(),
			Hint: "name a secure file of the library that this pipeline may use",
		}
	}
	server, err := e.SystemURL()
	if err != nil {
		return "", err
	}
	token, err := e.SystemToken()
	if err != nil {
		return "", err
	}
	s.hide(file.Ticket)
	// The SDK has no such call; this is what the agent and the task library do
	// (securefiles-common.ts of azure-pipelines-tasks).
	address := strings.TrimSuffix(server, "/") + "/" + url.PathEscape(s.env.Var("System.TeamProjectId")) +
		"/_apis/distributedtask/securefiles/" + file.ID +
		"?ticket=" + url.QueryEscape(file.Ticket.Reveal()) + "&download=true"
	answer, err := s.http.Do(ctx, httpx.Request{URL: address, Header: http.Header{
		"Authorization": {"Bearer " + token.Reveal()},
		"Accept":        {"application/octet-stream;api-version=7.1-preview.1"},
	}})
	if err != nil {
		return "", &task.UserError{
			Class: task.Environment, Rule: "push/sign", Err: err,
			Msg: fmt.Sprintf("the secure file %.100q could not be downloaded", file.Name),
			Hint: "check that it exists and that this pipeline is permitted to use it: Pipelines > Library > " +
				"Secure files",
		}
	}
	for line := range strings.Lines(string(answer.Body)) {
		if line = strings.TrimSpace(line); len(line) > 20 && !strings.HasPrefix(line, "-----") {
			s.env.Secrets.Add(line)
		}
	}
	path := filepath.Join(s.scratch, "signing-key")
	if err := safepath.WritePrivate(path, answer.Body); err != nil {
		return "", fmt.Errorf("keeping the signing key: %w", err)
	}
	return path, nil
}
