package platformbuild

import (
	"strings"
	"testing"
)

// A builder that cannot run programs for a platform is refused before anything is built or read.
func TestRefusedBeforeTheBuild(t *testing.T) {
	t.Parallel()
	j := realJob(t, map[string]string{"Dockerfile": "FROM {base}\nRUN echo made >/made\n"})
	j.registry.Forget()
	j.input("platforms", "linux/amd64,linux/arm64").refuses("image/emulation", "runs programs for linux/arm64")
	j.says("FROM --platform=$BUILDPLATFORM", "tonistiigi/binfmt")
	j.silent("##[group]", "FROM 127")
	for _, q := range j.registry.Requests() {
		if strings.Contains(q.Path, "/base/busybox/") {
			t.Errorf("the base image was read: %s %s", q.Method, q.Path)
		}
	}
}

// What compiles on the builder's own platform needs none.
func TestNoEmulationNeeded(t *testing.T) {
	t.Parallel()
	for name, dockerfile := range map[string]string{
		"cross": "FROM --platform=$BUILDPLATFORM {base} AS make\nARG TARGETARCH\nRUN echo $TARGETARCH >/made\n" +
			"FROM {base}\nCOPY --from=make /made /made\n",
		"not needed": "FROM {base} AS other\nRUN false\nFROM {base}\nCOPY Dockerfile /\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := realJob(t, map[string]string{"Dockerfile": dockerfile})
			j.input("platforms", "linux/amd64,linux/arm64").want("Succeeded")
		})
	}
}

// What the plan asks of the builder.
func TestNeedRuns(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		dockerfile string
		inputs     []string
		refused    bool
	}{
		"a constant":          {"FROM --platform=linux/s390x x AS y\nRUN z\nFROM scratch\nCOPY --from=y /a /a\n", nil, true},
		"of an ARG":           {"ARG P=linux/amd64\nFROM --platform=$P x\nRUN z\n", []string{"buildArgs", "P=linux/s390x"}, true},
		"a stage of its own":  {"FROM x AS y\nRUN z\nFROM x\n", []string{"platforms", "linux/s390x", "target", "y"}, true},
		"another stage":       {"FROM x AS y\nRUN z\nFROM x\n", []string{"platforms", "linux/s390x"}, false},
		"a context may be it": {"FROM x\nRUN z\n", []string{"platforms", "linux/s390x", "buildContexts", "x=docker-image://scratch"}, false},
		"a variant":           {"FROM x\nRUN z\n", []string{"platforms", "linux/amd64/v3"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fakeJob(t, fake{})
			j.write(map[string]string{"Dockerfile": tc.dockerfile}).commit()
			j.input("lint", "off").input(tc.inputs...)
			j.run()
			if built := len(j.built()) > 0; built == tc.refused || strings.Contains(j.log, "image/emulation") != tc.refused {
				t.Errorf("built: %t, want refused: %t\n%s", built, tc.refused, j.log)
			}
		})
	}
}
