// Package dissect takes a secret apart: which pieces of a connection string, a URL, a
// JSON document or an environment file are secret themselves and turn up in logs
// without the rest of it, and which are names that everybody may read.
//
// What it promises: it never fails and never loses the whole (a text it does not
// understand has no parts), it looks at each byte a bounded number of times, and no
// part is also one of the public words of the same secret.
//
// What it does not do: derive encoded forms (package redact does), or judge whether a
// part is long enough to be hidden.
package dissect

// Part is a piece of a secret that is a secret by itself.
type Part struct {
	// Kind is what it is: "password", "key", "signature", "token", "line", "field".
	Kind string
	// Name is where it stands: "AccountKey", "$.db.password", "PASSWORD"; "" if nowhere special.
	Name string
	// Value is the piece as it is used, decoded.
	Value string
	// Raw is the piece as it is written, if that differs; else "".
	Raw string
}

// Anatomy is a secret taken apart.
type Anatomy struct {
	Format string   // "url", "ado.net", "odbc", "jdbc", "amqp", "redis", "libpq", "storage", "json", "dotenv", "pem"; "" if none
	Parts  []Part   // in order, without repetition
	Public []string // words that must not be hidden: hosts, ports, database and user names
}

// Secret takes value apart.
func Secret(value string) Anatomy { return Anatomy{} }
