package inputs_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/inputs"
)

type mode string

func (m mode) Valid() bool { return m == "fast" || m == "slow" }

type all struct {
	Name   string        `input:"name" label:"The name" env:"INPUT_NAME,required"`
	Note   string        `input:"note" label:"Note" env:"INPUT_NOTE,default=a, b"`
	On     bool          `input:"on" label:"On" env:"INPUT_ON,default=true"`
	Max    int           `input:"max" label:"Max" env:"INPUT_MAX,default=7"`
	Mode   mode          `input:"mode" label:"Mode" env:"INPUT_MODE,default=fast" options:"fast,slow"`
	Names  inputs.Lines  `input:"names" label:"Names" env:"INPUT_NAMES"`
	Path   inputs.Path   `input:"path" label:"Path" env:"INPUT_PATH"`
	Folder inputs.Path   `input:"folder" label:"Folder" env:"INPUT_FOLDER,required"`
	Token  inputs.Secret `input:"token" label:"Token" env:"INPUT_TOKEN"`
}

func load(t *testing.T, env map[string]string) (all, error) {
	var in all
	err := inputs.Load(t.Context(), func(key string) (string, bool) { v, ok := env[key]; return v, ok }, &in)
	return in, err
}

func TestLoad(t *testing.T) {
	t.Parallel()
	const root = "/agent/_work/1/s"
	for name, tc := range map[string]struct {
		env  map[string]string
		want all
	}{
		"all given": {
			map[string]string{
				"INPUT_NAME": "n", "INPUT_NOTE": "x", "INPUT_ON": "False", "INPUT_MAX": "3", "INPUT_MODE": "slow",
				"INPUT_NAMES": " a\r\n\r\n b \rc\n", "INPUT_PATH": root + "/x", "INPUT_FOLDER": "/f", "INPUT_TOKEN": " t ",
				"BUILD_SOURCESDIRECTORY": root,
			},
			all{
				Name: "n", Note: "x", On: false, Max: 3, Mode: "slow", Names: inputs.Lines{"a", "b", "c"},
				Path: root + "/x", Folder: "/f", Token: inputs.NewSecret(" t "),
			},
		},
		"blank means absent": {
			map[string]string{
				"INPUT_NAME": "n", "INPUT_NOTE": "", "INPUT_ON": " ", "INPUT_MAX": "", "INPUT_MODE": "\n",
				"INPUT_NAMES": "", "INPUT_PATH": "", "INPUT_FOLDER": "/f", "INPUT_TOKEN": "",
			},
			all{Name: "n", Note: "a, b", On: true, Max: 7, Mode: "fast", Folder: "/f"},
		},
		"an empty path is not the repository": {
			map[string]string{"INPUT_NAME": "n", "INPUT_PATH": root + "/", "INPUT_FOLDER": "/f", "SYSTEM_DEFAULTWORKINGDIRECTORY": root},
			all{Name: "n", Note: "a, b", On: true, Max: 7, Mode: "fast", Folder: "/f"},
		},
		"TRUE in any case; dollars and commas are values": {
			map[string]string{"INPUT_NAME": "$HOME ${x} $1, $( ) $()", "INPUT_ON": "TRUE", "INPUT_FOLDER": "/f"},
			all{Name: "$HOME ${x} $1, $( ) $()", Note: "a, b", On: true, Max: 7, Mode: "fast", Folder: "/f"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := load(t, tc.env)
			if err != nil {
				t.Fatalf("Load(%v): %v", tc.env, err)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(inputs.Secret{})); diff != "" {
				t.Errorf("Load(%v) (-want +got):\n%s", tc.env, diff)
			}
		})
	}
}

