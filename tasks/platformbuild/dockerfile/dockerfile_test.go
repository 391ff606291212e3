package dockerfile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const everything = "\ufeff# syntax=docker/dockerfile:1.7 # no comment\r\n" + `# escape=\
# check=error=true
# A comment ends the directives.
# escape=` + "`" + `
ARG VERSION=1.2 \
    # a comment in between
    SUFFIX="-alpine x" \

    EMPTY= NONE
ARG GO='$VERSION'
From --platform=$BUILDPLATFORM golang:${VERSION}${SUFFIX%?x} as Build
arg TOKEN OTHER=1
RUN --mount=type=secret,id=npm,required --mount=type=cache,target=/root/.cache \
  --mount=type=secret,target=/run/secrets/pip --mount=type=ssh --mount=type=ssh,id=git,required=true \
  --mount=from=tools,target=/tools --mount=type=secret,id=$LATER make
RUN <<EOF cat <<-"END" > /x
FROM not-this
EOF
	COPY --from=nor-this . .
	END
COPY --from=docker.io/library/busybox:1 /bin/sh /bin/sh
FROM scratch AS tools
COPY <<'A' <<B /dst/
FROM heredoc-a
A
FROM heredoc-b
B
ADD https://example.com/a.tar $REMOTE ./local /dst/
ADD --checksum=sha256:abc https://example.com/b.tar /dst/
ONBUILD COPY --from=0 /a /b
RUN ["sh", "-c", "cat <<EOF"]
RUN echo it's fine <<EOF
FROM tools
RUN echo "<<EOF" $((1<<2)) <<<word
`

