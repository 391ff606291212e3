package auditdeps

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/osvtest"
)

// A job that is cancelled in the middle of a download ends at once, as cancelled, and
// leaves nothing behind that another job could take for advisories.
func TestCancelledDownload(t *testing.T) {
	t.Parallel()
	j := newJob(t, bad().String()).victim()
	stop, cancel := context.WithCancelCause(t.Context())
	j.stop = stop
	stall := osvtest.New(bad().String())
	stall.Fault = func(*http.Request) osvtest.Fault { return osvtest.Fault{Stall: true} }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stall.ServeHTTP(&flushed{w, func() { // half of the archive is on its way
			cancel(errors.New("the run was cancelled"))
		}}, r)
	}))
	t.Cleanup(server.Close)
	j.input("database", server.URL)
	j.expect("Failed", "cancelled: the run was cancelled", "!FAILS", "!Audited")
	if got := j.output()["result"]; got != "" {
		t.Errorf("the output variable result is %q, want none: nothing was audited", got)
	}
	for _, dir := range []string{"work/_tool", "work/_temp"} {
		j.must(filepath.WalkDir(j.path(dir), func(name string, d os.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && !strings.Contains(name, "auditdeps-1f-main.") {
				t.Errorf("%s is left behind", name)
			}
			return err
		}))
	}
	// The next job starts from nothing, and gets everything.
	j.stop, stall.Fault = t.Context(), nil
	j.expect("Failed", "FAILS         victim").outputs("result=findings")
}

// flushed tells when a part of an answer is sent.
type flushed struct {
	http.ResponseWriter
	then func()
}

// Flush sends what there is.
func (f *flushed) Flush() {
	_ = http.NewResponseController(f.ResponseWriter).Flush()
	f.then()
}

// A job that is cancelled before anything was looked at is not clean.
func TestCancelledBefore(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(j *job){
		"with advisories":    func(j *job) {},
		"without advisories": func(j *job) { j.input("checks", "lint") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t).mended()
			stop, cancel := context.WithCancelCause(t.Context())
			cancel(errors.New("the run was cancelled"))
			j.stop = stop
			change(j)
			j.expect("Failed", "cancelled: the run was cancelled", "!Audited")
			if got := j.output()["result"]; got != "" {
				t.Errorf("the output variable result is %q, want none", got)
			}
		})
	}
}

// A job that is cancelled while the disk is read has not looked at everything.
func TestCancelledWhileReading(t *testing.T) {
	t.Parallel()
	for _, checks := range []string{"advisories", "lint"} {
		t.Run(checks, func(t *testing.T) {
			t.Parallel()
			j := newJob(t).mended().input("checks", checks)
			stop, cancel := context.WithCancelCause(t.Context())
			j.stop = stop
			j.watch = func(text string) {
				if strings.Contains(text, "2 packages named") {
					cancel(errors.New("the run was cancelled"))
				}
			}
			j.expect("Failed", "2 packages named", "cancelled: the run was cancelled", "!Audited")
			if got := j.output()["result"]; got != "" {
				t.Errorf("the output variable result is %q, want none", got)
			}
		})
	}
}
