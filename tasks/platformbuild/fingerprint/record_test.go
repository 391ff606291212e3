package fingerprint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// decoder reads what encoder writes. That it can shows that no two records are written in the same way.
type decoder struct {
	data []byte
	err  error
}

func (d *decoder) number() int {
	if len(d.data) < 8 {
		d.err = errors.New("the end is missing")
		return 0
	}
	n := binary.BigEndian.Uint64(d.data)
	d.data = d.data[8:]
	return int(n)
}

func (d *decoder) text() string {
	n := d.number()
	if n < 0 || n > len(d.data) {
		d.err = errors.New("the end is missing")
		return ""
	}
	text := string(d.data[:n])
	d.data = d.data[n:]
	return text
}

func (d *decoder) pairs() map[string]string {
	m := map[string]string{}
	for n := d.number(); n > 0 && d.err == nil; n-- {
		key := d.text()
		m[key] = d.text()
	}
	return m
}

func decode(data []byte) (r record, err error) {
	d := &decoder{data: data}
	if d.text() != version {
		return r, errors.New("another version")
	}
	r.Dockerfile, r.Target = d.text(), d.text()
	for n := d.number(); n > 0 && d.err == nil; n-- {
		r.Platforms = append(r.Platforms, d.text())
	}
	r.Bases, r.Args, r.Settings, r.Images = d.pairs(), d.pairs(), d.pairs(), d.pairs()
	r.Trees = map[string][]entry{}
	for n := d.number(); n > 0 && d.err == nil; n-- {
		name := d.text()
		r.Trees[name] = nil
		for m := d.number(); m > 0 && d.err == nil; m-- {
			path, kind := d.text(), d.text()
			r.Trees[name] = append(r.Trees[name], entry{path, kind[0], d.text()})
		}
	}
	if len(d.data) > 0 {
		return r, errors.New("there is something behind the end")
	}
	return r, d.err
}

// FuzzEncode: no two inputs give the same bytes, for the bytes can be read back.
func FuzzEncode(f *testing.F) {
	f.Add([]byte("FROM x\x00prod\x00linux/amd64\x00a\x00b\x00c\x00d"), byte(3))
	f.Add([]byte("\x00\x00\x00"), byte(0))
	f.Fuzz(func(t *testing.T, data []byte, split byte) {
		parts := bytes.Split(data, []byte{split})
		next := func() string {
			if len(parts) == 0 {
				return ""
			}
			part := parts[0]
			parts = parts[1:]
			return string(part)
		}
		want := record{Dockerfile: next(), Target: next(), Platforms: []string{next()}}
		for _, m := range []*map[string]string{&want.Bases, &want.Args, &want.Settings, &want.Images} {
			*m = map[string]string{next(): next(), next(): next()}
		}
		want.Trees = map[string][]entry{next(): {{next(), 'f', next()}, {next(), 'l', next()}}, next(): nil}
		var b bytes.Buffer
		want.encode(&b)
		got, err := decode(b.Bytes())
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("decode(encode(%+v)): %v (-want +got):\n%s", want, err, diff)
		}
	})
}
