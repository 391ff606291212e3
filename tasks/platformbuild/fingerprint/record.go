package fingerprint

import (
	"encoding/binary"
	"io"
	"maps"
	"slices"
)

// record is everything that is hashed.
type record struct {
	Dockerfile, Target string
	Platforms          []string
	Bases, Args        map[string]string
	Settings, Images   map[string]string
	Trees              map[string][]entry // by the name of the context; "" is the main one
}

// entry is a file, a link or a folder of a context.
type entry struct {
	Path string // with slashes, from the context on
	Kind byte   // 'f' file, 'x' that can be executed, 'l' link, 'd' folder
	Data string // SHA-256 of the content, or what the link says
}

// version is changed when the encoding is, or what is read.
const version = "guardrails platformbuild inputs 1"

// encode writes the record so that it could be read back: no two records give the same bytes.
func (r record) encode(w io.Writer) {
	e := encoder{w}
	e.text(version)
	e.text(r.Dockerfile)
	e.text(r.Target)
	e.number(len(r.Platforms))
	for _, p := range r.Platforms {
		e.text(p)
	}
	for _, m := range []map[string]string{r.Bases, r.Args, r.Settings, r.Images} {
		e.number(len(m))
		for _, key := range slices.Sorted(maps.Keys(m)) {
			e.text(key)
			e.text(m[key])
		}
	}
	e.number(len(r.Trees))
	for _, name := range slices.Sorted(maps.Keys(r.Trees)) {
		e.text(name)
		e.number(len(r.Trees[name]))
		for _, f := range r.Trees[name] {
			e.text(f.Path)
			e.text(string(f.Kind))
			e.text(f.Data)
		}
	}
}

// encoder writes numbers of eight bytes, and texts with their lengths. What it writes to never fails.
type encoder struct{ w io.Writer }

func (e encoder) number(n int) { _, _ = e.w.Write(binary.BigEndian.AppendUint64(nil, uint64(n))) }

func (e encoder) text(s string) {
	e.number(len(s))
	_, _ = io.WriteString(e.w, s)
}
