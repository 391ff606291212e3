// Package storetest is what every store of package store must do, as tests. It is
// for tests only.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/safecache/store"
)

// Run runs the tests. Open returns a new, empty store each time; several are in
// use at once.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for name, test := range map[string]func(*testing.T, store.Store){
		"what was put can be got":          putAndGet,
		"nothing is there at first":        missing,
		"an object never changes":          immutable,
		"get appends":                      appends,
		"an empty object":                  empty,
		"a big object":                     big,
		"a listing is by exact prefix":     listPrefix,
		"a listing of many objects":        listMany,
		"a listing says size and time":     listFacts,
		"deleting":                         deletes,
		"of several savers the first wins": race,
		"a reader beside a saver":          wholeOrNothing,
		"a cancelled context":              cancelled,
		"names that no object can have":    hostile,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func put(t *testing.T, s store.Store, name string, data []byte) {
	t.Helper()
	if err := s.Put(t.Context(), name, data); err != nil {
		t.Fatalf("Put(%s) of %d bytes: %v", name, len(data), err)
	}
}

func wantObject(t *testing.T, s store.Store, name string, want []byte) {
	t.Helper()
	got, err := s.Get(t.Context(), name, nil)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("Get(%s) = %.40q (%d bytes), %v, want %.40q (%d bytes)", name, got, len(got), err, want, len(want))
	}
}

func names(t *testing.T, s store.Store, prefix string) []string {
	t.Helper()
	objects, err := s.List(t.Context(), prefix)
	if err != nil {
		t.Fatalf("List(%q): %v", prefix, err)
	}
	var found []string
	for _, o := range objects {
		found = append(found, o.Name)
	}
	return found
}

// noise is data of a length in which no two pieces are alike.
func noise(length int, seed uint32) []byte {
	data := make([]byte, length)
	for i := range data {
		seed = seed*1664525 + 1013904223
		data[i] = byte(seed >> 24)
	}
	return data
}

func putAndGet(t *testing.T, s store.Store) {
	for name, data := range map[string][]byte{
		"one": []byte("1"), "v1/t/0a/p/aa/00ff.pack": {0, 1, 2, 255}, "a-b_c.d/e": []byte("text\r\n"),
	} {
		put(t, s, name, data)
		wantObject(t, s, name, data)
	}
}

func missing(t *testing.T, s store.Store) {
	got, err := s.Get(t.Context(), "v1/none", []byte("kept"))
	if !errors.Is(err, fs.ErrNotExist) || string(got) != "kept" {
		t.Errorf("Get of what is not there = %q, %v, want the buffer as it was and fs.ErrNotExist", got, err)
	}
	if found := names(t, s, ""); len(found) != 0 {
		t.Errorf("List of a new store = %q, want nothing", found)
	}
	put(t, s, "v1/dir/file", nil)
	if _, err := s.Get(t.Context(), "v1/dir", nil); err == nil {
		t.Error("Get of what other names lie below succeeded")
	}
}

func immutable(t *testing.T, s store.Store) {
	put(t, s, "v1/x", []byte("first"))
	for _, again := range []string{"second", "first", ""} {
		if err := s.Put(t.Context(), "v1/x", []byte(again)); !errors.Is(err, fs.ErrExist) {
			t.Errorf("Put of %q over another object: error %v, want fs.ErrExist", again, err)
		}
	}
	wantObject(t, s, "v1/x", []byte("first"))
}

func appends(t *testing.T, s store.Store) {
	put(t, s, "x", []byte("object"))
	room := make([]byte, 0, 64)
	got, err := s.Get(t.Context(), "x", append(room, "before "...))
	if err != nil || string(got) != "before object" {
		t.Errorf("Get into a buffer = %q, %v, want %q", got, err, "before object")
	}
	if err == nil && &got[0] != &room[:1][0] {
		t.Error("Get did not use the room that the buffer had")
	}
}

