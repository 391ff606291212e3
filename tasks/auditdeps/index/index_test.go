package index

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/advisory"
)

func npm(id, pkg string) advisory.Advisory {
	return advisory.Advisory{
		ID: id, Ecosystem: "npm", Package: pkg, Severity: advisory.High, Summary: "about " + pkg,
		Modified: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC), Ranges: []advisory.Range{{Introduced: "0", Fixed: "1.2.6"}},
	}
}

// written writes an index of npm advisories and opens it.
func written(t testing.TB, list ...advisory.Advisory) (*Index, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "npm.index")
	b := NewBuilder("npm")
	for _, a := range list {
		if err := b.Add(a); err != nil {
			t.Fatalf("Add: %v", err)
		}
	}
	data, err := b.Bytes(Info{Ecosystem: "npm"})
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return reopen(t, path), path
}

func reopen(t testing.TB, path string) *Index {
	t.Helper()
	x, err := Open(path)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = x.Close() })
	return x
}

func lookup(t testing.TB, x *Index, name string) []advisory.Advisory {
	t.Helper()
	got, err := x.Lookup(name)
	if err != nil {
		t.Fatalf("Lookup(%q): %v", name, err)
	}
	return got
}

func ids(list []advisory.Advisory) []string {
	var names []string
	for _, a := range list {
		names = append(names, a.ID)
	}
	return names
}

// A field that is added to Advisory and not to the file would be lost in silence.
func TestEveryFieldIsKept(t *testing.T) {
	t.Parallel()
	var want advisory.Advisory
	n := 0
	fill(t, reflect.ValueOf(&want).Elem(), &n)
	want.Ecosystem, want.Severity = "npm", advisory.Moderate
	x, _ := written(t, want)
	if diff := cmp.Diff([]advisory.Advisory{want}, lookup(t, x, want.Package)); diff != "" {
		t.Errorf("Lookup of an advisory with all fields set (-want +got):\n%s", diff)
	}
	empty := advisory.Advisory{ID: "A", Ecosystem: "npm", Package: "p", Severity: advisory.Unknown}
	x, _ = written(t, empty)
	if diff := cmp.Diff([]advisory.Advisory{empty}, lookup(t, x, "p")); diff != "" {
		t.Errorf("Lookup of an advisory with no field set (-want +got):\n%s", diff)
	}
}

// fill gives every field a value of its own.
func fill(t *testing.T, v reflect.Value, n *int) {
	*n++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(int64(1e9+*n), int64(*n)).UTC()))
	case v.Kind() == reflect.String:
		v.SetString(fmt.Sprint("text ", *n, " \x00\xff"))
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), n)
		}
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(t, v.Index(0), n)
		fill(t, v.Index(1), n)
	default:
		t.Fatalf("a field of type %v: the file cannot keep it, see codec.go", v.Type())
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	list := []advisory.Advisory{npm("B", "minimist"), npm("A", "minimist"), npm("C", "@scope/a"), npm("A", "minimist")}
	for i := range 3000 {
		list = append(list, npm(fmt.Sprint("MAL-", i), fmt.Sprint("package-", i)))
	}
	x, _ := written(t, list...)
	for name, want := range map[string][]string{
		"minimist": {"A", "B"}, "@scope/a": {"C"}, "package-0": {"MAL-0"}, "package-2999": {"MAL-2999"},
		"package-3000": nil, "Minimist": nil, "": nil, "scope/a": nil,
	} {
		if diff := cmp.Diff(want, ids(lookup(t, x, name))); diff != "" {
			t.Errorf("Lookup(%q) (-want +got):\n%s", name, diff)
		}
	}
	for i := range 3000 {
		if got := lookup(t, x, fmt.Sprint("package-", i)); len(got) != 1 || got[0].ID != fmt.Sprint("MAL-", i) {
			t.Fatalf("Lookup(package-%d) is %v, want MAL-%d", i, ids(got), i)
		}
	}
	if got := len(slices.Collect(keys(x.All()))); got != 3003 {
		t.Errorf("All gives %d advisories, want 3003", got)
	}
}

func keys(all iter.Seq2[advisory.Advisory, error]) iter.Seq[advisory.Advisory] {
	return func(yield func(advisory.Advisory) bool) {
		for a, err := range all {
			if err != nil || !yield(a) {
				return
			}
		}
	}
}

