package main

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

// What the image has below its program.
const (
	bigLayers    = 4
	filesOfEach  = 500
	fileSize     = 200_000
	programEvery = 5 // every fifth is a program, the rest is data
)

// layer is a layer in a file.
type layer struct {
	Name             string
	Packed, Unpacked string // digests
	Bytes            int64  // packed
	Files            int64  // bytes of its files
	file             string
}

// The layers that makeLayers returns, behind the big ones.
const (
	withProgram = bigLayers + iota // /app/server
	withScript                     // /app/run.sh, whose shell is in the lowest layer
)

// makeLayers makes the layers once, and remembers what they are.
func makeLayers(work, server string) (all []*layer, err error) {
	head, err := os.ReadFile(server)
	if err != nil {
		return nil, err
	}
	shell, err := containertest.Busybox("amd64")
	if err != nil {
		return nil, err
	}
	for i := range bigLayers {
		all = append(all, &layer{Name: fmt.Sprintf("big-%d", i)})
	}
	all = append(all, &layer{Name: "program"}, &layer{Name: "script"})
	for i, l := range all {
		l.file = filepath.Join(work, l.Name+".tar.gz")
		if text, err := os.ReadFile(l.file + ".json"); err == nil && json.Unmarshal(text, l) == nil && i < bigLayers {
			continue
		}
		err := l.write(func(t *tree) error {
			switch i {
			case withProgram:
				return t.file("app/server", head)
			case withScript:
				return t.file("app/run.sh", []byte("#!/bin/sh\nexec sleep 1000\n"))
			case 0:
				if err := errors.Join(t.file("bin/busybox", shell), t.link("bin/sh", "busybox")); err != nil {
					return err
				}
			}
			return t.fill(i, head[:4096])
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// write writes a layer and what it is.
func (l *layer) write(fill func(*tree) error) error {
	f, err := os.Create(l.file)
	if err != nil {
		return err
	}
	defer f.Close()
	packed, unpacked := sha256.New(), sha256.New()
	zipper := gzip.NewWriter(io.MultiWriter(f, packed))
	t := &tree{Writer: tar.NewWriter(io.MultiWriter(zipper, unpacked))}
	if err := errors.Join(fill(t), t.Close(), zipper.Close()); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	l.Bytes, l.Files, l.Packed, l.Unpacked = info.Size(), t.written, digestOf(packed), digestOf(unpacked)
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), os.WriteFile(l.file+".json", text, 0o644))
}

func digestOf(h hash.Hash) string { return fmt.Sprintf("sha256:%x", h.Sum(nil)) }

// tree is a layer that is being written.
type tree struct {
	*tar.Writer
	written int64
}

func (t *tree) file(name string, data []byte) error {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: int64(len(data))}
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	n, err := t.Write(data)
	t.written += int64(n)
	return err
}

func (t *tree) link(name, to string) error {
	return t.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to, Mode: 0o777})
}

// fill fills a layer with files that compress as programs do: a third of their bytes is noise.
func (t *tree) fill(seed int, head []byte) error {
	r := rand.New(rand.NewPCG(uint64(seed), 1))
	for i := range filesOfEach {
		data := make([]byte, fileSize)
		for at := 0; at < len(data); at += 3 {
			data[at] = byte(r.Uint32())
		}
		name := fmt.Sprintf("usr/share/part-%d/%03d.dat", seed, i)
		if i%programEvery == 0 {
			name = fmt.Sprintf("usr/lib/part-%d/%03d", seed, i)
			copy(data, head)
		}
		if err := t.file(name, data); err != nil {
			return err
		}
	}
	return nil
}
