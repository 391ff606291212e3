package ado

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/adotest"
)

var (
	someDigest = "sha256:" + strings.Repeat("0a", 32)
	someConfig = "sha256:" + strings.Repeat("1b", 32)
)

func someImage() ImageDetails {
	return ImageDetails{
		Repository: "contoso.azurecr.io/team/app", Digest: someDigest, Config: someConfig, Base: "alpine:3",
		MediaType: "application/vnd.oci.image.index.v1+json", Tags: []string{"1.2", "latest"},
		Layers: []ImageLayer{
			{"ADD", "file", finished, 3000}, {"RUN", "make\r\n\tall\x1b[31m", finished.Add(time.Hour), 1 << 20},
		},
		DiffIDs: []string{"sha256:aa", "sha256:bb"},
		Run:     638, RunNumber: "20261122.1", Pipeline: "app", PipelineID: 47, Job: "Build", Creator: "dev@contoso.com",
		RepositoryType: "TfsGit", RepositoryID: repositoryID, SourceName: "app", SourceURL: "https://dev.azure.com/Contoso/_git/app",
		Branch: "main", Commit: strings.Repeat("c", 40), Options: map[string]string{"dockerFilePath": "Dockerfile"},
	}
}

func TestAddImageDetails(t *testing.T) {
	t.Parallel()
	l := newLab(t, loop(0))
	if err := l.AddImageDetails(t.Context(), someImage()); err != nil {
		t.Fatal(err)
	}
	base := l.web.URL + "/Contoso/My%20Project"
	uri := "https://contoso.azurecr.io/team/app@" + someDigest
	want := []map[string]any{{
		"imageName": uri, "imageUri": uri, "hash": strings.Repeat("0a", 32), "baseImageName": "alpine:3", "distance": 2.0,
		"imageType": "", "mediaType": "application/vnd.oci.image.index.v1+json", "tags": []any{"1.2", "latest"},
		"layerInfo": []any{
			map[string]any{"directive": "ADD", "arguments": "file", "createdOn": finished.UTC().Format(time.RFC3339), "size": "3000B"},
			map[string]any{"directive": "RUN", "arguments": "make all[31m", "createdOn": finished.Add(time.Hour).UTC().Format(time.RFC3339), "size": "1048576B"},
		},
		"runId": 638.0, "pipelineVersion": "20261122.1", "pipelineName": "app", "pipelineId": "47", "jobName": "Build",
		"imageSize": "1051576B", "creator": "dev@contoso.com", "logsUri": base + "/_build/results?buildId=638",
		"artifactStorageSourceUri": base + "/_build?definitionId=47", "contextUrl": "https://dev.azure.com/Contoso/_git/app",
		"revisionId": strings.Repeat("c", 40), "buildOptions": map[string]any{"dockerFilePath": "Dockerfile"},
		"repositoryTypeName": "TfsGit", "repositoryId": repositoryID, "repositoryName": "app", "branch": "main",
		"imageFingerPrint": map[string]any{
			"v1Name": strings.Repeat("1b", 32), "v2Blobs": []any{"aa", "bb"},
			"v2Name": "dc7497ab2b33eeca84dd29607ed1c6784634c35573840628e92adf18e2d99575", // of "aa bb"
		},
	}}
	l.Update(func(p *adotest.Project) {
		if diff := cmp.Diff(want, p.ImageDetails); diff != "" {
			t.Errorf("the service got (-want +got):\n%s", diff)
		}
	})
	asked := l.Requests()
	if last := asked[len(asked)-1]; last != "POST /Contoso/My%20Project/_apis/deployment/imagedetails?api-version=5.0-preview.1" {
		t.Errorf("the request was %q", last)
	}
}

