package database

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/index"
)

// bucket is OSV's, or a mirror: https://google.github.io/osv.dev/data/
type bucket struct {
	config Config
	base   *url.URL

	once  sync.Once
	alive time.Time // see proof
}

func newBucket(c Config) (*bucket, error) {
	base, err := Address(c.Source)
	if err != nil {
		return nil, &Error{
			Reason: "the advisories' source " + err.Error(),
			Fix:    "use an address such as " + DefaultBucket,
		}
	}
	return &bucket{config: c, base: base}, nil
}

// Address reads an address that may be asked: https, or http on this machine. The error
// goes on where "it" or a name stands.
func Address(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		// The parser's error would quote it.
		return nil, errors.New("is not the address of a web server: it must begin with https")
	case u.User != nil:
		return nil, errors.New("has a user name or password in its address, where others can read it")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return nil, errors.New("has an unprotected address, so what it says could be anybody's: " +
			"it must begin with https")
	}
	return u, nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}

// String leaves out the query, in which there may be a key.
func (b *bucket) String() string {
	return b.base.Scheme + "://" + b.base.Host + strings.TrimSuffix(b.base.EscapedPath(), "/")
}

func (b *bucket) url(elements ...string) string {
	for i := range elements {
		elements[i] = url.PathEscape(elements[i])
	}
	return b.base.JoinPath(elements...).String()
}

// wholeEvery is after how long the changes are not enough: a record that is taken out of
// the bucket is none.
const wholeEvery = 30 * 24 * time.Hour

// refresh asks for what has changed, or for all if that is too much.
func (b *bucket) refresh(ctx context.Context, ecosystem string, old *index.Index) (news, error) {
	if old == nil {
		return b.whole(ctx, ecosystem, nil)
	}
	now, info := b.config.Now(), old.Info()
	if age := now.Sub(info.Checked); age >= 0 && age < b.config.Refresh && b.config.tooOld(info) == nil {
		return news{}, nil
	}
	if age := now.Sub(info.Complete); age >= 0 && age < wholeEvery {
		n, err := b.changes(ctx, ecosystem, old)
		if err == nil || ctx.Err() != nil {
			return n, err
		}
		b.config.printf(ecosystem, "the changes alone are not to be had: %v", err)
	}
	return b.whole(ctx, ecosystem, old)
}

// whole downloads all records.
func (b *bucket) whole(ctx context.Context, ecosystem string, old *index.Index) (n news, err error) {
	f, err := os.CreateTemp(b.config.Temp, "osv-*.zip")
	if err != nil {
		return news{}, fmt.Errorf("downloading: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	header := http.Header{}
	if old != nil && old.Info().ETag != "" {
		header.Set("If-None-Match", old.Info().ETag)
	}
	b.config.printf(ecosystem, "downloading advisories from %s", b)
	size, answer, err := b.config.download(ctx, b.url(ecosystem, "all.zip"), header, f)
	if err != nil {
		return news{}, err
	}
	if answer.StatusCode == http.StatusNotModified {
		info := old.Info()
		info.Checked, info.Complete = b.config.Now(), b.config.Now()
		info.AsOf = later(info.AsOf, b.asOf(ctx, ecosystem, info.Newest))
		return news{info: info}, nil
	}
	t := newTally(ecosystem, b.config.Now())
	if err = t.zip(ctx, f, size); err == nil {
		err = t.check()
	}
	if err != nil {
		return news{}, &Error{Ecosystem: ecosystem, Reason: "what " + b.String() + " has for it is of no use",
			Fix: "check what it answers, or name another database", Err: err}
	}
	info := t.info(b.String(), b.config.Now())
	info.ETag = answer.Header.Get("ETag")
	info.AsOf = b.asOf(ctx, ecosystem, info.Newest)
	return news{t.builder, info}, nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// asOf returns how new an ecosystem's zip is, of which this is the newest change.
func (b *bucket) asOf(ctx context.Context, ecosystem string, newest time.Time) time.Time {
	if last := b.lastChange(ctx, ecosystem, changesFile); last.After(newest.Add(time.Hour)) {
		return newest // there are changes that it has not
	}
	return later(newest, b.proof(ctx))
}

// proof returns when the bucket was alive for the last time: at the newest change of all
// ecosystems, of which the real one has several an hour. Some ecosystems have none for
// weeks, and a mirror that nobody renews answers as well as any. The zero time if the
// bucket does not say.
func (b *bucket) proof(ctx context.Context) time.Time {
	b.once.Do(func() { b.alive = b.lastChange(ctx, changesFile) })
	return b.alive
}

// lastChange returns the time in the first line of a list of changes, the zero time if
// there is none that makes sense.
func (b *bucket) lastChange(ctx context.Context, elements ...string) time.Time {
	_, body, err := b.config.stream(ctx, b.url(elements...), http.Header{"Range": {"bytes=0-1023"}})
	if err != nil {
		return time.Time{}
	}
	defer func() { _ = body.Close() }()
	line, err := bufio.NewReader(io.LimitReader(body, maxLine)).ReadString('\n')
	if err != nil && line == "" {
		return time.Time{}
	}
	at, _, err := parseChange(strings.TrimRight(line, "\r\n"))
	if err != nil || at.After(b.config.Now().Add(nextDay)) {
		return time.Time{}
	}
	return at
}
