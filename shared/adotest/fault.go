package adotest

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Fault answers a request in place of the server, or makes the answer of next worse.
type Fault func(w http.ResponseWriter, r *http.Request, next http.Handler)

// planned is a fault for the next requests.
type planned struct {
	resource string
	times    int // left; below 0 is for ever
	fault    Fault
}

// Fail makes the next requests for a resource fail; times below 0 means all of them.
// The resources are locations, resourceareas, builds, definitions, tags, timeline, logs,
// variablegroups, securefiles, oidctoken, repositories, pullrequests and workitems; "" is
// any of them.
func (s *Server) Fail(resource string, times int, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &planned{resource, times, f})
}

// fault takes the first fault that is left for the resource; s.mu is held.
func (s *Server) fault(resource string) Fault {
	for _, f := range s.faults {
		if f.times == 0 || f.resource != "" && f.resource != resource {
			continue
		}
		if f.times > 0 {
			f.times--
		}
		return f.fault
	}
	return nil
}

// Answer says no with a status and a message, as the service does.
func Answer(status int, message string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		refuse(status, "VssServiceException", message).write(w)
	}
}

// Throttled answers 429; the client is to come back after so many seconds, if above 0.
func Throttled(after int) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		if after > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(after))
		}
		refuse(http.StatusTooManyRequests, "RequestBlockedException",
			"TF400733: The request has been canceled: Request was blocked due to exceeding usage of resource "+
				"'Concurrency' in namespace 'User'.").write(w)
	}
}

const signInPage = `<!DOCTYPE html>
<html lang="en-US"><head><title>Azure DevOps Services | Sign In</title></head></html>`

// Page answers with a web page. With status 203 that is what Azure DevOps does to a
// token that it does not accept; with others, what a proxy does.
func Page(status int) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		text := "<html><head><title>Blocked</title></head></html>"
		if status == http.StatusNonAuthoritativeInfo {
			text = signInPage
		}
		page(w, status, text)
	}
}

func page(w http.ResponseWriter, status int, text string) {
	answer{status: status, kind: "text/html; charset=utf-8", text: text}.write(w)
}

// SignIn redirects to the sign-in page, as Azure DevOps does to a request without a
// token.
func SignIn(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	organization, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	http.Redirect(w, r, "/"+organization+"/_signin?realm=dev.azure.com", http.StatusFound)
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

// Cut ends the connection after so many bytes of the body, which it then was not.
func Cut(after int) Fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(&cutter{w, after}, r)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(p []byte) (int, error) {
	if len(p) > c.left {
		n, _ := c.ResponseWriter.Write(p[:c.left])
		c.left = 0
		return n, io.ErrShortWrite
	}
	c.left -= len(p)
	return c.ResponseWriter.Write(p)
}

// Late leaves the logs out of the timeline, as if they were still on their way from
// the agent.
func Late(w http.ResponseWriter, r *http.Request, next http.Handler) {
	next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), late{}, true)))
}

type late struct{}
