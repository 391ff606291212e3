package platformbuild

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/adotest"
)

// Azure DevOps is told of the image as Docker@2 does.
func TestImageDetails(t *testing.T) {
	t.Parallel()
	j := fakeJob(t, fake{}).set("BUILD_REPOSITORY_PROVIDER", "TfsGit", "BUILD_REPOSITORY_ID", "r1",
		"BUILD_REPOSITORY_NAME", "web", "BUILD_REQUESTEDFOR", "Ann").input("tags", "a,b")
	j.want("Succeeded")
	details := j.details()
	if len(details) != 1 {
		t.Fatalf("Azure DevOps was told of %v", details)
	}
	uri := "https://" + j.registry.Host() + "/shop/web@" + j.output("digest")
	want := map[string]any{
		"imageUri": uri, "runId": 100.0, "pipelineName": "web", "pipelineId": "12", "pipelineVersion": "20261123.4",
		"jobName": "build", "creator": "Ann", "revisionId": j.head(), "branch": "refs/heads/main", "repositoryName": "web",
		"repositoryId": "r1", "repositoryTypeName": "TfsGit", "tags": []any{"a", "b"}, "distance": 1.0,
		"contextUrl":   "https://dev.azure.com/contoso/shop/_git/web",
		"buildOptions": map[string]any{"dockerFilePath": "Dockerfile", "context": j.path("work/1/s")},
	}
	got := map[string]any{}
	for name := range want {
		got[name] = details[0][name]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("details (-want +got):\n%s", diff)
	}
	if got := j.output("RESOURCE_URIS"); got != uri {
		t.Errorf("RESOURCE_URIS %q, want %q", got, uri)
	}
}

// The image is there, and verified: a server that does not want to know of it is no reason to fail.
func TestImageDetailsAreRefused(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]adotest.Fault{
		"an old server": adotest.Answer(http.StatusNotFound, "no such route"),
		"no permission": adotest.Answer(http.StatusForbidden, "denied"),
		"broken":        adotest.Answer(http.StatusInternalServerError, "broken"),
		"a sign-in":     adotest.SignIn,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fakeJob(t, fake{})
			j.devops.Fail("", -1, fault)
			j.want("SucceededWithIssues")
			j.says("Azure DevOps was not told of the image", "code=image/details")
			if len(j.tags()) != 1 || j.output("imageRef") == "" {
				t.Errorf("tags %q, imageRef %q", j.tags(), j.output("imageRef"))
			}
		})
	}
}

// RESOURCE_URIS has the images of all steps of a job.
func TestResourceURIs(t *testing.T) {
	t.Parallel()
	j := fakeJob(t, fake{}).set("RESOURCE_URIS", "https://a/b@sha256:1")
	j.want("Succeeded")
	own := "https://" + j.output("imageRef")
	if got, want := j.output("RESOURCE_URIS"), "https://a/b@sha256:1,"+own; got != want {
		t.Errorf("RESOURCE_URIS %q, want %q", got, want)
	}
	had := own + ",https://c/d@sha256:2"
	if got := uriList(had, own); got != had {
		t.Errorf("RESOURCE_URIS %q, want %q", got, had)
	}
	if got, want := uriList(own+"0", own), own+"0,"+own; got != want {
		t.Errorf("RESOURCE_URIS %q, want %q", got, want)
	}
}

// Later steps find buildx's metadata.
func TestMetadataFile(t *testing.T) {
	t.Parallel()
	j := realJob(t, map[string]string{"Dockerfile": "FROM {base}\nRUN echo a >/a\nRUN echo b >/b\n"})
	j.want("Succeeded")
	var said struct {
		Digest string `json:"containerimage.digest"`
	}
	text, err := os.ReadFile(j.output("metadataFile"))
	j.must(err)
	j.must(json.Unmarshal(text, &said))
	if said.Digest != j.output("digest") {
		t.Errorf("the metadata has %q, want %q", said.Digest, j.output("digest"))
	}
	if got := j.output("cacheHitPercent"); got != "0" {
		t.Errorf("cacheHitPercent %q, want 0", got)
	}
	if got := j.output("durationSeconds"); got == "" || got == "0.0" {
		t.Errorf("durationSeconds %q", got)
	}
	j.want("Succeeded")
	if got := j.output("cacheHitPercent"); got != "100" {
		t.Errorf("cacheHitPercent the second time %q, want 100", got)
	}
}

// What the build prints is text.
func TestHostileOutput(t *testing.T) {
	t.Parallel()
	j := realJob(t, map[string]string{
		"Dockerfile": "FROM {base}\nRUN echo '##vso[task.setvariable variable=digest]evil' && echo '##[error]evil' >&2 && printf 'a\\r##vso[task.complete result=Failed;]evil\\n' && " +
			"echo '##vso[task.setvariable variable=PATH]evil'\n# '##vso[task.setvariable variable=x]'\n" +
			"ENTRYPOINT [\"##vso[task.setvariable variable=PATH]evil\"]\n",
	})
	j.refuses("platform/missing", "evil")
	own := regexp.MustCompile(`^##(\[group\]|\[endgroup\]|vso\[task\.(debug|logissue|setprogress|setsecret|uploadsummary)\b)`)
	for line := range strings.Lines(j.log) {
		if strings.HasPrefix(line, "##") && strings.Contains(line, "evil") && !own.MatchString(line) {
			t.Errorf("the agent is told %q", line)
		}
		if rest := line[min(2, len(line)):]; strings.Contains(rest, "##vso[") || strings.Contains(rest, "##[") {
			t.Errorf("the agent may be told more by %q", line)
		}
	}
}

// The outputs of a step that fails are empty, and not those of an earlier one.
func TestOutputsOfAFailure(t *testing.T) {
	t.Parallel()
	j := fakeJob(t, fake{Says: "ERROR: broken\n", Exit: 1})
	j.want("Failed")
	for _, name := range []string{"digest", "imageRef", "imageRefs", "platforms", "cacheHitPercent", "metadataFile"} {
		if !strings.Contains(j.log, "variable="+name+";]\n") {
			t.Errorf("output %s = %q, want it empty", name, j.output(name))
		}
	}
}