func TestLoadReportsEveryProblemAtOnceWithoutValues(t *testing.T) {
	t.Parallel()
	got, err := load(t, map[string]string{
		"INPUT_NOTE": "hunter2$(Undefined.Var)", "INPUT_ON": "hunter2", "INPUT_MAX": "hunter2", "INPUT_MODE": "hunter2",
		"INPUT_NAMES": "hunter2\x00", "INPUT_FOLDER": "/s", "SYSTEM_ARTIFACTSDIRECTORY": "/s", "INPUT_TOKEN": "hunter2$(hunter3)",
	})
	var problems inputs.Problems
	if !errors.As(err, &problems) {
		t.Fatalf("Load error = %v (%T), want inputs.Problems", err, err)
	}
	want := strings.Join([]string{
		`input "name" (The name) is required`,
		`input "note" holds $(Undefined.Var), but there is no variable of that name`,
		`input "on" must be true or false`,
		`input "max" must be a whole number`,
		`input "mode" must be one of: fast, slow`,
		`input "names" has a NUL character in it`,
		`input "folder" is empty, or the repository's folder itself, which this input does not take`,
		`input "token" holds $(...) of a variable that does not exist`,
	}, "\n")
	if diff := cmp.Diff(want, problems.Error()); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	for _, secret := range []string{"hunter2", "hunter3"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("a value is in the message: %v", err)
		}
	}
	if got.Mode != "" || got.Note != "" {
		t.Errorf("fields of problems are not zero: %+v", got)
	}
}

// The value is not shown, so the fix says how one is written.
func TestProblemsSayHowToFixThem(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ input, value, reason, fix string }{
		"unit":         {"MAX", "10GB", "must be a whole number", "without a unit, separators or zeros in front, such as 10240"},
		"too large":    {"MAX", "99999999999999999999", "must be a whole number of at most 64 bits", "fewer digits"},
		"yes":          {"ON", "yes", "must be true or false", "write one of these two words, or leave the input out"},
		"not a choice": {"MODE", "hunter2", "must be one of: fast, slow", "write one of these words"},
		"upper case":   {"MODE", " Fast", "must be one of: fast, slow", `write "fast", in just these letters and without spaces`},
		"unset secret": {"TOKEN", "$(hunter2)", "holds $(...) of a variable that does not exist",
			"give this step access to the secret, or leave the input out of runs that must not have it"},
	} {
		_, err := load(t, map[string]string{"INPUT_NAME": "n", "INPUT_FOLDER": "/f", "INPUT_" + tc.input: tc.value})
		var problems inputs.Problems
		if !errors.As(err, &problems) || len(problems) != 1 {
			t.Fatalf("%s: Load(%s = %q) = %v, want one problem", name, tc.input, tc.value, err)
		}
		if p := problems[0]; p.Reason != tc.reason || !strings.Contains(p.Fix, tc.fix) {
			t.Errorf("%s: Load(%s = %q) = %q, with the fix %q; want %q, %q", name, tc.input, tc.value, p.Reason, p.Fix, tc.reason, tc.fix)
		} else if strings.Contains(p.Error()+p.Fix, tc.value) {
			t.Errorf("%s: the value is in the message %q, with the fix %q", name, p, p.Fix)
		}
	}
}

func TestUnexpandedMacros(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"$(x)", "a$(_x.y-z)b", "$(1abc)", "$(npm/ver)", "$(a:b)", "$(ключ)", "$( x )", "$(a\nb)", "$(a$(b)"} {
		_, err := load(t, map[string]string{"INPUT_NAME": value, "INPUT_FOLDER": "/f"})
		if err == nil || !strings.Contains(err.Error(), "variable") {
			t.Errorf("name = %q: %v, want a problem that names the variable", value, err)
		}
	}
}

// An optional input without a default is the zero value of its type.
func TestAbsentWithoutDefault(t *testing.T) {
	t.Parallel()
	var in struct {
		On    bool         `input:"on" env:"INPUT_ON"`
		Max   int          `input:"max" env:"INPUT_MAX"`
		Name  string       `input:"name" env:"INPUT_NAME"`
		Names inputs.Lines `input:"names" env:"INPUT_NAMES"`
	}
	for _, value := range []string{"", " "} {
		for _, set := range []bool{true, false} {
			if err := inputs.Load(t.Context(), func(string) (string, bool) { return value, set }, &in); err != nil {
				t.Errorf("Load with %q, set %v: %v", value, set, err)
			}
			if in.On || in.Max != 0 || in.Name != "" || in.Names != nil {
				t.Errorf("Load with %q, set %v: %+v, want zero values", value, set, in)
			}
		}
	}
}

