// Package database gets the advisories: from OSV's bucket or a mirror of it, a folder,
// or OSV's API, and keeps an index of them on the agent.
//
// It promises that data which is missing, too old or damaged is an Error, and never an
// empty answer.
package database

import (
	"context"
	"errors"
	"time"

	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/advisory"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/index"
)

// DefaultBucket is OSV's own, see https://google.github.io/osv.dev/data/.
const DefaultBucket = "https://osv-vulnerabilities.storage.googleapis.com"

// Config says where advisories come from.
type Config struct {
	// Source is the address of a bucket, or an absolute path of a folder or of a zip file.
	Source string
	// Dir is where indexes are kept, "" to keep them nowhere but in Temp.
	Dir, Temp string
	// MaxAge is how old the data may be; Refresh is from when on newer data is asked for.
	MaxAge, Refresh time.Duration
	HTTP            *httpx.Client
	Now             func() time.Time
	Print           func(line string) // for the log
}

// Error is data that is not to be had.
type Error struct {
	Ecosystem   string
	Reason, Fix string // in our own words
	Err         error
}

// Error names the ecosystem and the reason.
func (e *Error) Error() string { return e.Reason }

// Database is the advisories of some ecosystems.
type Database struct{}

// Open makes the indexes of these ecosystems ready. The *Error of each that failed are
// joined; the others can be used all the same.
func Open(ctx context.Context, c Config, ecosystems []string) (*Database, error) {
	return nil, errors.New("not known")
}

// Lookup returns what is known of a package.
func (d *Database) Lookup(ecosystem, name string) ([]advisory.Advisory, error) { return nil, nil }

// Infos are of all indexes that are open.
func (d *Database) Infos() []index.Info { return nil }

// Close closes the indexes.
func (d *Database) Close() error { return nil }
