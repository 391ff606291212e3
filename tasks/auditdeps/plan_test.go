package auditdeps

import "testing"

const marker = `require("fs").writeFileSync(process.env.HOME + "/ran", "")`

// A malicious package is refused before its code can run, and so is everything if the
// advisories are not to be had; any other vulnerability is installed and then told.
func TestNothingMaliciousIsInstalled(t *testing.T) {
	t.Parallel()
	manifest := `{"name": "shop", "version": "1.0.0", "dependencies": {"mkdirp": "^0.5.5"}, "scripts": {"postinstall": "node ran.js"}}`
	for name, tc := range map[string]struct {
		change func(j *job)
		ran    bool
		says   string
	}{
		"malicious": {func(j *job) {
			j.osv.Set("npm", "MAL-2026-9", about("npm", "minimist", "MAL-2026-9").
				with("affected", affected("npm", "minimist", map[string]any{"introduced": "0"})).String())
		}, false, "minimist 1.2.8: malicious, MAL-2026-9"},
		"no advisories": {func(j *job) { j.input("database", j.path("nowhere")) }, false, "CANNOT AUDIT"},
		"vulnerable": {func(j *job) {
			j.osv.Set("npm", "GHSA-9999-9999-9999", about("npm", "minimist", "GHSA-9999-9999-9999").String())
		}, true, "minimist 1.2.8: high"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := realNPM(t, manifest)
			j.write("ran.js", marker)
			tc.change(j)
			j.expect("Failed", tc.says)
			if got := len(j.glob("home/ran")) > 0; got != tc.ran {
				t.Errorf("code of the project has run: %v, want %v", got, tc.ran)
			}
		})
	}
}

// What is installed must not exchange the lock file that it is then audited by.
func TestInstallChangesTheLockFile(t *testing.T) {
	t.Parallel()
	j := realNPM(t, `{"name": "shop", "version": "1.0.0", "dependencies": {"mkdirp": "^0.5.5"}, "scripts": {"postinstall": "node ran.js"}}`)
	j.write("ran.js", `require("fs").writeFileSync("package-lock.json", '{"lockfileVersion": 3, "packages": {}}')`)
	j.expect("Failed", "package-lock.json was changed by the installation", "!Audited")
}
