package platformbuild

import (
	"slices"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

// other is an image that is under a tag already.
var other = part{platform: "linux/amd64", content: "exec app AMD64", entrypoint: []string{"/app"}}

// Tags that stand for an image stay where they are.
func TestImmutableTags(t *testing.T) {
	t.Parallel()
	j := fakeJob(t, fake{}).input("immutableTags", "true", "tags", "new,100")
	had := j.put("shop/web:100", other)
	j.refuses("image/tag", "/shop/web:100 is there already, and is "+had[:19])
	if built := j.built(); len(built) > 0 {
		t.Errorf("built %q", built)
	}
	if got := j.registry.Digest("shop/web", "100"); got != had {
		t.Errorf("the tag is %s, want %s", got, had)
	}
	j.input("enforcement", "warn").want("SucceededWithIssues")
	j.says("image/tag", "Tagged although 1 finding had to be forgiven (enforcement: warn): ") // and not one for each look
	if got := j.registry.Digest("shop/web", "100"); got != j.output("digest") {
		t.Errorf("the tag is %s, want %s", got, j.output("digest"))
	}
	j.input("enforcement", "enforce", "tags", "another").want("Succeeded")
}

// Without immutableTags a tag moves, as latest does.
func TestTagsMove(t *testing.T) {
	t.Parallel()
	j := fakeJob(t, fake{}).input("tags", "latest")
	j.put("shop/web:latest", other)
	j.want("Succeeded")
	if got := j.registry.Digest("shop/web", "latest"); got != j.output("digest") {
		t.Errorf("the tag is %s, want %s", got, j.output("digest"))
	}
}

// Somebody takes the tag while the image is built.
func TestTagIsTakenMeanwhile(t *testing.T) {
	t.Parallel()
	j := fakeJob(t, fake{}).input("immutableTags", "true", "tags", "100")
	had := j.put("shop/web:100", other)
	// The tag is not there yet when it is looked for first.
	j.registry.Fail(containertest.Fault{Operation: "manifest.head", Path: "/100", Times: 1, Status: 404})
	j.refuses("image/tag", "is there already")
	if len(j.built()) != 1 || j.registry.Digest("shop/web", "100") != had {
		t.Errorf("built %q, the tag is %s, want %s", j.built(), j.registry.Digest("shop/web", "100"), had)
	}
}

// Whether the tag is taken cannot be told.
func TestTagsCannotBeLookedFor(t *testing.T) {
	t.Parallel()
	j := fakeJob(t, fake{}).input("immutableTags", "true")
	j.registry.Fail(containertest.Fault{Operation: "manifest.head", Status: 403})
	j.refuses("image/registry", "looking for the tag")
	if built := j.built(); len(built) > 0 {
		t.Errorf("built %q", built)
	}
}

// What is wrong with an image is found before it has a tag, and all of it.
func TestImagesThatAreNotWhatWasBuilt(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fake   fake
		inputs []string
		rule   string
		says   string
	}{
		"a label is missing": {
			fake{Drop: "build-id"}, nil, "image/label", "lacks labels that it was built with, or has other values: build-id",
		},
		"the user's label is missing": {fake{Drop: "tier"}, []string{"labels", "tier=1"}, "image/label", "tier"},
		"an annotation is missing": {
			fake{Drop: "note"}, []string{"annotations", "note=x"}, "image/label", "lacks annotations that it was built with",
		},
		"another machine": {fake{Content: "exec bin/sh ARM64"}, nil, "platform/machine", "linux/arm64 program"},
		"another tool's machine": {
			fake{Content: "exec bin/sh AMD64; exec usr/bin/x ARM64"}, []string{"verifyContent", "all"}, "platform/machine",
			"/usr/bin/x",
		},
		"a platform is missing": {fake{Omit: "linux/arm64"}, []string{"platforms", "linux/amd64,linux/arm64"},
			"image/platform", "has nothing for linux/arm64: it is for linux/amd64"},
		"a platform too many": {fake{Also: "linux/arm64"}, nil, "image/platform", "is for linux/arm64, too"},
		"nothing was pushed":  {fake{Nothing: true}, nil, "image/registry", "which was just pushed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fakeJob(t, tc.fake).input(tc.inputs...)
			j.refuses(tc.rule, tc.says)
			if !tc.fake.Nothing {
				j.says("\nWhat was built was pushed to "+j.registry.Host()+"/shop/web as sha256:",
					", and has no tag there: it got none of the tags 100\n")
			}
			for _, name := range []string{"digest", "imageRef", "imageRefs", "RESOURCE_URIS"} {
				if value := j.output(name); value != "" {
					t.Errorf("output %s = %q", name, value)
				}
			}
			j.input("enforcement", "warn")
			if tc.fake.Nothing {
				j.refuses(tc.rule, "")
				return
			}
			j.want("SucceededWithIssues")
			j.says("task.logissue type=warning;code=" + tc.rule)
			forgiven, tagged := strings.Index(j.log, "\nForgiven (enforcement: warn): "), strings.Index(j.log, "\nTagged ")
			if forgiven < 0 || tagged < forgiven || strings.Contains(j.log, "Deploy by digest") {
				t.Errorf("want what was forgiven before the tags, and no approval:\n%s", j.log)
			}
			if !slices.Contains(j.tags(), "100") {
				t.Errorf("tags %q", j.tags())
			}
		})
	}
}

// A tag that cannot be given fails the step, whatever enforcement says.
func TestTagIsRefused(t *testing.T) {
	t.Parallel()
	j := fakeJob(t, fake{}).input("enforcement", "warn", "tags", "a,b")
	j.registry.Fail(containertest.Fault{Operation: "manifest.put", Path: "/manifests/b", Status: 403})
	j.want("Failed")
	j.says("giving the image the tag b", "image/registry")
	if got := j.output("imageRefs"); got != j.registry.Host()+"/shop/web:a" {
		t.Errorf("imageRefs %q", got)
	}
	if details := j.details(); len(details) > 0 {
		t.Errorf("Azure DevOps was told of %v", details)
	}
}

// verifyContent: off looks at labels and platforms alone.
func TestContentIsNotLookedAt(t *testing.T) {
	t.Parallel()
	j := fakeJob(t, fake{Content: "exec bin/sh ARM64"}).input("verifyContent", "off")
	j.want("Succeeded")
	if n := j.registry.Count("blob.get", 200); n > 1 { // the config
		t.Errorf("%d blobs were read:\n%s", n, j.registry.Log())
	}
	j = fakeJob(t, fake{Drop: "commit", Content: "exec bin/sh ARM64"}).input("verifyContent", "off")
	j.refuses("image/label", "commit")
}

// A pushed image has no tag until it is verified.
func TestPushedWithoutATag(t *testing.T) {
	t.Parallel()
	j := fakeJob(t, fake{})
	j.want("Succeeded")
	looked, tagged := -1, -1
	for i, q := range j.registry.Requests() {
		switch {
		case q.Operation == "manifest.put" && strings.HasSuffix(q.Path, "/manifests/100"):
			tagged = i
		case q.Operation == "blob.get":
			looked = i
		}
	}
	if looked < 0 || tagged < looked {
		t.Errorf("looked into at %d, tagged at %d:\n%s", looked, tagged, j.registry.Log())
	}
}
