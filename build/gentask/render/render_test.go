package render

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sethvargo/go-envconfig"

	"github.com/guardrails-ci/guardrails/build/gentask/taskjson"
	"github.com/guardrails-ci/guardrails/build/gentask/testdata/repo/tasks/fixture"
	"github.com/guardrails-ci/guardrails/shared/inputs"
)

// The fixture's inputs_gen.go is generated (package plan compares it); here it is
// compiled code, so what is tested is what go-envconfig makes of its tags.

const backslashes = `C:\dir\,\\server\\,x\`

func defaults() fixture.Inputs {
	return fixture.Inputs{
		Name:        "n",
		Mode:        fixture.ModeDryRun,
		Format:      fixture.FormatJSON,
		List:        "a, b,required,default=c",
		Slashes:     backslashes,
		Quotes:      "`a` \"b\" 'c' | <d> ü",
		Lines:       inputs.Lines{"one", "two, three"},
		Deep:        true,
		Count:       -3,
		DoneVar:     "FIXTURE_DONE",
		Enforcement: inputs.Enforce,
	}
}

var comparer = cmp.Comparer(func(a, b inputs.Secret) bool { return a.Reveal() == b.Reveal() })

func TestFixtureDefaults(t *testing.T) {
	t.Parallel()
	environ := map[string]string{"INPUT_NAME": "n", "INPUT_FORMAT": "json"}
	var got fixture.Inputs
	err := envconfig.ProcessWith(t.Context(), &envconfig.Config{Target: &got, Lookuper: envconfig.MapLookuper(environ)})
	if err != nil {
		t.Fatalf("envconfig of %v: %v", environ, err)
	}
	if diff := cmp.Diff(defaults(), got, comparer); diff != "" {
		t.Errorf("envconfig of %v (-want +got):\n%s", environ, diff)
	}
}

func TestFixtureLoad(t *testing.T) {
	t.Parallel()
	blank := map[string]string{}
	for field := range reflect.TypeFor[fixture.Inputs]().Fields() {
		key, _, _ := strings.Cut(field.Tag.Get("env"), ",")
		blank[key] = "" // the agent sets every input
	}
	load := func(set map[string]string) (fixture.Inputs, error) {
		var got fixture.Inputs
		err := inputs.Load(t.Context(), func(key string) (string, bool) {
			if value, ok := set[key]; ok {
				return value, true
			}
			value, ok := blank[key]
			return value, ok
		}, &got)
		return got, err
	}

	got, err := load(map[string]string{"INPUT_NAME": "n", "INPUT_FORMAT": "json"})
	if err != nil {
		t.Fatalf("Load with blank inputs: %v", err)
	}
	if diff := cmp.Diff(defaults(), got, comparer); diff != "" {
		t.Errorf("Load with blank inputs (-want +got):\n%s", diff)
	}

	got, err = load(map[string]string{
		"INPUT_NAME": "n", "INPUT_FORMAT": "sarif", "INPUT_MODE": "run|twice", "INPUT_TOKEN": "hunter2",
		"INPUT_DEEP": "False", "INPUT_COUNT": "7", "INPUT_LINES": "a\r\nb", "INPUT_ENFORCEMENT": "warn",
		"INPUT_APIURL": "https://example.com", "INPUT_KEYVAULTNAME": "mine",
	})
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	want := defaults()
	want.Format, want.Mode, want.Deep, want.Count = fixture.FormatSarif, fixture.ModeRunTwice, false, 7
	want.Lines, want.Enforcement, want.Token = inputs.Lines{"a", "b"}, inputs.Warn, inputs.NewSecret("hunter2")
	want.APIURL, want.KeyVaultName = "https://example.com", "mine"
	if diff := cmp.Diff(want, got, comparer); diff != "" {
		t.Errorf("Load (-want +got):\n%s", diff)
	}

	_, err = load(map[string]string{"INPUT_FORMAT": "xml", "INPUT_MODE": "walk"})
	const problems = "input \"name\" is required\n" +
		"input \"mode\" must be one of: run, dry.run, run|twice\n" +
		"input \"format\" (Format of the \"report\" in `x`) must be one of: json, sarif"
	if err == nil || err.Error() != problems {
		t.Errorf("Load with bad inputs: got\n%v\nwant\n%s", err, problems)
	}
}

func TestFixtureValid(t *testing.T) {
	t.Parallel()
	for mode, want := range map[fixture.Mode]bool{
		fixture.ModeRun: true, fixture.ModeDryRun: true, fixture.ModeRunTwice: true, "": false, "Run": false,
	} {
		if got := mode.Valid(); got != want {
			t.Errorf("Mode(%q).Valid() = %t, want %t", mode, got, want)
		}
	}
	if fixture.OutputHit != "hit" || fixture.OutputReportURL != "reportUrl" {
		t.Errorf("outputs = %q, %q", fixture.OutputHit, fixture.OutputReportURL)
	}
}

func TestGo(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		task     taskjson.Task
		has, not []string
	}{
		"no import without need": {
			taskjson.Task{Name: "T", Inputs: []taskjson.Input{{Name: "a", Type: "string"}}},
			[]string{"package demo", "// A is the input a.\n"}, []string{"import", "const"},
		},
		"$ in a default": {
			taskjson.Task{Inputs: []taskjson.Input{{Name: "a", Type: "string", Default: "$(x)"}}},
			[]string{`env:"INPUT_A"`}, []string{"default"},
		},
		"required and hidden": {
			taskjson.Task{Inputs: []taskjson.Input{
				{Name: "a", Type: "string", Required: true, VisibleRule: "b = c"}, {Name: "b", Type: "int", Required: true},
			}},
			[]string{`env:"INPUT_A"`, `env:"INPUT_B,required"`}, nil,
		},
		"filled by a data source": {
			taskjson.Task{
				Inputs:   []taskjson.Input{{Name: "a", Type: "pickList", Options: taskjson.Options{{Value: "x"}}}},
				Bindings: []taskjson.Binding{{Target: "a"}},
			},
			[]string{"A string"}, []string{"options:", "Valid"},
		},
		"many options, one a line": {
			taskjson.Task{Inputs: []taskjson.Input{{Name: "colour", Type: "radio", Options: taskjson.Options{
				{Value: "ultramarine"}, {Value: "aquamarine"}, {Value: "vermilion"}, {Value: "chartreuse"},
				{Value: "periwinkle"}, {Value: "burgundy"},
			}}}},
			[]string{"case ColourUltramarine,\n\t\tColourAquamarine,\n"}, nil,
		},
		"a comment cannot end": {
			taskjson.Task{Inputs: []taskjson.Input{
				{Name: "a", Type: "string", HelpMarkDown: "What\n*/ }\r\nfunc init() {}\u2028x"},
			}},
			[]string{"\t// A is what */ } func init() {} x.\n\tA string"}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Go("demo", &tc.task)
			if err != nil {
				t.Fatalf("Go: %v", err)
			}
			const start = "// Code generated by build/gentask from task.json. DO NOT EDIT.\n\npackage demo\n"
			if !strings.HasPrefix(string(got), start) {
				t.Errorf("Go starts with another header:\n%s", got)
			}
			for _, text := range tc.has {
				if !strings.Contains(string(got), text) {
					t.Errorf("Go has no %q in:\n%s", text, got)
				}
			}
			for _, text := range tc.not {
				if strings.Contains(string(got), text) {
					t.Errorf("Go has %q in:\n%s", text, got)
				}
			}
		})
	}
}

func TestGoRefusesWhatDoesNotCompile(t *testing.T) {
	t.Parallel()
	task := &taskjson.Task{Inputs: []taskjson.Input{{Name: "a-b", Type: "string"}}}
	if got, err := Go("demo", task); err == nil {
		t.Errorf("Go with an input a-b = %s, nil; want an error", got)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"key": "Key", "cacheHitVar": "CacheHitVar", "url": "URL", "apiUrl": "APIURL", "urlPath": "URLPath",
		"maxIDs": "MaxIDs", "ConnectedServiceName": "ConnectedServiceName", "sha256": "Sha256", "jsonFile": "JSONFile",
	} {
		if got := fieldName(in); got != want {
			t.Errorf("fieldName(%q) = %q, want %q", in, got, want)
		}
	}
	for option, want := range map[string]string{
		"dry-run": "ModeDryRun", "json": "ModeJSON", "1.2": "Mode12", "é-a": "ModeÉA", "*": "Mode", "a b_c": "ModeABC",
	} {
		if got := constName("mode", option); got != want {
			t.Errorf("constName(mode, %q) = %q, want %q", option, got, want)
		}
	}
}

// FuzzDefault: whatever a defaultValue is (package check keeps control
// characters out), go-envconfig reads it back from the tag.
func FuzzDefault(f *testing.F) {
	for _, seed := range []string{
		"a", "a,b", `\`, `\,`, `\\,`, `a\,b\\,c\\\,`, "`",
		`"`, "required", ",required", "default=x", "ü\u2028", "a=b:c", " x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		value = strings.ToValidUTF8(value, "")
		if strings.ContainsAny(value, "$\x00\x08") || strings.TrimSpace(value) != value || value == "" {
			t.Skip()
		}
		in := taskjson.Input{Name: "a", Type: "string", Default: taskjson.Default(value)}
		literal := tag(new(taskjson.Task), in)
		target := reflect.New(reflect.StructOf([]reflect.StructField{{
			Name: "A", Type: reflect.TypeFor[string](), Tag: reflect.StructTag(strings.Trim(literal, "`")),
		}}))
		err := envconfig.ProcessWith(context.Background(), &envconfig.Config{
			Target: target.Interface(), Lookuper: envconfig.MapLookuper(nil),
		})
		if err != nil {
			t.Fatalf("default %q, tag %s: %v", value, literal, err)
		}
		if got := target.Elem().Field(0).String(); got != value {
			t.Errorf("default %q came back as %q from tag %s", value, got, literal)
		}
	})
}
