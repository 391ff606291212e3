package registry

import (
	"context"
	"strconv"
	"sync"

	"github.com/guardrails-ci/guardrails/shared/redact"
)

// atOnce is how many requests a client makes at the same time; registries count them.
const atOnce = 6

// together does n things, some at the same time. The first error ends the rest.
func together(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	var once sync.Once
	var first error
	places := make(chan struct{}, atOnce)
	for i := range n {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			if err := do(ctx, i); err != nil {
				once.Do(func() {
					first = err
					cancel(err)
				})
			}
		})
	}
	all.Wait()
	return first
}

// show quotes a text from outside.
func show(text string) string {
	if len(text) > maxDetail {
		text = text[:maxDetail] + "..."
	}
	return redact.Defuse(strconv.QuoteToASCII(text))
}
