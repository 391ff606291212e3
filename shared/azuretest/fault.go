package azuretest

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault is something that goes wrong, see [Cloud.Fail] and [Vault.Fail].
type Fault struct {
	Kind Kind
	// Host, Method and Path are of the requests that it meets; "" means any. A Path
	// is a pattern of path.Match, such as /secrets/*; a slash at the end of what is
	// asked for does not count.
	Host, Method, Path string
	// After lets so many requests pass that it would meet, Times is how many it then
	// meets; 0 means all.
	After, Times int
	// Wait is how long a Slow answer takes, and what a Throttled one says in
	// Retry-After, in whole seconds; 0 means that it does not say.
	Wait time.Duration
	// Status, Header and Body are the answer of the kind Custom. A Status alone
	// changes that of the kind Unavailable.
	Status int
	Header http.Header
	Body   string
}

// Kind is what goes wrong. Some things go wrong for connections that are made, some
// for every request; those of Key Vault only for requests with a good token.
type Kind string

const (
	// Custom is the answer that the Fault holds.
	Custom Kind = "custom"

	// Kinds of connections. They meet new connections only.

	NoHost      Kind = "noHost"      // the name does not exist; a proxy says 503
	DNSBroken   Kind = "dnsBroken"   // names cannot be looked up; a proxy says 503
	ProxyDenied Kind = "proxyDenied" // the proxy says 403
	ProxyAuth   Kind = "proxyAuth"   // the proxy says 407
	Untrusted   Kind = "untrusted"   // the certificate is of an authority that nobody trusts
	WrongName   Kind = "wrongName"   // the certificate is for another host
	Reset       Kind = "reset"       // the connection is reset

	// Kinds of every request.

	ResetRequest Kind = "resetRequest" // the connection is reset instead of an answer
	Stall        Kind = "stall"        // there is no answer
	Slow         Kind = "slow"         // the answer takes its time
	SignInPage   Kind = "signInPage"   // 302 to a page to sign in
	HTML         Kind = "html"         // 200 with a page
	Unavailable  Kind = "unavailable"  // 503, or Status, with an empty body

	// Kinds of answers that are good, on their way to the client.

	SlowBody  Kind = "slowBody"  // a piece at a time
	Cut       Kind = "cut"       // the connection ends in the middle
	Truncated Kind = "truncated" // half of the body, as if it were all

	// Kinds of Key Vault.

	Unauthorized Kind = "unauthorized" // 401, the token is not taken
	Claims       Kind = "claims"       // 401 that asks for other claims (continuous access evaluation)
	NotFound     Kind = "notFound"     // 404 SecretNotFound
	Disabled     Kind = "disabled"     // 403 SecretDisabled
	RBAC         Kind = "rbac"         // 403 ForbiddenByRbac
	Policy       Kind = "policy"       // 403 AccessDenied: no access policy with the permission
	OnBehalf     Kind = "onBehalf"     // 403 ForbiddenByPolicy
	Firewall     Kind = "firewall"     // 403 ForbiddenByFirewall
	PrivateLink  Kind = "privateLink"  // 403 ForbiddenByConnection
	Throttled    Kind = "throttled"    // 429
	BadName      Kind = "badName"      // 400 BadParameter
)

var (
	naming     = []Kind{NoHost, DNSBroken}
	connection = []Kind{NoHost, DNSBroken, ProxyDenied, ProxyAuth, Untrusted, WrongName, Reset}
	network    = []Kind{ResetRequest, Stall, Slow, SignInPage, HTML, Unavailable}
	delivery   = []Kind{SlowBody, Cut, Truncated}
	service    = []Kind{
		Custom, Unauthorized, Claims, NotFound, Disabled, RBAC, Policy, OnBehalf, Firewall, PrivateLink,
		Throttled, BadName,
	}
)

// Check says what is wrong with a fault.
func (f Fault) Check() error {
	if !slices.Contains(slices.Concat(connection, network, delivery, service), f.Kind) {
		return fmt.Errorf("there is no fault %q", f.Kind)
	}
	if f.Kind == Custom && f.Status == 0 {
		return fmt.Errorf("a custom fault needs a status")
	}
	if _, err := path.Match(f.Path, ""); err != nil {
		return fmt.Errorf("fault %s: path %q is no pattern", f.Kind, f.Path)
	}
	return nil
}

// Fail lets something go wrong from now on. It panics if the fault is none.
func (c *Cloud) Fail(f Fault) {
	if err := f.Check(); err != nil {
		panic(err)
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	f.Host = canonical(f.Host)
	c.faults = append(c.faults, &f)
}

// Heal ends all faults.
func (c *Cloud) Heal() {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.faults = nil
}

// take returns the first fault of the given kinds that meets a request, or a
// connection (without a request), and counts it.
func (c *Cloud) take(kinds []Kind, host string, r *http.Request) *Fault {
	c.lock.Lock()
	defer c.lock.Unlock()
	for i, f := range c.faults {
		if !slices.Contains(kinds, f.Kind) || f.Host != "" && f.Host != host || !f.meets(r) {
			continue
		}
		if f.After > 0 {
			f.After--
			continue
		}
		found := *f
		if f.Times--; f.Times == 0 {
			c.faults = slices.Delete(c.faults, i, i+1)
		}
		return &found
	}
	return nil
}

func (f *Fault) meets(r *http.Request) bool {
	if r == nil || r.Method == http.MethodConnect {
		return true
	}
	if f.Method != "" && f.Method != r.Method {
		return false
	}
	asked := r.URL.Path
	if len(asked) > 1 {
		asked = strings.TrimSuffix(asked, "/")
	}
	matches, err := path.Match(f.Path, asked)
	return f.Path == "" || err == nil && matches
}

// drops reports whether there is no whole answer.
func (f *Fault) drops() bool {
	return f != nil && slices.Contains([]Kind{ResetRequest, Stall, Cut}, f.Kind)
}

// instead returns the answer that the fault makes of one.
func (f *Fault) instead(a answer) answer {
	switch f.Kind {
	case Custom:
		return f.custom()
	case SignInPage:
		return answer{http.StatusFound, http.Header{
			"Location": {"https://login.microsoftonline.com/common/oauth2/authorize?client_id=x"},
		}, nil}
	case HTML:
		return page(http.StatusOK, signIn)
	case Unavailable:
		status := http.StatusServiceUnavailable
		if f.Status != 0 {
			status = f.Status
		}
		return answer{status, http.Header{}, nil}
	case Truncated:
		a.body = a.body[:len(a.body)/2]
	}
	return a
}

func (f *Fault) custom() answer {
	header := f.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/json; charset=utf-8")
	}
	return answer{f.Status, header, []byte(f.Body)}
}

// retryAfter is the header's value; "" for none.
func (f *Fault) retryAfter() string {
	if f.Wait <= 0 {
		return ""
	}
	return strconv.Itoa(int((f.Wait + time.Second - 1) / time.Second))
}
