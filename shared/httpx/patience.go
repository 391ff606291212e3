package httpx

import (
	"context"
	"errors"
	"io"
	"time"
)

var errSilent = errors.New("the server stopped answering")

// patience passes a body on and gives up the request when the server is silent for
// too long: does not send more of an answer, or does not take more of a request.
// net/http bounds neither.
type patience struct {
	r     io.Reader
	limit time.Duration
	timer *time.Timer
}

func newPatience(r io.Reader, limit time.Duration, cancel context.CancelCauseFunc) *patience {
	timer := time.AfterFunc(limit, func() { cancel(errSilent) })
	timer.Stop() // runs from the first Read on
	return &patience{r, limit, timer}
}

// Read starts the clock, and the next Read starts it again; between the two the
// server has to move. At the end nobody has to wait for it any more.
func (p *patience) Read(b []byte) (int, error) {
	p.timer.Reset(p.limit)
	n, err := p.r.Read(b)
	if err != nil {
		p.timer.Stop()
	}
	return n, err
}

// Close stops the clock. The body itself belongs to net/http.
func (p *patience) Close() error {
	p.timer.Stop()
	return nil
}

// silence returns the reason when silence has ended ctx, else err.
func silence(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, errSilent) {
		return cause
	}
	return err
}
