package content

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/rootfs"
)

// randomImage has a few files of each kind with a few names, so that they meet.
func randomImage(t testing.TB, r *rand.Rand) ([]rootfs.Layer, Image) {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	name := func() string {
		return pick("a", "b", "bin", "bin/sh", "bin/a", "bin/env", "bin/tini", "usr/bin/a", "opt/a", "opt/libx.so", "lib64/ld-linux-x86-64.so.2")
	}
	word := func() string {
		return pick("a", "sh", "tini", "busybox", "su", "timeout", "-S", "-S a b", "-euo", "-c", "cmd", "/C", "chroot", "set -e; cd /; a", "env", "/a", "./b", "/bin/sh", "-c", "--", "exec /a", "a b", "A=b /opt/a", "/bin/a", "", "-", "..", "/", "x\n")
	}
	var layers []rootfs.Layer
	for range r.IntN(4) {
		var lines []string
		for range 1 + r.IntN(6) {
			body := pick("AMD64", "ARM64", "AMD64-GLIBC", "MAC", "WIN64", "text", "", "HALF", "#!/bin/shNL", "#!/aNL", "#!/bin/env aNL",
				"#!/bin/env -S A=b sh -xNL", "#!/bin/env -SNL", "#!CRLF", "#!envNL", "POINTER", "WASM", "DLL")
			switch r.IntN(8) {
			case 0:
				lines = append(lines, "link "+name()+" -> "+pick("/", "..", "bin", "/bin/a", "a", "b"))
			case 1:
				lines = append(lines, "file "+name()+" "+body)
			case 2:
				lines = append(lines, "dir "+name())
			default:
				lines = append(lines, "exec "+name()+" "+body)
			}
		}
		layers = append(layers, layer(t, strings.Join(lines, "; ")))
	}
	im := Image{
		Platform:   platform.Platform{OS: pick("linux", "linux", "linux", "windows", "freebsd"), Arch: pick("amd64", "arm64")},
		WorkingDir: pick("", "/", "opt", `C:\`), Env: []string{"PATH=" + pick("", ":", "/bin", "bin:/usr/bin", defaultPath), "x"},
	}
	for range r.IntN(3) {
		im.Entrypoint = append(im.Entrypoint, word())
	}
	for range r.IntN(4) {
		im.Cmd = append(im.Cmd, word())
	}
	return layers, im
}

// sound says what is wrong with a verdict, whatever the image is like.
func sound(v Verdict) string {
	if len(v.Chain) > maxSteps {
		return fmt.Sprintf("followed %d programs", len(v.Chain))
	}
	if len(v.Chain) == 0 && len(v.Problems) == 0 && v.Machines == nil {
		return "looked at nothing, and says nothing"
	}
	lines := v.Chain
	for _, p := range v.Problems {
		if p.Rule == "" || p.Text == "" || p.Hint == "" {
			return fmt.Sprintf("%+v says too little", p)
		}
		lines = append(lines, p.Path, p.Text, p.Hint)
	}
	for _, line := range lines {
		if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) || len(line) > 1000 {
			return fmt.Sprintf("%q is not fit to be printed", line)
		}
	}
	return ""
}

func TestRandomImages(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		layers, im := randomImage(t, r)
		for _, d := range []Depth{Entrypoint, All} {
			v, err := Check(t.Context(), rootfs.New(layers, rootfs.Limits{}), im, d, time.Time{})
			if err != nil {
				t.Fatalf("Check(%+v, %s): %v", im, d, err)
			}
			if problem := sound(v); problem != "" {
				t.Fatalf("Check(%+v, %s) = %+v: %s", im, d, v, problem)
			}
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte(layer(f, busybox+"; exec a #!/bin/env shNL")), "/a", "x\x00-c\x00exec /a", "PATH=/bin", "/", false)
	f.Add([]byte(layer(f, "file Files/a.exe WIN64")), `"a.exe" x`, "", `Path=C:\`, `C:\`, true)
	f.Fuzz(func(t *testing.T, data []byte, entrypoint, cmd, env, dir string, windows bool) {
		im := Image{
			Platform: platform.Platform{OS: "linux", Arch: "amd64"}, Entrypoint: []string{entrypoint}, Cmd: strings.Split(cmd, "\x00"),
			Env: []string{env}, WorkingDir: dir,
		}
		if windows {
			im.Platform.OS = "windows"
		}
		layers := []rootfs.Layer{blob(data)}
		limits := rootfs.Limits{Download: 1 << 20, Unpacked: 1 << 20, Entries: 1000}
		for _, d := range []Depth{Entrypoint, All} {
			v, err := Check(t.Context(), rootfs.New(layers, limits), im, d, time.Time{})
			if err != nil {
				t.Fatalf("Check: %v", err)
			}
			if problem := sound(v); problem != "" {
				t.Errorf("Check(%+v, %s) = %+v: %s", im, d, v, problem)
			}
		}
	})
}

// BenchmarkEntrypoint looks into an image of 60 MB: a base that does not compress well, and a program on top.
func BenchmarkEntrypoint(b *testing.B) {
	noise := make([]byte, 50<<20)
	r := rand.New(rand.NewPCG(1, 1))
	for i := 0; i < len(noise); i += 3 { // a third of it, as in programs
		noise[i] = byte(r.Uint32())
	}
	zip := func(data blob) blob {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		_, _ = w.Write(data)
		_ = w.Close()
		return out.Bytes()
	}
	base := zip(layer(b, debian+"; file usr/lib/big "+string(noise)))
	top := zip(layer(b, "exec app/server AMD64"+string(noise[:10<<20])+"; exec app/run.sh #!/bin/shNL"))
	for name, tc := range map[string]struct {
		cmd    string
		depth  Depth
		limits rootfs.Limits
	}{
		"static, quick": {"/app/server", Entrypoint, rootfs.Limits{Quick: true}},
		"static":        {"/app/server", Entrypoint, rootfs.Limits{}},
		"script":        {"/app/run.sh", Entrypoint, rootfs.Limits{}},
		"all":           {"/app/server", All, rootfs.Limits{}},
	} {
		b.Run(name, func(b *testing.B) {
			config := Image{Platform: platform.Platform{OS: "linux", Arch: "amd64"}, Cmd: []string{tc.cmd}}
			for b.Loop() {
				files := rootfs.New([]rootfs.Layer{base, top}, tc.limits)
				v, err := Check(b.Context(), files, config, tc.depth, time.Time{})
				if err != nil || len(v.Problems) > 0 {
					b.Fatalf("Check = %+v, %v", v, err)
				}
				b.ReportMetric(float64(files.Downloaded())/1e6, "MB")
			}
		})
	}
}
