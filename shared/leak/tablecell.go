package leak

import "bytes"

const longestBlank = 80 // between the columns of a table

// cellAt reads what stands beside the name that ends at i and has the word at text[at:]
// in it: | NAME | value |, with bars of ASCII or box drawing, or, for the capitals of an
// environment variable that begins the line, in the next of columns made with blanks.
func cellAt(text []byte, at, i int) (assignment, bool) {
	if i == len(text) || !blank[text[i]] && bar(text[i:]) == 0 {
		return assignment{}, false
	}
	start := nameClass.runBack(text, at, 60)
	if start > 0 && quoteClass[text[start-1]] {
		start--
	}
	first := blank.runBack(text, start, longestBlank)
	next := blank.run(text, i, longestBlank)
	if n := bar(text[next:]); n > 0 {
		return wholeCell(text, blank.run(text, next+n, longestBlank)), barBefore(text, first)
	}
	if next-i < 2 || !envName.all(text[start:i]) || !beginsLine(text, first) {
		return assignment{}, false
	}
	v := wholeCell(text, next)
	after := blank.run(text, v.to, 2)
	return v, after-v.to == 2 || after == len(text) || text[after] == '\n' || text[after] == '\r'
}

var (
	envName = newClass("A-Z0-9_")
	cellEnd = newClass(" \t\r\n|\x00")
)

// wholeCell is the word at i; it is empty if it is not all of its cell.
func wholeCell(text []byte, i int) assignment {
	i = skipQuote(text, i)
	v := assignment{from: i, to: i, cell: true}
	for v.to < min(len(text), i+longestValue) && !cellEnd[text[v.to]] && bar(text[v.to:]) == 0 {
		v.to++
	}
	end := blank.run(text, v.to, longestBlank)
	if end < len(text) && bar(text[end:]) == 0 && !cellEnd[text[end]] && end-v.to < 2 {
		return assignment{from: i, to: i, cell: true}
	}
	if v.to > i && quoteClass[text[v.to-1]] {
		v.to--
	}
	return v
}

// bar returns the length of the vertical bar that text begins with; 0 if it is none.
func bar(text []byte) int {
	const box = "│"
	switch {
	case len(text) > 0 && text[0] == '|':
		return 1
	case bytes.HasPrefix(text, []byte(box)):
		return len(box)
	}
	return 0
}

func barBefore(text []byte, i int) bool {
	return i > 0 && text[i-1] == '|' || i >= 3 && bar(text[i-3:]) == 3
}

// beginsLine reports whether nothing stands before i on its line, or a time stamp.
func beginsLine(text []byte, i int) bool {
	const longestStamp = 40
	before := lineBefore(text, i, longestStamp)
	return len(before) < longestStamp && stampClass.all(before)
}

var stampClass = newClass("0-9:.TZ+ \t-")
