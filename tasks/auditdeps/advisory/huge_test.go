package advisory

import (
	"fmt"
	"strings"
	"testing"
)

// A record of a hostile mirror may be as large as a download; nothing in it may take more
// than its own length in time.
func TestHugeRecordsAreReadInOnePass(t *testing.T) {
	t.Parallel()
	const count = 60_000
	many := func(format string) string {
		var b strings.Builder
		for i := range count {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for name, fields := range map[string]string{
		"packages":   `"aliases": [` + many(`"CVE-%d"`)[:20_000] + `"], "affected": [` + many(`{"package": {"ecosystem": "npm", "name": "p%d"}, "versions": ["1.0.0-rc"]}`) + `]`,
		"parts":      `"severity": [` + v3 + strings.Repeat(","+v30, 1000) + `], "affected": [` + many(`{"package": {"ecosystem": "npm", "name": "p"}, "versions": ["1.0.0-rc", "1.0.%d"]}`) + `]`,
		"ranges":     `"affected": [` + about("npm", "p", `"versions": ["1.0.0-rc", `+many(`"2.0.%d"`)+`], "ranges": [`+many(`{"type": "SEMVER", "events": [{"introduced": "3.0.%d"}]}`)+`]`) + `]`,
		"events":     `"affected": [` + about("npm", "p", `"ranges": [{"type": "SEMVER", "events": [{"introduced": "0"},`+many(`{"fixed": "1.0.%d"}`)+`]}]`) + `]`,
		"severities": `"severity": [` + strings.Repeat(v4+",", 5_000) + v4 + `], "affected": [` + strings.Repeat(about("npm", "p", someRange)+",", 5_000) + about("npm", "p", `"versions": ["1.0.0-rc"]`) + `]`,
	} {
		all, err := Parse(osv(fields))
		if err != nil || len(all) == 0 {
			t.Errorf("%s: Parse() = %d advisories, %v", name, len(all), err)
			continue
		}
		if hit, err := all[0].Apply("1.0.0-rc"); hit == nil || err != nil {
			t.Errorf("%s: Apply(1.0.0-rc) = %v, %v, want a hit", name, hit, err)
		}
	}
}
