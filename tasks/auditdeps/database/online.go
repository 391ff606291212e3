package database

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/advisory"
)

// DefaultAPI is OSV's own, see https://google.github.io/osv.dev/api/.
const DefaultAPI = "https://api.osv.dev"

const (
	maxQueries = 1000   // in a request, as the API has it
	maxPages   = 100    // of an answer
	maxDetails = 20_000 // records that are got one by one
)

// Package is one version of a package that the API is asked about.
type Package struct{ Ecosystem, Name, Version string }

// TopUp asks an API about packages, whose names it learns, and from then on Lookup
// returns what it knows in addition. It returns the number of records that are new. Of an
// error, which is an *Error, nothing remains: it is never a part of the answer.
//
// TopUp must not be called while Lookup is.
func (d *Database) TopUp(ctx context.Context, api string, packages []Package) (added int, err error) {
	base, err := Address(api)
	if err != nil {
		return 0, &Error{Reason: "the advisories' API " + err.Error(), Fix: "use an address such as " + DefaultAPI}
	}
	o := online{d, base}
	packages = slices.SortedFunc(slices.Values(packages), func(a, b Package) int {
		return cmp.Or(cmp.Compare(a.Ecosystem, b.Ecosystem), cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.Version, b.Version))
	})
	packages = slices.Compact(packages)
	found, err := o.query(ctx, packages)
	if err == nil {
		found, err = o.unknown(found)
	}
	var fresh map[key][]advisory.Advisory
	if err == nil {
		fresh, added, err = o.details(ctx, found)
	}
	if err != nil {
		var known *Error
		if errors.As(err, &known) {
			return 0, known
		}
		return 0, &Error{Reason: "asking " + o.String() + " about packages has failed",
			Fix: "check that the agent reaches it, or switch online off", Err: err}
	}
	d.online = fresh
	return added, nil
}

// online is one use of an API.
type online struct {
	db   *Database
	base *url.URL
}

func (o online) String() string { return o.base.Scheme + "://" + o.base.Host }

// hints are the records that the API names, and the packages that it does so for.
type hints map[string]*hint

type hint struct {
	modified time.Time
	packages []key
}

type query struct {
	Package struct {
		Name      string `json:"name"`
		Ecosystem string `json:"ecosystem"`
	} `json:"package"`
	Version   string `json:"version,omitempty"`
	PageToken string `json:"page_token,omitempty"`
}

type answers struct {
	Results []struct {
		Vulns []struct {
			ID       string    `json:"id"`
			Modified time.Time `json:"modified"`
		} `json:"vulns"`
		NextPageToken string `json:"next_page_token"`
	} `json:"results"`
}

// query asks about all packages, to the last page.
func (o online) query(ctx context.Context, packages []Package) (hints, error) {
	found := hints{}
	open := make([]query, len(packages))
	for i, p := range packages {
		open[i].Package.Name, open[i].Package.Ecosystem, open[i].Version = p.Name, p.Ecosystem, p.Version
	}
	for range maxPages {
		if len(open) == 0 {
			return found, nil
		}
		batches := slices.Collect(slices.Chunk(open, maxQueries))
		results := make([]answers, len(batches))
		err := fetch(ctx, len(batches), func(ctx context.Context, i int) error {
			return o.ask(ctx, batches[i], &results[i])
		})
		if err != nil {
			return nil, err
		}
		open = nil
		for i, batch := range batches {
			more, err := found.add(batch, results[i])
			if err != nil {
				return nil, err
			}
			open = append(open, more...)
		}
	}
	return nil, fmt.Errorf("its answer has more than %d pages", maxPages)
}

