package safecache

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/guardrails-ci/guardrails/tasks/safecache/cachekey"
	"github.com/guardrails-ci/guardrails/tasks/safecache/entry"
)

// partialText says which restore key matched, and what the entry was saved for
// instead of this key.
func partialText(m entry.Manifest, k keys) string {
	by := ""
	for _, restoreKey := range k.restoreKeys {
		if m.StartsWith(restoreKey.Values()) {
			by = strings.TrimPrefix(restoreKey.Fingerprint()+"|"+cachekey.Wildcard, "|")
			break
		}
	}
	return fmt.Sprintf("Restored by the restore key `%s` (partial): it was saved for %s; the install step must run",
		by, strings.Join(differences(m.Segments, k.key), ", "))
}

// differences names the key's segments for which an entry of another key differs.
func differences(saved []entry.Segment, key cachekey.Resolved) []string {
	var list []string
	for i, segment := range key {
		switch {
		case i >= len(saved):
			list = append(list, "a key without "+segment.Source)
		case saved[i].Value == segment.Value:
		case segment.Kind == cachekey.Text && saved[i].Kind == string(cachekey.Text):
			list = append(list, fmt.Sprintf("another text (segment %d was %s and is %s now)",
				i+1, quoted(saved[i].Value), quoted(segment.Value)))
		case segment.Kind == cachekey.Text:
			list = append(list, fmt.Sprintf("a file and not the text %s", quoted(segment.Value)))
		default:
			list = append(list, "other contents of "+segment.Source)
		}
	}
	if len(saved) > len(key) {
		list = append(list, "a key with more segments")
	}
	return slices.Compact(list)
}

// quoted makes a text, which an entry may hold, fit for a line: short, in one pair of
// quotes, and without control characters.
func quoted(text string) string {
	if inner, ok := strings.CutPrefix(text, `"`); ok && strings.HasSuffix(inner, `"`) {
		text = inner[:len(inner)-1]
	}
	if runes := []rune(text); len(runes) > 60 {
		text = string(runes[:60]) + "…"
	}
	return strconv.Quote(text)
}
