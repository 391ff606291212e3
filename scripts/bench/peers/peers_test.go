package peers

import (
	"archive/zip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// In a process of its own this test is a benchmark's worker, and the program it measures.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == workerArg {
		Main("test", nil)
		return
	}
	if len(os.Args) < 2 || os.Args[1] != "be" {
		os.Exit(m.Run())
	}
	fmt.Println("on stdout")
	fmt.Fprintln(os.Stderr, "on stderr")
	for begin := time.Now(); time.Since(begin) < 50*time.Millisecond; {
		continue // it takes CPU time
	}
	var status int
	_, _ = fmt.Sscan(os.Args[2], &status)
	os.Exit(status)
}

func TestRun(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status    string
		statuses  []int
		apart     bool
		said, err string
	}{
		"well":        {"0", nil, false, "on stdout\non stderr\n", ""},
		"apart":       {"0", nil, true, "on stdout\n", ""},
		"fails":       {"3", []int{1}, true, "on stdout\n", "exit status 3: on stderr"},
		"may fail":    {"1", []int{1}, false, "on stdout\non stderr\n", ""},
		"and does so": {"1", nil, false, "on stdout\non stderr\n", "exit status 1: on stdout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			j := Job{
				Args: []string{os.Args[0], "be", tc.status}, Dir: dir, Env: os.Environ(), Out: filepath.Join(dir, "out"),
				Statuses: tc.statuses,
			}
			if tc.apart {
				j.Err = filepath.Join(dir, "err")
			}
			o, said, err := Run(j)
			if said != tc.said || (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("Run(%q) = %q, %v; want %q, %q", j.Args, said, err, tc.said, tc.err)
			}
			if fmt.Sprint(o.Status) != tc.status || o.Wall < 50*time.Millisecond || o.CPU <= 0 || o.CPU < o.User || o.Started.IsZero() {
				t.Errorf("Run(%q) took %+v, want 50 ms or more", j.Args, o)
			}
		})
	}
	if _, _, err := Run(Job{Args: []string{filepath.Join(t.TempDir(), "none")}, Out: filepath.Join(t.TempDir(), "out")}); err == nil {
		t.Error("Run of a program that is not there: no error")
	}
}

func TestRace(t *testing.T) {
	t.Parallel()
	var order []string
	runs, err := Race(Rounds{Warm: 1, Counted: 2}, 2, func(round, i int) (int, error) {
		order = append(order, fmt.Sprint(round, i))
		return 10*round + i, nil
	})
	if diff := cmp.Diff([][]int{{10, 20}, {11, 21}}, runs); diff != "" || err != nil {
		t.Errorf("Race: %v (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff([]string{"0 0", "0 1", "1 0", "1 1", "2 0", "2 1"}, order); diff != "" {
		t.Errorf("Race runs (-want +got):\n%s", diff)
	}
	stop := errors.New("stop")
	if _, err := Race(Rounds{Counted: 1}, 1, func(int, int) (int, error) { return 0, stop }); !errors.Is(err, stop) {
		t.Errorf("Race of a run that fails: %v", err)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	values := Of([]string{"aaa", "b", "cc", ""}, func(s string) float64 { return float64(len(s)) })
	if got := Median(values); got != 2 {
		t.Errorf("Median(%v) = %v, want 2", values, got)
	}
	if diff := cmp.Diff([]float64{3, 1, 2, 0}, values); diff != "" {
		t.Errorf("after Median the values are (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]float64{2, 0.5}, Ratios([]float64{6, 1}, []float64{3, 2})); diff != "" {
		t.Errorf("Ratios (-want +got):\n%s", diff)
	}
}

func TestUnpack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pkg, into := filepath.Join(dir, "x.vsix"), filepath.Join(dir, "in", "to")
	file, err := os.Create(pkg)
	if err != nil {
		t.Fatal(err)
	}
	archive := zip.NewWriter(file)
	for _, name := range []string{
		"A/AV1/main.js", "A/AV1/bin/a.br", "A/AV1/../../../escaped", "AB/ABV1/main.js", "B/BV1/other.js", "main.js",
	} {
		w, err := archive.Create(name)
		if err == nil {
			_, err = w.Write([]byte(name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), file.Close(), os.MkdirAll(into, 0o755),
		os.WriteFile(filepath.Join(into, "old"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	script, err := Unpack(pkg, "A", into)
	if err != nil || script != filepath.Join(into, "main.js") {
		t.Errorf("Unpack = %q, %v", script, err)
	}
	var names []string
	_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, name)
			names = append(names, filepath.ToSlash(rel))
		}
		return err
	})
	if diff := cmp.Diff([]string{"in/to/bin/a.br", "in/to/main.js", "x.vsix"}, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	for _, tc := range [][2]string{{pkg, "B"}, {pkg, "C"}, {filepath.Join(dir, "none"), "A"}} {
		if script, err := Unpack(tc[0], tc[1], into); script != "" || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Unpack of %s from %s = %q, %v; want that it does not exist", tc[1], tc[0], script, err)
		}
	}
}
