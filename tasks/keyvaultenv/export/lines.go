package export

import (
	"bufio"
	"errors"
	"strings"
	"unicode/utf8"
)

// plain are the characters, besides letters and digits, that nobody gives a meaning
// to behind "NAME=": not a shell, which neither splits nor globs in an assignment,
// and not node, to which "#" starts a comment anywhere.
const plain = "_@%+=:,./?^-"

func isPlain(text string) bool {
	return strings.IndexFunc(text, func(c rune) bool {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		return !letter && !strings.ContainsRune(plain, c)
	}) < 0
}

// quote writes a value so that bash and node (src/node_dotenv.cc) read the same.
// To both, nothing in single quotes means anything, and there is no way to write a
// single quote there that both understand. In double quotes bash gives a meaning
// to four characters, and node to "\n".
func quote(text string) (string, error) {
	switch {
	case isPlain(text):
		return text, nil
	case !utf8.ValidString(text):
		return "", errors.New("it is not valid UTF-8")
	case strings.ContainsRune(text, 0):
		return "", errors.New("it has a NUL in it")
	case strings.ContainsRune(text, '\r'):
		return "", errors.New("it has a carriage return in it, which node drops")
	case strings.HasSuffix(text, `\`):
		return "", errors.New(`it ends in a backslash, which the package dotenv takes for one that quotes the quote`)
	case !strings.ContainsRune(text, '\''):
		return "'" + text + "'", nil
	case !strings.ContainsAny(text, "\"$`\\"):
		return `"` + text + `"`, nil
	}
	return "", errors.New("it has a single quote and one of \" $ ` \\ in it, which bash and node do not read the same" +
		" in any quotes; json can hold it")
}

// docker writes lines for docker/cli (pkg/kvfile): a line is taken as it is, but
// must be UTF-8 and fit its scanner, which drops a carriage return at its end.
func docker(pairs []Pair) ([]byte, error) {
	longest := 0
	for _, p := range pairs {
		longest = max(longest, len(p.Name))
	}
	return lines(Docker, pairs, func(value string) (string, error) {
		switch {
		case !utf8.ValidString(value):
			return "", errors.New("it is not valid UTF-8")
		case strings.ContainsAny(value, "\r\n"):
			return "", errors.New("it has several lines")
		case strings.ContainsRune(value, 0):
			return "", errors.New("it has a NUL in it")
		case longest+len("=")+len(value) >= bufio.MaxScanTokenSize-1:
			return "", errors.New("docker reads no lines of 64 KB")
		}
		return value, nil
	})
}
