package auditdeps

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"testing"
)

// environment writes a site-packages with packages in it, each name@version.
func (j *job) environment(dir string, packages ...string) *job {
	j.t.Helper()
	for _, p := range packages {
		name, version := cutVersion(p)
		at := dir + "/lib/python3.12/site-packages/" + name + "-" + version + ".dist-info/"
		metadata := "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\n"
		sum := sha256.Sum256([]byte(metadata))
		j.write(at+"METADATA", metadata)
		j.write(at+"RECORD", fmt.Sprintf("%[1]s-%[2]s.dist-info/METADATA,sha256=%[3]s,\n%[1]s-%[2]s.dist-info/RECORD,,\n",
			name, version, base64.RawURLEncoding.EncodeToString(sum[:])))
	}
	return j
}

// The environment that the job uses is audited, also beside one of the project's own, and
// all that is in it, also what no lock file names.
func TestEnvironments(t *testing.T) {
	t.Parallel()
	record := about("PyPI", "victim", "GHSA-1111-1111-1111").String()
	for name, tc := range map[string]struct {
		make   func(j *job)
		result string
		says   []string
	}{
		"its own, clean": {func(j *job) { j.environment(".venv", "fine@1.0.0") }, "Succeeded", []string{"1 installed"}},
		"its own, and the lock file does not name it": {
			func(j *job) { j.environment(".venv", "fine@1.0.0", "victim@1.0.0") }, "Failed", []string{"victim 1.0.0"},
		},
		"the active one": {func(j *job) {
			j.environment("env", "fine@1.0.0", "victim@1.0.0").env["VIRTUAL_ENV"] = j.source("env")
		}, "Failed", []string{"victim 1.0.0"}},
		"the active one beside its own": {func(j *job) {
			j.environment(".venv", "fine@1.0.0").environment("env", "victim@1.0.0").env["VIRTUAL_ENV"] = j.source("env")
		}, "Failed", []string{"victim 1.0.0", "!installed/extra"}},
		"one in PATH": {func(j *job) {
			j.environment("env", "fine@1.0.0", "victim@1.0.0").write("env/pyvenv.cfg", "").write("env/bin/x", "")
			j.must(os.Symlink("/nowhere/python3", j.source("env/bin/python3")))
			j.env["PATH"] = j.source("env/bin")
		}, "Failed", []string{"victim 1.0.0"}},
		"none": {func(*job) {}, "Failed", []string{"nothing is installed for it"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, record)
			j.write("requirements.txt", "fine==1.0.0 --hash=sha256:"+
				"0000000000000000000000000000000000000000000000000000000000000000\n")
			j.input("checks", "advisories, installed")
			tc.make(j)
			j.expect(tc.result, tc.says...)
		})
	}
}
