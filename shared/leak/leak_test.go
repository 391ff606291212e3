package leak

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

// seen is a finding without its fingerprint, comparable.
type seen struct {
	Rule, Known, Value string
	Line, Column, N    int
	Severity           Severity
}

func see(found []Finding) []seen {
	var out []seen
	for _, f := range found {
		out = append(out, seen{f.Rule, f.Known, f.Secret.Reveal(), f.Place.Line, f.Place.Column, f.Count, f.Severity})
	}
	return out
}

func TestFindingsHavePlaces(t *testing.T) {
	t.Parallel()
	token := expand("gh¦p_{36a}")
	text := "one\ntwo " + token + "\n\x1b[31mthree\x1b[0m " + token[:10] + "\x1b[1m" + token[10:] + "\n" + plain + "\r\n"
	e := testEngine(t, known("plain", plain))
	got, err := e.Scan(t.Context(), strings.NewReader(text), "the log", Log)
	if err != nil {
		t.Fatal(err)
	}
	want := []seen{
		{"leak/github-token", "", token, 2, 5, 2, Critical},
		{ruleKnown, "plain", plain, 4, 1, 1, Critical},
	}
	if diff := cmp.Diff(want, see(got)); diff != "" {
		t.Errorf("Scan (-want +got):\n%s", diff)
	}
	// Columns count the colours.
	coloured := e.String("\x1b[31mthree\x1b[0m \x1b[32m"+token, "x", Log)
	if want := len("\x1b[31mthree\x1b[0m \x1b[32m") + 1; len(coloured) != 1 || coloured[0].Place.Column != want {
		t.Errorf("found %+v, want column %d", coloured, want)
	}
}

// everything is a text in which every rule finds something, and known secrets stand.
func everything() string {
	var b strings.Builder
	for _, r := range Rules() {
		for _, template := range finds[strings.TrimPrefix(r.ID, "leak/")] {
			b.WriteString(expand(template) + "\n\x1b[33mnext\x1b[0m " + plain[:5] + "\x1b[0m" + plain[5:] + "\n")
		}
	}
	return b.String()
}

// small returns an engine that reads blocks of so many bytes.
func small(t testing.TB, block int) *Engine {
	e := testEngine(t, known("plain", plain), known("database", database))
	e.block = block
	return e
}