func empty(t *testing.T, s store.Store) {
	put(t, s, "x", nil)
	got, err := s.Get(t.Context(), "x", []byte("b"))
	if err != nil || string(got) != "b" {
		t.Errorf("Get of an empty object = %q, %v, want only what was in the buffer", got, err)
	}
	if err := s.Put(t.Context(), "x", []byte("1")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Put over an empty object: error %v, want fs.ErrExist", err)
	}
}

func big(t *testing.T, s store.Store) {
	data := noise(33<<20+1, 1)
	put(t, s, "v1/big.pack", data)
	wantObject(t, s, "v1/big.pack", data)
	if err := s.Put(t.Context(), "v1/big.pack", data[1:]); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Put over a big object: error %v, want fs.ErrExist", err)
	}
	err := s.Put(t.Context(), "v1/bigger", make([]byte, store.MaxObject+1))
	if err == nil || errors.Is(err, fs.ErrExist) {
		t.Errorf("Put of more than MaxObject: error %v, want another error", err)
	}
	if diff := cmp.Diff([]string{"v1/big.pack"}, names(t, s, "")); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
}

func listPrefix(t *testing.T, s store.Store) {
	for _, name := range []string{"a-b/c", "a.b", "a/b-", "a/b.json", "ab/x", "b/a/b", "v1/t/x", "v1/tt/x"} {
		put(t, s, name, []byte(name))
	}
	for prefix, want := range map[string][]string{
		"":       {"a-b/c", "a.b", "a/b-", "a/b.json", "ab/x", "b/a/b", "v1/t/x", "v1/tt/x"},
		"a":      {"a-b/c", "a.b", "a/b-", "a/b.json", "ab/x"},
		"a/":     {"a/b-", "a/b.json"},
		"a/b":    {"a/b-", "a/b.json"},
		"a/b.":   {"a/b.json"},
		"v1/t":   {"v1/t/x", "v1/tt/x"},
		"v1/t/":  {"v1/t/x"},
		"v1/t/x": {"v1/t/x"},
		"x":      nil,
		"a/b/":   nil,
		"none/":  nil,
	} {
		if diff := cmp.Diff(want, names(t, s, prefix)); diff != "" {
			t.Errorf("List(%q) (-want +got):\n%s", prefix, diff)
		}
	}
}

func listMany(t *testing.T, s store.Store) {
	const many = 120
	var want []string
	var group sync.WaitGroup
	for i := range many {
		name := fmt.Sprintf("v1/p/%02x/%04d.pack", i%16, i)
		want = append(want, name)
		group.Go(func() { put(t, s, name, []byte(name)) })
		if i%8 == 7 {
			group.Wait()
		}
	}
	group.Wait()
	got := names(t, s, "v1/p/")
	if len(got) != many {
		t.Fatalf("List of %d objects found %d", many, len(got))
	}
	for i := 1; i < len(got); i++ {
		if got[i-1] >= got[i] {
			t.Errorf("List is not sorted: %s before %s", got[i-1], got[i])
		}
	}
	for _, name := range want[:10] {
		wantObject(t, s, name, []byte(name))
	}
}

func listFacts(t *testing.T, s store.Store) {
	put(t, s, "v1/x", make([]byte, 12345))
	objects, err := s.List(t.Context(), "v1/")
	if err != nil || len(objects) != 1 {
		t.Fatalf("List = %v, %v, want one object", objects, err)
	}
	age := time.Since(objects[0].Modified)
	if objects[0].Size != 12345 || age < -time.Minute || age > 10*time.Minute {
		t.Errorf("List says size %d and age %s, want 12345 and about now", objects[0].Size, age)
	}
}

func deletes(t *testing.T, s store.Store) {
	for _, name := range []string{"v1/a/b/c/x", "v1/a/y"} {
		put(t, s, name, []byte(name))
	}
	for _, name := range []string{"v1/a/b/c/x", "v1/a/b/c/x", "never/there", "v1/a/b"} {
		if err := s.Delete(t.Context(), name); err != nil {
			t.Errorf("Delete(%s): %v", name, err)
		}
	}
	if diff := cmp.Diff([]string{"v1/a/y"}, names(t, s, "")); diff != "" {
		t.Errorf("List after Delete (-want +got):\n%s", diff)
	}
	if _, err := s.Get(t.Context(), "v1/a/b/c/x", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Get after Delete: error %v, want fs.ErrNotExist", err)
	}
	put(t, s, "v1/a/b/c/x", []byte("again"))
	wantObject(t, s, "v1/a/b/c/x", []byte("again"))
}

