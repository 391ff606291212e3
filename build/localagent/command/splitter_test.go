package command_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/build/localagent/command"
)

var _ io.WriteCloser = (*command.Splitter)(nil)

// lines splits text written in chunks of size bytes.
func lines(t testing.TB, text string, size int) []string {
	t.Helper()
	var got []string
	s := command.NewSplitter(func(line string) { got = append(got, line) })
	for rest := []byte(text); len(rest) > 0; {
		n := min(size, len(rest))
		if written, err := s.Write(rest[:n]); written != n || err != nil {
			t.Fatalf("Write(%q) = %d, %v, want %d, nil", rest[:n], written, err, n)
		}
		rest = rest[n:]
	}
	if err := s.Close(); err != nil {
		t.Fatalf("Close() = %v", err)
	}
	return got
}

func TestSplitter(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"nothing":            {"", nil},
		"LF":                 {"a\nb\n", []string{"a", "b"}},
		"CRLF":               {"a\r\nb\r\n", []string{"a", "b"}},
		"bare CR":            {"10%\r20%\rdone\n", []string{"10%", "20%", "done"}},
		"unended":            {"a\nb", []string{"a", "b"}},
		"unended after CR":   {"a\rb", []string{"a", "b"}},
		"empty lines":        {"\n\r\n\r\r", []string{"", "", "", ""}},
		"LF CR":              {"a\n\rb", []string{"a", "", "b"}},
		"CR hides a command": {"x\r##vso[task.debug]y", []string{"x", "##vso[task.debug]y"}},
		"other separators":   {"a\u0085b\u2028c\vd\fe", []string{"a\u0085b\u2028c\vd\fe"}},
		"split UTF-8":        {"größe €\n", []string{"größe €"}},
		"not UTF-8":          {"a\xffb\n", []string{"a\uFFFDb"}},
		"NUL stays":          {"a\x00b\n", []string{"a\x00b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, size := range []int{1, 2, 3, 7, 4096} {
				if diff := cmp.Diff(tc.want, lines(t, tc.text, size)); diff != "" {
					t.Errorf("%q in chunks of %d (-want +got):\n%s", tc.text, size, diff)
				}
			}
		})
	}
}

func TestSplitterRefusesEndlessLine(t *testing.T) {
	t.Parallel()
	s := command.NewSplitter(func(line string) { t.Errorf("got a line of %d bytes, want none", len(line)) })
	chunk := bytes.Repeat([]byte("x"), 1<<20)
	for range 64 {
		if _, err := s.Write(chunk); err != nil {
			t.Fatalf("Write within 64 MiB = %v", err)
		}
	}
	if _, err := s.Write(chunk); err == nil || !strings.Contains(err.Error(), "64 MiB") {
		t.Errorf("Write of 65 MiB without an end = %v, want an error naming the limit", err)
	}
}

func FuzzSplitter(f *testing.F) {
	f.Add("a\r\nb\rc\nd", 1)
	f.Add("\r\r\n\n", 2)
	f.Fuzz(func(t *testing.T, text string, size int) {
		size = max(1, min(size, 16))
		whole := lines(t, text, len(text)+1)
		if diff := cmp.Diff(whole, lines(t, text, size)); diff != "" {
			t.Errorf("%q in chunks of %d differs from one piece (-whole +chunks):\n%s", text, size, diff)
		}
		for _, line := range whole {
			if strings.ContainsAny(line, "\r\n") {
				t.Errorf("%q gave the line %q, which holds a line end", text, line)
			}
		}
	})
}
