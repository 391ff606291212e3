package leak

import (
	"slices"
	"strings"
	"testing"
)

// wrapped breaks text into lines, each with a prefix.
func wrapped(text string, columns int, prefix, end string) string {
	var b strings.Builder
	for line := range slices.Chunk([]byte(text), columns) {
		b.WriteString(prefix + string(line) + end)
	}
	return b.String()
}

// TestWrappedBase64IsFound: wherever in the lines a secret begins, and whatever the log
// writes before them.
func TestWrappedBase64IsFound(t *testing.T) {
	t.Parallel()
	account := expand("{86b}==")
	e := testEngine(t, known("plain", plain), known("account", account))
	e.block = 700
	lines := [][2]string{{"", "\n"}, {"", "\r\n"}, {stamp, "\n"}, {stamp + "  ", "\r\n"}, {"    ", "\n"}}
	for name, value := range map[string]string{"plain": plain, "account": account} {
		for before := range 120 {
			text := strings.Repeat("a1 Z", before)[:before] + value + strings.Repeat("y= 2", 30)
			for _, columns := range []int{64, 76} {
				for _, line := range lines {
					log := strings.Repeat("x\n", 200) + wrapped(b64(text), columns, line[0], line[1])
					found := e.String(log, "x", Log)
					if !slices.ContainsFunc(found, func(f Finding) bool { return f.Known == name }) {
						t.Fatalf("%s at byte %d, wrapped at %d with %q: found %+v in\n%s",
							name, before, columns, line, found, log)
					}
				}
			}
		}
	}
	log := "one\n" + stamp + wrapped(b64(strings.Repeat("z", 40)+plain), 64, "", "\n"+stamp)
	found := e.String(log, "x", Log)
	if want := len(stamp) + 40*8/6 + 2; len(found) != 1 || found[0].Place.Line != 2 || found[0].Place.Column != want ||
		!strings.Contains(found[0].Secret.Reveal(), "\n"+stamp) {
		t.Errorf("found %+v, want one at line 2, column %d, over the line end", found, want)
	}
	if name, ok := e.HoldsKnown(log); name != "plain" || !ok {
		t.Errorf("HoldsKnown = %q, %v; want plain", name, ok)
	}
}

func TestOtherLinesAreNotPutTogether(t *testing.T) {
	t.Parallel()
	e := testEngine(t, known("plain", plain))
	core := b64(plain)[:20]
	for _, text := range []string{
		expand("{50b}") + core[:10] + "\n" + core[10:],   // not wrapped at 64
		expand("{54b}") + core[:10] + "\n\n" + core[10:], // an empty line
		expand("{54b}") + core[:10] + "\n", expand("{54b}") + core[:10] + "\n" + stamp + "\n",
		strings.Repeat("\n", 70), strings.Repeat("A", 64) + "\n", strings.Repeat("A", 64) + "\r",
	} {
		if found := e.String(text, "x", Log); len(found) > 0 {
			t.Errorf("String(%q) found %+v", text, found)
		}
	}
}
