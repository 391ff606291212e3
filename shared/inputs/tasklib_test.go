package inputs_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/inputs"
)

// The cases of node/test/inputtests.ts (microsoft/azure-pipelines-task-lib) for
// getBoolInput, getDelimitedInput and filePathSupplied, as a task of ours sees them.
func TestTaskLibraryVectors(t *testing.T) {
	t.Parallel()
	type form struct {
		On    bool         `input:"on" label:"On" env:"INPUT_ON,default=false"`
		Names inputs.Lines `input:"names" label:"Names" env:"INPUT_NAMES"`
		Path  inputs.Path  `input:"path" label:"Path" env:"INPUT_PATH"`
	}
	type env map[string]string
	const root = "/repo/root/dir"
	for name, tc := range map[string]struct {
		env  env
		want form
	}{
		"gets case insensitive true bool input value":            {env{"INPUT_ON": "tRuE"}, form{On: true}},
		"gets false bool input value":                            {env{"INPUT_ON": "false"}, form{}},
		"defaults to false bool input value":                     {env{}, form{}},
		"gets delimited input values removes empty values":       {env{"INPUT_NAMES": "test\n\nvalue"}, form{Names: inputs.Lines{"test", "value"}}},
		"gets delimited input for a single value":                {env{"INPUT_NAMES": "testvalue"}, form{Names: inputs.Lines{"testvalue"}}},
		"gets delimited input for an empty value":                {env{"INPUT_NAMES": ""}, form{}},
		"filePathSupplied checks not supplied":                   {env{"INPUT_PATH": root, "BUILD_SOURCESDIRECTORY": root}, form{}},
		"filePathSupplied, not normal":                           {env{"INPUT_PATH": root + "/x/../", "BUILD_SOURCESDIRECTORY": root}, form{}},
		"filePathSupplied checks supplied":                       {env{"INPUT_PATH": root + "/some/path", "BUILD_SOURCESDIRECTORY": root}, form{Path: root + "/some/path"}},
		"filePathSupplied, beside the root":                      {env{"INPUT_PATH": root + "2", "BUILD_SOURCESDIRECTORY": root}, form{Path: root + "2"}},
		"filePathSupplied, by the default working directory":     {env{"INPUT_PATH": root, "SYSTEM_DEFAULTWORKINGDIRECTORY": root}, form{}},
		"filePathSupplied, nothing known of where the root lies": {env{"INPUT_PATH": root}, form{Path: root}},
	} {
		var got form
		err := inputs.Load(t.Context(), func(key string) (string, bool) { v, ok := tc.env[key]; return v, ok }, &got)
		if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
			t.Errorf("%s: Load(%v): error %v (-want +got):\n%s", name, tc.env, err, diff)
		}
	}
	// The library takes every word but "true" for false; here it is a problem.
	for _, word := range []string{"yes", "1", "t", "on"} {
		var got form
		lookup := func(key string) (string, bool) { return word, key == "INPUT_ON" }
		if err := inputs.Load(t.Context(), lookup, &got); err == nil {
			t.Errorf("Load(on = %q) = %+v, want a problem", word, got)
		}
	}
}
