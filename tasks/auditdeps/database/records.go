package database

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/advisory"
	"github.com/guardrails-ci/guardrails/tasks/auditdeps/index"
)

// What a zip may be. That of npm, the largest, has 230,000 records in 222 MB, packed, and
// 360 MB; the longest record has about a megabyte.
const (
	maxZip       = 2 << 30
	maxUnpacked  = 4 << 30
	maxRecord    = 16 << 20
	maxRatio     = 100
	ratioFrom    = 64 << 20 // from this size on the ratio counts
	maxDirectory = 64 << 20 // of the zip's list of entries, which is held in memory
	maxListed    = 20       // names of bad records
	maxBadRate   = 0.01     // of the records
	maliciousID  = "MAL-"   // how the ids of records about malicious packages begin
	nextDay      = time.Hour * 24
)

// tally is what is read for an index.
type tally struct {
	ecosystem string
	latest    time.Time // a change that is later is a mistake
	builder   *index.Builder

	mu       sync.Mutex
	records  [2]int // those about vulnerabilities, and about malicious packages
	bad      [2]int
	badNames []string
	useful   int // advisories for the ecosystem
	newest   time.Time
}

func newTally(ecosystem string, now time.Time) *tally {
	return &tally{ecosystem: ecosystem, latest: now.Add(nextDay), builder: index.NewBuilder(ecosystem)}
}

// record reads one, whose name is that of its file.
func (t *tally) record(name string, data []byte) {
	list, err := advisory.Parse(data)
	useful, newest := 0, time.Time{}
	if err == nil && len(list) == 0 { // withdrawn, say: a sign of life all the same
		newest = modified(data)
	}
	for _, a := range list {
		newest = later(newest, a.Modified)
		if a.Ecosystem == t.ecosystem {
			useful++
			err = errors.Join(err, t.builder.Add(a))
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	kind := 0
	if strings.HasPrefix(name, maliciousID) {
		kind = 1
	}
	t.records[kind]++
	t.useful += useful
	if !newest.After(t.latest) {
		t.newest = later(t.newest, newest)
	}
	if err != nil {
		t.bad[kind]++
		t.badNames = append(t.badNames, shown(name))
	}
}

// modified returns when a record was changed.
func modified(data []byte) time.Time {
	var r struct {
		Modified time.Time `json:"modified"`
	}
	if json.Unmarshal(data, &r) != nil {
		return time.Time{}
	}
	return r.Modified
}

// shown makes a file's name fit for the log.
func shown(name string) string {
	return strings.Trim(strconv.QuoteToASCII(name[:min(len(name), 100)]), `"`)
}

// check refuses data of which too much is not understood. The records about malicious
// packages are forty times as many as the others, which must not hide among them.
func (t *tally) check() error {
	for kind, what := range []string{"", " about malicious packages"} {
		if n := t.bad[kind]; float64(n) > maxBadRate*float64(t.records[kind]) {
			return fmt.Errorf("%d of %d records%s cannot be understood, such as %s",
				n, t.records[kind], what, strings.Join(t.listed(), ", "))
		}
	}
	if t.useful == 0 {
		return fmt.Errorf("there is no advisory for %s among %d records", t.ecosystem, t.records[0]+t.records[1])
	}
	return nil
}

func (t *tally) listed() []string {
	slices.Sort(t.badNames)
	return t.badNames[:min(len(t.badNames), maxListed)]
}

// info says what has been read.
func (t *tally) info(from string, now time.Time) index.Info {
	return index.Info{
		Ecosystem: t.ecosystem, Source: from, AsOf: t.newest, Newest: t.newest, Checked: now, Complete: now,
		Records: t.records[0] + t.records[1], Bad: t.bad[0] + t.bad[1], BadNames: t.listed(),
	}
}

// inParallel calls do for 0 to n-1, on all processors, until one fails. Each has a worker
// number of its own.
func inParallel(ctx context.Context, n int, do func(i int, buf *[]byte) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		all.Go(func() {
			var buf []byte
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := do(i, &buf); err != nil {
					stop(err)
				}
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// zipFile reads the records of a zip file.
func (t *tally) zipFile(ctx context.Context, path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	stat, err := f.Stat()
	switch {
	case err != nil:
		return err
	case !stat.Mode().IsRegular():
		return errors.New("it is not a file")
	case stat.Size() > maxZip:
		return fmt.Errorf("the zip file has more than %d bytes", int64(maxZip))
	}
	return t.zip(ctx, f, stat.Size())
}

func (t *tally) zip(ctx context.Context, file io.ReaderAt, size int64) error {
	archive, err := openZip(file, size, maxDirectory)
	if err != nil {
		return err
	}
	files, err := recordsOf(archive, size)
	if err != nil {
		return err
	}
	return inParallel(ctx, len(files), func(i int, buf *[]byte) error {
		data, err := unpack(files[i], buf)
		if err != nil {
			return fmt.Errorf("the zip file is damaged at %s: %w", shown(files[i].Name), err)
		}
		t.record(path.Base(strings.TrimSuffix(files[i].Name, ".json")), data)
		return nil
	})
}

// openZip reads the list of a zip's entries, if it is not longer than so many bytes.
func openZip(file io.ReaderAt, size, longest int64) (*zip.Reader, error) {
	limited := &limited{ReaderAt: file}
	limited.left.Store(longest)
	archive, err := zip.NewReader(limited, size)
	if err != nil {
		return nil, fmt.Errorf("it is not a whole zip file: %w", err)
	}
	limited.left.Store(math.MaxInt64)
	return archive, nil
}

// limited ends after some bytes: what the list of a zip's entries takes in memory is
// known only when it is read.
type limited struct {
	io.ReaderAt
	left atomic.Int64
}

func (l *limited) ReadAt(p []byte, at int64) (int, error) {
	if l.left.Add(-int64(len(p))) < 0 {
		return 0, errors.New("its list of entries is too long")
	}
	return l.ReaderAt.ReadAt(p, at)
}

// recordsOf returns the entries that are records, if unpacking them is safe.
func recordsOf(archive *zip.Reader, size int64) ([]*zip.File, error) {
	var files []*zip.File
	total := uint64(0)
	for _, f := range archive.File {
		if !strings.HasSuffix(f.Name, ".json") {
			continue
		}
		if f.UncompressedSize64 > maxRecord {
			return nil, fmt.Errorf("%s in the zip file has more than %d bytes", shown(f.Name), maxRecord)
		}
		if total += f.UncompressedSize64; total > maxUnpacked {
			return nil, fmt.Errorf("the zip file has more than %d bytes, unpacked", int64(maxUnpacked))
		}
		files = append(files, f)
	}
	if total > ratioFrom && total > uint64(size)*maxRatio {
		return nil, fmt.Errorf("the zip file of %d bytes claims to have %d, unpacked", size, total)
	}
	return files, nil
}

// unpack reads one entry into buf, which grows as needed.
func unpack(f *zip.File, buf *[]byte) (data []byte, err error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return readInto(buf, r, int64(f.UncompressedSize64))
}

// readInto reads all of r, which must have this size.
func readInto(buf *[]byte, r io.Reader, size int64) ([]byte, error) {
	*buf = slices.Grow((*buf)[:0], int(size)+1)[:size+1]
	n, err := io.ReadFull(r, *buf)
	switch {
	case err == nil:
		return nil, errors.New("it is longer than it says")
	case !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF):
		return nil, err
	case int64(n) < size:
		return nil, errors.New("it is shorter than it says")
	}
	return (*buf)[:n], nil
}
