package workload

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var digest = "@sha256:" + zeros

func TestCheck(t *testing.T) {
	t.Parallel()
	places := []string{"prod.azurecr.io", "team.azurecr.io/web/"}
	for image, want := range map[string]string{
		"prod.azurecr.io/web" + digest:                      "",
		"prod.azurecr.io/web:1" + digest:                    "",
		"PROD.azurecr.io/web" + digest:                      "scan/registry",
		"team.azurecr.io/web/app" + digest:                  "",
		"prod.azurecr.io/web:1":                             "scan/digest",
		"nginx":                                             "scan/implicit",
		"library/nginx" + digest:                            "scan/implicit",
		"prod.azurecr.io":                                   "scan/implicit",
		"docker.io/library/nginx" + digest:                  "scan/registry",
		"prod.azurecr.io.evil.com/web" + digest:             "scan/registry",
		"prod.azurecr.io:5000/web" + digest:                 "scan/registry",
		"prod.azurecr.iox/web" + digest:                     "scan/registry",
		"evil.com/prod.azurecr.io/web" + digest:             "scan/registry",
		"team.azurecr.io/website/app" + digest:              "scan/registry",
		"prod.azurecr.io@evil.com/web":                      "scan/image",
		"prod.azurecr.io/WEB":                               "scan/image",
		"https://prod.azurecr.io/web":                       "scan/image",
		"prod.azurecr.io/web:":                              "scan/image",
		"prod.azurecr.io/web@sha256:1":                      "scan/image",
		" prod.azurecr.io/web":                              "scan/image",
		"prod.azurecr.io/web:$(Build.BuildId)":              "scan/digest",
		"prod.azurecr.io/$(app):${TAG}":                     "scan/digest",
		"prod.azurecr.io/web@${DIGEST}":                     "",
		"prod.azurecr.io/web@sha256:#{Digest}#":             "",
		"team.azurecr.io/web/__APP__" + digest:              "",
		"evil.com/$(app)":                                   "scan/registry",
		"team.azurecr.io/$(team)/app":                       "scan/variable",
		"$(registry)/web":                                   "scan/variable",
		"prod.azurecr.io$(suffix)/web":                      "scan/variable",
		"$(registry).azurecr.io/web":                        "scan/variable",
		"$REGISTRY/web":                                     "scan/variable",
		"#{Image}#":                                         "scan/variable",
		"{{ .Values.image }}":                               "scan/variable",
		"<image>":                                           "scan/variable",
		"${{ parameters.image }}":                           "scan/variable",
		"prod.azurecr.io/web:{{ .Values.tag }}" + "${WORSE": "scan/variable",
	} {
		uses := []Use{{Path: "a.yaml", Line: 7, Image: image, Kind: "Pod", Name: "a"}}
		got, err := Check(t.Context(), uses, Rules{Places: places, Digest: "error"})
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case want == "" && len(got) > 0:
			t.Errorf("Check(%q) found %q", image, told(got))
		case want != "" && (len(got) != 1 || got[0].Rule != want || got[0].Warn || got[0].Line != 7 || got[0].Hint == ""):
			t.Errorf("Check(%q) found %q, want one %s", image, told(got), want)
		}
	}
}

func TestCheckDigest(t *testing.T) {
	t.Parallel()
	uses := []Use{{Image: "prod.azurecr.io/web:1"}}
	for setting, want := range map[string][]string{
		"error": {`:0 scan/digest image "prod.azurecr.io/web:1" is not pinned by digest: a tag can come to mean another image`},
		"warn": {`:0 scan/digest image "prod.azurecr.io/web:1" is not pinned by digest: a tag can come to mean another image` +
			" (warning)"},
		"off": nil, "": nil,
	} {
		got, _ := Check(t.Context(), uses, Rules{Digest: setting})
		if diff := cmp.Diff(want, told(got)); diff != "" {
			t.Errorf("Digest %q (-want +got):\n%s", setting, diff)
		}
	}
}

func TestCheckPlatforms(t *testing.T) {
	t.Parallel()
	node := func(arch, system string) map[string]string {
		return map[string]string{archLabel: arch, osLabel: system}
	}
	images := map[string][]string{
		"one": {"linux/amd64"}, "two": {"linux/amd64", "linux/arm64"}, "odd": {"linux/arm/v7", "unknown"},
	}
	for name, tc := range map[string]struct {
		image    string
		selector map[string]string
		want     []string
	}{
		"not asked for": {"one", nil, nil},
		"right":         {"one", node("amd64", "linux"), nil},
		"wrong": {"one", node("arm64", "linux"), []string{
			`:0 scan/platform image "r.io/one" of Pod "p" may be started on nodes of linux/arm64, but has linux/amd64 only`,
		}},
		"wrong system": {"two", node("", "windows"), []string{
			`:0 scan/platform image "r.io/two" of Pod "p" may be started on nodes of windows/*, but has linux/amd64, linux/arm64 only`,
		}},
		"each of several": {"one", node("amd64,arm64,s390x", ""), []string{
			`:0 scan/platform image "r.io/one" of Pod "p" may be started on nodes of */arm64, */s390x, but has linux/amd64 only`,
		}},
		"both there": {"two", node("amd64,arm64", "linux"), nil},
		"variant":    {"odd", node("arm", "linux"), nil},
		"no answer": {"gone", node("arm", "linux"), []string{
			`:0 scan/platform image "r.io/gone" of Pod "p": its platforms could not be read: no such image **vso[x] (warning)`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			u := Use{Image: "r.io/" + tc.image, Kind: "Pod", Name: "p", Selector: tc.selector}
			got, err := Check(t.Context(), []Use{u, u}, Rules{Platforms: func(_ context.Context, image string) ([]string, error) {
				asked++
				if have, ok := images[image[len("r.io/"):]]; ok {
					return have, nil
				}
				return nil, errors.New("no such image\n##vso[x]")
			}})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, told(got)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if want := min(len(tc.selector), 1); asked != want {
				t.Errorf("asked for the platforms %d times, want %d", asked, want)
			}
		})
	}
}

func TestCheckEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	uses := []Use{{Image: "r.io/a", Selector: map[string]string{archLabel: "arm64"}}}
	_, err := Check(ctx, uses, Rules{Platforms: func(context.Context, string) ([]string, error) {
		cancel()
		return nil, ctx.Err()
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Check whose context ends: %v, want context.Canceled", err)
	}
}

func TestUntrustedTextIsTamed(t *testing.T) {
	t.Parallel()
	uses := []Use{{Image: "x\n##vso[task.complete]\x1b[2J", Kind: "K\r##[error]", Name: "n\u202e"}}
	got, _ := Check(t.Context(), uses, Rules{})
	want := []string{`:0 scan/image image "x\n**vso[task.complete]\x1b[2J" of K **[error] "n\u202e" is no image's name`}
	if diff := cmp.Diff(want, told(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