func TestFindingsDoNotDependOnTheCut(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("x\n", 700) + everything() + strings.Repeat(" ", 3000) + everything()
	want := see(small(t, blockSize).String(text, "x", Log))
	if len(want) < len(finds) {
		t.Fatalf("found only %d", len(want))
	}
	for _, block := range []int{1, 7, 512, 1000, 1021, 4096} {
		got, err := small(t, block).Scan(t.Context(), strings.NewReader(text), "x", Log)
		if diff := cmp.Diff(want, see(got)); diff != "" || err != nil {
			t.Errorf("blocks of %d bytes: %v (-want +got):\n%s", block, err, diff)
		}
	}
	for name, r := range map[string]io.Reader{
		"one byte": iotest.OneByteReader(strings.NewReader(text)), "half": iotest.HalfReader(strings.NewReader(text)),
		"data with EOF": iotest.DataErrReader(strings.NewReader(text)),
	} {
		got, err := small(t, 3000).Scan(t.Context(), r, "x", Log)
		if diff := cmp.Diff(want, see(got)); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// TestSecretsAcrossBlocks puts each secret across the end of a block, at every byte
// of it.
func TestSecretsAcrossBlocks(t *testing.T) {
	t.Parallel()
	e := small(t, 64<<10)
	end := 64<<10 + behind // the first block's horizon
	for _, secret := range []string{expand("gh¦p_{36a}"), plain, "password: " + expand("{8a}#1"), expand("{52s}")} {
		for shift := -5; shift <= len(secret)+5; shift += 3 {
			text := strings.Repeat(".", end-shift-1) + " " + secret + strings.Repeat("\n.", ahead)
			if found := e.String(text, "x", Log); len(found) != 1 || found[0].Place.Line != 1 {
				t.Fatalf("%q, %d bytes before the block's end: found %+v", secret, shift, found)
			}
		}
	}
}

func TestHostileInput(t *testing.T) {
	t.Parallel()
	token := expand("gh¦p_{36a}")
	const size = 3 << 20
	for name, part := range map[string]string{
		"one long line": "a", "zero bytes": "\x00", "not UTF-8": "\xc3\xff\xfe", "escapes": "\x1b", "open escapes": "\x1b[", "open titles": "\x1b]0;",
		"colours": "\x1b[31m", "passwords": "password=", "assigned passwords": "password=a1b2!;", "URLs": "://", "users": "a://b:c@", "tokens": "eyJ¦hbG",
		"keys": "-----BEGIN PRIVATE¦ KEY-----\n", "key bodies": "-----BEGIN PRIVATE¦ KEY-----AAAA", "base32": "abcdefg2", "signatures": "JQQJ99", "newlines": "\n",
		"commands": "##vso[task.setvariable variable=a]b", "hosts": ".servicebus.windows.net ", "quotes": `password="`, "accounts": "AccountKey=",
		"machines": "machine a login b ", "base64 PEM": "LS0tLS1¦CRUdJTi", "elements": "<password>", "values": `"password","value":`,
	} {
		part = strings.ReplaceAll(part, "¦", "")
		text := strings.Repeat(part, size/len(part)) + "\x1b[0m\n" + token
		e := testEngine(t, known("plain", plain))
		found, err := e.Scan(t.Context(), strings.NewReader(text), "x", Log) // in quadratic time it would take hours
		if err != nil || !slices.Contains(ids(found), "leak/github-token") {
			t.Errorf("%s: found %v, %v; want the token at the end", name, ids(found), err)
		}
	}
}

// TestTooManyFindings: known secrets are found however much rules have found before.
func TestTooManyFindings(t *testing.T) {
	t.Parallel()
	e := small(t, 2000)
	e.most = 50
	var b strings.Builder
	for i := range 200 {
		fmt.Fprintln(&b, expand(fmt.Sprintf("gh¦p_%03d{33a}", i)))
	}
	text := b.String() + strings.Repeat("x\n", 2*ahead) + "at the end: " + plain + "\n" + b.String() + plain + "\n"
	found, err := e.Scan(t.Context(), strings.NewReader(text), "the log", Log)
	if err == nil || !strings.Contains(err.Error(), "more than 50") {
		t.Errorf("Scan = %v, want an error that says that there are more than 50", err)
	}
	last := found[len(found)-1]
	if n := len(found) - 1; n < 50 || n > 51 || last.Known != "plain" || last.Count != 2 {
		t.Errorf("Scan found %d by rules, and at last %+v; want 50 and the known secret twice", n, last)
	}
	// Known secrets leave the rules their place.
	e.most = 1
	if found, err := e.Scan(t.Context(), strings.NewReader(plain+"\n"+database+"\n"+expand("gh¦p_{36a}")), "x", Log); err != nil ||
		!slices.Contains(ids(found), "leak/github-token") {
		t.Errorf("Scan found %v, %v; want the token, too", ids(found), err)
	}
}

func TestScanSaysWhyItStopped(t *testing.T) {
	t.Parallel()
	e := testEngine(t)
	token := expand("gh¦p_{36a}")
	broken := errors.New("connection reset")
	r := io.MultiReader(strings.NewReader(token+"\n"+strings.Repeat("x\n", 2*blockSize)), iotest.ErrReader(broken))
	found, err := e.Scan(t.Context(), r, "the log", Log)
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "the log") || len(found) != 1 {
		t.Errorf("Scan = %v, %v; want what was found before and why it ended", ids(found), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Scan(ctx, strings.NewReader(token), "the log", Log); !errors.Is(err, context.Canceled) {
		t.Errorf("Scan of a cancelled run: %v", err)
	}
	if _, err := New(Options{}); err == nil {
		t.Error("New without a key: no error")
	}
}

func TestWindowsTextIsRead(t *testing.T) {
	t.Parallel()
	e := testEngine(t)
	text := "\ufeffone 😀\r\n" + expand("gh¦p_{36a}") + "\r\n"
	for name, order := range map[string]binary.AppendByteOrder{"little": binary.LittleEndian, "big": binary.BigEndian} {
		var raw []byte
		for _, unit := range utf16.Encode([]rune(text)) {
			raw = order.AppendUint16(raw, unit)
		}
		found, err := e.Scan(t.Context(), iotest.OneByteReader(bytes.NewReader(raw)), "x", Config)
		if err != nil || len(found) != 1 || found[0].Place.Line != 2 || found[0].Place.Column != 1 {
			t.Errorf("%s endian: found %+v, %v", name, found, err)
		}
	}
}

func TestHyperlinksAreRead(t *testing.T) {
	t.Parallel()
	e := testEngine(t)
	for _, end := range []string{"\a", "\x1b\\"} {
		text := "see \x1b]8;;https://a:" + expand("{12a}") + "@host/x" + end + "here\x1b]8;;" + end
		if found := e.String(text, "x", Log); len(found) != 1 || found[0].Rule != "leak/url-password" {
			t.Errorf("String(%q) found %v", text, ids(found))
		}
	}
}

// FuzzScan: the findings do not depend on how the text is cut, and nothing but
// Finding.Secret holds a value.
func FuzzScan(f *testing.F) {
	f.Add(everything(), uint16(100), uint16(3))
	for _, line := range harmlessLines {
		f.Add(expand(line), uint16(1), uint16(1))
	}
	f.Add("\x1b[31\x1b]0;\x1b\\"+plain+"\x1b", uint16(5), uint16(2))
	whole := small(f, blockSize)
	f.Fuzz(func(t *testing.T, text string, block, cut uint16) {
		want := see(whole.String(text, "x", Log))
		parts := io.MultiReader(strings.NewReader(text[:min(len(text), int(cut))]), strings.NewReader(text[min(len(text), int(cut)):]))
		pieces := &Engine{known: whole.known, rules: whole.rules, prints: whole.prints, most: whole.most, block: int(block) + 64}
		got, err := pieces.Scan(t.Context(), iotest.HalfReader(parts), "x", Log)
		if diff := cmp.Diff(want, see(got)); diff != "" || err != nil {
			t.Fatalf("cut at %d, blocks of %d: %v (-want +got):\n%s", cut, block, err, diff)
		}
		for _, f := range got {
			value := f.Secret.Reveal()
			if told := fmt.Sprintf("%+v %v", f, f.Fingerprint+f.Preview); len(value) >= 6 && value != f.Preview &&
				strings.Contains(told, value) && !strings.Contains(f.Rule+string(f.Kind)+f.Known, value) {
				t.Fatalf("%s holds the value %q", told, value)
			}
			if len(f.Preview) > len(f.Secret.Reveal())+20 || strings.ContainsAny(f.Preview, "\n\r\x1b") {
				t.Fatalf("preview %q", f.Preview)
			}
		}
	})
}
