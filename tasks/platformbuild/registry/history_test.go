package registry

import (
	"encoding/json"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/rootfs"
)

// Only what surely is the build's own counts.
func TestOwn(t *testing.T) {
	t.Parallel()
	const ours = "buildkit.dockerfile.v0"
	base := made{By: "/bin/sh -c #(nop) ADD file:1 in /"}
	step := func(by string) made { return made{By: by, Comment: ours} }
	none := func(by string) made { return made{By: by, Comment: ours, Empty: true} }
	steps := []string{"COPY", "ENV", "RUN"}
	for name, tc := range map[string]struct {
		history []made
		layers  int
		want    int
	}{
		"all":               {[]made{base, step("COPY a /"), none("ENV A=1"), step("RUN x")}, 3, 2},
		"one is empty":      {[]made{base, step("COPY a /"), none("ENV A=1"), none("RUN x")}, 2, 1},
		"more before":       {[]made{base, step("RUN y"), step("COPY a /"), none("ENV A=1"), step("RUN x")}, 4, 2},
		"less than steps":   {[]made{none("ENV A=1"), step("RUN x")}, 1, 1},
		"no history":        {nil, 2, 0},
		"one is missing":    {[]made{base, step("COPY a /"), step("RUN x")}, 3, 1},
		"another at last":   {[]made{base, step("COPY a /"), none("ENV A=1"), step("RUN x"), none("CMD x")}, 3, 0},
		"begins like it":    {[]made{base, step("RUNX x")}, 2, 0},
		"by the exporter":   {[]made{none("ENV A=1"), {By: "RUN x", Comment: "buildkit.exporter.image.v0"}}, 1, 0},
		"too many layers":   {[]made{base, step("COPY a /"), none("ENV A=1"), step("RUN x")}, 4, 0},
		"layers are absent": {[]made{base, step("COPY a /"), none("ENV A=1"), step("RUN x")}, 2, 0},
	} {
		p := Part{history: tc.history, Layers: make([]rootfs.Layer, tc.layers)}
		if got := p.Own(steps); got != tc.want {
			t.Errorf("%s: Own(%q) of %+v with %d layers = %d, want %d", name, steps, tc.history, tc.layers, got, tc.want)
		}
		if got := p.Own(nil); got != 0 {
			t.Errorf("%s: Own(nil) = %d, want 0", name, got)
		}
	}
}

// As the image specification calls them.
func TestHistoryIsRead(t *testing.T) {
	t.Parallel()
	var config imageConfig
	const text = `{"history": [{"created_by": "RUN x", "comment": "c", "empty_layer": true, "author": "a"}]}`
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		t.Fatal(err)
	}
	if want := (made{By: "RUN x", Comment: "c", Empty: true}); len(config.History) != 1 || config.History[0] != want {
		t.Errorf("history %+v, want %+v", config.History, want)
	}
}
