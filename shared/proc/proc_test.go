package proc

import (
	"bytes"
	"context"
	"testing"
)

func TestRunPassesOutputOn(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := Cmd{Name: "go", Args: []string{"version"}, Env: []string{"PATH=/usr/local/go/bin:/usr/bin:/bin"}, Stdout: &out}
	if err := Run(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	t.Log(out.String())
}