func TestParse(t *testing.T) {
	t.Parallel()
	got, err := Parse([]byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	want := &File{
		Syntax: "docker/dockerfile:1.7",
		Args: []Arg{
			{Name: "VERSION", Default: "1.2"}, {Name: "SUFFIX", Default: `"-alpine x"`}, {Name: "EMPTY"}, {Name: "NONE"},
			{Name: "GO", Default: "'$VERSION'"},
		},
		Stages: []Stage{
			{
				Line: 12, Name: "build", Base: "golang:${VERSION}${SUFFIX%?x}", Platform: "$BUILDPLATFORM",
				Secrets: []Mount{{14, "npm", true}, {14, "pip", false}}, SSH: []Mount{{14, "default", false}, {14, "git", true}},
				Copies: []string{"tools", "docker.io/library/busybox:1"}, Args: []string{"TOKEN", "OTHER"},
			},
			{
				Line: 23, Name: "tools", Base: "scratch", Copies: []string{"0"},
				Downloads: []string{"https://example.com/a.tar", "$REMOTE"},
			},
			{Line: 34, Base: "tools"},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(File{}, Arg{}, Stage{})); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
	if f, err := Parse([]byte("#!/usr/bin/env docker\n# syntax=a/b\nFROM x")); err != nil || f.Syntax != "a/b" {
		t.Errorf("syntax below #! = %+v, %v", f, err)
	}
	if f, err := Parse([]byte("#!/x\n# escape=`\nFROM x\nRUN a `\nFROM y")); err != nil || len(f.Stages) != 2 {
		t.Errorf("escape below #! = %+v, %v: it counts above only", f, err)
	}
}

func TestEscape(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"# escape=`\nFROM x\nRUN dir C:\\\nFROM y":   2,
		"# escape=`\nFROM x\nRUN dir `\nFROM y":      1,
		"FROM x\nRUN dir \\\nFROM y":                 1,
		"FROM x\nRUN dir \\  \t\r\n\n# a\nFROM y":    1,
		"FROM x\nRUN dir \\\\\nFROM y":               2,
		"FROM x\nRUN dir \\ #\nFROM y":               2,
		" # escape=`\nFROM x\nRUN dir `\nFROM y":     1,
		"#ESCAPE = ` \nFROM x\nRUN dir `\nFROM y":    1,
		"\n# escape=`\nFROM x\nRUN dir `\nFROM y":    2,
		"# a=b\n# escape=`\nFROM x\nRUN a `\nFROM y": 2,
		"FROM x\nRUN dir \\":                         1,
		"FROM x\n\\\nFROM y":                         2,
	} {
		f, err := Parse([]byte(text))
		if err != nil || len(f.Stages) != want {
			t.Errorf("Parse(%q) = %+v, %v, want %d stages", text, f, err, want)
		}
	}
}

// TestParseRefuses: each would be read in another way by BuildKit, or hides what an image is made of.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                   "no FROM",
		"# only a comment":                   "no FROM",
		"ARG A=b":                            "no FROM",
		"RUN x\nFROM y":                      "line 1: RUN stands before",
		"FROM x\nFRMO y":                     `line 2: unknown instruction "FRMO": did you mean FROM?`,
		"FROM x\nrunn y":                     "did you mean RUN?",
		"FROM x\nCPY y":                      "did you mean COPY?",
		"FROM x\nLABLE y":                    "did you mean LABEL?",
		"FROM x\nENF y":                      "did you mean ENV?",
		"FROM x\n// syntax=y":                "unknown instruction",
		"INCLUDE other\nFROM x":              "unknown instruction",
		"FROM":                               "FROM needs",
		"FROM x y":                           "FROM needs",
		"FROM x AS":                          "FROM needs",
		"FROM x IS y":                        "FROM needs",
		"FROM x AS 0":                        "FROM needs",
		"FROM x AS a/b":                      "FROM needs",
		"FROM --platfrom=linux/amd64 x":      "--platform",
		"FROM --platform=a --platform=b x":   "once",
		"# escape=x\nFROM x":                 "escape",
		"# escape=`\n# escape=`\nFROM x":     "two directives",
		"ARG =x\nFROM y":                     "ARG needs a name",
		"ARG\nFROM y":                        "ARG needs a name",
		"ARG --x=y A\nFROM y":                "no flag",
		"FROM x\nCOPY --from=$X a b":         "variables cannot stand there",
		"FROM x\nCOPY --from=a --from=b a b": "twice",
		"FROM x\nRUN --mount=from=${X} a":    "variables cannot stand there",
		"FROM x\nRUN --mount=type=secret a":  "needs an id",
		"FROM x\nRUN --mount=type=secret,id=a,required=maybe a":  "required",
		`FROM x` + "\n" + `RUN --mount=type=bind,\"from=a\" a`:   "quotes",
		"FROM x\nRUN <<EOF\nFROM y\n":                            `"EOF" does not end`,
		"FROM x\nONBUILD FROM y":                                 "cannot stand behind ONBUILD",
		"FROM x\nONBUILD ONBUILD RUN y":                          "cannot stand behind ONBUILD",
		"FROM x\nONBUILD RNU y":                                  "unknown instruction",
		"FROM x\nRUN [\"a\", 1]":                                 "texts only",
		strings.Repeat("FROM x\n", maxStages+1):                  "more than 1000 stages",
		strings.Repeat("#\n", maxFile):                           "more than 1 MB",
		"FROM x\n##vso[task.complete]\n\x1b##vso[task.complete]": "unknown instruction",
	} {
		f, err := Parse([]byte(text))
		if err == nil {
			t.Errorf("Parse(%.60q) = %+v, want an error", text, f)
		} else if said := err.Error(); !strings.Contains(said, want) || strings.ContainsAny(said, "\n\r\x1b") ||
			strings.Contains(said, "##vso[") || len(said) > 300 {
			t.Errorf("Parse(%.60q): %q, want one short line about %q", text, said, want)
		}
	}
}

func basesOf(t *testing.T, text, target string, args map[string]string) ([]string, error) {
	t.Helper()
	f, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("Parse(%q): %v", text, err)
	}
	all, err := f.Bases(target, args)
	var got []string
	for _, b := range all {
		line := fmt.Sprintf("%d %s %s", b.Line, b.Image, b.Platform)
		if b.Final {
			line += " final"
		}
		got = append(got, strings.ReplaceAll(line, "  ", " "))
	}
	return got, err
}

