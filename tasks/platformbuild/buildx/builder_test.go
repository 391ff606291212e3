package buildx_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/buildx"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
)

// What "docker buildx inspect" prints.
const (
	remote = `Name:          rb1
Driver:        remote
Last Activity: 2026-11-23 15:51:31 +0000 UTC

Nodes:
Name:             rb10
Endpoint:         unix:///run/bk.sock
Status:           running
BuildKit version: v0.34.2
Platforms:        linux/amd64, linux/amd64/v2, linux/386
Labels:
 org.mobyproject.buildkit.worker.executor:         oci
GC Policy rule#0:
 All:            false
 Platforms:      linux/s390x

Name:             rb11
Endpoint:         tcp://arm:1234
Status:           running
BuildKit version: v0.20.0
Platforms:        linux/arm64*, linux/arm/v7
`
	engine2010 = `Name:   default
Driver: docker

Nodes:
Name:             default
Endpoint:         default
Status:           running
BuildKit version: v0.8+unknown
Platforms:        linux/amd64, linux/386
`
	engine28 = `Name:          remote-engine
Driver:        docker

Nodes:
Name:             remote-engine
Endpoint:         remote-engine
Status:           running
BuildKit version: v0.21.1
Platforms:        linux/amd64, linux/arm64
`
	unreachable = `Name:          default
Driver:        
Error:         failed to connect to the docker API at unix:///var/run/docker.sock; check

Nodes:
`
	containerd = `[["driver-type","io.containerd.snapshotter.v1"]]`
	plugin     = "github.com/docker/buildx v0.20.1 245093b\n"
)

var version = answer{Match: "buildx version", Out: plugin}

func platforms(t *testing.T, names string) []platform.Platform {
	t.Helper()
	var all []platform.Platform
	for _, name := range strings.Fields(names) {
		p, err := platform.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func TestChooseTakesWhatIsThere(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		name    string
		need    buildx.Need
		answers []answer
		want    buildx.Builder
	}{
		"current remote": {"", buildx.Need{Platforms: platforms(t, "linux/amd64 linux/arm64"), Attestations: true},
			[]answer{{Match: "buildx inspect --bootstrap", Out: remote}},
			buildx.Builder{
				Name: "rb1", Driver: "remote", Version: "v0.34.2", Buildx: "v0.20.1",
				Platforms:    platforms(t, "linux/amd64 linux/amd64/v2 linux/386 linux/arm64 linux/arm/v7"),
				PushByDigest: true, MultiPlatform: true, Attestations: true, CacheExport: true, Annotations: true, Lint: true,
			}},
		"named": {"rb1", buildx.Need{}, []answer{{Match: "buildx inspect --bootstrap -- rb1", Out: remote}},
			buildx.Builder{
				Name: "rb1", Driver: "remote", Version: "v0.34.2", Buildx: "v0.20.1",
				Platforms:    platforms(t, "linux/amd64 linux/amd64/v2 linux/386 linux/arm64 linux/arm/v7"),
				PushByDigest: true, MultiPlatform: true, Attestations: true, CacheExport: true, Annotations: true, Lint: true,
			}},
		"engine 20.10": {"", buildx.Need{Platforms: platforms(t, "linux/amd64")},
			[]answer{{Match: "buildx inspect", Out: engine2010}, {Match: "info --format", Out: "null\n"}},
			buildx.Builder{
				Name: "default", Driver: "docker", Version: "v0.8+unknown", Buildx: "v0.20.1", Platforms: platforms(t, "linux/amd64 linux/386"),
			}},
		"engine with containerd's store": {"", buildx.Need{Platforms: platforms(t, "linux/amd64 linux/arm64")},
			[]answer{{Match: "buildx inspect", Out: engine28}, {Match: "--context=remote-engine info", Out: containerd}},
			buildx.Builder{
				Name: "remote-engine", Driver: "docker", Version: "v0.21.1", Buildx: "v0.20.1", Platforms: platforms(t, "linux/amd64 linux/arm64"),
				MultiPlatform: true, Attestations: true, CacheExport: true, Annotations: true, Lint: true,
			}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, append([]answer{version}, tc.answers...)...)
			got, remove, err := f.Choose(context.Background(), tc.name, tc.need)
			if err != nil {
				t.Fatalf("Choose(%q): %v", tc.name, err)
			}
			if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreUnexported(buildx.Builder{})); diff != "" {
				t.Errorf("builder (-want +got):\n%s", diff)
			}
			before := len(f.calls(t))
			if remove(context.Background()); len(f.calls(t)) != before {
				t.Errorf("a builder that was there is removed: %q", f.calls(t))
			}
		})
	}
}

