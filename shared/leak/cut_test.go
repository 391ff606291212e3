package leak

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// A body that was cut ends with io.ErrUnexpectedEOF: it is no text without findings.
func TestACutTextIsNotAWholeOne(t *testing.T) {
	t.Parallel()
	e, err := New(Options{Key: []byte("k")})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{"cut": io.ErrUnexpectedEOF, "trouble": errors.New("trouble")} {
		cut := io.MultiReader(strings.NewReader("half a line"), iotest.ErrReader(want))
		if _, err := e.Scan(t.Context(), cut, "x", Log); !errors.Is(err, want) {
			t.Errorf("%s: Scan = error %v, want %v", name, err, want)
		}
	}
}
