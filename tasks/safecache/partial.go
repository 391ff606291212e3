package safecache

import (
	"fmt"
	"slices"
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
		case segment.Kind == cachekey.Text:
			list = append(list, "another text than "+segment.Source)
		default:
			list = append(list, "other contents of "+segment.Source)
		}
	}
	if len(saved) > len(key) {
		list = append(list, "a key with more segments")
	}
	return slices.Compact(list)
}
