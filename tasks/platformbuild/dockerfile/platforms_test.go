package dockerfile

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var forArm = map[string]string{"TARGETPLATFORM": "linux/arm64", "TARGETOS": "linux", "TARGETARCH": "arm64"}

func TestRuns(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text, target string
		want         []string
	}{
		"none":             {"FROM a\nCOPY x /", "", nil},
		"one":              {"FROM a\nRUN x", "", []string{""}},
		"cross":            {"FROM --platform=$BUILDPLATFORM go AS b\nRUN make\nFROM a\nCOPY --from=b /x /x", "", []string{"$BUILDPLATFORM"}},
		"both":             {"FROM --platform=$BUILDPLATFORM go AS b\nRUN make\nFROM a\nCOPY --from=b /x /x\nRUN y", "", []string{"$BUILDPLATFORM", ""}},
		"not needed":       {"FROM go AS b\nRUN make\nFROM a", "", nil},
		"needed by target": {"FROM go AS b\nRUN make\nFROM a", "b", []string{""}},
		"copied from":      {"FROM go AS b\nRUN make\nFROM a\nCOPY --from=b x y", "", []string{""}},
		"inherited":        {"FROM --platform=$BUILDPLATFORM go AS b\nFROM b\nRUN make", "", []string{"$BUILDPLATFORM"}},
		"forgotten":        {"FROM go AS b\nFROM --platform=$BUILDPLATFORM b\nRUN make", "", []string{""}},
		"constant":         {"FROM --platform=linux/s390x a\nRUN x", "", []string{"linux/s390x"}},
		"the target":       {"FROM --platform=$TARGETPLATFORM a\nRUN x", "", []string{"linux/arm64"}},
		"cache mount":      {"FROM a\nRUN --mount=type=cache,target=/x make", "", []string{""}},
		"here-document":    {"FROM a\nRUN <<E\nx\nE", "", []string{""}},
		// What runs may be a program for the builder.
		"list":            {"FROM a\nCOPY --from=b x /x\nRUN [\"/x\"]", "", nil},
		"mounted program": {"FROM a\nRUN --mount=type=bind,from=b,target=/b /b/x", "", nil},
		"scratch":         {"FROM scratch\nCOPY --from=b /bin /bin\nRUN x", "", nil},
		"other shell":     {"FROM a\nSHELL [\"/b/sh\", \"-c\"]\nRUN x", "", nil},
		"shell of parent": {"FROM a AS x\nSHELL [\"/b/sh\", \"-c\"]\nFROM x\nRUN x", "", nil},
		"trigger":         {"FROM a\nONBUILD RUN x", "", nil},
	} {
		f, err := Parse([]byte(tc.text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := f.Runs(tc.target, forArm)
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("%s: Runs of %q: %v (-want +got):\n%s", name, tc.text, err, diff)
		}
	}
}

func TestMade(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text, target, want string
		line               int
	}{
		"as asked":           {"FROM a", "", "", 1},
		"constant":           {"FROM x\nFROM --platform=linux/amd64 a", "", "linux/amd64", 2},
		"constant, scratch":  {"FROM --platform=linux/amd64 scratch", "", "linux/amd64", 1},
		"of an ARG":          {"ARG P=linux/amd64\nFROM --platform=$P a", "", "linux/amd64", 2},
		"of the target":      {"FROM --platform=$TARGETPLATFORM a", "", "linux/arm64", 1},
		"the builder's":      {"FROM --platform=$BUILDPLATFORM a", "", "$BUILDPLATFORM", 1},
		"of where it starts": {"FROM --platform=linux/amd64 a AS b\nFROM b", "", "linux/amd64", 1},
		"forgotten":          {"FROM a AS b\nFROM --platform=linux/amd64 b", "", "", 1},
		"of another stage":   {"FROM --platform=linux/amd64 a AS b\nFROM c\nCOPY --from=b x y", "", "", 2},
		"of the target's":    {"FROM --platform=linux/amd64 a AS b\nFROM c", "b", "linux/amd64", 1},
	} {
		f, err := Parse([]byte(tc.text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, line, err := f.Made(tc.target, forArm)
		if got != tc.want || line != tc.line || err != nil {
			t.Errorf("%s: Made of %q = %q, line %d, %v; want %q, line %d", name, tc.text, got, line, err, tc.want, tc.line)
		}
	}
}

func TestErrorsHaveALine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"FORM a": 1, "FROM a\n\nRUNN x": 3, "FROM a\nRUN \\\n <<E\nx": 2, "FROM a\nFROM b AS 0": 2,
		"FROM a\nFROM $X": 2, "FROM a\nCOPY --from=7 / /": 2, "FROM a\nFROM --platform=$X b": 2, "ARG A=${B\nFROM a": 1,
	} {
		f, err := Parse([]byte(text))
		if err == nil {
			_, err = f.Bases("", nil)
		}
		var e *Error
		if !errors.As(err, &e) || e.Line != want || e.Err == nil {
			t.Errorf("the error of %q is %v, want an *Error at line %d", text, err, want)
		}
	}
}

func TestMeant(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"RUNN": "RUN", "RN": "RUN", "RUM": "RUN", "NRU": "RUN", "FORM": "FROM", "ENTRYPONT": "ENTRYPOINT", "": "", "SUDO": "", "ÜRUN": "", "X": "",
	} {
		if want != "" {
			want = ": did you mean " + want + "?"
		}
		if got := meant(word); got != want {
			t.Errorf("meant(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestSteps(t *testing.T) {
	t.Parallel()
	f, err := Parse([]byte("ARG A\nFROM x AS one\nRUN a\nonbuild COPY b /\nARG B\nFROM one AS two\nCOPY <<E /c\nRUN d\nE\n"))
	if err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string][]string{"": {"COPY"}, "Two": {"COPY"}, "one": {"RUN", "ARG"}} {
		if got, err := f.Steps(target); err != nil || !slices.Equal(got, want) {
			t.Errorf("Steps(%q) = %q, %v, want %q", target, got, err, want)
		}
	}
	if got, err := f.Steps("three"); err == nil {
		t.Errorf("Steps of a stage that is not there = %q, want an error", got)
	}
}
