package adotest

import (
	"strings"
	"testing"
)

const (
	hash    = "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"
	details = `{"imageName":"https://r/a@sha256:` + hash + `","imageUri":"https://r/a@sha256:` + hash + `","hash":"` + hash +
		`","baseImageName":"NA","distance":1,"imageType":"","mediaType":"","tags":["x"],"runId":7,"pipelineId":"4",` +
		`"layerInfo":[{"directive":"RUN","arguments":"x","createdOn":"","size":"1B"}],` +
		`"imageFingerPrint":{"v1Name":"","v2Blobs":[],"v2Name":""}}`
)

// The details of an image are those that Docker@2 sends, or are refused.
func TestImageDetails(t *testing.T) {
	t.Parallel()
	const place = "deployment/imagedetails?api-version=5.0-preview.1"
	with := func(old, new string) string {
		if !strings.Contains(details, old) {
			t.Fatalf("there is no %s", old)
		}
		return strings.ReplaceAll(details, old, new)
	}
	for name, tc := range map[string]struct {
		path, kind, body string
		status           int
		want             string
	}{
		"all":               {place, "", details, 200, hash},
		"no version":        {"deployment/imagedetails", "", details, 400, "under preview"},
		"newer version":     {"deployment/imagedetails?api-version=5.0-preview.2", "", details, 400, "latest version of the resource is 1"},
		"another place":     {"deployment?api-version=5.0-preview.1", "", details, 404, ""},
		"another kind":      {place, "text/plain", details, 415, ""},
		"a list":            {place, "", "[" + details + "]", 400, "not valid"},
		"unknown field":     {place, "", with(`{"imageName"`, `{"digest":"x","imageName"`), 400, `unknown field \"digest\"`},
		"digest as hash":    {place, "", with(`"hash":"`, `"hash":"sha256:`), 400, "not the hexadecimal part"},
		"another image":     {place, "", with(`imageUri":"https://r/a@sha256:0a`, `imageUri":"https://r/a@sha256:0b`), 400, "imageUri is"},
		"no scheme":         {place, "", with(`https://`, ``), 400, "imageUri is"},
		"another name":      {place, "", with(`imageName":"https://r`, `imageName":"https://s`), 400, "imageName is not"},
		"distance":          {place, "", with(`"distance":1`, `"distance":2`), 400, "distance is not"},
		"run as a text":     {place, "", with(`"runId":7`, `"runId":"7"`), 400, "not valid"},
		"no run":            {place, "", with(`"runId":7,`, ``), 400, "runId"},
		"pipeline's number": {place, "", with(`"pipelineId":"4"`, `"pipelineId":4`), 400, "not valid"},
		"no tags":           {place, "", with(`"tags":["x"],`, ``), 400, "tags"},
		"no fingerprint":    {place, "", with(`,"imageFingerPrint":{"v1Name":"","v2Blobs":[],"v2Name":""}`, ``), 400, "imageFingerPrint"},
	} {
		s := New(Config{Organization: "contoso", Token: token, Project: busy()})
		status, answer, _ := send(t, s, "POST", tc.path, tc.kind, tc.body)
		if status != tc.status || !strings.Contains(answer, tc.want) {
			t.Errorf("%s: got %d %s, want %d %q", name, status, answer, tc.status, tc.want)
		}
		s.Update(func(p *Project) {
			if (len(p.ImageDetails) == 1) != (tc.status == 200) {
				t.Errorf("%s: recorded %v", name, p.ImageDetails)
			}
		})
	}
	p := busy()
	p.Denied = []string{"Record images"}
	if status, answer, _ := send(t, New(Config{Organization: "contoso", Token: token, Project: p}), "POST", place, "", details); status != 403 {
		t.Errorf("denied: got %d %s", status, answer)
	}
}
