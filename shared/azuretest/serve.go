package azuretest

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// answer is what a service says.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func reply(status int, body any) answer {
	var data bytes.Buffer
	encoder := json.NewEncoder(&data)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		panic(err) // ours
	}
	said := bytes.TrimSuffix(data.Bytes(), []byte("\n"))
	return answer{status, http.Header{"Content-Type": {"application/json; charset=utf-8"}}, said}
}

func page(status int, html string) answer {
	return answer{status, http.Header{"Content-Type": {"text/html; charset=utf-8"}}, []byte(html)}
}

// guid returns a new ID.
func guid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // does not fail
	return guidOf(b)
}

func guidOf(b [16]byte) string {
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // RFC 9562, version 4
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

const maxBody = 1 << 20

// serve answers a request to one of the hosts, and remembers it.
func (c *Cloud) serve(w http.ResponseWriter, r *http.Request, proxied bool) {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = canonical(host)
	seen := Request{
		Start: time.Now(), Method: r.Method, Host: host, Path: r.URL.Path,
		Query: r.URL.Query(), Header: r.Header.Clone(), Proxied: proxied,
	}
	c.wait(r, c.config.Latency)
	if t := tunnelOf(r); t != nil && t.host != "" && t.host != host {
		said := page(http.StatusMisdirectedRequest, "<html><body>this tunnel is for another host</body></html>")
		c.send(w, r, &seen, nil, said)
		return
	}
	if isDevOps(host) && c.config.DevOps != nil {
		fault := c.take(slices.Concat(network, []Kind{Custom}), host, r)
		if fault == nil {
			record := &statusWriter{ResponseWriter: w}
			c.config.DevOps.ServeHTTP(record, r)
			seen.Status = record.status
			c.remember(seen)
			return
		}
		c.send(w, r, &seen, fault, page(http.StatusOK, "")) // the fault is about to replace it
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return // the client has gone, or is none
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		seen.Form, _ = url.ParseQuery(string(body))
	}
	fault := c.take(network, host, r)
	said := c.route(r, &seen, host)
	if fault == nil && said.status < 300 {
		fault = c.take(delivery, host, r)
	}
	c.send(w, r, &seen, fault, said)
}

// route lets the service that has the host answer.
func (c *Cloud) route(r *http.Request, seen *Request, host string) answer {
	if r.TLS == nil {
		if host == metadataHost || r.URL.Host == "" && strings.HasPrefix(r.URL.Path, "/metadata/") {
			return c.metadata(r)
		}
		return page(http.StatusForbidden, "<html><body>only the metadata service speaks http</body></html>")
	}
	if v := c.vaultAt(host); v != nil {
		return v.answer(r, seen)
	}
	if isLogin(host) || host == c.environment.login {
		return c.entra(r, seen)
	}
	return page(http.StatusNotFound, "<html><body>there is no such host</body></html>")
}

// send sends the answer, or what a fault makes of it, and remembers the request
// before the client can know of the answer.
func (c *Cloud) send(w http.ResponseWriter, r *http.Request, seen *Request, fault *Fault, a answer) {
	if fault != nil {
		a = fault.instead(a)
	}
	seen.Status = a.status
	if fault.drops() {
		seen.Status = 0
	}
	if fault != nil && fault.Kind == Slow {
		c.wait(r, fault.Wait)
	}
	c.remember(*seen)
	if fault.drops() {
		c.drop(w, r, fault, a)
		return
	}
	header := w.Header()
	for name, values := range a.header {
		header[name] = values
	}
	header.Set("Content-Length", fmt.Sprint(len(a.body)))
	w.WriteHeader(a.status)
	if r.Method == http.MethodHead {
		return
	}
	if fault != nil && fault.Kind == SlowBody {
		c.trickle(w, r, a.body, fault.Wait)
		return
	}
	_, _ = w.Write(a.body)
}

func (c *Cloud) remember(seen Request) {
	seen.End = time.Now()
	c.lock.Lock()
	defer c.lock.Unlock()
	c.requests = append(c.requests, seen)
}

// wait waits, unless the client or the cloud ends sooner.
func (c *Cloud) wait(r *http.Request, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	case <-c.done:
	}
}

// trickle sends a body in ten pieces.
func (c *Cloud) trickle(w http.ResponseWriter, r *http.Request, body []byte, d time.Duration) {
	const pieces = 10
	for i := range pieces {
		from, to := len(body)*i/pieces, len(body)*(i+1)/pieces
		c.wait(r, d/pieces)
		if _, err := w.Write(body[from:to]); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
	}
}

// drop ends the connection without a whole answer.
func (c *Cloud) drop(w http.ResponseWriter, r *http.Request, fault *Fault, a answer) {
	if fault.Kind == Stall {
		select {
		case <-r.Context().Done():
		case <-c.done:
		}
	}
	t := tunnelOf(r)
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil || t == nil {
		return
	}
	if fault.Kind == Cut {
		var head bytes.Buffer // nothing fails there
		fmt.Fprintf(&head, "HTTP/1.1 %d %s\r\n", a.status, http.StatusText(a.status))
		fmt.Fprintf(&head, "Content-Length: %d\r\n", len(a.body))
		_ = a.header.Write(&head)
		_, _ = conn.Write(append(append(head.Bytes(), '\r', '\n'), a.body[:len(a.body)/2]...))
		_ = conn.Close()
		return
	}
	t.abort()
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (s *statusWriter) WriteHeader(status int) {
	if s.status == 0 {
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *statusWriter) Write(b []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	return s.ResponseWriter.Write(b)
}

// Unwrap lets handlers flush and hijack.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }
