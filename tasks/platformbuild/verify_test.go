package platformbuild

import (
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

// pipelines are the labels of an image that a pipeline has built.
var pipelines = map[string]string{"built-by": "azure-devops", "build-id": "7", "commit": "abc", "pipeline": "web"}

// verifier is a job that verifies the image shop/web:1 of the parts.
func verifier(t *testing.T, parts ...part) *job {
	t.Helper()
	j := newJob(t, nil)
	for i := range parts {
		if parts[i].platform == "" {
			parts[i].platform = "linux/amd64"
		}
		if parts[i].labels == nil {
			parts[i].labels = pipelines
		}
	}
	j.put("shop/web:1", parts...)
	return j.input("command", "verify", "images", j.registry.Host()+"/shop/web:1")
}

// started is an image that starts /app.
func started(content string) part { return part{content: content, entrypoint: []string{"/app"}} }

// What an image claims, and what it starts.
func TestVerify(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		parts  []part
		inputs []string
		rule   string // "" if it is fine
		says   string
	}{
		"a program":        {[]part{started("exec app AMD64")}, nil, "", "it starts /app"},
		"a tag and digest": {[]part{started("exec app AMD64")}, []string{"images", "HOST/shop/web:1@DIGEST"}, "", "it starts /app"},
		"a digest":         {[]part{started("exec app AMD64")}, []string{"images", "HOST/shop/web@DIGEST"}, "", "it starts /app"},
		"another machine": {
			[]part{started("exec app ARM64")}, nil, "platform/machine", "/app is a linux/arm64 program, but the image claims linux/amd64",
		},
		"a platform that is none": {
			[]part{started("exec app AMD64"), {platform: "linux/foo", content: "exec app AMD64", entrypoint: []string{"/app"}}},
			[]string{"verifyContent", "off"}, "image/platform", "linux/foo, which is no platform",
		},
		"another system": {[]part{started("exec app MAC")}, nil, "platform/machine", "darwin"},
		"the index says amd64, the config arm64": {
			[]part{{platform: "linux/arm64", claimed: "linux/amd64", content: "exec app AMD64", entrypoint: []string{"/app"}}}, nil,
			"image/platform", "the index says linux/amd64, the config says linux/arm64",
		},
		"the index says arm64, the config amd64": {
			[]part{{claimed: "linux/arm64", content: "exec app AMD64", entrypoint: []string{"/app"}}}, nil,
			"image/platform", "the index says linux/arm64, the config says linux/amd64",
		},
		"no part for the platform": {
			[]part{{platform: "linux/arm64", content: "exec app ARM64", entrypoint: []string{"/app"}}}, nil,
			"image/platform", "has nothing for linux/amd64: it is for linux/arm64",
		},
		"more platforms than are asked for": {
			[]part{started("exec app AMD64"), {platform: "linux/arm64", content: "exec app ARM64", entrypoint: []string{"/app"}}},
			nil, "", "(linux/arm64): it starts /app",
		},
		"two platforms": {
			[]part{started("exec app AMD64"), {platform: "linux/arm64", content: "exec app ARM64", entrypoint: []string{"/app"}}},
			[]string{"platforms", "linux/arm64, linux/amd64"}, "", "(linux/arm64): it starts /app",
		},
		"two platforms, of which the second lies": {
			[]part{started("exec app AMD64"), {platform: "linux/arm64", content: "exec app AMD64", entrypoint: []string{"/app"}}},
			nil, "platform/machine", "/app is a linux/amd64 program, but the image claims linux/arm64",
		},
		"imported, without an entrypoint": {[]part{{content: "exec bin/sh ARM64"}}, nil, "platform/machine", "/bin/sh is a linux/arm64"},
		"nothing to start":                {[]part{{content: "file etc/passwd x"}}, nil, "platform/nothing", "nothing says what it is built for"},
		"the entrypoint is missing":       {[]part{started("exec other AMD64")}, nil, "platform/missing", "/app"},
		"the entrypoint was removed":      {[]part{started("exec app AMD64 | file .wh.app ")}, nil, "platform/missing", "/app"},
		"the entrypoint was replaced":     {[]part{started("exec app AMD64 | exec app ARM64")}, nil, "platform/machine", "/app"},
		"not executable":                  {[]part{started("file app AMD64")}, nil, "platform/not-executable", "/app"},
		"a script without its shell":      {[]part{started("exec app #!/bin/bashNLexit")}, nil, "platform/missing", "/bin/bash"},
		"a script for another machine":    {[]part{started("exec app #!/bin/shNL; exec bin/sh ARM64")}, nil, "platform/machine", "/bin/sh"},
		"a loader that is missing":        {[]part{started("exec app AMD64-GLIBC")}, nil, "platform/loader", "/lib64/ld-linux-x86-64.so.2"},
		"glibc in an image with musl": {
			[]part{started("exec app AMD64-GLIBC; exec lib/ld-musl-x86_64.so.1 AMD64")}, nil, "platform/loader", "ld-linux-x86-64.so.2",
		},
		"a loader that is there": {[]part{started("exec app AMD64-MUSL; exec lib/ld-musl-x86_64.so.1 AMD64")}, nil, "", "/app"},
		"found by PATH and links": {
			[]part{{content: "exec opt/v1/app ARM64 | link opt/now -> v1; link usr/bin/serve -> /opt/now/app", cmd: []string{"serve"}, env: []string{"PATH=/usr/bin"}}},
			nil, "platform/machine", "/opt/v1/app",
		},
		"looked at nothing": {[]part{started("exec app ARM64")}, []string{"verifyContent", "off"}, "", ""},
		"another program lies": {
			[]part{started("exec app AMD64; exec usr/bin/tool ARM64")}, []string{"verifyContent", "all"}, "platform/machine", "/usr/bin/tool",
		},
		"another program is not looked at": {[]part{started("exec app AMD64; exec usr/bin/tool ARM64")}, nil, "", ""},
		"built by hand": {[]part{{content: "exec app AMD64", entrypoint: []string{"/app"}, labels: map[string]string{"a": "b"}}}, nil, "image/origin", "it " +
			"has no labels built-by, build-id and commit"},
		"built by hand, which may be":   {[]part{{content: "exec app AMD64", entrypoint: []string{"/app"}, labels: map[string]string{}}}, []string{"origin", "any"}, "", ""},
		"by another system":             {[]part{labelled("built-by", "laptop")}, nil, "image/origin", ""},
		"without a run":                 {[]part{labelled("build-id", "")}, nil, "image/origin", ""},
		"without a commit":              {[]part{labelled("commit", "")}, nil, "image/origin", ""},
		"without provenance":            {[]part{started("exec app AMD64")}, []string{"provenance", "min"}, "image/provenance", "has no provenance"},
		"without all of the provenance": {[]part{started("exec app AMD64")}, []string{"provenance", "max"}, "image/provenance", "has no provenance"},
		"there is no such image":        {[]part{started("exec app AMD64")}, []string{"images", "HOST/shop/web:2"}, "image/registry", "verifying: HOST/shop/web:2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := verifier(t, tc.parts...)
			digest := j.registry.Digest("shop/web", "1")
			fill := strings.NewReplacer("HOST", j.registry.Host(), "DIGEST", digest)
			for i := range tc.inputs {
				tc.inputs[i] = fill.Replace(tc.inputs[i])
			}
			j.input(tc.inputs...)
			if tc.rule == "" {
				j.want("Succeeded")
				j.says(tc.says)
				if got, want := j.output("imageRef"), j.registry.Host()+"/shop/web@"+digest; got != want {
					t.Errorf("imageRef %q, want %q", got, want)
				}
				if got := j.output("digest"); got != digest {
					t.Errorf("digest %q, want %q", got, digest)
				}
				return
			}
			j.refuses(tc.rule, fill.Replace(tc.says))
			j.input("enforcement", "warn").want("SucceededWithIssues")
			j.says("##vso[task.logissue type=warning;code=" + tc.rule)
		})
	}
}

