package bundle

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func parseDefinition(body string) (Definition, error) {
	head := `{"id":"` + guid + `","name":"A","version":{"Major":1,"Minor":2,"Patch":3}`
	return readDefinition(fstest.MapFS{"task.json": {Data: []byte(head + body + "}")}}, ".")
}

// TaskManagerL0.cs, LoadsDefinition: what is not known is passed over, everywhere,
// and so are handlers that agents do not know.
func TestLoadsDefinition(t *testing.T) {
	t.Parallel()
	got, err := parseDefinition(`,
		"inputs": [
			{"extraInputKey": "Extra", "name": "someFilePathInput", "type": "filePath", "label": "L",
				"defaultValue": "Some default file path", "required": true, "helpMarkDown": "H"},
			{"name": "someStringInput", "type": "string", "label": "L", "defaultValue": "Some default string",
				"required": false, "groupName": "advanced"}],
		"execution": {
			"Node": {"target": "Some Node target", "extraNodeArg": "x"},
			"Node10": {"target": "Some Node10 target", "extraNodeArg": "x"},
			"Node16": {"target": "Some Node16 target", "extraNodeArg": "x"},
			"Node20_1": {"target": "Some Node20_1 target", "extraNodeArg": "x"},
			"Process": {"target": "Some process target", "argumentFormat": "Some process argument format",
				"workingDirectory": "Some process working directory", "extraProcessArg": "x", "platforms": ["windows"]},
			"NoSuchHandler": {"target": "no such target"}},
		"restrictions": {"commands": {"mode": "restricted"}, "settableVariables": {"allowed": ["okVar", "otherVar"]}},
		"someExtraSection": {"someExtraKey": "Some extra value"}`)
	if err != nil {
		t.Fatalf("readDefinition: %v", err)
	}
	want := Definition{
		ID: guid, Name: "A", Version: Version{1, 2, 3},
		Inputs: []Input{
			{Name: "someFilePathInput", Type: "filePath", Default: "Some default file path", Required: true},
			{Name: "someStringInput", Type: "string", Default: "Some default string"},
		},
		Main: Handlers{
			"Node": {Target: "Some Node target"}, "Node10": {Target: "Some Node10 target"},
			"Node16": {Target: "Some Node16 target"}, "Node20_1": {Target: "Some Node20_1 target"},
			"Process": {Target: "Some process target", WorkingDirectory: "Some process working directory"},
		},
		Restrictions: Restrictions{Commands: true, Variables: []string{"okVar", "otherVar"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("definition (-want +got):\n%s", diff)
	}
}

// TaskManagerL0.cs, DeserializesPlatformSupportedHandlersOnly, without its comma
// after the last handler: JSON.NET takes that, the marketplace's tools do not.
func TestHandlers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		execution string
		want      Handlers
	}{
		"empty handlers":             {`{"Node": {}, "Process": {}}`, Handlers{"Node": {}, "Process": {}}},
		"names in any case":          {`{"NODE24": {"TARGET": "m.js"}}`, Handlers{"NODE24": {Target: "m.js"}}},
		"unknown, of any shape":      {`{"Node99": "x", "Rust": {"target": 5}, "_comment": ["x"]}`, Handlers{}},
		"platforms are not our part": {`{"Node16": {"target": "m.js", "platforms": ["nosuch"]}}`, Handlers{"Node16": {Target: "m.js"}}},
		"no handler at all":          {`{}`, Handlers{}},
		"null is no stage":           {`null`, nil},
	} {
		got, err := parseDefinition(`,"execution":` + tc.execution)
		if diff := cmp.Diff(tc.want, got.Main); diff != "" || err != nil {
			t.Errorf("%s: execution %s: error %v (-want +got):\n%s", name, tc.execution, err, diff)
		}
	}
	if _, err := parseDefinition(`,"execution":{"Node": {},}`); err == nil || !strings.Contains(err.Error(), "not a valid task.json") {
		t.Errorf("comma after the last handler: got %v, want it refused", err)
	}
}
