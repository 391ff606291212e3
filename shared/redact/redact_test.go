package redact

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
)

// inPieces writes text to a Writer in pieces of the given sizes, over and over.
func inPieces(t testing.TB, s *Set, text string, sizes ...int) string {
	t.Helper()
	var out bytes.Buffer
	w := s.Writer(&out)
	for i := 0; text != ""; i++ {
		n := min(sizes[i%len(sizes)], len(text))
		if got, err := io.WriteString(w, text[:n]); got != n || err != nil {
			t.Fatalf("Write(%q) = %d, %v, want %d, nil", text[:n], got, err, n)
		}
		text = text[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	return out.String()
}

// plainSet is a Set of exactly these forms.
func plainSet(forms ...string) *Set {
	s := &Set{forms: map[string]struct{}{}}
	for _, form := range forms {
		s.forms[form] = struct{}{}
	}
	return s
}

func TestMasking(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		forms    []string
		in, want string
	}{
		"nothing known":         {nil, "a secret", "a secret"},
		"not there":             {[]string{"hunter2"}, "hunter3 hunter", "hunter3 hunter"},
		"alone":                 {[]string{"hunter2"}, "hunter2", "***"},
		"inside":                {[]string{"hunter2"}, "pw=hunter2!", "pw=***!"},
		"twice":                 {[]string{"hunter2"}, "hunter2 hunter2", "*** ***"},
		"adjacent become one":   {[]string{"hunter2", "abcd"}, "hunter2abcdhunter2", "***"},
		"overlapping":           {[]string{"abcd", "cdef"}, "xabcdefx", "x***x"},
		"overlapping itself":    {[]string{"abab"}, "ababab", "***"},
		"one in the other":      {[]string{"bcde", "abcdef"}, "abcdef bcde", "*** ***"},
		"longer one fails":      {[]string{"bcde", "abcdefgh"}, "abcdefg", "a***fg"},
		"two in a failing one":  {[]string{"bcde", "ghij", "abcdefghijklm"}, "abcdefghijk", "a***f***k"},
		"longer one completes":  {[]string{"bcde", "ghij", "abcdefghijklm"}, "abcdefghijklm", "***"},
		"prefix of the other":   {[]string{"abcd", "abcdef"}, "abcd abcde abcdef", "*** ***e ***"},
		"suffix of the other":   {[]string{"cdef", "abcdef"}, "abcdef bcdef", "*** b***"},
		"false start":           {[]string{"aaab"}, "aaaaaaaab", "aaaaa***"},
		"begins again":          {[]string{"abcabd"}, "abcabcabd", "abc***"},
		"held at the end":       {[]string{"hunter2"}, "hunter", "hunter"},
		"several lines":         {[]string{"one\ntwo"}, "one\ntwo\none\n two", "***\none\n two"},
		"any bytes":             {[]string{"\x00\xff\x80\n"}, "a\x00\xff\x80\nb", "a***b"},
		"next to a mask":        {[]string{"hunter2"}, "***hunter2***", "*********"},
		"mask does not recurse": {[]string{"hunter2"}, "hunthunter2er2", "hunt***er2"},
		"short text":            {[]string{"hunter2"}, "hu", "hu"},
		"empty text":            {[]string{"hunter2"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := plainSet(tc.forms...)
			if got := s.String(tc.in); got != tc.want {
				t.Errorf("forms %q: String(%q) = %q, want %q", tc.forms, tc.in, got, tc.want)
			}
			for _, sizes := range [][]int{{1}, {2}, {3}, {5, 1}, {1000}} {
				if got := inPieces(t, s, tc.in, sizes...); got != tc.want {
					t.Errorf("forms %q: Writer in pieces of %v of %q = %q, want %q", tc.forms, sizes, tc.in, got, tc.want)
				}
			}
		})
	}
}

func TestNilAndEmptySets(t *testing.T) {
	t.Parallel()
	var none *Set
	for name, s := range map[string]*Set{"nil": none, "zero": {}} {
		if got := s.String("text"); got != "text" {
			t.Errorf("%s set: String = %q, want the text", name, got)
		}
		if got := inPieces(t, s, "text", 1); got != "text" {
			t.Errorf("%s set: Writer = %q, want the text", name, got)
		}
	}
}

// chunks records each write.
type chunks struct{ got []string }

func (c *chunks) Write(p []byte) (int, error) {
	c.got = append(c.got, string(p))
	return len(p), nil
}

func TestWriterHoldsBackAsLittleAsPossible(t *testing.T) {
	t.Parallel()
	s := plainSet("hunter2", "line1\nline2")
	var out chunks
	w := s.Writer(&out)
	for _, step := range []struct{ in, want string }{
		{"text\n", "text\n"},   // nothing of it can be a secret
		{"a hunt", "a "},       // "hunt" can
		{"ing\n", "hunting\n"}, // but is not
		{"line1\n", ""},        // the first line of a secret
		{"line2\n", "***\n"},   // the second
		{"line1\n", ""},        //
		{"else\n", "line1\nelse\n"},
	} {
		out.got = nil
		if _, err := io.WriteString(w, step.in); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(out.got, ""); got != step.want || len(out.got) > 1 {
			t.Errorf("Write(%q) passed on %q in %d writes, want %q in one", step.in, got, len(out.got), step.want)
		}
	}
}

func TestSecretsAddedLater(t *testing.T) {
	t.Parallel()
	var s Set
	var out bytes.Buffer
	w := s.Writer(&out)
	write := func(text string) {
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	write("swordfish ")
	s.Add("swordfish")
	write("swordfish sword") // "sword" is held back
	s.Add("ordfoo-bar", "sword-and-fish")
	write("foo-bar sword-and-")
	s.Add("another one")
	write("fish another one\n")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "swordfish *** sw*** *** ***\n"; got != want {
		t.Errorf("adding secrets between writes: got %q, want %q", got, want)
	}
}

func TestMaskWrittenAheadIsNotLost(t *testing.T) {
	t.Parallel()
	// After "abcd" the mask is out, and "cd" may begin "cdef".
	s := plainSet("abcd", "cdef")
	var out bytes.Buffer
	w := s.Writer(&out)
	if _, err := w.Write([]byte("abcd")); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != Mask {
		t.Errorf("after a complete secret: got %q, want the mask at once", got)
	}
	s.Add("unrelated secret") // must not forget where the Writer is
	if _, err := w.Write([]byte("ef!")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "***!"; got != want {
		t.Errorf("overlap across a write and an Add: got %q, want %q", got, want)
	}
}

func TestTooShort(t *testing.T) {
	t.Parallel()
	for secret, want := range map[string]bool{
		"": true, "1": true, "abc": true, "abcd": false, " abc \n": true, "  abcd": false,
		"true": true, "False": true, "NULL": true, "none": true, "truth": false, "éé": false,
	} {
		if got := TooShort(secret); got != want {
			t.Errorf("TooShort(%q) = %v, want %v", secret, got, want)
		}
		var s Set
		s.Add(secret)
		if hides := s.String("<"+secret+">") != "<"+secret+">"; hides == want {
			t.Errorf("TooShort(%q) = %v, but a Set hides it: %v", secret, want, hides)
		}
		if n := len(Forms(secret)); (n == 0) != want {
			t.Errorf("Forms(%q) has %d forms, want none only if it is too short (%v)", secret, n, want)
		}
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestWriterErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken pipe")
	w := plainSet("hunter2").Writer(failing{broken})
	for range 2 {
		if n, err := w.Write([]byte("text")); n != 0 || !errors.Is(err, broken) {
			t.Errorf("Write to a broken writer = %d, %v, want 0, %v", n, err, broken)
		}
	}
	if err := w.Close(); !errors.Is(err, broken) {
		t.Errorf("Close of a broken writer = %v, want %v", err, broken)
	}

	w = plainSet("hunter2").Writer(io.Discard)
	for range 2 {
		if err := w.Close(); err != nil {
			t.Errorf("Close = %v, want nil", err)
		}
	}
	if _, err := w.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Write after Close = %v, want %v", err, os.ErrClosed)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	var s Set
	s.Add("hunter2-hunter2")
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for j := range 20 {
				s.Add(fmt.Sprintf("secret-%d-%d", i, j))
				if got := inPieces(t, &s, "x hunter2-hunter2 y", 3); got != "x *** y" {
					t.Errorf("Writer beside Add: got %q", got)
				}
				if got := s.String(fmt.Sprintf("secret-%d-%d", i, j)); got != Mask {
					t.Errorf("String after Add: got %q", got)
				}
			}
		})
	}
	all.Wait()
}

// naive marks all occurrences and replaces each run of marks.
func naive(forms []string, text string) string {
	hidden := make([]bool, len(text))
	for _, form := range forms {
		for i := 0; i+len(form) <= len(text); i++ {
			if text[i:i+len(form)] == form {
				for j := range form {
					hidden[i+j] = true
				}
			}
		}
	}
	var b strings.Builder
	for i := range len(text) {
		switch {
		case !hidden[i]:
			b.WriteByte(text[i])
		case i == 0 || !hidden[i-1]:
			b.WriteString(Mask)
		}
	}
	return b.String()
}

// TestAgainstNaive uses few letters, so that forms overlap, contain and continue
// each other all the time.
func TestAgainstNaive(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	word := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "aaab"[random.IntN(4)]
		}
		return string(b)
	}
	for range 5000 {
		var forms []string
		for range 1 + random.IntN(5) {
			forms = append(forms, word(MinLength+random.IntN(9)))
		}
		text := word(random.IntN(60))
		want := naive(forms, text)
		s := plainSet(forms...)
		if got := s.String(text); got != want {
			t.Fatalf("forms %q: String(%q) = %q, want %q", forms, text, got, want)
		}
		if got := inPieces(t, s, text, 1+random.IntN(9), 1+random.IntN(3)); got != want {
			t.Fatalf("forms %q: Writer of %q = %q, want %q", forms, text, got, want)
		}
	}
}

