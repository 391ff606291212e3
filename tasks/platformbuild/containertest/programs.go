package containertest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// ErrUnavailable says that this machine cannot run daemons: it is no Linux, this is not root, or the programs
// are not there.
var ErrUnavailable = errors.New("containers cannot run here")

// programs is the folder that scripts/containers.sh fills.
func programs() (string, error) {
	starts := []string{"."}
	if _, file, _, ok := runtime.Caller(0); ok { // where this was built is where its programs are, wherever it runs
		starts = append(starts, filepath.Dir(file))
	}
	for _, start := range starts {
		dir, err := filepath.Abs(start)
		if err != nil {
			return "", err
		}
		for ; ; dir = filepath.Dir(dir) {
			out := filepath.Join(dir, "build", "out", "containers")
			if _, err := os.Stat(filepath.Join(out, "stamp")); err == nil {
				return out, nil
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return "", fmt.Errorf("%w: there is no build/out/containers; make it with: make containers", ErrUnavailable)
}

// Available says why daemons cannot run here: an [ErrUnavailable], or nil. They may still turn out not to.
func Available() error {
	if _, err := programs(); err != nil {
		return err
	}
	if err := possible(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

// Judge is the path of gator, cosign, kubectl, etcd or kube-apiserver, which scripts/containers-heavy.sh builds. Where
// that has not been done, the test is skipped, unless the variable GUARDRAILS_JUDGES is "required".
func Judge(t testing.TB, name string) string {
	t.Helper()
	dir, err := programs()
	if err == nil {
		dir = filepath.Join(dir, "heavy", name)
		_, err = os.Stat(dir)
	}
	switch {
	case err == nil:
		return dir
	case os.Getenv("GUARDRAILS_JUDGES") == "required":
		t.Fatalf("%s: %v; build it with: scripts/containers-heavy.sh %s", name, err, name)
	default:
		t.Skipf("NOT TESTED: there is no %s; build it with: scripts/containers-heavy.sh %s", name, name)
	}
	return ""
}

// Busybox reads busybox for amd64 or arm64, a static program.
func Busybox(arch string) ([]byte, error) {
	dir, err := programs()
	if err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, "busybox-"+arch))
}
