package redact

import (
	"bytes"
	"testing"
)

func TestSmoke(t *testing.T) {
	var s Set
	s.Add("abcd", "xabcdYYYY", "cdef")
	for in, want := range map[string]string{"1abcd2": "1***2", "xabcdYYYY": "***", "xabcdYYYZ": "x***YYYZ", "abcdef": "***", "abcd" + "abcd": "***"} {
		if got := s.String(in); got != want {
			t.Errorf("%q: got %q want %q", in, got, want)
		}
		var b bytes.Buffer
		w := s.Writer(&b)
		for i := range in {
			w.Write([]byte(in[i : i+1]))
		}
		w.Close()
		if b.String() != want {
			t.Errorf("w %q: got %q want %q", in, b.String(), want)
		}
	}
}
