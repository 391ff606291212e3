package content

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAll(t *testing.T) {
	t.Parallel()
	const isARM = " is a linux/arm64 program, but the image claims linux/amd64"
	base := busybox + " | exec app/server AMD64; "
	var many []string
	for i := range 13 {
		many = append(many, fmt.Sprintf("exec opt/x%02d ARM64", i))
	}
	for name, tc := range map[string]struct {
		files string
		want  string
	}{
		"right":                    {"exec usr/local/bin/x AMD64; exec opt/x I386", ""},
		"in PATH":                  {"exec usr/local/bin/x ARM64", "error machine: /usr/local/bin/x" + isARM},
		"in PATH, named for it":    {"exec usr/local/bin/x-arm64 ARM64", "error machine: /usr/local/bin/x-arm64" + isARM},
		"anywhere":                 {"exec opt/tool/x ARM64", "error machine: /opt/tool/x" + isARM},
		"Mac":                      {"exec opt/tool/x MAC", "error machine: /opt/tool/x is a darwin/arm64 program, but the image claims linux/amd64"},
		"RISC-V":                   {"exec opt/tool/x RISCV", "error machine: /opt/tool/x is a linux/riscv64 program, but the image claims linux/amd64"},
		"prebuilt":                 {"exec app/node_modules/a/prebuilds/linux-arm64/a.node ARM64", "warning machine: /app/node_modules/a/prebuilds/linux-arm64/a.node" + isARM},
		"package of a platform":    {"exec app/node_modules/@esbuild/linux-arm64/bin/esbuild ARM64", "warning machine: /app/node_modules/@esbuild/linux-arm64/bin/esbuild" + isARM},
		"package of Macs":          {"exec app/node_modules/x-darwin/bin/x MAC", "warning machine: /app/node_modules/x-darwin/bin/x is a darwin/arm64 program, but the image claims linux/amd64"},
		"library":                  {"exec usr/lib/libx.so.1.2 ARM64", "warning machine: /usr/lib/libx.so.1.2" + isARM},
		"data":                     {"file opt/x ARM64", "warning machine: /opt/x" + isARM},
		"emulator":                 {"exec usr/bin/qemu-x AMD64; exec usr/local/bin/qemu-y ARM64", "warning machine: /usr/local/bin/qemu-y" + isARM},
		"Windows launcher":         {"exec usr/lib/python3/pip/t64.exe WIN64", "warning machine: /usr/lib/python3/pip/t64.exe is a windows/amd64 program, but the image claims linux/amd64"},
		"Windows program in PATH":  {"exec usr/bin/x WIN64", "error machine: /usr/bin/x is a windows/amd64 program, but the image claims linux/amd64"},
		"DLL":                      {"exec app/x DLL", "warning machine: /app/x is a windows/amd64 program, but the image claims linux/amd64"},
		"library of Macs":          {"exec app/x DYLIB", "warning machine: /app/x is a darwin/arm64 program, but the image claims linux/amd64"},
		".NET":                     {"exec app/x NET", ""},
		"script of Windows":        {"exec usr/bin/x #!/bin/shCRLF; exec opt/y #!/bin/shCRLF", "warning broken: /usr/bin/x cannot be started: its #! line ends with a carriage return, as Windows editors write it"},
		"object file, cut program": {"exec opt/x HALF; exec opt/y POINTER; exec opt/z text", ""},
		"hidden":                   {"exec opt/x ARM64; file opt/x text", ""},
		"many": {strings.Join(many, "; "), func() string {
			var lines []string
			for i := range 10 {
				lines = append(lines, fmt.Sprintf("error machine: /opt/x%02d%s", i, isARM))
			}
			return strings.Join(append(lines, "error machine: 3 more files like these, such as /opt/x10"), "\n")
		}()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			im := image{layers: base + tc.files, entrypoint: []string{"/app/server"}}
			v, err := im.check(t, All)
			if err != nil {
				t.Fatalf("Check: %v", err)
			}
			if diff := cmp.Diff(tc.want, words(v)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			// The way of what starts is not enough to see them.
			if v, err := im.check(t, Entrypoint); err != nil || len(v.Problems) > 0 || v.Machines != nil {
				t.Errorf("Check(entrypoint) = %+v, %v, want nothing", v, err)
			}
		})
	}
}

func TestAllCounts(t *testing.T) {
	t.Parallel()
	v, err := image{layers: busybox + "; exec a ARM64; exec b #!/bin/sh; file c MAC; exec d AMD64; link e -> d; exec f I386; exec g WIN64",
		entrypoint: []string{"/d"}}.check(t, All)
	want := map[string]int{"ELF linux/amd64": 2, "ELF linux/arm64": 1, "ELF linux/386": 1, "Mach-O darwin/arm64": 1, "PE windows/amd64": 1}
	if diff := cmp.Diff(want, v.Machines); err != nil || diff != "" {
		t.Errorf("Check: %v, machines (-want +got):\n%s", err, diff)
	}
}

// What is wrong with the entrypoint is said once, and is no less wrong for the folder's name.
func TestAllRepeatsNothing(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"/usr/bin/s", "/opt/arm64/s"} {
		v, err := image{layers: "exec " + name + " ARM64", entrypoint: []string{name}}.check(t, All)
		if want := "error machine: " + name + " is a linux/arm64 program, but the image claims linux/amd64"; err != nil || words(v) != want {
			t.Errorf("Check: %v\n%s\nwant\n%s", err, words(v), want)
		}
	}
}

func TestAllOnWindows(t *testing.T) {
	t.Parallel()
	v, err := image{on: "windows/amd64", layers: "file Files/a.exe WIN64; file Files/b/c.exe WINARM; file Files/d/arm64/e.exe WINARM; exec Files/f ARM64",
		entrypoint: []string{`C:\a.exe`}}.check(t, All)
	want := `error machine: C:\b\c.exe is a windows/arm64 program, but the image claims windows/amd64
error machine: C:\f is a linux/arm64 program, but the image claims windows/amd64
warning machine: C:\d\arm64\e.exe is a windows/arm64 program, but the image claims windows/amd64`
	if diff := cmp.Diff(want, words(v)); err != nil || diff != "" {
		t.Errorf("Check: %v (-want +got):\n%s", err, diff)
	}
}
