package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/content"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/reference"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/registry"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/rootfs"
)

// lookArg makes this program look into an image as a build does into what it has just pushed: it
// believes a layer's entry as soon as it is read (rootfs.Limits).
const lookArg = "look"

// look fails if there is something to be said against an image.
func look(image string) error {
	ref, err := reference.Parse(image)
	if err != nil {
		return err
	}
	ctx := context.Background()
	found, err := registry.New(registry.Config{
		HTTP:        &http.Client{Transport: &http.Transport{}},
		Credentials: func(context.Context, string, bool) (string, string, error) { return user, password, nil },
	}).Resolve(ctx, ref)
	if err != nil {
		return err
	}
	for _, part := range found.Parts {
		files := rootfs.New(part.Layers, rootfs.Limits{Quick: true})
		verdict, err := content.Check(ctx, files, part.Config, content.Entrypoint, time.Time{})
		if err != nil || len(verdict.Problems) > 0 {
			return fmt.Errorf("%s: %+v, %w", image, verdict.Problems, err)
		}
		fmt.Printf("%d bytes of layers: it starts %v\n", files.Downloaded(), verdict.Chain)
	}
	return nil
}

// lookedAt is how many bytes look says that it has read.
func lookedAt(said string) (n int64) {
	_, _ = fmt.Sscanf(said, "%d", &n) // 0 if it says nothing
	return n
}
