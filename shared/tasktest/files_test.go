package tasktest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFilesBesideScripts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.txtar": "exec true\n", "b.txtar": "exec false\n-- own --\nx\n", "job.sh": "true", "x1.yml": "a: 1\n", "x2.yml": "b: 2\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	joined := beside(t, dir, []Files{
		{From: filepath.Join(dir, "job.sh")}, {Of: "b.txtar", From: filepath.Join(dir, "x*.yml"), To: "examples"},
	})
	for name, want := range map[string]string{
		"a.txtar": "exec true\n-- job.sh --\ntrue\n",
		"b.txtar": "exec false\n-- own --\nx\n-- job.sh --\ntrue\n-- examples/x1.yml --\na: 1\n-- examples/x2.yml --\nb: 2\n",
	} {
		if diff := cmp.Diff(want, read(t, filepath.Join(joined, name))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