func TestNumbersAreDecimal(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"010", "0x10", "1_000", "1.5", "+1", "99999999999999999999", "１"} {
		if in, err := load(t, map[string]string{"INPUT_NAME": "n", "INPUT_FOLDER": "/f", "INPUT_MAX": value}); err == nil {
			t.Errorf("max = %q was read as %d, want a problem", value, in.Max)
		}
	}
	in, err := load(t, map[string]string{"INPUT_NAME": "n", "INPUT_FOLDER": "/f", "INPUT_MAX": " -12 "})
	if err != nil || in.Max != -12 {
		t.Errorf("max = -12 was read as %d, %v", in.Max, err)
	}
}

func TestLoadNamesABrokenStruct(t *testing.T) {
	t.Parallel()
	for name, into := range map[string]any{
		"no pointer": all{},
		"no tag": &struct {
			X string
		}{},
		"bad default": &struct {
			X int `input:"x" env:"INPUT_X,default=y"`
		}{},
	} {
		err := inputs.Load(t.Context(), func(string) (string, bool) { return "", false }, into)
		var problems inputs.Problems
		if err == nil || errors.As(err, &problems) {
			t.Errorf("%s: Load = %v, want an error that is no user's problem", name, err)
		}
	}
}

func TestSecretNeverPrints(t *testing.T) {
	t.Parallel()
	s := inputs.NewSecret("hunter2")
	if s.Reveal() != "hunter2" || s.IsZero() || !(inputs.Secret{}).IsZero() {
		t.Fatal("Reveal or IsZero is wrong")
	}
	holder := struct {
		S inputs.Secret
		P *inputs.Secret
		M map[inputs.Secret]inputs.Secret
		u inputs.Secret
		v []inputs.Secret
	}{s, &s, map[inputs.Secret]inputs.Secret{s: s}, s, []inputs.Secret{s}}
	var printed bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%10.3s"} {
		fmt.Fprintf(&printed, verb+" ", s)
		if verb != "%d" && verb != "%x" && verb != "%X" {
			fmt.Fprintf(&printed, verb+" ", holder)
		}
	}
	doc, err := json.Marshal(struct {
		S inputs.Secret
		M map[string]inputs.Secret
	}{s, map[string]inputs.Secret{"k": s}})
	if err != nil {
		t.Fatal(err)
	}
	printed.Write(doc)
	text, err := s.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	printed.Write(text)
	slog.New(slog.NewTextHandler(&printed, nil)).Info("x", "s", s, "h", slog.AnyValue(s))
	slog.New(slog.NewJSONHandler(&printed, nil)).Info("x", "s", s)
	printed.WriteString(fmt.Sprint(s, s.String(), s.GoString(), fmt.Errorf("e: %w %v", errors.New("x"), s)))
	for _, leak := range []string{"hunter2", fmt.Sprintf("%x", "hunter2"), fmt.Sprintf("%X", "hunter2")} {
		if strings.Contains(printed.String(), leak) {
			t.Errorf("%q was printed:\n%s", leak, printed.String())
		}
	}
}

func TestEnforcement(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]inputs.Enforcement{"": inputs.Enforce, "warn": inputs.Warn, "enforce": inputs.Enforce} {
		var c inputs.Common
		err := inputs.Load(t.Context(), func(key string) (string, bool) { return value, key == "INPUT_ENFORCEMENT" }, &c)
		if err != nil || c.Enforcement != want {
			t.Errorf("Load(enforcement=%q) = %q, %v, want %q", value, c.Enforcement, err, want)
		}
	}
	var c inputs.Common
	err := inputs.Load(t.Context(), func(string) (string, bool) { return "off", true }, &c)
	if err == nil || !strings.Contains(err.Error(), "must be one of: enforce, warn") {
		t.Errorf("Load(enforcement=off) = %v, want the options", err)
	}
}
