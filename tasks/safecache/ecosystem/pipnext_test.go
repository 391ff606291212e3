package ecosystem

import (
	"testing"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

// The command that must follow is of the tool that the lock file is for.
func TestPipNext(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"s/requirements.txt": "", "s/a;b/requirements-x.txt": "", "s/pylock.toml": "",
		"s/poetry.lock": "poetry install", "uv.lock": "uv sync --locked", "s/pdm.lock": "pdm sync", "s/Pipfile.lock": "pipenv sync",
	} {
		if got := pipPlan([]lockfile.Lock{{Path: name}}).Next; got != want {
			t.Errorf("Next after %s: got %q, want %q", name, got, want)
		}
	}
	two := []lockfile.Lock{{Path: "poetry.lock"}, {Path: "requirements.txt"}}
	if got := pipPlan(two).Next; got != "" {
		t.Errorf("Next after lock files of two tools: got %q, want that of pip", got)
	}
}
