package auditdeps

import "testing"

// What a manifest without a lock file asks for is not audited, and that is said.
func TestManifestsWithoutALockFile(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file, text, result string
		says               string
	}{
		"Python":            {"svc/pyproject.toml", "[project]\ndependencies = ['victim']\n", "SucceededWithIssues", "NOT AUDITED   svc/pyproject.toml"},
		"only settings":     {"svc/pyproject.toml", "[tool.ruff]\n", "Succeeded", "!NOT AUDITED"},
		"Rust":              {"svc/Cargo.toml", "[dependencies]\nvictim = '1'\n", "SucceededWithIssues", "NOT AUDITED   svc/Cargo.toml"},
		".NET":              {"svc/a.csproj", "<Project><PackageReference Include='x'/></Project>", "SucceededWithIssues", "NOT AUDITED   svc/a.csproj"},
		".NET, nothing":     {"svc/a.csproj", "<Project/>", "Succeeded", "!NOT AUDITED"},
		"Gradle":            {"svc/build.gradle.kts", "dependencies { }", "SucceededWithIssues", "NOT AUDITED"},
		"a lock file above": {"lib/x/Cargo.toml", "[dependencies]\nvictim = '1'\n", "Succeeded", "!NOT AUDITED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, bad().String()).mended()
			j.write("lib/Cargo.lock", "version = 4\n\n[[package]]\nname = \"x\"\nversion = \"0.1.0\"\n")
			j.write("lib/Cargo.toml", "[package]\nname = \"x\"\nversion = \"0.1.0\"\n")
			j.write(tc.file, tc.text).expect(tc.result, tc.says)
		})
	}
}
