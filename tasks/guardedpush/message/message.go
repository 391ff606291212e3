// Package message writes and reads the messages of our commits: what people wrote, a
// token that keeps pipelines from starting, and trailers by which we know our own.
//
// A message looks like this; the token is there if it is asked for:
//
//	Deploy web 1.2.3
//
//	[skip ci]
//
//	Pipeline-Guardrails-Run: acme/shop/12/345
//	Pipeline-Guardrails-Kind: deployment
//	Pipeline-Guardrails-Version: 1.2.3
//
// What it promises:
//   - what was composed is read back as it was, whatever characters its values hold: each
//     stays on its line;
//   - a text cannot pass for one of ours: with a line like our trailers it is refused;
//   - no text brings a control character or a line end of its own kind into a message.
//
// It does not promise that a stamp is true: whoever may push may write one by hand. So
// stamps serve to stop pipelines, never to let one through.
package message

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// most is the size of a message, in bytes, that is written, and that is looked at from its end.
const most = 64 << 10

// Stamp is what our trailers say of a commit. In one that was read no text is trusted: it
// may hold control characters, as it may have held them when it was composed.
type Stamp struct {
	Pipeline    string // <organization>/<project>/<definition id>
	Run         string // build id
	Kind        string // deployment or other
	Fingerprint string // see Fingerprint; "" for other
	Application string
	Environment string
	Version     string
	Causes      []string // the pipelines whose commits led to this one, oldest first, without itself
}

// Compose makes a commit message. The text is cleaned: line ends become LF, and control
// characters, blanks at the ends of lines and empty lines at both ends go. It is refused
// if nothing is left, or if a line of it looks like a trailer of ours. A skip token is
// added unless the text has the same one; one that the text has stays, asked for or not,
// see [Skips].
func Compose(text string, s Stamp, skip Skip) (string, error) {
	text = clean(text)
	if err := check(text, s, skip); err != nil {
		return "", err
	}
	// Trailers of the text, such as Signed-off-by, stay in the last paragraph with ours:
	// git knows trailers there only.
	body, trailers := text, ""
	if i := strings.LastIndex(text, "\n\n"); i >= 0 {
		if _, ok := parse(text[i+2:]); ok {
			body, trailers = strings.TrimRight(text[:i], "\n"), text[i+2:]+"\n"
		}
	}
	if skip != SkipNone && !skip.in(text) {
		body += "\n\n" + string(skip)
	}
	message := body + "\n\n" + trailers + s.trailers()
	if len(message) > most {
		return "", fmt.Errorf("input message: the commit message would be %d bytes long, more than %d; shorten it",
			len(message), most)
	}
	return message, nil
}

func check(text string, s Stamp, skip Skip) error {
	switch {
	case text == "":
		return errors.New("input message: nothing is left of it without blanks; say what the commit does")
	case s.Pipeline == "" || s.Run == "":
		return errors.New("a commit message needs the pipeline and the run that it comes from")
	case s.Kind != "deployment" && s.Kind != "other":
		return fmt.Errorf("a commit message cannot be of kind %.60q", s.Kind)
	case skip != SkipNone && skip != SkipCI && skip != NoCI:
		return fmt.Errorf("%.60q is not a token that keeps pipelines from starting", string(skip))
	}
	n := 0
	for line := range strings.Lines(text) {
		n++
		if name, ok := cutFold(strings.TrimSpace(line), prefix); ok {
			return fmt.Errorf("input message, line %d: it begins with %s%.40q, which only GuardedPush writes; "+
				"quote only the first line of a commit message", n, prefix, strings.TrimSpace(name))
		}
	}
	return nil
}

// clean makes a text fit for a message.
func clean(text string) string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n").Replace(text)
	text = strings.Map(func(c rune) rune { // which makes U+FFFD of what is not UTF-8
		if c != '\n' && c != '\t' && (unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c)) {
			return -1 // bidi controls show a reviewer another text than the one that is there
		}
		return c
	}, text)
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRightFunc(lines[i], unicode.IsSpace)
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// Fingerprint is the same for the same version of the same application in the same
// environment: 12 hexadecimal digits. Without a version there is none: "".
func Fingerprint(application, environment, version string) string {
	if version == "" {
		return ""
	}
	h := sha256.New()
	for _, part := range []string{application, environment, version} {
		// With its length before it, no part can run into the next.
		h.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}
