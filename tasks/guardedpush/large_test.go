package guardedpush

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/gittest"
)

const largeText = "\x00large\r\nas it is\n"

// large is a job that has changed a file of Git LFS.
func large(t *testing.T) *job {
	t.Helper()
	j := newJob(t, map[string]string{
		".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n",
		"app.bin":        "version https://git-lfs.github.com/spec/v1\noid sha256:" + strings.Repeat("1", 64) + "\nsize 5\n",
	})
	return j.checkout().write("app.bin", largeText)
}

func largeName() string {
	sum := sha256.Sum256([]byte(largeText))
	return hex.EncodeToString(sum[:])
}

// The content of a large file goes to its own place before the pointer to it is pushed,
// and once.
func TestLargeFiles(t *testing.T) {
	t.Parallel()
	for name, pullRequest := range map[string]string{"pushed": "off", "proposed": "always"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := large(t).input("pullRequest", pullRequest)
			stored := 0
			j.git.Before(func(gittest.Update) { stored = len(j.lfs.Contents()) })
			if got := j.run(); got != "Succeeded" || j.output("pushed") != "true" {
				t.Fatalf("result %s:\n%s", got, j.log)
			}
			same(t, "contents when the push arrived", 1, stored)
			same(t, "the content", largeText, string(j.lfs.Contents()[largeName()]))
			branch := map[string]string{"off": "main", "always": headBranch}[pullRequest]
			if text := j.remote("show", branch+":app.bin"); !strings.Contains(text, "oid sha256:"+largeName()) {
				t.Errorf("app.bin: %q", text)
			}
			j.untouched(func() { j.want("Succeeded", "unchanged") })
		})
	}
}

// Where the content cannot be brought there, no pointer to nothing is pushed.
func TestLargeFilesThatDoNotArrive(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(j *job){
		"refused": func(j *job) {
			j.lfs.Fault = func(w http.ResponseWriter, r *http.Request) bool {
				if strings.Contains(r.URL.Path, "/info/lfs") {
					w.WriteHeader(http.StatusForbidden)
				}
				return strings.Contains(r.URL.Path, "/info/lfs")
			}
		},
		"broken": func(j *job) {
			j.lfs.Fault = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodPut {
					w.WriteHeader(http.StatusBadGateway)
				}
				return r.Method == http.MethodPut
			}
		},
		"kept elsewhere": func(j *job) { j.write(".lfsconfig", "[lfs]\n\turl = https://evil.example/store\n") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := large(t).input("enforcement", "warn")
			prepare(j)
			j.untouched(func() { j.want("Failed", "push/large") })
			j.oneError("the commit was not pushed")
		})
	}
	// A dry run uploads nothing.
	j := large(t).input("dryRun", "true")
	j.untouched(func() { j.want("Succeeded", "dryRun") })
	same(t, "contents", 0, len(j.lfs.Contents()))
}

// Who can read the repository can read its large files, too: no secret goes there.
func TestSecretsInLargeFiles(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"known":               "a\n" + jobToken + "\n",
		"by rule":             "t := \"" + someToken + "\"\n",
		"known, in a binary":  "\x00\x01" + strings.Repeat("\xff", 1<<20) + jobToken,
		"by rule, at the end": strings.Repeat("nothing\n", 1<<18) + "t := \"" + someToken + "\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := large(t).write("app.bin", text).input("enforcement", "warn")
			j.untouched(func() { j.want("Failed", "push/secret") })
			j.oneError("app.bin")
			j.silent(jobToken, someToken)
			same(t, "contents", 0, len(j.lfs.Contents()))
		})
	}
}
