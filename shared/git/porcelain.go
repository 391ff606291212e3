package git

import "strings"

// status is what git push --porcelain says about a ref.
type status struct {
	flag     byte // ' ' moved, '*' new, '-' deleted, '=' as it was, '!' refused, '+' forced
	from, to string
	summary  string // such as "[rejected]"
	reason   string // such as "stale info"
}

// parsePorcelain reads what git push --porcelain prints: a line for each ref,
// "<flag> TAB <from>:<to> TAB <summary> (<reason>)", between others. Names of refs hold no
// tab and no colon; a reason is the server's and may hold anything but a line break.
func parsePorcelain(text string) []status {
	var all []status
	for line := range strings.SplitSeq(text, "\n") {
		fields := strings.SplitN(strings.TrimSuffix(line, "\r"), "\t", 3)
		if len(fields) != 3 || len(fields[0]) != 1 || !strings.Contains(" *-=!+", fields[0]) {
			continue
		}
		from, to, ok := strings.Cut(fields[1], ":")
		if !ok {
			continue
		}
		s := status{flag: fields[0][0], from: from, to: to, summary: fields[2]}
		if before, after, ok := strings.Cut(fields[2], " ("); ok && strings.HasSuffix(after, ")") {
			s.summary, s.reason = before, strings.TrimSuffix(after, ")")
		}
		all = append(all, s)
	}
	return all
}
