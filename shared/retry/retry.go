// Package retry does something again when it failed for a reason that may pass.
//
// The caller marks such errors with [Temporary]; every other error is final. How
// long to wait, and with what clock, is the [Policy]'s: nothing here knows the
// time, so a test needs none.
package retry

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Policy says how often and how patiently to try. The zero value tries four
// times, about 1, 2 and 4 seconds apart.
type Policy struct {
	// Attempts is the number of attempts, the first included. 0 means 4.
	Attempts int
	// Base is the wait after the first attempt; it doubles each time. 0 means a
	// second.
	Base time.Duration
	// Max is the longest wait. A server that asks for a longer one ends the
	// attempts: to come back before it allows would make things worse. 0 means
	// 30 seconds.
	Max time.Duration
	// Jitter changes a wait, so that clients that failed together do not come back
	// together; it is not asked about a wait that a server wants. Nil changes
	// nothing. See HalfJitter.
	Jitter func(wait time.Duration) time.Duration
	// Sleep waits; it returns early, with ctx's error, when ctx ends. Nil waits on
	// the system's clock.
	Sleep func(ctx context.Context, wait time.Duration) error
}

// HalfJitter returns a Jitter between half the wait and all of it. random returns
// numbers in [0, 1).
func HalfJitter(random func() float64) func(time.Duration) time.Duration {
	return func(wait time.Duration) time.Duration {
		return wait/2 + time.Duration(random()*float64(wait/2))
	}
}

// temporary marks an error after which trying again makes sense.
type temporary struct {
	error
	after time.Duration
}

func (t *temporary) Unwrap() error { return t.error }

// Temporary marks err as one that may pass: Do tries again. After is how long the
// other side wants to be left alone (Retry-After); 0 leaves it to the Policy. A
// nil err stays nil.
func Temporary(err error, after time.Duration) error {
	if err == nil {
		return nil
	}
	return &temporary{err, after}
}

// Do calls op until it returns nil or an error that is not Temporary, the attempts
// are used up, or ctx ends. It returns op's last error, with the number of attempts
// if there was more than one, and wrapping ctx's cause too if that ended the
// waiting. ctx is passed on to op, which is called at least once.
func Do(ctx context.Context, p Policy, op func(context.Context) error) error {
	p = p.withDefaults()
	wait := p.Base
	for attempt := 1; ; attempt++ {
		err := op(ctx)
		var t *temporary
		if !errors.As(err, &t) {
			return counted(err, attempt)
		}
		if err == error(t) {
			err = t.error // the mark has done its work
		}
		pause := t.after
		switch {
		case attempt >= p.Attempts:
			return counted(err, attempt)
		case pause > p.Max:
			return fmt.Errorf("%w (asked to wait %s, which is too long)", counted(err, attempt), pause)
		case pause <= 0:
			pause = p.jittered(wait)
		}
		if p.Sleep(ctx, pause) != nil || ctx.Err() != nil {
			return fmt.Errorf("%w (stopped waiting to try again: %w)", counted(err, attempt), context.Cause(ctx))
		}
		wait = min(2*wait, p.Max)
	}
}

func counted(err error, attempts int) error {
	if err == nil || attempts == 1 {
		return err
	}
	return fmt.Errorf("after %d attempts: %w", attempts, err)
}

func (p Policy) withDefaults() Policy {
	if p.Attempts <= 0 {
		p.Attempts = 4
	}
	if p.Max <= 0 {
		p.Max = 30 * time.Second
	}
	if p.Base <= 0 {
		p.Base = time.Second
	}
	p.Base = min(p.Base, p.Max)
	if p.Sleep == nil {
		p.Sleep = sleep
	}
	return p
}

func (p Policy) jittered(wait time.Duration) time.Duration {
	if p.Jitter == nil {
		return wait
	}
	return max(0, min(p.Jitter(wait), p.Max))
}

func sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
