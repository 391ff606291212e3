package policy

import "strings"

// segments splits "root > a > b".
func segments(path string) []string {
	parts := strings.Split(path, ">")
	for i, part := range parts {
		parts[i] = strings.TrimSpace(part)
	}
	return parts
}

// matchPath matches a whole path: "*" in a segment stands for any text in it, a segment
// "**" for any number of segments. The time is at most the product of the lengths.
func matchPath(pattern, path []string) bool {
	return matchAll(len(pattern), len(path), func(i int) bool { return pattern[i] == "**" },
		func(i, j int) bool { return matchSegment(pattern[i], path[j]) })
}

func matchSegment(pattern, text string) bool {
	return matchAll(len(pattern), len(text), func(i int) bool { return pattern[i] == '*' },
		func(i, j int) bool { return pattern[i] == text[j] })
}

// matchAll matches n elements of a pattern with all m of a text. For star it is enough to
// go back to the last one: what an earlier one could take more of, it can take, too.
func matchAll(n, m int, star func(i int) bool, same func(i, j int) bool) bool {
	i, j, lastStar, taken := 0, 0, -1, 0
	for j < m {
		switch {
		case i < n && star(i):
			lastStar, taken = i, j
			i++
		case i < n && same(i, j):
			i++
			j++
		case lastStar >= 0:
			taken++
			i, j = lastStar+1, taken
		default:
			return false
		}
	}
	for i < n && star(i) {
		i++
	}
	return i == n
}
