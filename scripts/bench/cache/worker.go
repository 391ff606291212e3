package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/tasks/safecache/claim"
	"github.com/guardrails-ci/guardrails/tasks/safecache/ecosystem"
	"github.com/guardrails-ci/guardrails/tasks/safecache/entry"
	"github.com/guardrails-ci/guardrails/tasks/safecache/store"
)

var scope = entry.Scope{Collection: "c", Project: "p", Definition: "d", Tier: "trusted", Branch: "refs/heads/main"}

// worker is SafeCache's side: save|restore STORE FOLDER KEY [LOCK]. It does what the
// task does, the lock file's reading and the search for a base included.
func worker(ctx context.Context, args []string) error {
	if len(args) < 4 {
		return errors.New("save|restore STORE FOLDER KEY [LOCK]")
	}
	dir, err := filepath.Abs(args[1])
	if err != nil {
		return err
	}
	folder, err := filepath.Abs(args[2])
	if err != nil {
		return err
	}
	var claims claim.Set
	if len(args) > 4 {
		if claims, err = claimsOf(args[4]); err != nil {
			return err
		}
	}
	repo := entry.Repository{Store: store.NewDir(dir), Now: time.Now}
	key := []string{"npm", args[3]}
	if args[0] == "restore" {
		e, err := repo.Find(ctx, scope, key)
		if e == nil || err != nil {
			return fmt.Errorf("finding %v: %w", key, err)
		}
		_, err = repo.Restore(ctx, e, folder, entry.RestoreOptions{Claims: claims})
		return err
	}
	draft := entry.Draft{Scope: scope, Claims: claims, Expires: time.Now().Add(time.Hour)}
	for _, value := range key {
		draft.Segments = append(draft.Segments, entry.Segment{Source: value, Kind: "string", Value: value})
	}
	base, err := repo.FindPrefix(ctx, scope, key[:1])
	if err != nil {
		return err
	}
	draft.Bases = []*entry.Entry{base}
	_, err = repo.Save(ctx, folder, draft)
	return err
}

func claimsOf(name string) (claim.Set, error) {
	lock, err := lockfile.Read(os.DirFS(filepath.Dir(name)), filepath.Base(name))
	if err != nil {
		return nil, err
	}
	npm, ok := ecosystem.Named("npm")
	if !ok {
		return nil, errors.New("npm is unknown")
	}
	return npm.Plan([]lockfile.Lock{lock}).Claims, nil
}