// savers is how many put one object at the same time.
const savers = 8

func race(t *testing.T, s store.Store) {
	for name, size := range map[string]int{"v1/t/1.json": 100, "v1/p/aa/pack": 5 << 20} {
		start := make(chan struct{})
		data := make([][]byte, savers)
		errs := make([]error, savers)
		var group sync.WaitGroup
		for i := range savers {
			data[i] = noise(size+i, uint32(i))
			group.Go(func() {
				<-start
				errs[i] = s.Put(t.Context(), name, data[i])
			})
		}
		close(start)
		group.Wait()
		winner := -1
		for i, err := range errs {
			switch {
			case err == nil && winner >= 0:
				t.Errorf("%s: savers %d and %d both succeeded", name, winner, i)
			case err == nil:
				winner = i
			case !errors.Is(err, fs.ErrExist):
				t.Errorf("%s: saver %d: error %v, want fs.ErrExist", name, i, err)
			}
		}
		if winner < 0 {
			t.Fatalf("%s: none of %d savers succeeded", name, savers)
		}
		wantObject(t, s, name, data[winner])
	}
}

// A reader sees an object whole, or not at all.
func wholeOrNothing(t *testing.T, s store.Store) {
	data := noise(9<<20, 7)
	done := make(chan error, 1)
	go func() { done <- s.Put(t.Context(), "v1/x", data) }()
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Fatalf("Put: %v", err)
			}
			wantObject(t, s, "v1/x", data)
			return
		default:
		}
		got, err := s.Get(t.Context(), "v1/x", nil)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("Get beside a Put = %d bytes, %v, want all %d or fs.ErrNotExist", len(got), err, len(data))
		}
	}
}

func cancelled(t *testing.T, s store.Store) {
	put(t, s, "there", []byte("1"))
	cause := errors.New("stopped by the test")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	stopped := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, cause) && !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a cancelled context: error %v, want the context's", what, err)
		}
	}
	_, err := s.Get(ctx, "there", nil)
	stopped("Get", err)
	stopped("Put", s.Put(ctx, "v1/new", noise(9<<20, 3)))
	stopped("Delete", s.Delete(ctx, "there"))
	_, err = s.List(ctx, "")
	stopped("List", err)
	if diff := cmp.Diff([]string{"there"}, names(t, s, "")); diff != "" {
		t.Errorf("List afterwards (-want +got):\n%s", diff)
	}
}

func hostile(t *testing.T, s store.Store) {
	for _, name := range []string{
		"", ".", "..", "/", "/etc/passwd", "../x", "a/../../x", "a/./b", "a//b", "a/", `a\b`, "a:b", "A", "ä", "a b", "a?b",
		"a#b", "a%2fb", "a&b", ".hidden", "a/.b", ".tmp/x", "con", "a/nul.txt", "a.", "a\x00", "a\nb",
		strings.Repeat("a/", 400) + "a",
	} {
		if err := s.Put(t.Context(), name, []byte("x")); err == nil || errors.Is(err, fs.ErrExist) {
			t.Errorf("Put(%.40q): error %v, want a refusal", name, err)
		}
		if _, err := s.Get(t.Context(), name, nil); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Get(%.40q): error %v, want a refusal", name, err)
		}
		if err := s.Delete(t.Context(), name); err == nil {
			t.Errorf("Delete(%.40q) succeeded, want a refusal", name)
		}
	}
	for _, prefix := range []string{"/", "..", "../", "a/../", ".tmp", "a/.", "A", "a//", "a%"} {
		if _, err := s.List(t.Context(), prefix); err == nil {
			t.Errorf("List(%q) succeeded, want a refusal", prefix)
		}
	}
	if found := names(t, s, ""); len(found) != 0 {
		t.Errorf("List afterwards = %q, want nothing", found)
	}
}