func labelled(name, value string) part {
	p := started("exec app AMD64")
	p.labels = map[string]string{}
	for n, v := range pipelines {
		p.labels[n] = v
	}
	p.labels[name] = value
	return p
}

// All images are looked at, also after one that lies.
func TestVerifySeveral(t *testing.T) {
	t.Parallel()
	j := verifier(t, started("exec app ARM64"))
	j.put("shop/web:2",
		part{platform: "linux/amd64", content: "exec app MAC", entrypoint: []string{"/app"}, labels: pipelines})
	j.put("shop/web:3", part{platform: "linux/amd64", content: "exec app AMD64", entrypoint: []string{"/app"}})
	host := j.registry.Host() + "/shop/web:"
	j.input("images", host+"1\n"+host+"2, "+host+"3")
	j.refuses("platform/machine", "linux/arm64")
	j.says("darwin/arm64", "image/origin")
	j.input("enforcement", "warn").want("SucceededWithIssues")
	j.says("linux/arm64", "darwin/arm64", "image/origin")
}

// Whoever follows the first line must not end with origin: any and a lie.
func TestVerifySaysWhatLiesFirst(t *testing.T) {
	t.Parallel()
	j := verifier(t, part{content: "exec app ARM64", entrypoint: []string{"/app"}, labels: map[string]string{}})
	j.refuses("image/origin", "platform/machine")
	if strings.Index(j.log, "code=platform/machine") > strings.Index(j.log, "code=image/origin") {
		t.Errorf("want the machine before the origin:\n%s", j.log)
	}
}