// TestAddNeverLosesWhatIsKnown adds forms that do not occur between any two
// writes: the result must be that of the text as a whole.
func TestAddNeverLosesWhatIsKnown(t *testing.T) {
	t.Parallel()
	text := "abababbabcdefabcdabcdefghxyabcdefg"
	forms := []string{"abcd", "cdef", "abcdefgh", "xyabcdefghi", "babb"}
	for cut := range len(text) {
		s := plainSet(forms...)
		var out bytes.Buffer
		w := s.Writer(&out)
		for i, part := range []string{text[:cut], text[cut:]} {
			s.Add(fmt.Sprintf("unrelated-%d", i))
			if _, err := io.WriteString(w, part); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got, want := out.String(), naive(forms, text); got != want {
			t.Errorf("Add after %q: got %q, want %q", text[:cut], got, want)
		}
	}
}

func FuzzWriter(f *testing.F) {
	f.Add("hunter2,abcd", "xxhunter2hunter2abcd", uint(3), uint(1))
	f.Add("abcd,cdef,xabcdYYY", "xabcdefxabcdYYxabcdYYY", uint(1), uint(4))
	f.Add("aaaa,aaab,aaaaaaaab", "aaaaaaaaaaaaaaabaaac", uint(2), uint(2))
	f.Add("abab,baba,bbbbbb", "abababbbbabababbbbbb", uint(1), uint(7))
	f.Fuzz(func(t *testing.T, list, text string, a, b uint) {
		var forms []string
		for _, form := range strings.Split(list, ",") {
			if len(form) >= MinLength {
				forms = append(forms, form)
			}
		}
		s := plainSet(forms...)
		want := naive(forms, text)
		if got := s.String(text); got != want {
			t.Fatalf("forms %q: String(%q) = %q, want %q", forms, text, got, want)
		}
		if got := inPieces(t, s, text, int(a%8)+1, int(b%8)+1); got != want {
			t.Fatalf("forms %q: Writer of %q = %q, want %q", forms, text, got, want)
		}
		for _, form := range forms {
			// The mask itself can make up a form that is stars at its ends.
			if !strings.Contains(form, "*") && strings.Contains(want, form) {
				t.Fatalf("forms %q: %q still holds %q", forms, want, form)
			}
		}
	})
}

func FuzzForms(f *testing.F) {
	f.Add("p@ss w0rd/+=&<>\"'$`\\%é", "before ", " after", uint(3))
	f.Add("line one\nline two\r\nthree", "", "", uint(5))
	f.Fuzz(func(t *testing.T, secret, before, after string, size uint) {
		var s Set
		s.Add(secret)
		for _, form := range append(AllForms(secret), secret) {
			if TooShort(secret) || strings.Contains(form, "*") {
				return
			}
			text := before + form + after
			got := s.String(text)
			if strings.Contains(got, form) {
				t.Fatalf("secret %q: String(%q) = %q holds %q", secret, text, got, form)
			}
			if pieces := inPieces(t, &s, text, int(size%16)+1); pieces != got {
				t.Fatalf("secret %q: Writer of %q = %q, String gives %q", secret, text, pieces, got)
			}
		}
		for _, form := range Forms(secret) {
			if len(form) < MinLength || strings.ContainsAny(form, "\r\n") {
				t.Fatalf("Forms(%q) has %q, which the agent cannot use", secret, form)
			}
		}
	})
}
