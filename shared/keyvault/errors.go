package keyvault

import (
	"fmt"
	"slices"
)

// Kind is what is wrong, in one word.
type Kind string

// The kinds.
const (
	NotFound     Kind = "notFound" // or deleted, and to be recovered: a vault makes no difference
	Disabled     Kind = "disabled"
	RBAC         Kind = "rbac"        // no role that allows it
	Policy       Kind = "policy"      // no access policy that allows it
	Forbidden    Kind = "forbidden"   // for another reason
	Unfit        Kind = "unfit"       // nobody can use it for this
	Firewall     Kind = "firewall"    // the agent's address is not let in
	PrivateLink  Kind = "privateLink" // the vault is open to a private network only
	Credential   Kind = "credential"  // the service connection gives no token; see azure.Error
	WrongTenant  Kind = "wrongTenant"
	Unauthorized Kind = "unauthorized" // the token is not taken
	NoVault      Kind = "noVault"      // the name is not known
	DNS          Kind = "dns"          // names cannot be looked up
	Proxy        Kind = "proxy"
	TLS          Kind = "tls"
	Network      Kind = "network" // the connection breaks
	Timeout      Kind = "timeout"
	Throttled    Kind = "throttled"
	BadName      Kind = "badName"
	BadVersion   Kind = "badVersion" // of the API
	SignInPage   Kind = "signInPage" // something between agent and vault wants a sign-in
	Malformed    Kind = "malformed"  // the answer is not one of a vault
	Server       Kind = "server"     // the vault has trouble of its own
)

// Error says why there is no answer. It never holds a value.
type Error struct {
	Vault    string
	Noun     string // what Name is: a secret, a key
	Name     string // "" if it is about the vault, or a list of what it has
	Version  string
	Kind     Kind
	Status   int    // of the answer; 0 if there was none
	Reason   string // what is wrong, to be read behind the object's or the vault's name
	Fix      string // what to change
	Attempts int
	Err      error // the cause, if there is one: its text may have many lines
}

// Message says in one line of what object and vault, and what is wrong.
func (e *Error) Message() string {
	text := "the vault " + e.Vault
	if e.Name != "" {
		text = "the " + e.Noun + " " + e.Name + " of " + text
		if e.Version != "" {
			text = "the version " + e.Version + " of " + text
		}
	}
	text += " " + e.Reason
	if e.Attempts > 1 {
		text += fmt.Sprintf(" (%d attempts)", e.Attempts)
	}
	return text
}

// Error is the Message and the way out.
func (e *Error) Error() string { return e.Message() + "; " + e.Fix }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Missing reports whether the vault can be read, and does not have the object.
func (e *Error) Missing() bool { return e.Kind == NotFound }

// OfVault reports whether it would be the same for every other object.
func (e *Error) OfVault() bool {
	return slices.Contains([]Kind{
		Firewall, PrivateLink, Credential, WrongTenant, Unauthorized, NoVault, DNS, Proxy, TLS, Network, Timeout,
		Throttled, BadVersion, SignInPage,
	}, e.Kind)
}

// mayPass reports whether it makes sense to try again soon.
func (e *Error) mayPass() bool {
	return slices.Contains([]Kind{Server, Network, Timeout, DNS}, e.Kind) ||
		e.Kind == Proxy && (e.Status == 0 || e.Status >= 500)
}

// Problem is an Error about what an operation is about: an object of this vault, or the vault.
func (v *Vault) Problem(op Op, kind Kind, reason, fix string) *Error {
	e := &Error{Vault: v.config.Name, Kind: kind, Noun: op.Noun, Reason: reason, Fix: fix}
	if objectName.MatchString(op.Name) { // what is none could be a value in the wrong place
		e.Name = op.Name
	}
	if objectVersion.MatchString(op.Version) {
		e.Version = op.Version
	}
	return e
}

// shown is a vault's name for a message: what is none could be anything.
func shown(name string) string {
	if suffixName.MatchString(name+".x") && len(name) <= 63 {
		return name
	}
	return fmt.Sprintf("(%d characters)", len(name))
}
