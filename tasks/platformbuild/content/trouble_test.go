package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/rootfs"
)

// What an image itself keeps from being read is a reason to refuse it.
func TestUnread(t *testing.T) {
	t.Parallel()
	server := layer(t, "exec s AMD64")
	digest := func(b blob) string { return b.Digest() }
	big := layer(t, "file big "+strings.Repeat("x", 300_000)+"; exec s AMD64")
	for name, tc := range map[string]struct {
		layers []rootfs.Layer
		limits rootfs.Limits
		want   string
	}{
		"broken layer": {[]rootfs.Layer{server, blob("not a tar" + strings.Repeat("!", 600))}, rootfs.Limits{},
			"error unread: /s cannot be looked at: layer " + digest(blob("not a tar"+strings.Repeat("!", 600))) + ": it is broken: it is not a tar file"},
		"broken, but not needed": {[]rootfs.Layer{blob("not a tar"), server}, rootfs.Limits{}, ""},
		"too big": {[]rootfs.Layer{big}, rootfs.Limits{Download: 100_000},
			"error unread: /s cannot be looked at: more than 100000 bytes of layers would have to be downloaded"},
		"too many": {[]rootfs.Layer{layer(t, "exec a x; exec b x; exec s AMD64")}, rootfs.Limits{Entries: 2},
			"error unread: /s cannot be looked at: the layers hold more than 2 files"},
		"not the only one": {[]rootfs.Layer{layer(t, "exec s AMD64-GLIBC; exec s ARM64")}, rootfs.Limits{Quick: true},
			"error unread: " + glibc + " cannot be looked at: layer " + digest(layer(t, "exec s AMD64-GLIBC; exec s ARM64")) +
				": it is broken: it has two files with the same name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := image{entrypoint: []string{"/s"}}.checkLayers(t, Entrypoint, tc.layers, tc.limits)
			if got := words(v); err != nil || got != tc.want {
				t.Errorf("Check: %v\n%s\nwant\n%s", err, got, tc.want)
			}
			if tc.want == "" {
				return
			}
			v, err = image{}.checkLayers(t, All, tc.layers, tc.limits)
			if name != "not the only one" && (err != nil || !strings.Contains(words(v), "error unread: ")) {
				t.Errorf("Check without an entrypoint: %v\n%s\nwant the same", err, words(v))
			}
		})
	}
}

// broken is a layer whose download fails.
type broken struct {
	blob
	err error
}

func (b broken) Open(context.Context) (io.ReadCloser, error) {
	return nil, fmt.Errorf("blob %s: %w", b.Digest(), b.err)
}

func TestRegistrysErrors(t *testing.T) {
	t.Parallel()
	gone := errors.New("503 service unavailable")
	low := broken{nil, gone}
	for name, im := range map[string]image{
		"entrypoint": {entrypoint: []string{"/app"}}, "PATH": {cmd: []string{"app"}}, "none": {},
		"shell":   {cmd: []string{"/bin/sh", "-c", "gone"}},
		"wrapper": {cmd: []string{"/bin/tini", "gone"}},
		"loader":  {cmd: []string{"/bin/dynamic"}},
		"script":  {cmd: []string{"/bin/script"}},
		"env":     {cmd: []string{"/bin/envscript"}},
	} {
		layers := []rootfs.Layer{low, layer(t,
			"exec bin/env AMD64; exec bin/tini AMD64; exec bin/dynamic AMD64-GLIBC; exec bin/script #!/gone; exec bin/envscript #!/bin/env goneNL")}
		if name != "none" {
			layers = append(layers, layer(t, "exec bin/sh AMD64"))
		}
		if _, err := im.checkLayers(t, Entrypoint, layers, rootfs.Limits{}); !errors.Is(err, gone) {
			t.Errorf("%s: Check: %v, want %v", name, err, gone)
		}
	}
	if _, err := (image{entrypoint: []string{"/bin/sh"}}).checkLayers(t, All,
		[]rootfs.Layer{low, layer(t, "exec bin/sh AMD64")}, rootfs.Limits{}); !errors.Is(err, gone) {
		t.Errorf("Check(all): %v, want %v", err, gone)
	}
}

func TestForeignLayersOfWindows(t *testing.T) {
	t.Parallel()
	low := broken{nil, rootfs.ErrForeign}
	top := layer(t, "file Files/app.exe WIN64")
	v, err := image{on: "windows/amd64", cmd: []string{`C:\app.exe`}}.checkLayers(t, Entrypoint, []rootfs.Layer{low, top}, rootfs.Limits{})
	if err != nil || words(v) != "" {
		t.Errorf("Check of a program above them: %v\n%s", err, words(v))
	}
	v, err = image{on: "windows/amd64", cmd: []string{"cmd"}}.checkLayers(t, Entrypoint, []rootfs.Layer{low, top}, rootfs.Limits{})
	if err != nil || len(v.Problems) != 1 || !v.Problems[0].Warn || v.Problems[0].Rule != "platform/unread" {
		t.Errorf("Check of a program in them: %v\n%s\nwant a warning", err, words(v))
	}
	v, err = image{cmd: []string{"/cmd"}}.checkLayers(t, Entrypoint, []rootfs.Layer{low, top}, rootfs.Limits{})
	if err != nil || len(v.Problems) != 1 || v.Problems[0].Warn {
		t.Errorf("Check on Linux: %v\n%s\nwant an error: there are no such layers", err, words(v))
	}
}

// slow is a layer that never ends, and waits for nothing but its context.
type slow struct {
	blob
	cancel func()
}

func (s slow) Open(ctx context.Context) (io.ReadCloser, error) {
	s.cancel()
	return io.NopCloser(&waiting{ctx}), nil
}

type waiting struct{ ctx context.Context }

func (w *waiting) Read([]byte) (int, error) {
	<-w.ctx.Done()
	return 0, w.ctx.Err()
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	config := Image{Platform: platform.Platform{OS: "linux", Arch: "amd64"}, Cmd: []string{"/s"}}
	for _, d := range []Depth{Entrypoint, All} {
		files := rootfs.New([]rootfs.Layer{slow{cancel: func() {}}}, rootfs.Limits{})
		v, err := Check(t.Context(), files, config, d, time.Now().Add(20*time.Millisecond))
		if want := "error unread: the image could not be looked into in the time there was for it"; err != nil || words(v) != want {
			t.Errorf("Check(%s): %v\n%s\nwant\n%s", d, err, words(v), want)
		}
		ctx, cancel := context.WithCancel(t.Context())
		files = rootfs.New([]rootfs.Layer{slow{cancel: cancel}}, rootfs.Limits{})
		if _, err := Check(ctx, files, config, d, time.Now().Add(time.Hour)); !errors.Is(err, context.Canceled) {
			t.Errorf("Check(%s), cancelled: %v, want context.Canceled", d, err)
		}
	}
}

// Words that may be no program at all are no reason to refuse an image whose program was looked at.
func TestDeadlineOfOtherWords(t *testing.T) {
	t.Parallel()
	layers := []rootfs.Layer{slow{cancel: func() {}}, layer(t, "exec s AMD64")}
	config := Image{Platform: platform.Platform{OS: "linux", Arch: "amd64"}, Cmd: []string{"/s", "/gone"}}
	v, err := Check(t.Context(), rootfs.New(layers, rootfs.Limits{}), config, Entrypoint, time.Now().Add(3*time.Second))
	if want := "warning unread: the image could not be looked into in the time there was for it"; err != nil || words(v) != want {
		t.Errorf("Check: %v\n%s\nwant\n%s", err, words(v), want)
	}
}

func TestPlatformsAreTexts(t *testing.T) {
	t.Parallel()
	config := Image{Platform: platform.Platform{OS: "x\n##vso[task.complete]", Arch: "amd64"}, Cmd: []string{"/s"}}
	v, err := Check(t.Context(), rootfs.New([]rootfs.Layer{layer(t, "exec s AMD64")}, rootfs.Limits{}), config, Entrypoint, time.Time{})
	if err != nil || !strings.HasPrefix(words(v), "error machine: ") || strings.Contains(words(v), "##vso") || sound(v) != "" {
		t.Errorf("Check = %+v, %v, want an error that is fit to be printed", v, err)
	}
}

// closing counts what is open.
type closing struct {
	blob
	open *int
}

func (c closing) Open(context.Context) (io.ReadCloser, error) {
	*c.open++
	return &closer{bytes.NewReader(c.blob), c.open}, nil
}

type closer struct {
	io.Reader
	open *int
}

func (c *closer) Close() error { *c.open--; return nil }

func TestCheckReadsLittleAndClosesWhatItOpened(t *testing.T) {
	t.Parallel()
	open, low := 0, 0
	layers := []rootfs.Layer{closing{layer(t, busybox), &low},
		closing{layer(t, "exec app/server AMD64; file app/big "+strings.Repeat("x", 1<<20)), &open}}
	files := rootfs.New(layers, rootfs.Limits{Quick: true})
	config := Image{Platform: platform.Platform{OS: "linux", Arch: "amd64"}, Cmd: []string{"/app/server", "--config", "/etc/x"}}
	v, err := Check(t.Context(), files, config, Entrypoint, time.Time{})
	if err != nil || words(v) != "" || open != 0 || files.Downloaded() > 100_000 {
		t.Errorf("Check: %v %s; %d downloads are open, %d bytes were read", err, words(v), open, files.Downloaded())
	}
}
