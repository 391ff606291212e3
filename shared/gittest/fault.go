package gittest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"
)

// Fault answers a request in place of the server, or makes the answer of next worse.
type Fault func(w http.ResponseWriter, r *http.Request, next http.Handler)

// planned is a fault for the next requests.
type planned struct {
	op    string
	times int // left; below 0 is for ever
	fault Fault
}

// Fail makes the next requests fail that are for an Op or a Command, see [Request]; ""
// is any of them. times below 0 means all.
func (s *Server) Fail(op string, times int, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &planned{op, times, f})
}

// Heal ends all faults.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// fault takes the first fault that is left for a request; s.mu is held.
func (s *Server) fault(r Request) Fault {
	for _, f := range s.faults {
		if f.times == 0 || f.op != "" && f.op != r.Op && f.op != r.Command {
			continue
		}
		if f.times > 0 {
			f.times--
		}
		return f.fault
	}
	return nil
}

// Answer says no with a status and a text, which git shows after "remote:".
func Answer(status int, text string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { plain(w, status, text) }
}

// Throttled answers 429; the client is to come back after so many seconds, if above 0.
func Throttled(after int) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		if after > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(after))
		}
		plain(w, http.StatusTooManyRequests, "TF400733: The request has been canceled: Request was blocked due to "+
			"exceeding usage of resource 'Concurrency' in namespace 'User'.")
	}
}

// Page answers with a web page. With status 203 that is what Azure DevOps does to a
// token that it does not accept; with others, what a proxy does.
func Page(status int) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		title := "Blocked"
		if status == http.StatusNonAuthoritativeInfo {
			title = "Azure DevOps Services | Sign In"
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<!DOCTYPE html>\n<html lang=\"en-US\"><head><title>"+title+"</title></head></html>")
	}
}

// Redirect sends the client to the same path at another place, such as
// http://127.0.0.1:4711.
func Redirect(to string) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		http.Redirect(w, r, to+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	}
}

// Slow answers after a delay, or when the client has gone.
func Slow(delay time.Duration) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}
}

// Cut ends the connection after so many bytes of the body. A push has then arrived; see
// [Drop] for one that has not.
func Cut(after int) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		answer := httptest.NewRecorder() // a writer that fails would end git in the middle
		next.ServeHTTP(answer, r)
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.Header().Set("Content-Length", strconv.Itoa(answer.Body.Len()+1))
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Next(after))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// Drop begins an answer and ends the connection, and does nothing of what was asked.
func Drop(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	w.Header().Set("Content-Length", "100")
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush() // else libcurl would send it again
	panic(http.ErrAbortHandler)
}

// Resend does what was asked, and ends the connection before the answer. Where it is not
// the first request of a connection, libcurl then sends it again, and nobody tells git.
func Resend(_ http.ResponseWriter, r *http.Request, next http.Handler) {
	next.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}