// ask sends one batch.
func (o online) ask(ctx context.Context, batch []query, into *answers) error {
	body, err := json.Marshal(map[string][]query{"queries": batch})
	if err != nil {
		return err
	}
	answer, err := o.db.config.HTTP.Do(ctx, httpx.Request{
		Method: http.MethodPost, URL: o.base.JoinPath("v1/querybatch").String(), Body: body, Idempotent: true,
		Header: http.Header{"Content-Type": {"application/json"}},
	})
	if err != nil {
		return err
	}
	if json.Unmarshal(answer.Body, into) != nil {
		return errors.New("its answer is not the expected JSON")
	}
	if len(into.Results) != len(batch) {
		return fmt.Errorf("it was asked about %d packages, and answered about %d", len(batch), len(into.Results))
	}
	return nil
}

// add enters a batch's results, and returns the queries that have another page.
func (h hints) add(batch []query, got answers) (more []query, err error) {
	for i, result := range got.Results {
		q := batch[i]
		for _, v := range result.Vulns {
			if !idPattern.MatchString(v.ID) {
				return nil, fmt.Errorf("it names the record %s, which is no id", shown(v.ID))
			}
			if h[v.ID] == nil {
				h[v.ID] = &hint{}
			}
			h[v.ID].modified = later(h[v.ID].modified, v.Modified)
			k := key{q.Package.Ecosystem, advisory.Normalize(q.Package.Ecosystem, q.Package.Name)}
			if !slices.Contains(h[v.ID].packages, k) {
				h[v.ID].packages = append(h[v.ID].packages, k)
			}
		}
		if next := result.NextPageToken; next != "" {
			if next == q.PageToken {
				return nil, errors.New("it answers with the same page again")
			}
			q.PageToken = next
			more = append(more, q)
		}
	}
	return more, nil
}

// unknown leaves those records that the indexes do not have as they are now.
func (o online) unknown(found hints) (hints, error) {
	for id, h := range found {
		var missing []key
		for _, k := range h.packages {
			list, err := o.db.offline(k)
			if err != nil {
				return nil, err
			}
			if !slices.ContainsFunc(list, func(a advisory.Advisory) bool {
				return a.ID == id && !a.Modified.Truncate(time.Second).Before(h.modified.Truncate(time.Second))
			}) {
				missing = append(missing, k)
			}
		}
		if h.packages = missing; len(missing) == 0 {
			delete(found, id)
		}
	}
	if len(found) > maxDetails {
		return nil, fmt.Errorf("it names %d records that are not known, more than %d", len(found), maxDetails)
	}
	return found, nil
}

// offline is Lookup without what came from the API, and nothing for an ecosystem that
// is not open.
func (d *Database) offline(k key) ([]advisory.Advisory, error) {
	x, ok := d.indexes[k.ecosystem]
	if !ok {
		return nil, nil
	}
	list, err := x.Lookup(k.name)
	if err != nil {
		return nil, x.broken(k.ecosystem, err)
	}
	return list, nil
}

// details gets the records.
func (o online) details(ctx context.Context, found hints) (map[key][]advisory.Advisory, int, error) {
	ids := make([]string, 0, len(found))
	for id := range found {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	records := make([]record, len(ids))
	err := fetch(ctx, len(ids), func(ctx context.Context, i int) error {
		answer, err := o.db.config.HTTP.Do(ctx, httpx.Request{URL: o.base.JoinPath("v1/vulns", ids[i]).String()})
		if err != nil {
			return err
		}
		if records[i] = parse(ids[i], answer.Body); records[i].bad != nil {
			return fmt.Errorf("its record %s cannot be understood: %w", ids[i], records[i].bad)
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	fresh := map[key][]advisory.Advisory{}
	added := 0
	for _, r := range records {
		if len(r.list) == 0 {
			continue // it has been withdrawn since
		}
		added++
		for _, k := range found[r.id].packages {
			about := slices.DeleteFunc(slices.Clone(r.list), func(a advisory.Advisory) bool {
				return a.Ecosystem != k.ecosystem || a.Package != k.name
			})
			if len(about) == 0 {
				return nil, 0, fmt.Errorf("it names record %s for %s, which the record says nothing of",
					r.id, shown(k.name))
			}
			fresh[k] = append(fresh[k], about...)
		}
	}
	return fresh, added, nil
}