// Two names of one hash are told from each other.
func TestSameHash(t *testing.T) {
	t.Parallel()
	seen := map[uint32]string{}
	for i := 0; ; i++ {
		name := fmt.Sprint(i)
		other, ok := seen[hashOf(name)]
		if seen[hashOf(name)] = name; !ok {
			continue
		}
		x, _ := written(t, npm("A", name), npm("B", other))
		if a, b := ids(lookup(t, x, name)), ids(lookup(t, x, other)); len(a) != 1 || a[0] != "A" || len(b) != 1 || b[0] != "B" {
			t.Errorf("Lookup(%q), Lookup(%q), which have one hash: %q, %q, want A, B", name, other, a, b)
		}
		return
	}
}

func TestEmptyIndex(t *testing.T) {
	t.Parallel()
	x, _ := written(t)
	if got := lookup(t, x, "a"); got != nil {
		t.Errorf("Lookup in an empty index: %v", got)
	}
}

// Most Go and PyPI records have no severity; a GitHub record of the same has.
func TestSeverityOfAliases(t *testing.T) {
	t.Parallel()
	bare := npm("GO-1", "p")
	bare.Severity, bare.Aliases = advisory.Unknown, []string{"CVE-1"}
	github := npm("GHSA-1", "q") // of another package even
	github.Severity, github.Aliases = advisory.Moderate, []string{"CVE-1"}
	worse := npm("X-1", "p")
	worse.Severity, worse.Aliases = advisory.Critical, []string{"GO-1"}
	alone := npm("GO-2", "p")
	alone.Severity, alone.Aliases = advisory.Unknown, []string{"CVE-2"}
	for name, tc := range map[string]struct {
		others []advisory.Advisory
		want   advisory.Severity
	}{
		"by a CVE":  {[]advisory.Advisory{github, alone}, advisory.Moderate},
		"the worst": {[]advisory.Advisory{github, worse}, advisory.Critical},
		"nobody":    {[]advisory.Advisory{alone}, advisory.Unknown},
	} {
		x, _ := written(t, append(tc.others, bare)...)
		for _, a := range lookup(t, x, "p") {
			if a.ID == "GO-1" && a.Severity != tc.want {
				t.Errorf("%s: the severity is %s, want %s", name, a.Severity, tc.want)
			}
		}
		for a := range keys(x.All()) {
			if a.ID == "GO-1" && a.Severity != advisory.Unknown {
				t.Errorf("%s: All gives severity %s, want the record's own: unknown", name, a.Severity)
			}
		}
	}
}

func TestAddRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*advisory.Advisory){
		"another ecosystem": func(a *advisory.Advisory) { a.Ecosystem = "PyPI" },
		"no id":             func(a *advisory.Advisory) { a.ID = "" },
		"no package":        func(a *advisory.Advisory) { a.Package = "" },
		"unknown severity":  func(a *advisory.Advisory) { a.Severity = "dreadful" },
		"too much":          func(a *advisory.Advisory) { a.Summary = string(make([]byte, maxBlock/2)) },
	} {
		a := npm("A", "p")
		change(&a)
		if err := NewBuilder("npm").Add(a); err == nil {
			t.Errorf("%s: Add took it", name)
		}
	}
	if _, err := NewBuilder("npm").Bytes(Info{Ecosystem: "PyPI"}); err == nil {
		t.Error("Bytes of npm's advisories as PyPI's: no error")
	}
}

func TestCopy(t *testing.T) {
	t.Parallel()
	x, path := written(t, npm("A", "p"), npm("B", "q"))
	info := Info{
		Ecosystem: "npm", Source: "there", AsOf: time.Unix(1, 0).UTC(), ETag: `"e"`, Records: 5, Bad: 1, BadNames: []string{"X"},
		Checked: time.Unix(2, 0).UTC(), Complete: time.Unix(3, 0).UTC(), Newest: time.Unix(4, 5).UTC(),
	}
	file, err := x.Bytes(info)
	if err != nil {
		t.Fatalf("Bytes: %v", err)
	}
	if err := os.WriteFile(path, file, 0o644); err != nil {
		t.Fatal(err)
	}
	y := reopen(t, path)
	if diff := cmp.Diff(info, y.Info()); diff != "" {
		t.Errorf("Info of a copy (-want +got):\n%s", diff)
	}
	if got := ids(lookup(t, y, "q")); len(got) != 1 || got[0] != "B" {
		t.Errorf("Lookup in a copy: %q, want B", got)
	}
}

