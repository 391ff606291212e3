package safecache

import (
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/safecache/entry"
	"github.com/guardrails-ci/guardrails/tasks/safecache/seal"
	"github.com/klauspost/compress/zstd"
)

// An entry of which the name of the build, or what else is shown, has megabytes makes
// a log that nobody can open, and an agent that spends its time with sending it.
func TestHostileMegabytes(t *testing.T) {
	t.Parallel()
	data := make([]byte, 1<<19)
	rand.NewChaCha8([32]byte{}).Read(data)
	long := hex.EncodeToString(data) // which does not shrink by much, as a bomb would
	for name, change := range map[string]func(*entry.Manifest){
		"build":      func(m *entry.Manifest) { m.Producer.BuildNumber = long },
		"its branch": func(m *entry.Manifest) { m.Producer.Branch = long },
		"source":     func(m *entry.Manifest) { m.Segments[0].Source = long },
		"kind":       func(m *entry.Manifest) { m.Segments[0].Kind = long },
		"ecosystem":  func(m *entry.Manifest) { m.Ecosystem = long },
	} {
		for _, command := range []string{"restore+save", "explain", "list"} {
			t.Run(name+", "+command, func(t *testing.T) {
				t.Parallel()
				j := newJob(t).saved("hello")
				m := j.stored().Manifest
				change(&m)
				text, err := json.Marshal(m)
				j.must(err)
				encoder, err := zstd.NewWriter(nil)
				j.must(err)
				envelope := seal.Seal("application/vnd.guardrails.safecache-manifest.v1+zstd", encoder.EncodeAll(text, nil), nil)
				j.must(os.WriteFile(j.manifest(), envelope, 0o600))
				j.env["INPUT_COMMAND"] = command
				j.again().expect("main", "Succeeded", "have names of")
				j.harmless()
			})
		}
	}
}
