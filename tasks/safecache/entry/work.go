package entry

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// workers is how many goroutines share the work on contents, all of which is
// computing and copying; and a few more when some of them wait for a store.
func workers() int { return runtime.GOMAXPROCS(0) }

const waiting = 2

// each calls do for all numbers below n, from several goroutines, until one call
// fails, and returns that error.
func each(ctx context.Context, goroutines, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(goroutines, n) {
		all.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n || ctx.Err() != nil {
					return
				}
				if err := do(ctx, i); err != nil {
					cancel(err) // only the first one counts
					return
				}
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}
