package leak

// class is a set of bytes.
type class [256]bool

// newClass makes a class of characters and ranges: "a-z0-9_". A '-' at the end
// stands for itself.
func newClass(spec string) *class {
	var c class
	for i := 0; i < len(spec); i++ {
		if i+2 < len(spec) && spec[i+1] == '-' {
			for b := int(spec[i]); b <= int(spec[i+2]); b++ {
				c[b] = true
			}
			i += 2
			continue
		}
		c[spec[i]] = true
	}
	return &c
}

var (
	alnum     = newClass("a-zA-Z0-9")
	word      = newClass("a-zA-Z0-9_")
	wordDash  = newClass("a-zA-Z0-9_-")
	base64Std = newClass("a-zA-Z0-9+/")
	base64All = newClass("a-zA-Z0-9+/_-")
	base32Low = newClass("a-z2-7")
	lowHex    = newClass("0-9a-f")
	digits    = newClass("0-9")
	upperNum  = newClass("A-Z0-9")
	dotted    = newClass("a-zA-Z0-9_.-")
	blank     = newClass(" \t")
)

// run returns the end of the run of class members that begins at i, at most limit
// bytes further.
func (c *class) run(text []byte, i, limit int) int {
	end := min(len(text), i+limit)
	for i < end && c[text[i]] {
		i++
	}
	return i
}

// runBack returns the start of the run that ends at i.
func (c *class) runBack(text []byte, i, limit int) int {
	end := max(0, i-limit)
	for i > end && c[text[i-1]] {
		i--
	}
	return i
}

// all reports whether text has members only.
func (c *class) all(text []byte) bool { return c.run(text, 0, len(text)) == len(text) }

// begins reports whether a token may begin at i: what stands before it is not of the
// class, or is the end of an escape in JSON or a URL.
func begins(text []byte, i int, c *class) bool {
	if i == 0 || !c[text[i-1]] {
		return true
	}
	if i >= 2 && text[i-2] == '\\' {
		switch text[i-1] {
		case 'n', 'r', 't':
			return true
		}
	}
	if i >= 6 && text[i-6] == '\\' && text[i-5] == 'u' {
		return true
	}
	return i >= 3 && text[i-3] == '%' && isHex(text[i-2]) && isHex(text[i-1])
}

func isHex(c byte) bool { return lowHex[c|0x20] && alnum[c] }

// ends reports whether a token may end before i.
func ends(text []byte, i int, c *class) bool { return i == len(text) || !c[text[i]] }

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c |= 0x20
	}
	return c
}

// foldedPrefix reports whether text begins with prefix, which is in lower case.
func foldedPrefix(text []byte, prefix string) bool {
	if len(text) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if lower(text[i]) != prefix[i] {
			return false
		}
	}
	return true
}

// hasFolded reports whether text contains one of words, which are in lower case.
func hasFolded(text []byte, words ...string) bool {
	for i := range text {
		c := lower(text[i])
		for _, w := range words {
			if c == w[0] && foldedPrefix(text[i:], w) {
				return true
			}
		}
	}
	return false
}
