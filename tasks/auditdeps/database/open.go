package database

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/safepath"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/index"
)

// source is where the advisories of an ecosystem are from.
type source interface {
	// String tells it from others, and is fit for the log.
	String() string
	// refresh returns what is new. Old is the index that there is, nil if there is none.
	refresh(ctx context.Context, ecosystem string, old *index.Index) (news, error)
}

// news is what has become of an index: another one if there is a builder, other facts
// about it if there is info alone, or nothing.
type news struct {
	builder *index.Builder
	info    index.Info
}

func (c Config) source() (source, error) {
	if strings.Contains(c.Source, "://") {
		return newBucket(c)
	}
	if !filepath.IsAbs(c.Source) {
		return nil, &Error{
			Reason: fmt.Sprintf("the advisories' source %q is neither an address nor an absolute path", c.Source),
			Fix: "give the https address of a bucket such as " + DefaultBucket +
				", or the path of a folder or zip file",
		}
	}
	stat, err := os.Stat(c.Source)
	if err != nil {
		return nil, &Error{
			Reason: fmt.Sprintf("the advisories' folder %s cannot be read", c.Source),
			Fix:    "check the path, and that an earlier step has put the advisories there", Err: err,
		}
	}
	return &folder{config: c, path: c.Source, isFile: !stat.IsDir()}, nil
}

// opened is an index, and the file to remove when it is not needed any more.
type opened struct {
	*index.Index
	path string
	temp bool
}

func (o opened) close() error {
	err := o.Index.Close()
	if o.temp {
		err = errors.Join(err, os.Remove(o.path))
	}
	return err
}

// broken is the error for an index that is found to be damaged. The file goes, so that
// the next run makes a new one.
func (o opened) broken(ecosystem string, err error) error {
	fix := "run the job again"
	if errors.Is(err, index.ErrDamaged) && errors.Join(o.Index.Close(), os.Remove(o.path)) == nil {
		fix = "run the job again: the file has been removed, and is made anew"
	}
	return &Error{Ecosystem: ecosystem, Reason: "the index of advisories cannot be read", Fix: fix, Err: err}
}

// open returns an up-to-date index of an ecosystem.
func (c Config) open(ctx context.Context, from source, ecosystem string) (opened, error) {
	path := c.path(from, ecosystem)
	old := c.kept(path, ecosystem)
	n, err := from.refresh(ctx, ecosystem, old)
	var x opened
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case err != nil && old != nil && c.tooOld(old.Info()) == nil:
		c.printf(ecosystem, "warning: advisories as of %s are used, because newer ones are not to be had: %v",
			day(old.Info().AsOf), err)
		return c.judge(opened{Index: old, path: path})
	case err == nil && old != nil && n.info.Ecosystem == "":
		return c.judge(opened{Index: old, path: path})
	}
	var file []byte
	if err == nil {
		file, err = n.bytes(old)
	}
	if old != nil { // before it is replaced: Windows wants that
		err = errors.Join(err, old.Close())
	}
	if err == nil {
		x, err = c.store(path, ecosystem, file)
	}
	var known *Error
	switch {
	case err == nil:
		return c.judge(x)
	case errors.As(err, &known):
		return opened{}, known
	}
	return opened{}, &Error{Ecosystem: ecosystem, Reason: "its advisories are not to be had from " + from.String(),
		Fix: "check that the agent reaches it, or name another database", Err: err}
}

// path is where the index of an ecosystem is kept, "" if nowhere.
func (c Config) path(from source, ecosystem string) string {
	if c.Dir == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(from.String()))
	name := "osv-" + url.PathEscape(ecosystem) + "-" + hex.EncodeToString(sum[:8]) + ".index"
	return filepath.Join(c.Dir, name)
}

// kept opens the index that there is. One that cannot be used is made anew.
func (c Config) kept(path, ecosystem string) *index.Index {
	if path == "" {
		return nil
	}
	x, err := index.Open(path)
	if err == nil && x.Info().Ecosystem != ecosystem {
		err = errors.Join(fmt.Errorf("it is of %s", x.Info().Ecosystem), x.Close())
	}
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			c.printf(ecosystem, "warning: the index of advisories is made anew: %v", err)
		}
		return nil
	}
	return x
}

// bytes returns the file of the new index.
func (n news) bytes(old *index.Index) ([]byte, error) {
	if n.builder != nil {
		return n.builder.Bytes(n.info)
	}
	return old.Bytes(n.info)
}

// store writes an index, to where it is kept if it can be.
func (c Config) store(path, ecosystem string, file []byte) (opened, error) {
	if path != "" {
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if err == nil {
			err = safepath.WriteFile(path, file, 0o644)
		}
		if err == nil {
			x, err := index.Open(path)
			return opened{Index: x, path: path}, err
		}
		c.printf(ecosystem, "warning: the index of advisories is not kept for other jobs: %v", err)
	}
	f, err := os.CreateTemp(c.Temp, "osv-*.index")
	if err != nil {
		return opened{}, fmt.Errorf("making an index: %w", err)
	}
	path = f.Name()
	if err = errors.Join(f.Close(), safepath.WriteFile(path, file, 0o600)); err != nil {
		return opened{}, errors.Join(err, os.Remove(path))
	}
	x, err := index.Open(path)
	return opened{Index: x, path: path, temp: true}, err
}

// judge refuses an index that is too old, and tells what is to be known of the other
// ones.
func (c Config) judge(x opened) (opened, error) {
	info := x.Info()
	if err := c.tooOld(info); err != nil {
		return opened{}, errors.Join(err, x.close())
	}
	c.printf(info.Ecosystem, "%d advisory records as of %s, from %s", info.Records, day(info.AsOf), info.Source)
	if info.Bad > 0 {
		c.printf(info.Ecosystem, "warning: %d of these records cannot be understood and are not looked at: %s%s",
			info.Bad, strings.Join(info.BadNames, ", "), more(info.Bad-len(info.BadNames)))
	}
	return x, nil
}

func more(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func (c Config) tooOld(info index.Info) error {
	age := c.Now().Sub(info.AsOf)
	if c.MaxAge <= 0 || age <= c.MaxAge {
		return nil
	}
	return &Error{
		Ecosystem: info.Ecosystem,
		Reason: fmt.Sprintf("its advisories from %s are as of %s, older than the %s that are allowed",
			info.Source, day(info.AsOf), hours(c.MaxAge)),
		Fix: "renew the database, or allow more with maxDatabaseAge",
	}
}

func hours(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	return d.String()
}
