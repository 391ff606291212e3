package auditdeps

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/osvtest"
)

// The database is a bucket, a folder in several forms, a zip file, or a downloaded artifact.
func TestDatabase(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(j *job) string{
		"bucket":              func(j *job) string { return j.env["INPUT_DATABASE"] },
		"bucket with a slash": func(j *job) string { return j.env["INPUT_DATABASE"] + "/" },
		"folder of zips": func(j *job) string {
			j.put("db/npm/all.zip", string(j.osv.Zip("npm")))
			return j.path("db")
		},
		"folder of osv-scanner": func(j *job) string {
			j.put("db/osv-scalibr/npm/all.zip", string(j.osv.Zip("npm")))
			return j.path("db")
		},
		"folder of records": func(j *job) string {
			j.put("db/npm/GHSA-1111-1111-1111.json", bad().String())
			return j.path("db")
		},
		"folder in the sources": func(j *job) string {
			j.write("db/npm.zip", string(j.osv.Zip("npm")))
			return "db"
		},
		"zip file": func(j *job) string {
			j.put("db/mine.zip", string(j.osv.Zip("npm")))
			return j.path("db/mine.zip")
		},
		"artifact": func(j *job) string {
			j.put("work/1/advisories/npm/all.zip", string(j.osv.Zip("npm")))
			return "artifact:advisories"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, bad().String()).victim()
			source := prepare(j)
			j.input("database", source).expect("Failed", "FAILS         victim").outputs("result=findings", "high=1")
			if problems := j.osv.Problems(); len(problems) > 0 {
				t.Errorf("requests to OSV are wrong: %q", problems)
			}
			for _, request := range j.osv.Requests() {
				if !strings.HasPrefix(name, "bucket") || !strings.HasPrefix(request, "GET /") {
					t.Errorf("with database %q, OSV was asked for %s", source, request)
				}
			}
		})
	}
}

// What is wrong with inputs is said of all of them at once, without a value that may be a
// secret, and nothing is audited.
func TestWrongInputs(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ input, value, says string }{
		"http":                 {"database", "http://osv.example.com", "must begin with https"},
		"a host like loopback": {"database", "http://127.0.0.1.example.com", "must begin with https"},
		"ftp":                  {"database", "ftp://osv.example.com", "must begin with https"},
		"no host":              {"database", "https:///osv", "it is not the address of a web server"},
		"a password":           {"database", "https://me:hunter2@osv.example.com", "it has a user name or password in its address"},
		"a token":              {"database", "https://hunter2@osv.example.com", "it has a user name or password in its address"},
		"no artifact":          {"database", "artifact:", "names no artifact"},
		"all artifacts":        {"database", "artifact:.", "names no artifact"},
		"not an artifact":      {"database", "artifact:../s", "names no artifact"},
		"absolute artifact":    {"database", "artifact:/etc", "names no artifact"},
		"age without a unit":   {"maxDatabaseAge", "7", "is no age"},
		"age of nothing":       {"maxDatabaseAge", "0d", "is no age"},
		"age below nothing":    {"maxDatabaseAge", "-7d", "is no age"},
		"age in minutes":       {"maxDatabaseAge", "7m", "is no age"},
		"age out of bounds":    {"maxDatabaseAge", "99999999999d", "is no age"},
		"ecosystem":            {"ecosystems", "npm, ruby", `"ruby" is not known`},
		"check":                {"checks", "advisories, licences", `"licences" is not known`},
		"no check":             {"checks", ",", "it is empty"},
		"days":                 {"minFixAgeDays", "-1", "it is below 0"},
		"several on a line":    {"allowedRegistries", "a.example.com, b.example.com", "no host or address"},
		"a wildcard":           {"allowedRegistries", "a.*.example.com", "no host or address"},
		"severity":             {"failOn", "serious", "Fail on"},
		"policy file":          {"policyFile", "/no/such/file.yml", "the file cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, bad().String()).victim().input(tc.input, tc.value)
			j.expect("Failed", tc.says, "!Audited", "!hunter2")
			if got := j.output()["result"]; got != "" {
				t.Errorf("the output variable result is %q, want none", got)
			}
			j.input("enforcement", "warn").expect("Failed", tc.says)
		})
	}
	j := newJob(t).input("checks", "x", "ecosystems", "x", "maxDatabaseAge", "x", "database", "xy://z", "minFixAgeDays", "-2")
	j.expect("Failed", `"checks"`, `"ecosystems"`, `"maxDatabaseAge"`, `"database"`, `"minFixAgeDays"`)
	if got := j.issues(); len(got) != 5 {
		t.Errorf("%d issues for 5 wrong inputs: %v", len(got), got)
	}
}

