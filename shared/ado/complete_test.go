package ado

import (
	"encoding/json"
	"testing"

	"github.com/microsoft/azure-devops-go-api/azuredevops/v7"
)

// Whatever a server says about its resources, the SDK can follow what is left of it.
func FuzzComplete(f *testing.F) {
	for _, text := range []string{
		`{"count":0,"value":[]}`, `{"value":[{"id":"8baac422-4c6e-4de5-8532-db96d92acffa"},{},null]}`, `{"value":{}}`, "[]", "null",
		`{"value":[{"id":"8BAAC422-4c6e-4de5-8532-db96d92acffa","routeTemplate":"a","minVersion":"1.0","maxVersion":"7.2","releasedVersion":"0.0"}]}`,
		`{"value":[{"id":"8baac422-4c6e-4de5-8532-db96d92acffa","routeTemplate":"a","minVersion":"1","maxVersion":"+7.2","releasedVersion":"0.x"}]}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		kept := complete(data)
		if kept == nil {
			return
		}
		var list struct {
			Value []azuredevops.ApiResourceLocation
		}
		if err := json.Unmarshal(kept, &list); err != nil || len(list.Value) == 0 {
			t.Fatalf("complete(%q): got %s, %v", data, kept, err)
		}
		for _, l := range list.Value {
			if l.Id == nil || l.Area == nil || l.ResourceName == nil || l.RouteTemplate == nil || l.ResourceVersion == nil {
				t.Fatalf("complete(%q): got %s, with a nil", data, kept)
			}
			for _, version := range []*string{l.MinVersion, l.MaxVersion, l.ReleasedVersion} {
				if _, err := azuredevops.NewVersion(*version); err != nil {
					t.Fatalf("complete(%q): version %q: %v", data, *version, err)
				}
			}
		}
	})
}
