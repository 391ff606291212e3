package auditdeps

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// cacheKey is the key of the cache entry that the job has restored, as SafeCache's report
// of this job says, or that there was one, as a variable of Cache@2's usual name says; ""
// if nothing says so.
func (s *step) cacheKey() string {
	var keys []string
	reports, _ := filepath.Glob(filepath.Join(s.env.TempDir(), "guardrails", "safecache-*.json"))
	for _, name := range reports {
		if key := restoredBy(name); key != "" && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	if len(keys) > 0 {
		return strings.Join(keys, " or ")
	}
	if hit := strings.ToLower(s.env.Var("CACHE_RESTORED")); hit == "true" || hit == "inexact" {
		return "of this job (CACHE_RESTORED is " + hit + ")"
	}
	return ""
}

// restoredBy is the key that one report of SafeCache says it has restored by.
func restoredBy(name string) string {
	info, err := os.Lstat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > 16<<20 {
		return ""
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	var report struct {
		Task  string `json:"task"`
		Facts struct {
			Hit        string `json:"hit"`
			MatchedKey string `json:"matchedKey"`
		} `json:"facts"`
	}
	if json.Unmarshal(data, &report) != nil || report.Task != "SafeCache" ||
		report.Facts.Hit != "exact" && report.Facts.Hit != "partial" {
		return ""
	}
	return report.Facts.MatchedKey
}
