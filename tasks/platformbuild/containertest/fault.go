package containertest

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault is something that goes wrong, see [Registry.Fail].
type Fault struct {
	// Operation is of the requests that it meets, see [Request]; "" means any. "manifest" means all that begin
	// with "manifest.". "write" means every request of a push that changes something.
	Operation string
	// Path is a part of the path of the requests that it meets.
	Path string
	// After lets so many requests pass that it would meet, Times is how many it then meets; 0 means all.
	After, Times int
	// Status is the answer's: 401, 403, 404, 429, 500, 503 and so on. 0 leaves the answer as it is but for Cut.
	Status int
	// Code and Message are the error in the answer; those that registries use for the status if empty.
	Code, Message string
	// RetryAfter is that header.
	RetryAfter string
	// Cut ends the connection after so many bytes of a good answer. With Reset, there is no answer.
	Cut   int64
	Reset bool
	// Delay is how long the answer takes.
	Delay time.Duration
}

// errorsOf are code and message by status, as Azure Container Registry and others word them.
var errorsOf = map[int][2]string{
	401: {"UNAUTHORIZED", "authentication required, visit https://aka.ms/acr/authorization for more information."},
	403: {"DENIED", "requested access to the resource is denied"},
	404: {"NAME_UNKNOWN", "repository name not known to registry"},
	429: {"TOOMANYREQUESTS", "too many requests"},
	500: {"INTERNAL_ERROR", "an internal error occurred"},
	503: {"UNAVAILABLE", "service unavailable"},
}

// Fail lets something go wrong from now on.
func (r *Registry) Fail(f Fault) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.faults = append(r.faults, &f)
}

// Heal ends all faults.
func (r *Registry) Heal() {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.faults = nil
}

// take returns the first fault that meets a request, and counts it.
func (r *Registry) take(q Request) *Fault {
	r.lock.Lock()
	defer r.lock.Unlock()
	for i, f := range r.faults {
		if !f.meets(q) {
			continue
		}
		if f.After > 0 {
			f.After--
			continue
		}
		found := *f
		if f.Times--; f.Times == 0 {
			r.faults = slices.Delete(r.faults, i, i+1)
		}
		return &found
	}
	return nil
}

var writing = []string{"upload.post", "upload.patch", "upload.put", "manifest.put"}

func (f *Fault) meets(q Request) bool {
	switch {
	case !strings.Contains(q.Path, f.Path):
		return false
	case f.Operation == "write":
		return slices.Contains(writing, q.Operation)
	}
	return f.Operation == "" || f.Operation == q.Operation || strings.HasPrefix(q.Operation, f.Operation+".")
}

// fail does what the fault says, and reports whether that was the answer.
func (r *Registry) fail(f *Fault, w *recorder, q *http.Request) bool {
	if f.Delay > 0 {
		select {
		case <-time.After(f.Delay):
		case <-q.Context().Done():
		}
	}
	switch {
	case f.Reset:
		panic(http.ErrAbortHandler)
	case f.Status == 0:
		if f.Cut > 0 {
			w.left = f.Cut
		}
		return false
	}
	_, _ = io.Copy(io.Discard, q.Body) // or the client sees a broken pipe, now and then
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	if f.Status == http.StatusUnauthorized {
		r.challenge(w, q, "")
	}
	said := errorsOf[f.Status]
	if said[0] == "" {
		said = [2]string{"UNKNOWN", "status " + strconv.Itoa(f.Status)}
	}
	if f.Code != "" {
		said[0] = f.Code
	}
	if f.Message != "" {
		said[1] = f.Message
	}
	refuse(w, f.Status, said[0], said[1])
	return true
}

// String names the fault for messages.
func (f Fault) String() string {
	what := "status " + strconv.Itoa(f.Status)
	switch {
	case f.Reset:
		what = "no answer"
	case f.Status == 0:
		what = fmt.Sprintf("the end after %d bytes", f.Cut)
	}
	operation := f.Operation
	if operation == "" {
		operation = "any request"
	}
	return fmt.Sprintf("%s at %s, after %d, %d times", what, operation, f.After, f.Times)
}
