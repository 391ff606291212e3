package database

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/advisory"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/index"
)

const (
	// changesFile has a line for each record, the last changed one first:
	// "2026-01-02T03:04:05.678Z,GHSA-...". That of the whole bucket has "npm/GHSA-...".
	changesFile = "modified_id.csv"
	maxChanges  = 500      // above that the whole is less work
	maxCSV      = 64 << 20 // of it that is read
	maxLine     = 1 << 10
	// overlap is how far before the newest known change is looked for unknown ones:
	// records do not arrive in the order of their times.
	overlap  = 24 * time.Hour
	parallel = 8
)

var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$`)

func parseChange(line string) (at time.Time, id string, err error) {
	stamp, id, ok := strings.Cut(line, ",")
	if at, err = time.Parse(time.RFC3339, stamp); err != nil || !ok {
		return time.Time{}, "", fmt.Errorf("a line of %s is not a time and an id", changesFile)
	}
	return at, id, nil
}

// changes gets the records that are others than in the old index.
func (b *bucket) changes(ctx context.Context, ecosystem string, old *index.Index) (news, error) {
	known, err := recentOf(old)
	if err != nil {
		return news{}, err
	}
	newest, err := b.listChanges(ctx, ecosystem, known)
	if err != nil {
		return news{}, err
	}
	info, now := old.Info(), b.config.Now()
	info.Checked = now
	if !newest.After(now.Add(nextDay)) {
		info.Newest = later(info.Newest, newest)
	}
	info.AsOf = later(later(info.AsOf, info.Newest), b.proof(ctx)) // nothing is missing now
	if len(known.changed) == 0 {
		return news{info: info}, nil
	}
	records, err := b.records(ctx, ecosystem, known.changed)
	if err != nil {
		return news{}, err
	}
	n, err := merge(old, records, info)
	if err == nil {
		b.config.printf(ecosystem, "%d advisory records have changed", len(known.changed))
	}
	return n, err
}

// recent are the last changes that are known, against which a list of changes is read.
type recent struct {
	since   time.Time
	at      map[string]time.Time // of records that changed since then
	older   bool                 // there are other ones
	changed []string             // ids that are not known as they are in the list
}

func recentOf(x *index.Index) (*recent, error) {
	r := &recent{since: x.Info().Newest.Add(-overlap), at: map[string]time.Time{}}
	for a, err := range x.All() {
		if err != nil {
			return nil, err
		}
		if a.Modified.Before(r.since) {
			r.older = true
		} else {
			r.at[a.ID] = a.Modified
		}
	}
	return r, nil
}

// see compares a line of the list.
func (r *recent) see(at time.Time, id string) error {
	had, ok := r.at[id]
	delete(r.at, id)
	if ok && !had.Truncate(time.Second).Before(at.Truncate(time.Second)) {
		return nil
	}
	if r.changed = append(r.changed, id); len(r.changed) > maxChanges {
		return fmt.Errorf("there are more than %d", maxChanges)
	}
	return nil
}

// listChanges reads the list as far as there may be something new, and returns the time of
// the newest change.
func (b *bucket) listChanges(ctx context.Context, ecosystem string, known *recent) (newest time.Time, err error) {
	_, body, err := b.config.stream(ctx, b.url(ecosystem, changesFile), http.Header{})
	if err != nil {
		return newest, err
	}
	defer func() { _ = body.Close() }()
	lines := bufio.NewScanner(io.LimitReader(body, maxCSV))
	lines.Buffer(make([]byte, maxLine), maxLine)
	last := time.Time{}
	for lines.Scan() {
		at, id, err := parseChange(strings.TrimSuffix(lines.Text(), "\r"))
		switch {
		case err != nil:
			return newest, err
		case !idPattern.MatchString(id):
			return newest, fmt.Errorf("%s has the id %s, which is none", changesFile, shown(id))
		case last.IsZero():
			newest = at
		case at.After(last):
			return newest, fmt.Errorf("%s is not in the order of time", changesFile)
		}
		if last = at; at.Before(known.since) {
			return newest, nil
		}
		if err := known.see(at, id); err != nil {
			return newest, err
		}
	}
	if err := lines.Err(); err != nil {
		return newest, fmt.Errorf("reading %s: %w", changesFile, err)
	}
	if known.older || len(known.at) > 0 {
		return newest, fmt.Errorf("%s ends before what is known", changesFile)
	}
	return newest, nil
}

// record is one that was asked for by its id.
type record struct {
	id   string
	list []advisory.Advisory
	bad  error
}

// records gets them by id. One that is not understood is told, one that is not to be had
// is an error.
func (b *bucket) records(ctx context.Context, ecosystem string, ids []string) ([]record, error) {
	records := make([]record, len(ids))
	err := fetch(ctx, len(ids), func(ctx context.Context, i int) error {
		answer, err := b.config.HTTP.Do(ctx, httpx.Request{URL: b.url(ecosystem, ids[i]+".json")})
		if err != nil {
			return err
		}
		records[i] = parse(ids[i], answer.Body)
		return nil
	})
	return records, err
}

// parse reads the record with this id.
func parse(id string, data []byte) record {
	list, err := advisory.Parse(data)
	var own struct {
		ID string `json:"id"`
	}
	if err == nil {
		err = json.Unmarshal(data, &own)
	}
	if err == nil && own.ID != id {
		err = fmt.Errorf("it is record %s", shown(own.ID))
	}
	if err != nil {
		return record{id: id, bad: err}
	}
	return record{id: id, list: list}
}

// fetch calls do for 0 to n-1, some at a time, until one fails.
func fetch(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var all sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for i := range n {
		slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		all.Go(func() {
			defer func() { <-slots }()
			if err := do(ctx, i); err != nil {
				stop(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// merge puts records in the place of their old selves. What was known of a record stays
// if the new one is not understood.
func merge(old *index.Index, records []record, info index.Info) (news, error) {
	builder := index.NewBuilder(info.Ecosystem)
	isNew := map[string]bool{} // of the records that are replaced: was not there before
	info.BadNames = slices.Clone(info.BadNames)
	for _, r := range records {
		err := r.bad
		for _, a := range r.list {
			if a.Ecosystem == info.Ecosystem {
				err = errors.Join(err, builder.Add(a))
			}
		}
		if err == nil {
			isNew[r.id] = true
		}
		info = countBad(info, r.id, err != nil)
	}
	for a, err := range old.All() {
		if err != nil {
			return news{}, err
		}
		if _, ok := isNew[a.ID]; ok {
			isNew[a.ID] = false
			continue
		}
		if err := builder.Add(a); err != nil {
			return news{}, err
		}
	}
	for _, added := range isNew {
		if added {
			info.Records++
		}
	}
	if float64(info.Bad) > maxBadRate*float64(info.Records) {
		return news{}, fmt.Errorf("%d of %d records cannot be understood", info.Bad, info.Records)
	}
	return news{builder, info}, nil
}

// countBad enters or takes out a record that is not understood.
func countBad(info index.Info, id string, bad bool) index.Info {
	i := slices.Index(info.BadNames, id)
	switch {
	case bad && i < 0:
		info.Bad++
		if len(info.BadNames) < maxListed {
			info.BadNames = append(info.BadNames, id)
		}
	case !bad && i >= 0:
		info.Bad--
		info.BadNames = slices.Delete(info.BadNames, i, i+1)
	}
	return info
}
