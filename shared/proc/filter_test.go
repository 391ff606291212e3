package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/redact"
)

// filtered writes text to a Filter in pieces of the given sizes, over and over.
func filtered(t testing.TB, secrets *redact.Set, text string, sizes ...int) string {
	t.Helper()
	var out bytes.Buffer
	w := Filter(&out, secrets)
	for i := 0; text != ""; i++ {
		n := min(sizes[i%len(sizes)], len(text))
		if got, err := io.WriteString(w, text[:n]); got != n || err != nil {
			t.Fatalf("Write of %d bytes = %d, %v", n, got, err)
		}
		text = text[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	return out.String()
}

func TestFilter(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ in, want string }{
		"nothing":                {"", ""},
		"lines":                  {"a\nb\n", "a\nb\n"},
		"unfinished line":        {"a\nb", "a\nb\n"},
		"command":                {"x ##vso[task.complete result=Failed;]\n", "x **vso[task.complete result=Failed;]\n"},
		"decoration":             {"##[error]x\n", "**[error]x\n"},
		"upper case":             {"##VSO[a.b]\n", "**VSO[a.b]\n"},
		"zero width":             {"##\u200bvso[a.b]\n", "**\u200bvso[a.b]\n"},
		"after a bare CR":        {"10%\r##vso[a.b]\n", "10%\n**vso[a.b]\n"},
		"CR LF":                  {"a\r\nb\r\n", "a\nb\n"},
		"CR CR LF":               {"a\r\r\nb", "a\n\nb\n"},
		"CR at the end":          {"a\r", "a\n"},
		"blank lines":            {"\n\r\n\r", "\n\n\n"},
		"prefix at the end":      {"a##", "a##\n"},
		"prefix over line end":   {"##\nvso[", "##\nvso[\n"},
		"prefix over CR":         {"##\rvso[", "##\nvso[\n"},
		"secret":                 {"pw hunter2\n", "pw ***\n"},
		"secret with a prefix":   {"x##[error]y\n", "***\n"},
		"secret inside a prefix": {"##hunter2vso[a.b]\n", "##***vso[a.b]\n"},
		"secret with CR LF":      {"line1\r\nline2\n", "***\n"},
		"mask makes no prefix":   {"#hunter2#vso[a.b]\n", "#***#vso[a.b]\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var secrets redact.Set
			secrets.Add("hunter2", "x##[error]y", "line1\r\nline2")
			for _, sizes := range [][]int{{1000}, {1}, {2, 1}, {3}, {7}} {
				if got := filtered(t, &secrets, tc.in, sizes...); got != tc.want {
					t.Errorf("Filter in pieces of %v of %q = %q, want %q", sizes, tc.in, got, tc.want)
				}
			}
		})
	}
}

func TestFilterWithoutSecrets(t *testing.T) {
	t.Parallel()
	if got, want := filtered(t, nil, "hunter2 ##[x]\r", 3), "hunter2 **[x]\n"; got != want {
		t.Errorf("Filter with a nil Set = %q, want %q", got, want)
	}
}

// wholeLines fails the test when it gets anything but whole lines.
type wholeLines struct {
	t *testing.T
	n int
}

func (w *wholeLines) Write(p []byte) (int, error) {
	if len(p) == 0 || p[len(p)-1] != '\n' {
		w.t.Errorf("the filter passed on %q, which does not end a line", p)
	}
	w.n++
	return len(p), nil
}

func TestFilterWritesWholeLines(t *testing.T) {
	t.Parallel()
	out := &wholeLines{t: t}
	w := Filter(out, nil)
	for _, part := range []string{"a", "b\nc", "\r", "\nd", "e\n", "f"} {
		if _, err := io.WriteString(w, part); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if out.n != 4 {
		t.Errorf("the filter passed on %d pieces, want one for each of the 4 lines", out.n)
	}
}

// TestFilterLongLine cuts a line that is too long at every byte of a prefix.
func TestFilterLongLine(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"##vso[", "##" + strings.Repeat("\u200b", 8) + "v\u200bso["} {
		want := "**" + prefix[2:]
		for cut := range len(prefix) {
			before, after := strings.Repeat("x", maxLine+10), strings.Repeat("y", maxLine+10)
			got := filtered(t, nil, before+prefix+after, len(before)+cut, len(prefix))
			if got != before+want+after+"\n" {
				t.Errorf("a long line cut after %q of %q: not defused, or the line changed: got %q, want %q around it",
					prefix[:cut], prefix, got[len(before):len(before)+len(prefix)], want)
			}
		}
	}
}

func TestFilterKeepsLittleOfALongLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w := Filter(&out, nil)
	for range 64 {
		if _, err := w.Write(bytes.Repeat([]byte("x"), 16<<10)); err != nil {
			t.Fatal(err)
		}
	}
	if held := 1<<20 - out.Len(); held > maxLine {
		t.Errorf("the filter holds %d bytes of a line without end, want at most %d", held, maxLine)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); len(got) != 1<<20+1 || !strings.HasSuffix(got, "x\n") {
		t.Errorf("a line of 1 MiB comes out with %d bytes and the end %q", len(got), got[len(got)-2:])
	}
}

type brokenWriter struct{}

var errBroken = errors.New("disk full")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestFilterReportsErrors(t *testing.T) {
	t.Parallel()
	w := Filter(brokenWriter{}, nil)
	if _, err := io.WriteString(w, "a\n"); !errors.Is(err, errBroken) {
		t.Errorf("Write with a broken destination = %v, want %v", err, errBroken)
	}
	w = Filter(brokenWriter{}, nil)
	if _, err := io.WriteString(w, "a"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); !errors.Is(err, errBroken) {
		t.Errorf("Close with a broken destination = %v, want %v", err, errBroken)
	}
}

// wholeFilter does to a whole text what a Filter does piece by piece.
func wholeFilter(secrets *redact.Set, text string) string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(secrets.String(text))
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return redact.Defuse(text)
}

func FuzzFilter(f *testing.F) {
	f.Add("x ##vso[a.b]\r\n##[x] hunter2", uint(1), uint(3), uint(0))
	f.Add("#\u200b#v\rso[##vso", uint(2), uint(1), uint(1))
	f.Add("##VSO[a.b]hunt", uint(2), uint(1), uint(511))
	var secrets redact.Set
	secrets.Add("hunter2", "ab##[cd", "one\r\ntwo")
	f.Fuzz(func(t *testing.T, text string, a, b, fill uint) {
		sizes := []int{int(a%8) + 1, int(b%300) + 1}
		if fill %= 512; fill > 0 { // the line is cut somewhere in the text
			fill := strings.Repeat("x", maxLine+1-int(fill))
			text, sizes = fill+text+strings.Repeat("y", 512), append([]int{len(fill)}, sizes...)
			sizes = append(sizes, sizes[1], sizes[2], sizes[1], sizes[2], sizes[1], sizes[2])
		}
		got := filtered(t, &secrets, text, sizes...)
		if want := wholeFilter(&secrets, text); got != want {
			t.Fatalf("Filter of %q differs from the whole: got %q, want %q", tail(text), tail(got), tail(want))
		}
		lower := strings.ToLower(got)
		if strings.Contains(lower, "##vso[") || strings.Contains(lower, "##[") ||
			strings.Contains(got, "hunter2") || strings.Contains(got, "\r") {
			t.Fatalf("Filter lets something through: %q", tail(got))
		}
	})
}

func tail(s string) string { return s[max(0, len(s)-1000):] }

func BenchmarkFilter(b *testing.B) {
	line := "2026-09-30T12:00:00Z npm http fetch GET 200 https://registry.example/pkg/-/x.tgz 12ms # ok\n"
	text := []byte(strings.Repeat(line, 10000))
	for _, n := range []int{0, 10, 400} {
		b.Run(fmt.Sprintf("secrets=%d", n), func(b *testing.B) {
			var secrets redact.Set
			for i := range n {
				secrets.Add(fmt.Sprintf("c0rrect-H0rse/%d", i*i))
			}
			secrets.String("") // builds the automaton
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				w := Filter(io.Discard, &secrets)
				for rest := text; len(rest) > 0; {
					n := min(32<<10, len(rest))
					if _, err := w.Write(rest[:n]); err != nil {
						b.Fatal(err)
					}
					rest = rest[n:]
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
