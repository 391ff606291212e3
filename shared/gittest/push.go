package gittest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
)

// Update is what a push wants to do to a ref.
type Update struct {
	Repo, Ref string
	Old, New  string // commits; "" for none
}

// Refusal is why a server does not take a push; empty: it does. The last line is the
// reason that stands in parentheses at the ref; those before are what "remote:" says.
type Refusal string

// What the hosts say.
const (
	NeedsPullRequest Refusal = "TF402455: Pushes to this branch are not permitted; " +
		"you must use a pull request to update this branch."
	UpdatedByAnother Refusal = "TF401028: The reference 'refs/heads/main' has already been updated by " +
		"another client, so you cannot update it. Please try again."
	NeedsContribute Refusal = "TF401027: You need the Git 'GenericContribute' permission to perform this action. " +
		"Details: identity 'Build\\1f7a9c1e-5f1e-4c1b-9f63-0a1b2c3d4e5f', scope 'branch'."
	NeedsForcePush Refusal = "TF401027: You need the Git 'ForcePush' permission to perform this action. " +
		"Details: identity 'Build\\1f7a9c1e-5f1e-4c1b-9f63-0a1b2c3d4e5f', scope 'branch'."
	GitHubProtected Refusal = "error: GH006: Protected branch update failed for refs/heads/main.\n" +
		"error: Changes must be made through a pull request.\nprotected branch hook declined"
	GitLabProtected Refusal = "GitLab: You are not allowed to push code to protected branches on this project.\n" +
		"pre-receive hook declined"
	HookDeclined  Refusal = "the subject of a commit must name a ticket\npre-receive hook declined"
	GitLabRaced   Refusal = "incorrect old value provided"
	CannotLockRef Refusal = "cannot lock ref 'refs/heads/main': is at 0123456789012345678901234567890123456789 " +
		"but expected 9876543210987654321098765432109876543210"
)

// Reject lets the server refuse pushes from now on. No ref of a push moves if one of
// them is refused.
func (s *Server) Reject(rule func(Update) Refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reject = rule
}

// Before has a function called for each ref of a push that has arrived, before anything
// is done about it: what it does to the repository is a race that the client loses.
func (s *Server) Before(do func(Update)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = do
}

// After has a function called for each ref that a push has moved, before the client
// learns of it.
func (s *Server) After(do func(Update)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.after = do
}

// receive answers a push.
func (s *Server) receive(w http.ResponseWriter, r *http.Request, request Request) {
	updates, capabilities, err := commands(request)
	if err != nil {
		plain(w, http.StatusBadRequest, err.Error())
		return
	}
	s.mu.Lock()
	before, reject, after := s.before, s.reject, s.after
	s.mu.Unlock()
	refusals := make([]Refusal, len(updates))
	for i, u := range updates {
		if before != nil {
			before(u)
		}
		if reject != nil {
			refusals[i] = reject(u)
		}
	}
	if slices.ContainsFunc(refusals, func(r Refusal) bool { return r != "" }) {
		w.Header().Set("Content-Type", "application/x-git-receive-pack-result")
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(refused(updates, refusals, slices.Contains(capabilities, "side-band-64k")))
		return
	}
	answer := httptest.NewRecorder()
	s.backend(answer, r)
	landed := report(answer.Body.Bytes())
	for _, u := range updates {
		if after != nil && slices.Contains(landed, u.Ref) {
			after(u)
		}
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // the client is gone
}

// commands reads what a push wants.
func commands(request Request) (updates []Update, capabilities []string, err error) {
	rest := request.Body
	for {
		var line []byte
		if line, rest, err = packet(rest); err != nil {
			return nil, nil, fmt.Errorf("reading the push: %w", err)
		}
		if line == nil {
			return updates, capabilities, nil
		}
		text, after, first := strings.Cut(string(line), "\x00")
		if first {
			capabilities = strings.Fields(after)
		}
		words := strings.SplitN(strings.TrimSuffix(text, "\n"), " ", 3)
		if words[0] == "shallow" {
			continue
		}
		if len(words) != 3 {
			return nil, nil, fmt.Errorf("reading the push: %q is no command", text)
		}
		updates = append(updates, Update{request.Repo, words[2], id(words[0]), id(words[1])})
	}
}

// id is an object's name, or "" if it is all zeros.
func id(text string) string {
	if strings.Trim(text, "0") == "" {
		return ""
	}
	return text
}

// refused is what a server says that takes none of the updates.
func refused(updates []Update, refusals []Refusal, sideBand bool) []byte {
	var said, result bytes.Buffer
	line(&result, "unpack ok\n")
	for i, u := range updates {
		reason := string(refusals[i])
		if reason == "" {
			reason = "pre-receive hook declined"
		}
		if last := strings.LastIndex(reason, "\n"); last >= 0 {
			said.WriteString(reason[:last+1])
			reason = reason[last+1:]
		}
		line(&result, "ng "+u.Ref+" "+reason+"\n")
	}
	result.WriteString("0000")
	if !sideBand {
		return result.Bytes()
	}
	var banded bytes.Buffer
	if said.Len() > 0 {
		line(&banded, "\x02"+said.String())
	}
	line(&banded, "\x01"+result.String())
	banded.WriteString("0000")
	return banded.Bytes()
}

// report returns the refs that a server says to have moved.
func report(answer []byte) (landed []string) {
	var result bytes.Buffer
	for rest := answer; ; {
		var line []byte
		var err error
		if line, rest, err = packet(rest); err != nil || line == nil {
			break
		}
		if len(line) > 0 && line[0] == 1 { // the band of the result
			result.Write(line[1:])
		}
	}
	if result.Len() == 0 { // no bands
		result.Write(answer)
	}
	for rest := result.Bytes(); ; {
		var line []byte
		var err error
		if line, rest, err = packet(rest); err != nil || line == nil {
			return landed
		}
		if ref, ok := strings.CutPrefix(strings.TrimSpace(string(line)), "ok "); ok {
			landed = append(landed, ref)
		}
	}
}

// packet takes the first line from a stream of pkt-lines (gitprotocol-common); nil is one
// of those that end a section.
func packet(stream []byte) (line, rest []byte, err error) {
	if len(stream) < 4 {
		return nil, nil, io.ErrUnexpectedEOF
	}
	n, err := strconv.ParseUint(string(stream[:4]), 16, 16)
	switch {
	case err != nil:
		return nil, nil, errors.New("it is no pkt-line")
	case n < 4:
		return nil, stream[4:], nil
	case int(n) > len(stream):
		return nil, nil, io.ErrUnexpectedEOF
	}
	return stream[4:n:n], stream[n:], nil
}

// line writes a pkt-line.
func line(w *bytes.Buffer, text string) { fmt.Fprintf(w, "%04x%s", len(text)+4, text) }

// command is what a request of version 2 asks for; "" if it is of another version.
func command(body []byte) string {
	first, _, err := packet(body)
	if err != nil {
		return ""
	}
	name, _ := strings.CutPrefix(strings.TrimSpace(string(first)), "command=")
	if len(name) == len(strings.TrimSpace(string(first))) {
		return ""
	}
	return name
}
