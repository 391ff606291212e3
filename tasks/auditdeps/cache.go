package auditdeps

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
)

// cacheKey is the key of the cache entry that the job has restored, as SafeCache's report
// of this job says, or that there was one, as a variable of Cache@2's usual name says; ""
// if nothing says so.
func (s *step) cacheKey() string {
	reports, _ := filepath.Glob(filepath.Join(s.env.TempDir(), "guardrails", "safecache-*.json"))
	for _, name := range reports {
		data, err := os.ReadFile(name)
		if err != nil || len(data) > 16<<20 {
			continue
		}
		var report struct {
			Task  string `json:"task"`
			Stage string `json:"stage"`
			Facts struct {
				Hit        string `json:"hit"`
				MatchedKey string `json:"matchedKey"`
			} `json:"facts"`
		}
		if json.Unmarshal(data, &report) != nil || report.Task != "SafeCache" {
			continue
		}
		if key := report.Facts.MatchedKey; key != "" &&
			(report.Facts.Hit == "exact" || report.Facts.Hit == "partial") {
			return key
		}
	}
	if hit := strings.ToLower(s.env.Var("CACHE_RESTORED")); hit == "true" || hit == "inexact" {
		return "of this job (CACHE_RESTORED is " + hit + ")"
	}
	return ""
}