const removable = "buildx rm --force -- guardrails-"

func TestChooseMakesABuilder(t *testing.T) {
	t.Parallel()
	for name, need := range map[string]buildx.Need{
		"platforms":    {Platforms: platforms(t, "linux/amd64 linux/arm64")},
		"attestations": {Attestations: true},
		"cache":        {CacheExport: true},
		"annotations":  {Annotations: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, version, answer{Match: "buildx inspect --bootstrap -- guardrails-", Out: remote},
				answer{Match: "buildx inspect", Out: engine2010}, answer{Match: "info", Out: "null"},
				answer{Match: "buildx create --name=guardrails-"}, answer{Match: removable})
			need.Image = `contoso.azurecr.io/bk,x`
			_, remove, err := f.Choose(context.Background(), "", need)
			if err != nil {
				t.Fatalf("Choose: %v", err)
			}
			calls := f.calls(t)
			create := strings.Join(calls[len(calls)-2].Args, " ")
			if !strings.HasSuffix(create, ` --driver=docker-container --driver-opt="image=contoso.azurecr.io/bk,x"`) {
				t.Errorf("made by %q", create)
			}
			// A cancelled job removes it all the same.
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			remove(ctx)
			calls = f.calls(t)
			name := strings.TrimPrefix(calls[len(calls)-2].Args[len(calls[len(calls)-2].Args)-1], "--")
			if last := strings.Join(calls[len(calls)-1].Args, " "); last != "buildx rm --force -- "+name {
				t.Errorf("the last call is %q, want the removal of %s", last, name)
			}
		})
	}
}

func TestChooseTellsWhatIsMissing(t *testing.T) {
	t.Parallel()
	inspect := answer{Match: "buildx inspect", Out: engine2010}
	info := answer{Match: "info", Out: "null"}
	for name, tc := range map[string]struct {
		name    string
		need    buildx.Need
		answers []answer
		kind    buildx.Kind
		msg     string
		removed bool
	}{
		"no plugin": {"", buildx.Need{}, []answer{{Match: "version", Err: "docker: unknown command: docker buildx\n", Exit: 1}},
			buildx.NoBuildx, "docker on this agent has no buildx", false},
		"old plugin": {"", buildx.Need{}, []answer{{Match: "version", Out: "github.com/docker/buildx v0.12.1 abc"}},
			buildx.NoBuildx, "buildx v0.12.1 is too old: it cannot tell how a build goes", false},
		"no daemon": {"", buildx.Need{}, []answer{version, {Match: "inspect", Out: unreachable, Exit: 1}},
			buildx.NoDaemon, "the Docker daemon cannot be reached", false},
		"no such builder": {"x", buildx.Need{}, []answer{version, {Match: "inspect", Err: "ERROR: no builder \"x\" found\n", Exit: 1}},
			buildx.NoBuilder, "there is no builder x", false},
		"dead builder": {"x", buildx.Need{}, []answer{version, {Match: "inspect", Err: "#1 [internal] waiting for connection\n#1 ERROR: context deadline exceeded\n" +
			"------\n > [internal] waiting for connection:\n------\nERROR: context deadline exceeded\n", Exit: 1}},
			buildx.NoBuilder, "the builder does not answer", false},
		"odd answer": {"x", buildx.Need{}, []answer{version, {Match: "inspect", Out: "hello\n"}},
			buildx.NoBuilder, "the builder cannot be reached or started", false},
		"named builder cannot": {"default", buildx.Need{Attestations: true, CacheExport: true, Platforms: platforms(t, "linux/amd64 linux/arm64")},
			[]answer{version, inspect, info}, buildx.Unsupported,
			`the builder "default" (driver docker) cannot build for several platforms, or attach provenance or an SBOM, or write a cache`, false},
		"no emulation": {"", buildx.Need{Runs: platforms(t, "linux/amd64 linux/arm64")}, []answer{version, inspect, info},
			buildx.NoEmulation, `the Dockerfile runs programs for linux/arm64, which the builder "default" cannot: it runs linux/amd64, linux/386`, false},
		"no emulation in a new builder": {"", buildx.Need{Attestations: true, Runs: platforms(t, "linux/s390x")},
			[]answer{version, {Match: "inspect --bootstrap -- guardrails", Out: remote}, inspect, info, {Match: "create"}, {Match: "rm"}},
			buildx.NoEmulation, `the Dockerfile runs programs for linux/s390x, which the builder "rb1" cannot: ` +
				"it runs linux/amd64, linux/amd64/v2, linux/386, linux/arm64, linux/arm/v7", true},
		"image cannot be pulled": {"", buildx.Need{Attestations: true}, []answer{version,
			{Match: "inspect --bootstrap -- guardrails", Err: "#1 [internal] booting buildkit\nERROR: Error response from daemon: Get \"https://x/v2/\": no such host\n", Exit: 1},
			inspect, info, {Match: "create"}, {Match: "rm"}},
			buildx.NoBuilder, "a builder that can attach provenance or an SBOM is needed, and cannot be made: the builder cannot be reached or started", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, tc.answers...)
			_, remove, err := f.Choose(context.Background(), tc.name, tc.need)
			var e *buildx.Error
			if !errors.As(err, &e) || e.Kind != tc.kind || e.Msg != tc.msg || e.Hint == "" {
				t.Errorf("Choose(%q) = %+v\nwant %s %q, and a hint", tc.name, err, tc.kind, tc.msg)
			}
			calls := f.calls(t)
			if got := calls[len(calls)-1].Args[1] == "rm"; got != tc.removed {
				t.Errorf("the last call is %q; want a removal: %t", calls[len(calls)-1].Args, tc.removed)
			}
			remove(context.Background())
			if len(f.calls(t)) != len(calls) {
				t.Error("there is something to remove after an error")
			}
		})
	}
}

