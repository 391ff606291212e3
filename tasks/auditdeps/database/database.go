// Package database gets the advisories: from OSV's bucket or a mirror of it, a folder,
// or OSV's API, and keeps an index of them on the agent.
//
// It promises that data which is missing, too old or damaged is an Error, and never an
// empty answer. How old data is, is told by what is in it and not by when it was copied.
package database

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/retry"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/advisory"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/index"
)

// DefaultBucket is OSV's own, see https://google.github.io/osv.dev/data/.
const DefaultBucket = "https://osv-vulnerabilities.storage.googleapis.com"

// Config says where advisories come from.
type Config struct {
	// Source is the address of a bucket, or an absolute path of a folder or of a zip file.
	// A folder has, for an ecosystem, <ecosystem>/all.zip, <ecosystem>.zip,
	// osv-scalibr/<ecosystem>/all.zip (as osv-scanner makes it) or <ecosystem>/*.json.
	Source string
	// Dir is where indexes are kept, "" to keep them nowhere but in Temp.
	Dir, Temp string
	// MaxAge is how old the data may be, 0 for any age; Refresh is from when on newer data
	// is asked for.
	MaxAge, Refresh time.Duration
	HTTP            *httpx.Client
	Retry           retry.Policy // of downloads; HTTP has its own for all else
	Now             func() time.Time
	Print           func(line string) // for the log

	silence time.Duration // see stream; 0 for the constants
	largest int64         // download
}

// Error is data that is not to be had.
type Error struct {
	Ecosystem   string // "" if it is about all
	Reason, Fix string // in our own words
	Err         error
}

// Error names the ecosystem, the reason and its cause.
func (e *Error) Error() string {
	text := e.Reason
	if e.Ecosystem != "" {
		text = e.Ecosystem + ": " + text
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Database is the advisories of some ecosystems. Lookup may be used by several
// goroutines.
type Database struct {
	config  Config
	indexes map[string]opened
	online  map[key][]advisory.Advisory // see TopUp
}

type key struct{ ecosystem, name string }

// Open makes the indexes of these ecosystems ready. The *Error of each that failed are
// joined; the others can be used all the same: there is always a Database, to be closed.
func Open(ctx context.Context, c Config, ecosystems []string) (*Database, error) {
	db := &Database{config: c.locked(), indexes: map[string]opened{}}
	from, err := db.config.source()
	if err != nil {
		return db, err
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	var errs []error
	ecosystems = slices.Compact(slices.Sorted(slices.Values(ecosystems)))
	atOnce := make(chan struct{}, 3)
	for _, ecosystem := range ecosystems {
		all.Go(func() {
			atOnce <- struct{}{}
			defer func() { <-atOnce }()
			x, err := db.config.open(ctx, from, ecosystem)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
				return
			}
			db.indexes[ecosystem] = x
		})
	}
	all.Wait()
	slices.SortFunc(errs, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return db, errors.Join(errs...)
}

// locked returns c with what may be used by several goroutines, and nothing left open.
func (c Config) locked() Config {
	c.silence = cmp.Or(c.silence, silence)
	c.largest = cmp.Or(c.largest, maxZip)
	var mu sync.Mutex
	write := c.Print
	c.Print = func(line string) {
		mu.Lock()
		defer mu.Unlock()
		if write != nil {
			write(line)
		}
	}
	return c
}

func (c Config) printf(ecosystem, format string, a ...any) {
	c.Print(ecosystem + ": " + fmt.Sprintf(format, a...))
}

// Lookup returns what is known of a package, by any name that it may be asked for with.
// An ecosystem that is not open is an *Error.
func (d *Database) Lookup(ecosystem, name string) ([]advisory.Advisory, error) {
	x, ok := d.indexes[ecosystem]
	if !ok {
		return nil, &Error{
			Ecosystem: ecosystem,
			Reason:    "its advisories are not to be had",
			Fix:       "see the errors before",
		}
	}
	name = advisory.Normalize(ecosystem, name)
	found, err := x.Lookup(name)
	if err != nil {
		return nil, x.broken(ecosystem, err)
	}
	return d.withOnline(key{ecosystem, name}, found), nil
}

// withOnline puts records from the API in the place of those that they are newer than.
func (d *Database) withOnline(k key, found []advisory.Advisory) []advisory.Advisory {
	newer := d.online[k]
	if len(newer) == 0 {
		return found
	}
	found = slices.DeleteFunc(slices.Clone(found), func(a advisory.Advisory) bool {
		return slices.ContainsFunc(newer, func(n advisory.Advisory) bool { return n.ID == a.ID })
	})
	return append(found, newer...)
}

// Infos are of all indexes that are open, by ecosystem.
func (d *Database) Infos() []index.Info {
	var infos []index.Info
	for _, x := range d.indexes {
		infos = append(infos, x.Info())
	}
	slices.SortFunc(infos, func(a, b index.Info) int { return cmp.Compare(a.Ecosystem, b.Ecosystem) })
	return infos
}

// Close closes the indexes, and removes those that are not kept.
func (d *Database) Close() error {
	var errs []error
	for _, x := range d.indexes {
		errs = append(errs, x.close())
	}
	clear(d.indexes)
	return errors.Join(errs...)
}
