package retry_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/retry"
)

var (
	errBusy  = errors.New("busy")
	errWrong = errors.New("wrong")
)

func busy(after time.Duration) error { return retry.Temporary(errBusy, after) }

func TestDo(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for name, tc := range map[string]struct {
		policy  retry.Policy
		results []error
		waits   []time.Duration
		is      error
		text    string
	}{
		"at once":        {results: []error{nil}},
		"final error":    {results: []error{errWrong}, is: errWrong, text: "wrong"},
		"passes":         {results: []error{busy(0), busy(0), nil}, waits: []time.Duration{s, 2 * s}},
		"becomes final":  {results: []error{busy(0), errWrong}, waits: []time.Duration{s}, is: errWrong, text: "after 2 attempts: wrong"},
		"used up":        {results: []error{busy(0), busy(0), busy(0), busy(0)}, waits: []time.Duration{s, 2 * s, 4 * s}, is: errBusy, text: "after 4 attempts: busy"},
		"one attempt":    {policy: retry.Policy{Attempts: 1}, results: []error{busy(0)}, is: errBusy, text: "busy"},
		"server decides": {results: []error{busy(7 * s), nil}, waits: []time.Duration{7 * s}},
		"server asks too much": {
			results: []error{busy(time.Hour)}, is: errBusy, text: "busy (asked to wait 1h0m0s, which is too long)",
		},
		"waits are capped": {
			policy:  retry.Policy{Attempts: 5, Base: 10 * s, Max: 15 * s},
			results: []error{busy(0), busy(0), busy(0), nil}, waits: []time.Duration{10 * s, 15 * s, 15 * s},
		},
		"jitter": {
			policy:  retry.Policy{Jitter: retry.HalfJitter(func() float64 { return 0.5 })},
			results: []error{busy(0), busy(4 * s), nil}, waits: []time.Duration{750 * time.Millisecond, 4 * s},
		},
		"jitter out of range": {
			policy:  retry.Policy{Max: 2 * s, Jitter: func(time.Duration) time.Duration { return time.Hour }},
			results: []error{busy(0), nil}, waits: []time.Duration{2 * s},
		},
		"mark below other text": {
			results: []error{fmt.Errorf("get: %w", busy(0)), nil}, waits: []time.Duration{s},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var waits []time.Duration
			tc.policy.Sleep = func(_ context.Context, wait time.Duration) error {
				waits = append(waits, wait)
				return nil
			}
			calls := 0
			err := retry.Do(context.Background(), tc.policy, func(context.Context) error {
				calls++
				return tc.results[calls-1]
			})
			if calls != len(tc.results) {
				t.Errorf("Do made %d attempts, want %d", calls, len(tc.results))
			}
			if diff := cmp.Diff(tc.waits, waits); diff != "" {
				t.Errorf("Do waited (-want +got):\n%s", diff)
			}
			if !errors.Is(err, tc.is) || err != nil && err.Error() != tc.text {
				t.Errorf("Do = %v, want %q", err, tc.text)
			}
		})
	}
}

func TestDoStopsWithContext(t *testing.T) {
	t.Parallel()
	why := errors.New("the job was cancelled")
	ctx, cancel := context.WithCancelCause(context.Background())
	calls := 0
	// The system's clock: without the context this would take an hour.
	err := retry.Do(ctx, retry.Policy{Base: time.Hour, Max: time.Hour}, func(context.Context) error {
		calls++
		cancel(why)
		return busy(0)
	})
	if calls != 1 || !errors.Is(err, errBusy) || !errors.Is(err, why) {
		t.Errorf("Do = %v after %d attempts, want one attempt and both %q and %q", err, calls, errBusy, why)
	}
}

func TestDoWaits(t *testing.T) {
	t.Parallel()
	calls := 0
	err := retry.Do(context.Background(), retry.Policy{Base: time.Nanosecond}, func(context.Context) error {
		if calls++; calls < 3 {
			return busy(0)
		}
		return nil
	})
	if err != nil || calls != 3 {
		t.Errorf("Do = %v after %d attempts, want success with the third", err, calls)
	}
}

func TestTemporaryNil(t *testing.T) {
	t.Parallel()
	if err := retry.Temporary(nil, time.Second); err != nil {
		t.Errorf("Temporary(nil) = %v, want nil", err)
	}
}

func ExampleDo() {
	attempt := 0
	err := retry.Do(context.Background(), retry.Policy{Base: time.Millisecond}, func(context.Context) error {
		if attempt++; attempt < 3 {
			return retry.Temporary(errors.New("connection refused"), 0)
		}
		return nil
	})
	fmt.Println(attempt, err)
	// Output: 3 <nil>
}
