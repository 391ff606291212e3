package leak

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestEveryFormIsFoundEverywhere holds the search in steps against strings.Index: forms
// of every length, at every distance of the beginning and the end, however the text is
// cut.
func TestEveryFormIsFoundEverywhere(t *testing.T) {
	t.Parallel()
	const separator = "~" // so that short forms are words
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(17, seed))
		shortest := 4 + int(seed)%24
		k := &knownSet{}
		for range 1 + r.IntN(30) {
			// Few letters, so that grams are those of other forms, too.
			k.forms = append(k.forms, form{text: randomText(r, "abcdefg", shortest+r.IntN(100)), entry: len(k.forms)})
		}
		k.compile()
		for range 30 {
			want := r.IntN(len(k.forms))
			text := []byte(randomText(r, "abcdefgh", r.IntN(40)) + separator + k.forms[want].text + separator + randomText(r, "abcdefgh", r.IntN(9)))
			if r.IntN(4) == 0 {
				text = []byte(k.forms[want].text)
			}
			var found []int
			cut := r.IntN(len(text))
			note := func(m match) {
				found = append(found, m.entry)
				if got := string(text[m.from:m.to]); got != k.forms[m.entry].text {
					t.Fatalf("found %q, which is not the form %q", got, k.forms[m.entry].text)
				}
			}
			k.search(text, 0, cut, note)
			k.search(text, cut, len(text), note)
			if !slices.Contains(found, want) {
				t.Fatalf("seed %d: %q is not found in %q, cut at %d", seed, k.forms[want].text, text, cut)
			}
		}
	}
}

func TestManyKnownSecretsAreFound(t *testing.T) {
	t.Parallel()
	secrets := append(manySecrets(400), known("short", "aZ3#kQ"))
	e := testEngine(t, secrets...)
	var b strings.Builder
	for _, s := range secrets {
		b.WriteString("value: " + s.Value.Reveal() + "\n")
	}
	if forms := len(e.known.forms); forms < 9000 {
		t.Errorf("there are %d forms, want about 10000", forms)
	}
	if grams := len(e.known.long.grams); grams > farthest*len(e.known.forms) {
		t.Errorf("there are %d grams", grams)
	}
	found := map[string]bool{}
	for _, f := range e.String(b.String(), "x", Log) {
		found[f.Known] = true
	}
	if len(found) != len(secrets) {
		t.Errorf("found %d of %d secrets", len(found), len(secrets))
	}
	clean, err := e.Scan(t.Context(), strings.NewReader(string(buildLog(2<<20))), "log", Log)
	if err != nil || len(clean) > 0 {
		t.Errorf("a build's log: found %v, %v", clean, err)
	}
}
