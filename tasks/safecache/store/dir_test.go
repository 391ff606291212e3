package store_test

import (
	"path/filepath"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/safecache/store"
	"github.com/guardrails-ci/guardrails/tasks/safecache/store/storetest"
)

func TestDirIsAStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store {
		return store.NewDir(filepath.Join(t.TempDir(), "not", "there", "yet"))
	})
}
