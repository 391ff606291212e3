package leak

var (
	upperCase = newClass("A-Z")
	lowerCase = newClass("a-z")
	vowels    = newClass("aeiouyAEIOUY")
	// wordSeparators stand between the words of a name.
	wordSeparators = newClass(" _./:@=-")
)

// wordCount is what text is made of. A part is a number, or letters of one case of
// which the first may be a capital; parts side by side are a segment.
type wordCount struct {
	size, parts, segments int
	inWords               int  // letters in parts that are long enough for a word
	strange               bool // a part is no word, or something else stands between them
}

// wordy reports whether text is made of words and numbers, as names are: Aes256GcmKey,
// MYTOKEN1, orders-db-2026, /api/v2/Users. Random text is not: its letters, capitals and
// digits alternate, or cannot be pronounced.
func wordy(text []byte) bool {
	w := countWords(text)
	changes := w.parts - w.segments
	return !w.strange && 7*changes <= 2*w.size && 3*w.inWords >= w.size
}

func countWords(text []byte) wordCount {
	const shortest = 3
	var w wordCount
	for i := 0; i < len(text); i++ {
		if !alnum[text[i]] {
			w.strange = w.strange || !wordSeparators[text[i]]
			continue
		}
		from, end := i, alnum.run(text, i, len(text))
		for i < end {
			next := partEnd(text, i)
			if part := text[i:next]; !digits[part[0]] {
				isShort := len(part) < 5 && (part[0] < 'a' || next-from == end-from)
				w.strange = w.strange || !isShort && !pronounceable(part)
				if len(part) >= shortest {
					w.inWords += len(part)
				}
			}
			w.parts++
			i = next
		}
		i-- // what follows is looked at, too
		w.segments++
		w.size += end - from
	}
	return w
}

// partEnd returns where the part ends that begins at i.
func partEnd(text []byte, i int) int {
	if digits[text[i]] {
		return digits.run(text, i, len(text))
	}
	if end := upperCase.run(text, i, len(text)); end > i+1 {
		return end
	}
	return lowerCase.run(text, i+1, len(text))
}

// pronounceable reports whether letters may be a word.
func pronounceable(letters []byte) bool {
	const shortest, mostConsonants = 3, 4 // strengths
	together, some := 0, len(letters) < shortest
	for _, c := range letters {
		if together++; vowels[c] {
			together, some = 0, true
		}
		if together > mostConsonants {
			return false
		}
	}
	return some
}
