package platformbuild

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// part is an image for one platform, as a test wants it.
type part struct {
	platform   string // what its config says
	claimed    string // what the index says, if that is something else
	content    string // layers, the lowest first, see layerOf
	entrypoint []string
	cmd        []string
	env        []string
	labels     map[string]string
	notes      map[string]string // annotations
	history    []v1.History      // if nil, one entry for each layer
	onBuild    []string
	said       map[string]string // what is attached, by the type of the predicate
}

// push makes an image of the parts, an index if there are several or if one is claimed for something, and returns its
// digest. Without a tag it is pushed by digest.
func push(target string, parts []part, options ...remote.Option) (string, error) {
	var all []mutate.IndexAddendum
	for _, p := range parts {
		image, err := p.image()
		if err != nil {
			return "", err
		}
		claimed := p.claimed
		if claimed == "" {
			claimed = p.platform
		}
		says, err := v1.ParsePlatform(claimed)
		if err != nil {
			return "", err
		}
		all = append(all, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: says}})
		if len(p.said) > 0 {
			beside, err := attached(image, p.said)
			if err != nil {
				return "", err
			}
			all = append(all, beside)
		}
	}
	if len(all) == 1 && parts[0].claimed == "" {
		image := all[0].Add.(v1.Image)
		digest, err := image.Digest()
		if err != nil {
			return "", err
		}
		ref, err := name.ParseReference(refOf(target, digest), name.Insecure)
		if err != nil {
			return "", err
		}
		return digest.String(), remote.Write(ref, image, options...)
	}
	index := mutate.IndexMediaType(mutate.AppendManifests(empty.Index, all...), types.OCIImageIndex)
	if len(parts) > 0 {
		index = mutate.Annotations(index, parts[0].notes).(v1.ImageIndex)
	}
	digest, err := index.Digest()
	if err != nil {
		return "", err
	}
	ref, err := name.ParseReference(refOf(target, digest), name.Insecure)
	if err != nil {
		return "", err
	}
	return digest.String(), remote.WriteIndex(ref, index, options...)
}

// attached is what BuildKit attaches to an image.
func attached(image v1.Image, said map[string]string) (mutate.IndexAddendum, error) {
	of, err := image.Digest()
	if err != nil {
		return mutate.IndexAddendum{}, err
	}
	beside := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	for kind, predicate := range said {
		beside, err = mutate.Append(beside, mutate.Addendum{
			Layer:       static.NewLayer([]byte(`{"predicate": `+predicate+`}`), "application/vnd.in-toto+json"),
			Annotations: map[string]string{"in-toto.io/predicate-type": kind},
		})
		if err != nil {
			return mutate.IndexAddendum{}, err
		}
	}
	return mutate.IndexAddendum{Add: beside, Descriptor: v1.Descriptor{
		Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"},
		Annotations: map[string]string{
			"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": of.String(),
		},
	}}, nil
}

func refOf(target string, digest v1.Hash) string {
	if i := strings.LastIndexByte(target, ':'); i > strings.LastIndexByte(target, '/') {
		return target
	}
	return target + "@" + digest.String()
}

func (p part) image() (v1.Image, error) {
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, text := range strings.Split(p.content, " | ") {
		layer, err := layerOf(text)
		if err != nil {
			return nil, err
		}
		if image, err = mutate.AppendLayers(image, layer); err != nil {
			return nil, err
		}
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	says, err := v1.ParsePlatform(p.platform)
	if err != nil {
		return nil, err
	}
	config.OS, config.Architecture, config.Variant = says.OS, says.Architecture, says.Variant
	config.Config = v1.Config{Entrypoint: p.entrypoint, Cmd: p.cmd, Env: p.env, Labels: p.labels, OnBuild: p.onBuild}
	if p.history != nil {
		config.History = p.history
	}
	if image, err = mutate.ConfigFile(image, config); err != nil || len(p.notes) == 0 {
		return image, err
	}
	return mutate.Annotations(image, p.notes).(v1.Image), nil
}

// layerOf is a layer in words: "exec a/b TEXT", "file a/b TEXT", "link a -> b", parted by "; ".
func layerOf(text string) (v1.Layer, error) {
	words := strings.NewReplacer("AMD64-GLIBC", elfOf(elf.EM_X86_64, "/lib64/ld-linux-x86-64.so.2"), "AMD64-MUSL",
		elfOf(elf.EM_X86_64, "/lib/ld-musl-x86_64.so.1"), "AMD64", elfOf(elf.EM_X86_64, ""),
		"ARM64", elfOf(elf.EM_AARCH64, ""), "MAC", "\xcf\xfa\xed\xfe\x0c\x00\x00\x01\x00\x00\x00\x00\x02\x00\x00\x00",
		"NL", "\n")
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, line := range strings.Split(text, "; ") {
		kind, rest, _ := strings.Cut(line, " ")
		name, text, _ := strings.Cut(rest, " ")
		body := words.Replace(text)
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(body))}
		switch kind {
		case "exec":
			h.Mode = 0o755
		case "file":
		case "link":
			h = &tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: strings.TrimPrefix(body, "-> ")}
			body = ""
		default:
			return nil, fmt.Errorf("%q is no entry", line)
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := io.WriteString(w, body); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return static.NewLayer(out.Bytes(), types.OCIUncompressedLayer), nil
}

// elfOf is the head of a program for Linux, with a loader if it is not "".
func elfOf(arch elf.Machine, loader string) string {
	var out bytes.Buffer
	segment := elf.Prog64{Type: uint32(elf.PT_LOAD)}
	if loader != "" {
		segment = elf.Prog64{Type: uint32(elf.PT_INTERP), Off: 120, Filesz: uint64(len(loader) + 1)}
		loader += "\x00"
	}
	for _, v := range []any{elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', 2, 1, 1}, Type: uint16(elf.ET_EXEC), Machine: uint16(arch), Phoff: 64,
		Phentsize: 56, Phnum: 1,
	}, segment} {
		if err := binary.Write(&out, binary.LittleEndian, v); err != nil {
			panic(err) // into memory
		}
	}
	return out.String() + loader
}