func TestBases(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text, target string
		args         map[string]string
		want         []string
	}{
		"one":            {"FROM alpine:3", "", nil, []string{"1 alpine:3 final"}},
		"scratch":        {"FROM scratch\nCOPY --from=scratch a b", "", nil, nil},
		"final of two":   {"FROM a AS x\nFROM x\nCOPY --from=b / /", "", nil, []string{"1 a final", "3 b "}},
		"not needed":     {"FROM a AS x\nFROM b", "", nil, []string{"2 b final"}},
		"target":         {"FROM a AS x\nFROM b", "X", nil, []string{"1 a final"}},
		"by number":      {"FROM a\nFROM b\nCOPY --from=0 / /", "", nil, []string{"2 b final", "1 a "}},
		"later stage":    {"FROM a AS x\nCOPY --from=y / /\nFROM b AS y\nFROM x", "", nil, []string{"1 a final", "3 b "}},
		"mount":          {"FROM a AS x\nFROM b\nRUN --mount=from=x y\nRUN --mount=from=c y", "", nil, []string{"2 b final", "1 a ", "4 c "}},
		"name twice":     {"FROM a AS x\nFROM b AS x\nFROM x", "", nil, []string{"2 b final"}},
		"name of itself": {"FROM alpine AS alpine\nFROM alpine", "", nil, []string{"1 alpine final"}},
		"in upper case":  {"FROM a AS Build\nFROM b\nCOPY --from=BUILD / /", "", nil, []string{"2 b final", "1 a "}},
		"copied and started": {
			"FROM a AS x\nFROM scratch AS y\nCOPY --from=x / /\nFROM x\nCOPY --from=y / /", "", nil, []string{"1 a final"},
		},
		"circle":              {"FROM a AS x\nCOPY --from=y / /\nFROM b AS y\nCOPY --from=x / /", "", nil, []string{"3 b final", "1 a "}},
		"trigger":             {"FROM a AS x\nONBUILD COPY --from=b / /\nFROM x", "", nil, []string{"1 a final", "2 b "}},
		"default":             {"ARG V=1\nFROM a:$V", "", nil, []string{"2 a:1 final"}},
		"given":               {"ARG V=1\nFROM a:$V", "", map[string]string{"V": "2", "OTHER": "3"}, []string{"2 a:2 final"}},
		"given, not declared": {"FROM a:1$V", "", map[string]string{"V": "2"}, []string{"1 a:1 final"}},
		"of another":          {"ARG A=1\nARG B=${A}2\nFROM a:\"$B\"", "", nil, []string{"3 a:12 final"}},
		"quoted":              {"ARG A='$B' C=\"x y\"\nFROM \"a:$C\"", "", map[string]string{"C": "d"}, []string{"2 a:d final"}},
		"forms": {
			"ARG A=1.2.3 E=\nFROM a:${A%.*}-${A%%.*}-${A#*.}-${A##*.}-${E:-e}-${E-f}-${N:-n}-${A:+y}-${E:+z}${E+x}-${A?no}", "", nil,
			[]string{"2 a:1.2-1-2.3-3-e--n-y-x-1.2.3 final"},
		},
		"build platform": {"FROM --platform=$BUILDPLATFORM a", "", nil, []string{"1 a $BUILDPLATFORM final"}},
		"platform":       {"FROM --platform=${TARGETOS}/arm64 a", "", map[string]string{"TARGETOS": "linux"}, []string{"1 a linux/arm64 final"}},
		"by architecture": {
			"FROM base-${TARGETARCH}${TARGETVARIANT}", "", map[string]string{"TARGETARCH": "arm", "TARGETPLATFORM": "linux/arm"},
			[]string{"1 base-arm final"},
		},
		"two platforms":    {"FROM --platform=linux/amd64 a AS x\nFROM a\nCOPY --from=x / /", "", nil, []string{"2 a final", "1 a linux/amd64"}},
		"stage of target":  {"FROM a AS dev\nFROM b AS prod\nFROM ${TARGETSTAGE}", "dev", nil, []string{"1 a final"}},
		"predefined given": {"ARG TARGETARCH=x\nFROM a-$TARGETARCH", "", map[string]string{"TARGETARCH": "amd64"}, []string{"2 a-amd64 final"}},
	} {
		got, err := basesOf(t, tc.text, tc.target, tc.args)
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("%s: Bases(%q) of %q: %v (-want +got):\n%s", name, tc.target, tc.text, err, diff)
		}
	}
}

func TestBasesRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"FROM $X":                              "is empty",
		"FROM a-$BUILDARCH":                    "depends on the machine",
		"FROM a-$TARGETARCH":                   "depends on the machine",
		"FROM --platform=$X a":                 "platform",
		"FROM a\nCOPY --from=7 / /":            "no stage 7",
		"FROM a:${V^^}":                        "not known",
		"ARG V=1\nFROM a:${V/1/2}":             "not understood",
		"FROM a:${V":                           "not closed",
		"FROM a:${V:#x}":                       "not known",
		"FROM a:${}":                           "no variable",
		"FROM a:${V:?say so}":                  "FROM needs", // the words are parted first
		"FROM a:${V:?}":                        "must be given",
		"FROM \"a":                             "not closed",
		"ARG A=${B\nFROM a":                    "ARG \"A\"",
		"FROM " + strings.Repeat("${A:-", 200): "nested too deeply",
	} {
		f, err := Parse([]byte(text))
		if err == nil {
			_, err = f.Bases("", nil)
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "line ") {
			t.Errorf("Bases of %q: %v, want a line and %q", text, err, want)
		}
	}
	f, err := Parse([]byte("FROM a AS b"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Bases("c", nil); err == nil || !strings.Contains(err.Error(), `no stage "c"`) {
		t.Errorf("Bases of a target that is not there: %v", err)
	}
}

func TestTrim(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		value   string
		form    rune
		pattern string
		want    string
	}{
		{"foobar", '#', "f*o", "obar"}, {"foobar", '#', "#f*o", "bar"}, {"foobar", '%', "o*r", "fo"},
		{"foobar", '%', "%o*r", "f"}, {"foobar", '#', "x", "foobar"}, {"a*b", '#', `a\*`, "b"}, {"axb", '#', `a\*`, "axb"},
		{"foobar", '#', "", "foobar"}, {"foobar", '#', "#*", ""}, {"héé", '%', "?", "hé"}, {`a\`, '%', `\\`, "a"},
	} {
		if got := trim(tc.value, tc.form, tc.pattern, '\\'); got != tc.want {
			t.Errorf("trim(%q, %c, %q) = %q, want %q", tc.value, tc.form, tc.pattern, got, tc.want)
		}
	}
	// Patterns that would take for ever if every way was tried.
	trim(strings.Repeat("a", 2000), '#', "#"+strings.Repeat("*a", 100)+"b", '\\')
}

// FuzzParse: whatever it is, it is read in short time, and lines are within the file.
func FuzzParse(f *testing.F) {
	f.Add(everything)
	f.Add("ARG A=${B:-'${C}'}\nFROM ${A%%*} AS x\nRUN --mount=from=x,id=${A} <<-E\n\tE\n")
	f.Add("# escape=`\nFROM a`\nRUN $$${##x}")
	f.Fuzz(func(t *testing.T, text string) {
		file, err := Parse([]byte(text))
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r\x00") {
				t.Errorf("Parse(%q): %q is not one line", text, err)
			}
			return
		}
		lines := strings.Count(text, "\n") + 1
		bases, err := file.Bases("", map[string]string{"A": "b"})
		for _, b := range bases {
			if b.Line < 1 || b.Line > lines || b.Image == "" || b.Image == "scratch" {
				t.Errorf("Bases of %q: %+v", text, b)
			}
		}
		if err != nil && strings.ContainsAny(err.Error(), "\n\r\x00") {
			t.Errorf("Bases of %q: %q is not one line", text, err)
		}
	})
}