// Data is as old as what is in it. Within the limit it does, and no further.
func TestMaxDatabaseAge(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		age, outcome string
		modified     int
	}{
		"new": {"7d", "findings", 0}, "a day less": {"7d", "findings", 6}, "a day more": {"7d", "cannotAudit", 8},
		"hours": {"30h", "findings", 1}, "too many hours": {"30h", "cannotAudit", 2}, "long": {"90d", "findings", 80},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t).victim()
			j.put("db/npm/a.json", bad().with("modified", days(tc.modified)).String())
			j.must(os.Chtimes(j.path("db/npm/a.json"), startOfTests, startOfTests))
			j.input("database", j.path("db"), "maxDatabaseAge", tc.age).expect("Failed").outputs("result=" + tc.outcome)
		})
	}
}

// The agent keeps an index: the next job asks for nothing within four hours, then for what
// has changed; and if that fails it does with what it has, until it is too old.
func TestIndexIsKept(t *testing.T) {
	t.Parallel()
	j := newJob(t).victim()
	j.expect("Succeeded", "downloading advisories")
	j.osv.Forget()
	j.now = startOfTests.Add(time.Hour)
	j.expect("Succeeded", "!downloading")
	if got := j.osv.Requests(); len(got) > 0 {
		t.Errorf("an hour later, OSV was asked for %q", got)
	}
	j.now = startOfTests.Add(5 * time.Hour)
	j.osv.Set("npm", "GHSA-1111-1111-1111", bad().with("modified", j.now.Format(time.RFC3339)).String())
	j.expect("Failed", "FAILS         victim")
	for _, request := range j.osv.Requests() {
		if strings.HasSuffix(request, "all.zip") {
			t.Errorf("five hours later, everything was asked for again: %q", j.osv.Requests())
		}
	}
	j.osv.Fault = func(*http.Request) osvtest.Fault { return osvtest.Fault{Status: http.StatusForbidden} }
	j.now = startOfTests.Add(3 * 24 * time.Hour)
	j.expect("Failed", "FAILS         victim", "warning: advisories as of 2026-03-01").outputs("result=findings")
	j.now = startOfTests.Add(8 * 24 * time.Hour)
	j.expect("Failed", "cannot audit: the advisories of npm").outputs("result=cannotAudit", "high=0")
}

// Bad records are named, and too few to matter.
func TestBadRecordsAreNamed(t *testing.T) {
	t.Parallel()
	j := newJob(t).victim()
	for i := range 200 {
		id := "GHSA-0000-0000-" + string(rune('a'+i/20)) + string(rune('a'+i%20))
		j.osv.Set("npm", id, about("npm", "other", id).String())
	}
	j.osv.Set("npm", "GHSA-bad", `{"id": "GHSA-bad", "affected": 7}`)
	j.expect("Succeeded", "GHSA-bad")
}

func TestOnline(t *testing.T) {
	t.Parallel()
	j := newJob(t).npm(".", "victim@^1.0.0 private@1.0.0", pkg{"victim@1.0.0", ""}, pkg{"private@1.0.0", ""})
	j.edit("package-lock.json", "https://registry.npmjs.org/private/", "https://pkgs.dev.azure.com/o/_packaging/f/npm/registry/private/")
	j.expect("Succeeded")
	j.osv.Set("npm", "GHSA-1111-1111-1111", bad().String())
	j.input("online", "true").expect("Failed", "OSV was asked about 1 package from public registries, and told 1 record more",
		"FAILS         victim").outputs("result=findings", "high=1")
	j.osv.Fault = func(r *http.Request) osvtest.Fault {
		if strings.HasPrefix(r.URL.Path, "/v1/") {
			return osvtest.Fault{Status: http.StatusForbidden}
		}
		return osvtest.Fault{}
	}
	j.expect("Failed", "cannot audit: OSV could not be asked").outputs("result=cannotAudit")
}
