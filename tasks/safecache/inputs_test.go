package safecache

import (
	"strings"
	"testing"
)

func TestHitVariable(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"PATH":                  "cacheHitVar would overwrite PATH, which other steps need",
		"Path":                  "cacheHitVar would overwrite Path, which other steps need",
		"home":                  "would overwrite home",
		"LD_PRELOAD":            "would overwrite LD_PRELOAD",
		"LD_LIBRARY_PATH":       "would overwrite LD_LIBRARY_PATH",
		"NODE_OPTIONS":          "would overwrite NODE_OPTIONS",
		"BASH_ENV":              "would overwrite BASH_ENV",
		"ENV":                   "would overwrite ENV",
		"IFS":                   "would overwrite IFS",
		"AZP_CACHING_SALT":      "would overwrite AZP_CACHING_SALT",
		"system_AccessToken":    "would overwrite system_AccessToken",
		"AGENT_JOBSTATUS":       "would overwrite AGENT_JOBSTATUS",
		"BUILD_BUILDID":         "would overwrite BUILD_BUILDID",
		"INPUT_KEY":             "would overwrite INPUT_KEY",
		"SECRET_X":              "would overwrite SECRET_X",
		"ENDPOINT_URL_X":        "would overwrite ENDPOINT_URL_X",
		"vsts_taskvariable_run": "would overwrite vsts_taskvariable_run",
		"Agent.JobStatus":       `cacheHitVar is "Agent.JobStatus", and a name with a dot`,

		"CACHE_RESTORED": "", "PATH_HIT": "", "ENVIRONMENT": "", "NPM_HIT": "", "BUILDER": "",
	} {
		j := newJob(t)
		j.env["INPUT_CACHEHITVAR"] = name
		if want == "" {
			j.expect("main", "Succeeded", "variable="+name+";]false")
			continue
		}
		j.expect("main", "Failed", want, "How to fix: use a name such as CACHE_RESTORED", "!setvariable variable="+name)
		j.noStore()
	}
}

// "~" is a folder of that name to the agent, below the sources.
func TestTilde(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"~", "~/.npm/_cacache", "~me/.npm", "work/1/s/~/.npm", "work/1/s/~"} {
		j := newJob(t)
		j.env["INPUT_PATH"] = path
		if path[0] != '~' {
			j.env["INPUT_PATH"] = j.path(path)
		}
		j.expect("main", "Failed", "~ is not expanded", "write $(HOME)/... or a folder below $(Pipeline.Workspace)",
			"!Resolving key")
		j.noStore()
	}
	j := newJob(t)
	j.env["INPUT_PATH"] = j.path("work/1/a~b/~c")
	j.expect("main", "Succeeded")
}

// A hint that names a folder must be one that can be written down.
func TestHintsHaveNoTilde(t *testing.T) {
	t.Parallel()
	for _, i := range installations {
		if got := strings.Index(i.instead, "~"); got >= 0 {
			t.Errorf("the hint for %s has a ~ at %d, which is not expanded: %s", i.ecosystem, got, i.instead)
		}
	}
}
