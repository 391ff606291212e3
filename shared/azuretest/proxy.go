package azuretest

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// tunnel is a connection to a host of the cloud: through the proxy (CONNECT), or as
// if the host's name led here.
type tunnel struct {
	net.Conn
	buffered *bufio.Reader // has what was read ahead
	host     string        // that CONNECT was for; "" if there was none
	fault    *Fault        // of this connection; nil for none
}

func (t *tunnel) Read(b []byte) (int, error) { return t.buffered.Read(b) }

// abort ends the connection so that the peer sees a reset.
func (t *tunnel) abort() {
	if tcp, ok := t.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = t.Conn.Close()
}

// queue is a net.Listener for connections that come from elsewhere.
type queue struct {
	address net.Addr
	conns   chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func newQueue(address net.Addr) *queue {
	return &queue{address: address, conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (q *queue) put(c net.Conn) {
	select {
	case q.conns <- c:
	case <-q.closed:
		_ = c.Close()
	}
}

func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.closed:
		return nil, net.ErrClosed
	}
}

func (q *queue) Close() error {
	q.once.Do(func() { close(q.closed) })
	return nil
}

func (q *queue) Addr() net.Addr { return q.address }

const tlsHandshake = 0x16 // the first byte of a TLS connection (RFC 8446, 5.1)

// accept takes connections: what begins with TLS came for a host directly, the
// rest is a client of the proxy or of the metadata service.
func (c *Cloud) accept() {
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			t := &tunnel{Conn: conn, buffered: bufio.NewReader(conn)}
			first, err := t.buffered.Peek(1)
			switch {
			case err != nil:
				_ = conn.Close()
			case first[0] == tlsHandshake:
				c.secure.put(tls.Server(t, c.tlsConfig()))
			default:
				c.plain.put(t)
			}
		}()
	}
}

// servePlain answers clients of the proxy, and those of the metadata service.
func (c *Cloud) servePlain(w http.ResponseWriter, r *http.Request) {
	proxied := r.URL.IsAbs() || r.Method == http.MethodConnect
	if proxied && !c.knowsUser(r.Header.Get("Proxy-Authorization")) {
		refuse(w, http.StatusProxyAuthRequired, "ERR_CACHE_ACCESS_DENIED 0")
		return
	}
	if r.Method != http.MethodConnect {
		r.Header.Del("Proxy-Authorization")
		c.serve(w, r, proxied)
		return
	}
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil || port != "443" {
		refuse(w, http.StatusForbidden, "ERR_ACCESS_DENIED 0")
		return
	}
	host = canonical(host)
	fault := c.take(connection, host, r)
	kind := Kind("")
	if fault != nil {
		kind = fault.Kind
	}
	switch {
	case kind == ProxyDenied:
		refuse(w, http.StatusForbidden, "ERR_ACCESS_DENIED 0")
	case kind == ProxyAuth:
		refuse(w, http.StatusProxyAuthRequired, "ERR_CACHE_ACCESS_DENIED 0")
	case slices.Contains(naming, kind) || !c.has(host):
		refuse(w, http.StatusServiceUnavailable, "ERR_DNS_FAIL 0")
	default:
		c.connect(w, host, fault)
	}
}

// refuse is how a Squid proxy says no, see https://wiki.squid-cache.org/Features/CustomErrors.
func refuse(w http.ResponseWriter, status int, reason string) {
	if status == http.StatusProxyAuthRequired {
		w.Header().Set("Proxy-Authenticate", `Basic realm="proxy"`)
	}
	w.Header().Set("Server", "squid/6.10")
	w.Header().Set("X-Squid-Error", reason)
	w.Header().Set("Content-Type", "text/html;charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<html><head><title>ERROR: The requested URL could not be retrieved</title></head></html>")
}

func (c *Cloud) knowsUser(credentials string) bool {
	if c.config.ProxyUser == "" {
		return true
	}
	want := c.config.ProxyUser + ":" + c.config.ProxyPassword
	return credentials == "Basic "+base64.StdEncoding.EncodeToString([]byte(want))
}

// connect turns the connection into a tunnel to the host.
func (c *Cloud) connect(w http.ResponseWriter, host string, fault *Fault) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err) // HTTP/1.1 always can
	}
	t, ok := conn.(*tunnel)
	if !ok {
		panic("the connection is not the one that was put in")
	}
	if _, err := io.WriteString(t.Conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		_ = t.Close()
		return
	}
	if fault != nil && fault.Kind == Reset {
		t.abort()
		return
	}
	c.secure.put(tls.Server(&tunnel{Conn: t.Conn, buffered: rw.Reader, host: host, fault: fault}, c.tlsConfig()))
}

func (c *Cloud) tlsConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"}, // a connection can be cut in the middle of an answer only there
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			t, ok := hello.Conn.(*tunnel)
			if !ok {
				return nil, errors.New("the connection is not the one that was put in")
			}
			host := canonical(hello.ServerName)
			if t.host != "" && t.host != host {
				return nil, errors.New("the name of the server is not that of the tunnel")
			}
			if t.host == "" {
				t.fault = c.take(connection, host, nil)
			}
			if t.fault == nil {
				return c.authority.leaf(host)
			}
			switch t.fault.Kind {
			case Untrusted:
				return c.stranger.leaf(host)
			case WrongName:
				return c.authority.leaf("not-" + host)
			case Reset:
				t.abort()
			}
			return c.authority.leaf(host)
		},
	}
}

// canonical is a host as it is compared.
func canonical(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

type tunnelKey struct{}

// remember makes the connection known to the handlers.
func remember(ctx context.Context, conn net.Conn) context.Context {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	return context.WithValue(ctx, tunnelKey{}, conn)
}

func tunnelOf(r *http.Request) *tunnel {
	t, _ := r.Context().Value(tunnelKey{}).(*tunnel)
	return t
}
