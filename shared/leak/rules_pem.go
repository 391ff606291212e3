package leak

import (
	"bytes"
	"encoding/base64"
)

// leastBody is how much base64 a private key has: an Ed25519 key has 64 characters.
const leastBody = 56

// findPrivateKey finds the lines of base64 that follow the first line of a PEM block:
// as they are, behind the time stamps of a log, or in one line with \n or blanks.
func findPrivateKey(text []byte, at int) (found, bool) {
	i, ok := bodyOf(text, at)
	if !ok {
		return found{}, false
	}
	if another := bytes.Index(text[i:], []byte("-----BEGIN ")); another >= 0 {
		text = text[:i+another]
	}
	f := found{from: at}
	var body [][]byte
	size, other := 0, 0 // other lines: empty ones, headers
	for i < len(text) && other <= len(body)+8 {
		line, end, next := pemLine(text, i)
		i = next
		if len(line) == 0 || size == 0 && bytes.Contains(line, []byte(": ")) { // Proc-Type: 4,ENCRYPTED
			other++
			continue
		}
		whole := true
		for word := range bytes.FieldsSeq(line) {
			if whole = whole && pemClass.all(word); whole {
				body, size, f.to = append(body, word), size+len(word), end
			}
		}
		if !whole {
			break
		}
	}
	f.value = string(bytes.Join(body, []byte{'\n'}))
	return f, size >= leastBody && random([]byte(f.value), 4)
}

// findPEM64 finds base64 of a PEM block, as Kubernetes keeps it.
func findPEM64(text []byte, at int) (found, bool) {
	if !begins(text, at, base64Std) {
		return found{}, false
	}
	to := base64Std.run(text, at, 12<<10)
	plain := make([]byte, base64.RawStdEncoding.DecodedLen(to-at))
	n, _ := base64.RawStdEncoding.Decode(plain, text[at:at+(to-at)/4*4])
	f := found{from: at, to: to}
	return f, bytes.Contains(plain[:min(n, 64)], []byte("PRIVATE KEY"))
}

var pemClass = newClass("a-zA-Z0-9+/=")

// bodyOf returns where the body begins, after -----BEGIN RSA PRIVATE KEY-----.
func bodyOf(text []byte, at int) (int, bool) {
	if text[at+1] == 'r' { // Private-Lines: 14
		return digits.run(text, at+len("Private-Lines: "), 4), true
	}
	begin := bytes.LastIndex(text[max(0, at-40):at], []byte("-----BEGIN "))
	i := at + len("PRIVATE KEY")
	for _, tail := range []string{" BLOCK-----", "-----"} {
		if bytes.HasPrefix(text[i:], []byte(tail)) {
			return i + len(tail), begin >= 0
		}
	}
	return 0, false
}

// pemLine returns the next line from i, without what a log or a quotation adds, its
// end, and where to go on.
func pemLine(text []byte, i int) (line []byte, end, next int) {
	end, next = len(text), len(text)
	for j := i; j < len(text); j++ {
		if text[j] == '\n' {
			end, next = j, j+1
			break
		}
		if text[j] == '\\' && j+1 < len(text) {
			end, next = j, j+2 // \n, \r, and \" at the end
			break
		}
	}
	line = bytes.TrimSpace(text[i:end])
	if stamped := afterStamp(line); stamped != nil {
		line = bytes.TrimSpace(stamped)
	}
	line = bytes.Trim(line, "\"'`,+ \t|>")
	return line, end, next
}

// afterStamp returns what stands behind a time such as 2026-11-22T10:00:00.0000000Z;
// nil if line does not begin with one.
func afterStamp(line []byte) []byte {
	const shortest = len("2026-11-22T10:00:00Z")
	if len(line) < shortest || line[4] != '-' || line[7] != '-' || line[10] != 'T' || line[13] != ':' {
		return nil
	}
	end := newStampClass.run(line, 11, 20)
	return line[end:]
}

var newStampClass = newClass("0-9:.Z+-")