func TestChooseRemovesWhatACancelledJobMade(t *testing.T) {
	t.Parallel()
	f := newFake(t, version, answer{Match: "inspect --bootstrap -- guardrails", Hang: true}, answer{Match: "inspect", Out: engine2010},
		answer{Match: "info", Out: "null"}, answer{Match: "create"}, answer{Match: removable})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		for {
			if _, err := os.Stat(filepath.Join(f.folder, "hangs")); err == nil || ctx.Err() != nil {
				cancel()
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	_, _, err := f.Choose(ctx, "", buildx.Need{CacheExport: true})
	calls := f.calls(t)
	if last := strings.Join(calls[len(calls)-1].Args, " "); !errors.Is(err, context.Canceled) || !strings.HasPrefix(last, removable) {
		t.Errorf("Choose, cancelled: %v, the last call is %q", err, last)
	}
}

// Neither question waits for the other's answer.
func TestChooseAsksAtOnce(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	together := make(chan error, 1)
	go func() {
		var all []net.Conn
		for range 2 {
			c, err := l.Accept()
			if err != nil {
				together <- err
				return
			}
			all = append(all, c)
		}
		together <- errors.Join(all[0].Close(), all[1].Close())
	}()
	meet := l.Addr().String()
	f := newFake(t, answer{Match: "buildx version", Out: plugin, Meet: meet}, answer{Match: "buildx inspect", Out: remote, Meet: meet})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b, _, err := f.Choose(ctx, "", buildx.Need{})
	if err != nil || b.Name != "rb1" || b.Buildx != "v0.20.1" {
		t.Fatalf("Choose: %+v, %v, want the builder and the version, each asked for while the other is", b, err)
	}
	if err := <-together; err != nil {
		t.Error(err)
	}
}

// A plugin that is too old is told before what it says of a builder, and nobody waits for that.
func TestChooseTellsTheVersionFirst(t *testing.T) {
	t.Parallel()
	for name, inspect := range map[string]answer{
		"no builder": {Match: "buildx inspect", Err: "ERROR: no builder \"x\" found\n", Exit: 1},
		"starting":   {Match: "buildx inspect", Hang: true},
	} {
		f := newFake(t, answer{Match: "buildx version", Out: "github.com/docker/buildx v0.12.0 x\n"}, inspect)
		_, _, err := f.Choose(t.Context(), "x", buildx.Need{})
		var e *buildx.Error
		if !errors.As(err, &e) || e.Kind != buildx.NoBuildx {
			t.Errorf("%s: Choose: %v, want that buildx is too old", name, err)
		}
	}
}
