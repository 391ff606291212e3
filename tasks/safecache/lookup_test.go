package safecache

import (
	"strings"
	"testing"
)

// Looking up and explaining say what a restore would do: a critical step restores
// no entry of another commit that nobody has signed.
func TestLookUpAsARestoreWould(t *testing.T) {
	t.Parallel()
	for name, set := range map[string][2]string{
		"look up": {"INPUT_LOOKUPONLY", "true"}, "explain": {"INPUT_COMMAND", "explain"},
		"restore": {"INPUT_COMMAND", "restore"},
	} {
		j := newJob(t).npm(map[string]string{"lodash": "lodash!"})
		key := func(commit string) {
			j.env["BUILD_SOURCEVERSION"] = strings.Repeat(commit, 40)
			j.env["INPUT_KEY"] = `"npm" | package-lock.json | "` + j.env["BUILD_SOURCEVERSION"] + `"`
			j.env["INPUT_RESTOREKEYS"] = `"npm" | package-lock.json`
		}
		key("a")
		j.expect("main", "Succeeded").download("lodash").expect("post", "Succeeded", "Saved 1 file")
		j.again().env["INPUT_CRITICAL"] = "true"
		key("b")
		j.env[set[0]] = set[1]
		j.run("main")
		j.holds(name, "variable=hit;]rejected", "not signed by a known key")
	}
}
