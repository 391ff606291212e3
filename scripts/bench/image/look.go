package main

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
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
		fmt.Printf("it starts %v, %.3f MB read\n", verdict.Chain, float64(files.Downloaded())/1e6)
	}
	return nil
}

// readPattern is what look says that it has read, and what a step says.
var readPattern = regexp.MustCompile(`([0-9.]+) MB read`)

// lookedAt is how many bytes a run says that it has read of layers.
func lookedAt(said string) int64 {
	var n float64
	if match := readPattern.FindStringSubmatch(said); match != nil {
		n, _ = strconv.ParseFloat(match[1], 64) // 0 if it is none
	}
	return int64(n * 1e6)
}
