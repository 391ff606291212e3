package content

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/rootfs"
)

// blob is a layer in memory.
type blob []byte

func (b blob) Digest() string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }
func (b blob) Size() int64    { return int64(len(b)) }
func (b blob) Open(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(b)), nil
}

// narrow is amd64 with 32 bits, which is no machine of its own in the header.
const narrow = elf.Machine(0xfff0)

// program is the head of an ELF program, with a loader if it is not "".
func program(t testing.TB, arch elf.Machine, loader string) string {
	t.Helper()
	var out bytes.Buffer
	segment := elf.Prog64{Type: uint32(elf.PT_LOAD)}
	if loader != "" {
		segment = elf.Prog64{Type: uint32(elf.PT_INTERP), Off: 120, Filesz: uint64(len(loader) + 1)}
	}
	header := any(elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Type: uint16(elf.ET_EXEC), Machine: uint16(arch), Phoff: 64, Phentsize: 56, Phnum: 1,
	})
	program := any(segment)
	if arch == elf.EM_386 || arch == elf.EM_ARM || arch == narrow {
		arch = map[elf.Machine]elf.Machine{narrow: elf.EM_X86_64, elf.EM_386: arch, elf.EM_ARM: arch}[arch]
		header = elf.Header32{
			Ident: [16]byte{0x7f, 'E', 'L', 'F', 1, 1, 1}, Type: uint16(elf.ET_EXEC), Machine: uint16(arch), Phoff: 52, Phentsize: 32, Phnum: 1,
		}
		program = elf.Prog32{Type: segment.Type, Off: 84, Filesz: uint32(segment.Filesz)}
	}
	for _, v := range []any{header, program} {
		if err := binary.Write(&out, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	if loader == "" {
		return out.String()
	}
	return out.String() + loader + "\x00"
}

// windowsProgram is the head of a PE program.
func windowsProgram(arch, flags uint16) string {
	b := make([]byte, 400)
	copy(b, "MZ")
	b[0x3c] = 128
	copy(b[128:], "PE\x00\x00")
	binary.LittleEndian.PutUint16(b[132:], arch)
	binary.LittleEndian.PutUint16(b[150:], flags)
	binary.LittleEndian.PutUint16(b[152:], 0x20b)
	return string(b)
}

// managed is a library of .NET.
func managed() string {
	b := []byte(windowsProgram(0x14c, 0x2002))
	b[152+108] = 16        // directories, of which
	b[152+112+14*8] = 8    // the runtime's
	b[152+112+14*8+4] = 72 // is not empty
	return string(b)
}

const (
	glibc   = "/lib64/ld-linux-x86-64.so.2"
	mac     = "\xcf\xfa\xed\xfe\x0c\x00\x00\x01\x00\x00\x00\x00\x02\x00\x00\x00"
	pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
)

// kinds are the words that stand for heads of programs.
func kinds(t testing.TB) *strings.Replacer {
	return strings.NewReplacer(
		"AMD64-GLIBC", program(t, elf.EM_X86_64, glibc), "AMD64-MUSL", program(t, elf.EM_X86_64, "/lib/ld-musl-x86_64.so.1"),
		"ARM64-GLIBC", program(t, elf.EM_AARCH64, "/lib/ld-linux-aarch64.so.1"), "386-LOADER", program(t, elf.EM_386, "/lib/ld-linux.so.2"),
		"AMD64", program(t, elf.EM_X86_64, ""), "X32", program(t, narrow, ""), "ARM64", program(t, elf.EM_AARCH64, ""), "ARM32", program(t, elf.EM_ARM, ""),
		"I386", program(t, elf.EM_386, ""), "RISCV", program(t, elf.EM_RISCV, ""), "MAC", mac, "POINTER", pointer,
		"WIN64", windowsProgram(0x8664, 2), "WINARM", windowsProgram(0xaa64, 2), "DLL", windowsProgram(0x8664, 0x2002), "NET", managed(), "DYLIB", strings.Replace(mac, "\x02", "\x06", 1),
		"WASM", "\x00asm\x01\x00\x00\x00", "HALF", program(t, elf.EM_X86_64, "")[:30], "CRLF", "\r\n", "NL", "\n",
	)
}

// layer is one in words: "exec a/b TEXT", "file a/b TEXT", "link a -> b", "dir a", parted by "; ". %20 in a name is a
// space.
func layer(t testing.TB, text string) blob {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, line := range strings.Split(text, "; ") {
		kind, rest, _ := strings.Cut(line, " ")
		name, text, _ := strings.Cut(rest, " ")
		name = strings.ReplaceAll(name, "%20", " ")
		body := kinds(t).Replace(text)
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(body))}
		switch kind {
		case "exec":
			h.Mode = 0o755
		case "link":
			h = &tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: strings.TrimPrefix(body, "-> ")}
			body = ""
		case "dir":
			h = &tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755}
			body = ""
		case "fifo":
			h = &tar.Header{Typeflag: tar.TypeFifo, Name: name}
			body = ""
		case "file":
		default:
			t.Fatalf("%q is no entry", line)
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if _, err := io.WriteString(w, body); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// image is what a test looks into.
type image struct {
	on         string // linux/amd64 if empty
	layers     string // the lowest first, parted by " | "
	entrypoint []string
	cmd        []string
	env        []string
	dir        string
}

func (im image) check(t testing.TB, d Depth) (Verdict, error) {
	t.Helper()
	var layers []rootfs.Layer
	if im.layers != "" {
		for _, text := range strings.Split(im.layers, " | ") {
			layers = append(layers, layer(t, text))
		}
	}
	return im.checkLayers(t, d, layers, rootfs.Limits{})
}

func (im image) checkLayers(t testing.TB, d Depth, layers []rootfs.Layer, limits rootfs.Limits) (Verdict, error) {
	t.Helper()
	if im.on == "" {
		im.on = "linux/amd64"
	}
	on, err := platform.Parse(im.on)
	if err != nil {
		t.Fatal(err)
	}
	config := Image{Platform: on, Entrypoint: im.entrypoint, Cmd: im.cmd, Env: im.env, WorkingDir: im.dir}
	return Check(t.Context(), rootfs.New(layers, limits), config, d, time.Time{})
}

// words are a verdict's problems, one line each: "error platform/machine: text".
func words(v Verdict) string {
	var lines []string
	for _, p := range v.Problems {
		kind := "error"
		if p.Warn {
			kind = "warning"
		}
		lines = append(lines, fmt.Sprintf("%s %s: %s", kind, strings.TrimPrefix(p.Rule, "platform/"), p.Text))
	}
	return strings.Join(lines, "\n")
}
