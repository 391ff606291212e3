package machine

import (
	"bytes"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
)

// What the compiler writes for a platform is read as that platform: both byte orders, 32 and 64
// bits, each of the formats. The six that the extension is packed for are in the build cache.
func TestSniffReadsWhatTheCompilerWrites(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"linux/amd64", "linux/arm64", "linux/arm", "linux/s390x", "darwin/amd64", "darwin/arm64",
		"windows/amd64", "windows/arm64",
	} {
		t.Run(name, func(t *testing.T) {
			goos, goarch, _ := strings.Cut(name, "/")
			out := filepath.Join(dir, goos+goarch)
			build := exec.Command("go", "build", "-trimpath", "-o", out, "main.go")
			build.Dir = dir
			build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch, "GOFLAGS=")
			if text, err := build.CombinedOutput(); err != nil {
				t.Fatalf("go build for %s: %v\n%s", name, err, text)
			}
			head := headOf(t, out)
			p := Sniff(head)
			if p.Broken != "" || p.Library || p.Managed {
				t.Errorf("Sniff = %+v, want a program", p)
			}
			for _, other := range []string{"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/s390x", "darwin/arm64",
				"darwin/amd64", "windows/amd64", "windows/arm64"} {
				on, err := platform.Parse(other)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := p.RunsOn(on), on.OS == goos && on.Arch == goarch; got != want {
					t.Errorf("%s: RunsOn(%s) = %v, want %v", p, on, got, want)
				}
			}
			agree(t, out, p)
		})
	}
}

func headOf(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	head := make([]byte, HeadSize)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.ErrUnexpectedEOF {
		t.Fatal(err)
	}
	return head[:n]
}

// agree compares with the standard library's reading of the whole file.
func agree(t *testing.T, name string, p Program) {
	t.Helper()
	switch p.Format {
	case ELF:
		f, err := elf.Open(name)
		if err != nil {
			t.Fatalf("debug/elf: %v", err)
		}
		defer f.Close()
		loader := ""
		for _, s := range f.Progs {
			if s.Type == elf.PT_INTERP {
				text, _ := io.ReadAll(s.Open())
				loader = string(bytes.TrimRight(text, "\x00"))
			}
		}
		if p.LoaderUnread != (loader != p.Loader) || p.LoaderUnread && p.Loader != "" {
			t.Errorf("%s: loader %q, unread %v; debug/elf reads %q", name, p.Loader, p.LoaderUnread, loader)
		}
		if f.Type != elf.ET_EXEC && f.Type != elf.ET_DYN {
			t.Errorf("%s: debug/elf reads type %v", name, f.Type)
		}
	case PE:
		f, err := pe.Open(name)
		if err != nil {
			t.Fatalf("debug/pe: %v", err)
		}
		defer f.Close()
		if want := peArch[f.Machine]; p.Platforms[0].Arch != want {
			t.Errorf("%s: %s; debug/pe reads %s", name, p, want)
		}
		if got := f.Characteristics&pe.IMAGE_FILE_DLL != 0; got != p.Library {
			t.Errorf("%s: library %v; debug/pe reads %v", name, p.Library, got)
		}
	case MachO:
		f, err := macho.Open(name)
		if err != nil {
			t.Fatalf("debug/macho: %v", err)
		}
		defer f.Close()
		if want := machoArch[uint32(f.Cpu)]; p.Platforms[0].Arch != want || f.Type != macho.TypeExec {
			t.Errorf("%s: %s; debug/macho reads %s %v", name, p, want, f.Type)
		}
	default:
		t.Errorf("%s: Sniff says %q", name, p.Format)
	}
}

// The files of this machine, written by other compilers: loaders, scripts, big ones and odd ones.
func TestSniffReadsThePrograms(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("looks at the programs of a Linux machine")
	}
	formats := map[Format]int{}
	names, err := filepath.Glob("/usr/bin/*")
	if err != nil || len(names) == 0 {
		t.Fatalf("no programs: %v", err)
	}
	for _, name := range names {
		if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() || info.Mode()&0o444 != 0o444 {
			continue
		}
		p := Sniff(headOf(t, name))
		formats[p.Format]++
		switch p.Format {
		case ELF:
			agree(t, name, p)
		case Script:
			if len(p.Shebang) == 0 {
				t.Errorf("Sniff(%s) = %+v, want its interpreter", name, p)
			}
		}
		if p.Broken != "" {
			t.Errorf("Sniff(%s) = %+v", name, p)
		}
	}
	if formats[ELF] == 0 || formats[Script] == 0 {
		t.Errorf("found %v, want programs and scripts", formats)
	}
}

func FuzzSniff(f *testing.F) {
	f.Add([]byte("#!/usr/bin/env -S python3\n"))
	f.Add([]byte("\xca\xfe\xba\xbe\x00\x00\x00\x02"))
	f.Add([]byte("\xcf\xfa\xed\xfe\x0c\x00\x00\x01\x00\x00\x00\x00\x02\x00\x00\x00"))
	f.Add(peFile(0x8664, 2, pe64, 128, true))
	f.Add(file{machine: elf.EM_X86_64, kind: elf.ET_DYN, class: elf.ELFCLASS64, order: binary.LittleEndian,
		segments: []elf.Prog64{{Type: 3, Off: 130, Filesz: 3}}, text: map[int]string{130: "/a\x00"}, size: 200}.bytes(f))
	f.Fuzz(func(t *testing.T, head []byte) {
		p := Sniff(head)
		if p.Broken != "" && p.RunsOn(platform.Platform{OS: "linux", Arch: "amd64"}) {
			t.Errorf("Sniff(%q) = %+v is broken and runs", head, p)
		}
		if len(p.Platforms) > maxFat || len(p.Loader) > maxInterp || len(strings.Join(p.Shebang, "")) > shebangSize {
			t.Errorf("Sniff(%q) = %+v is too much", head, p)
		}
		if p.Format != ELF || p.Broken != "" || len(head) >= HeadSize {
			return
		}
		// Whatever the standard library takes for a program with a loader has that loader here.
		oracle, err := elf.NewFile(bytes.NewReader(head))
		if err != nil {
			return
		}
		for _, s := range oracle.Progs {
			if s.Type != elf.PT_INTERP {
				continue
			}
			text, err := io.ReadAll(s.Open())
			if before, _, ok := bytes.Cut(text, []byte{0}); err == nil && ok && string(before) != p.Loader {
				t.Errorf("Sniff(%q) has the loader %q; debug/elf reads %q", head, p.Loader, before)
			}
			return
		}
	})
}