// Of every byte of a file that is changed, and of every length that it is cut to, Open or
// Lookup says so.
func TestDamage(t *testing.T) {
	t.Parallel()
	_, path := written(t, npm("A", "p"), npm("B", "q"), npm("C", "p"))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	look := func(file []byte) error {
		x, err := open(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			return err
		}
		_, first := x.Lookup("p")
		_, second := x.Lookup("q")
		return errors.Join(first, second)
	}
	if err := look(whole); err != nil {
		t.Fatalf("a whole file: %v", err)
	}
	for i := range whole {
		for _, bit := range []byte{1, 0x80} {
			file := bytes.Clone(whole)
			file[i] ^= bit
			if err := look(file); !errors.Is(err, ErrDamaged) {
				t.Errorf("byte %d of %d changed: %v, want ErrDamaged", i, len(whole), err)
			}
		}
		if err := look(whole[:i]); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut to %d of %d bytes: %v, want ErrDamaged", i, len(whole), err)
		}
	}
	if err := look(append(bytes.Clone(whole), 0)); !errors.Is(err, ErrDamaged) {
		t.Errorf("a byte more: %v, want ErrDamaged", err)
	}
	if _, err := Open(t.TempDir()); err == nil {
		t.Error("Open of a folder: no error")
	}
	if _, err := Open(path + "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Open of nothing: %v, want ErrNotExist", err)
	}
}

// What ends in the middle, says that more follows than does, or goes on after the end, is
// not understood.
func TestBlockIsReadWhole(t *testing.T) {
	t.Parallel()
	a := npm("A", "p")
	a.Aliases, a.Versions = []string{"B"}, []string{"1.0.0", "1.0.1"}
	whole := string(appendBlock(nil, []item{{name: 1, data: appendAdvisory([]byte("p"), a, 3)}})[sumSize:])
	for n := range len(whole) + 2 {
		text := (whole + "\x00")[:min(n, len(whole)+1)]
		r := reader{rest: text, ecosystem: "npm"}
		if list := r.advisories(r.text()); r.failed == (n == len(whole)) || r.failed && list != nil {
			t.Errorf("%d of %d bytes: failed is %v, the advisories are %v", n, len(whole), r.failed, list)
		}
	}
	for _, text := range []string{"\x01p\xff\xff\xff\xff\x7f", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\x7f"} {
		r := reader{rest: text}
		if list := r.advisories(r.text()); !r.failed {
			t.Errorf("%q: the advisories are %v, want a failure", text, list)
		}
	}
}

// FuzzBlock reads blocks that nobody has written.
func FuzzBlock(f *testing.F) {
	body := appendAdvisory([]byte("p"), npm("A", "p"), 3)
	f.Add(appendBlock(nil, []item{{name: 1, data: body}})[sumSize:])
	f.Fuzz(func(t *testing.T, data []byte) {
		r := reader{rest: string(data), ecosystem: "npm"}
		name := r.text()
		list := r.advisories(name)
		if r.failed {
			return
		}
		again := appendText(nil, name)
		again = append(again, byte(len(list)))
		for _, a := range list {
			if len(a.ID)+len(a.Summary) > len(data) {
				t.Fatalf("%d bytes give the advisory %+v", len(data), a)
			}
			code, _ := codeOf(a.Severity)
			again = appendAdvisory(again, a, code)
		}
		r = reader{rest: string(again), ecosystem: "npm"}
		if diff := cmp.Diff(list, r.advisories(r.text())); diff != "" && len(list) < 128 {
			t.Errorf("written and read again (-want +got):\n%s", diff)
		}
	})
}

// FuzzOpen opens files that nobody has written; what stands in the sums is right.
func FuzzOpen(f *testing.F) {
	body := appendAdvisory([]byte("p"), npm("A", "p"), 3)
	block := appendBlock(nil, []item{{name: 1, data: body}})
	f.Add(block, []byte("\x00\x00\x00\x00\x30\x00\x00\x00"), []byte(`{"Ecosystem":"npm"}`))
	f.Add(block, []byte("\x00\x00\x00\x00\xff\xff\xff\xff"), []byte(`{}`))
	f.Add(block, []byte("\x00\x00\x00\x00\x00\x00\x00\x00"), []byte(`{}`))
	f.Fuzz(func(t *testing.T, blocks, table, about []byte) {
		file := seal(append(make([]byte, headerSize), blocks...), table[:len(table)/slotSize*slotSize], about)
		x, err := open(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			return
		}
		if _, err := x.Lookup("p"); err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("Lookup: %v, want ErrDamaged", err)
		}
		for _, err := range x.All() {
			if err != nil && !errors.Is(err, ErrDamaged) {
				t.Errorf("All: %v, want ErrDamaged", err)
			}
		}
	})
}