// The least that there can be is enough, and too much is cut.
func TestSmallAndLargeImageDetails(t *testing.T) {
	t.Parallel()
	l := newLab(t, loop(0))
	least := ImageDetails{Repository: "localhost:5000/a", Digest: someDigest, Run: 1, PipelineID: 2}
	large := someImage()
	for range maxImageList + 5 {
		large.Layers = append(large.Layers, ImageLayer{"RUN", strings.Repeat("x", 3*maxImageText), finished, 1})
		large.Tags, large.DiffIDs = append(large.Tags, "x"), append(large.DiffIDs, someDigest)
	}
	for _, d := range []ImageDetails{least, large} {
		if err := l.AddImageDetails(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	l.Update(func(p *adotest.Project) {
		got := p.ImageDetails[1]
		layers := got["layerInfo"].([]any)
		last := layers[len(layers)-1].(map[string]any)["arguments"].(string)
		if p.ImageDetails[0]["baseImageName"] != "NA" || len(layers) != maxImageList || len(got["tags"].([]any)) != maxImageList ||
			len([]rune(last)) != maxImageText {
			t.Errorf("got %v, and %d layers, %d characters", p.ImageDetails[0], len(layers), len(last))
		}
	})
}

func TestImageDetailsRefusals(t *testing.T) {
	t.Parallel()
	p := loop(0)
	p.Denied = []string{"Record images"}
	l := newLab(t, p)
	err := l.AddImageDetails(t.Context(), someImage())
	wantError(t, err, 403, "recording the image contoso.azurecr.io/team/app@sha256:0a0a0a0a0a0a: ", `lacks the permission "Record images"`)
	l.Fail("imagedetails", 1, adotest.Answer(403, "No."))
	wantError(t, l.AddImageDetails(t.Context(), someImage()), 403, "the job's identity may not do it (403): No (let the project's build service contribute")
	for _, absent := range []adotest.Fault{adotest.Answer(404, "gone"), adotest.Page(404)} {
		l.Fail("imagedetails", 1, absent)
		wantError(t, l.AddImageDetails(t.Context(), someImage()), 404, "404")
	}
	l.Fail("imagedetails", 1, adotest.Answer(404, "gone"))
	wantError(t, l.AddImageDetails(t.Context(), someImage()), 404, "the server keeps no details of images")
	l.Fail("imagedetails", 1, adotest.Answer(503, ""))
	err = l.AddImageDetails(t.Context(), someImage())
	var e *Error
	if !errors.As(err, &e) || !e.Unclear {
		t.Errorf("after 503: %v, want it to say that it is unclear", err)
	}
	l.Update(func(p *adotest.Project) {
		if len(p.ImageDetails) > 0 {
			t.Errorf("refused, and recorded: %v", p.ImageDetails)
		}
	})
	l.Update(func(p *adotest.Project) { p.Denied = nil })
	l.Fail("imagedetails", 1, adotest.Throttled(0))
	if err := l.AddImageDetails(t.Context(), someImage()); err != nil {
		t.Errorf("after it was throttled: %v", err)
	}

	asked := len(l.Requests())
	for _, tc := range [][2]string{
		{"app", someDigest}, {"", someDigest}, {"https://r/a", someDigest}, {"r/a b", someDigest}, {"r/a@b", someDigest}, {"r/A\n", someDigest},
		{"r/a", ""}, {"r/a", "sha256:0a"}, {"r/a", strings.ToUpper(someDigest)}, {"r/a", someDigest + "0"}, {"r/a", "sha512:" + someDigest[7:]},
	} {
		if err := l.AddImageDetails(t.Context(), ImageDetails{Repository: tc[0], Digest: tc[1]}); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("AddImageDetails(%q): %v, want it refused", tc, err)
		}
	}
	if len(l.Requests()) != asked {
		t.Errorf("an image that is none was sent: %q", l.Requests()[asked:])
	}
}

// What the service does not list goes to the same server by the same way: not to where a redirection leads.
func TestImageDetailsStayWithTheServer(t *testing.T) {
	t.Parallel()
	var got []string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = append(got, r.Method+" "+r.Header.Get("Authorization"))
	}))
	defer other.Close()
	l := newLab(t, loop(0))
	l.Fail("imagedetails", -1, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	if err := l.AddImageDetails(t.Context(), someImage()); err == nil || slices.ContainsFunc(got, func(s string) bool { return len(s) > 5 }) {
		t.Errorf("AddImageDetails: %v; the other server got %q", err, got)
	}
}
