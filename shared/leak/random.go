package leak

import "math"

// random reports whether value is as varied as random text: it has at least so many
// bits of entropy per character, by the characters in it.
func random(value []byte, bits float64) bool {
	var counts [256]int
	for _, c := range value {
		counts[c]++
	}
	entropy := 0.0
	for _, n := range counts {
		if n > 0 {
			p := float64(n) / float64(len(value))
			entropy -= p * math.Log2(p)
		}
	}
	return entropy >= bits
}
