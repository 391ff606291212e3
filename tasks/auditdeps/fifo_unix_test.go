//go:build unix

package auditdeps

import (
	"syscall"
	"testing"
)

// A pipe that nobody writes to must not hold the step up.
func TestPipes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"requirements.txt", "auditdeps.yml", "lib/pyproject.toml", "lib/package.json"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, bad().String()).mended()
			j.write("lib/x", "")
			j.must(syscall.Mkfifo(j.source(name), 0o600))
			j.run()
		})
	}
}