// One image, one error, however many platforms it is for.
func TestVerifySaysTheOriginOnce(t *testing.T) {
	t.Parallel()
	none := map[string]string{}
	j := verifier(t,
		part{content: "exec app AMD64", entrypoint: []string{"/app"}, labels: none},
		part{platform: "linux/arm64", content: "exec app ARM64", entrypoint: []string{"/app"}, labels: none})
	j.refuses("image/origin", " (linux/amd64, linux/arm64) was not built by a pipeline: ")
	if n := strings.Count(j.log, "code=image/origin"); n != 1 {
		t.Errorf("%d errors of the origin, want 1:\n%s", n, j.log)
	}
}

// Inputs of verify that are no images.
func TestVerifyWrongInputs(t *testing.T) {
	t.Parallel()
	j := verifier(t, started("exec app AMD64"))
	j.input("images", "a/b\nA:x\nok:1", "platforms", "linux/amd", "signingKey", "https://x")
	j.refuses("image/input", `"linux/amd"`)
	j.says(`"azureSubscription"`)
	j.input("platforms", "linux/amd64", "signingKey", "")
	j.refuses("image/input", `"a/b" has no tag and no digest`)
	j.says("A:x")
	if n := len(j.registry.Requests()); n > 0 {
		t.Errorf("the registry was asked for\n%s", j.registry.Log())
	}
	j.input("images", "", "platforms", "linux/amd64", "signingKey", "")
	j.refuses("image/input", `input "images": it is empty`)
}

// Without a connection images are read without credentials.
func TestVerifyWithoutConnection(t *testing.T) {
	t.Parallel()
	j := newJobWith(t, nil, containertest.NewRegistry(t))
	j.put("shop/web:1",
		part{platform: "linux/amd64", content: "exec app AMD64", entrypoint: []string{"/app"}, labels: pipelines})
	j.input("command", "verify", "images", j.registry.Host()+"/shop/web:1", "containerRegistry", "")
	j.want("Succeeded")

	closed := verifier(t, started("exec app AMD64")).input("containerRegistry", "")
	closed.refuses("image/registry", "401")
}

// The password goes to its registry alone.
func TestVerifyInAnotherRegistry(t *testing.T) {
	t.Parallel()
	j := verifier(t, started("exec app AMD64"))
	other := containertest.NewRegistry(t, func(c *containertest.Config) { c.User, c.Password = pusher, password })
	j.input("images", other.Host()+"/shop/web:1")
	j.refuses("image/registry", "401")
	for _, r := range other.Requests() {
		if r.User != "" {
			t.Errorf("request %s, want no credentials", r)
		}
	}
}

// What BuildKit has written down about a build can be asked for.
func TestVerifyWhatWasBuilt(t *testing.T) {
	t.Parallel()
	j := realJob(t, map[string]string{"Dockerfile": "FROM {base}\n"})
	j.want("Succeeded")
	j.input("command", "verify", "images", j.output("imageRef"), "provenance", "min").want("Succeeded")
	j.says("\nProvenance of ", ": there, not signed\n")
}
