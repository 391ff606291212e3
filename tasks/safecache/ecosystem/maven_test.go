package ecosystem

import (
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/guardrails-ci/guardrails/shared/lockfile"
)

func TestMavenAndGradleFolders(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		eco  Ecosystem
		host Host
		want string
	}{
		"maven":              {maven, host("linux", "/home/me"), "/home/me/.m2/repository"},
		"maven, moved":       {maven, host("linux", "/home/me", "MAVEN_OPTS", "-Xmx1g -Dmaven.repo.local=/w/.m2 -X"), "/w/.m2"},
		"maven, quoted":      {maven, host("windows", `C:\me`, "MAVEN_ARGS", `-Dmaven.repo.local="D:\a b"`), `D:\a b`},
		"maven, on windows":  {maven, host("windows", `C:\me`), `C:\me\.m2\repository`},
		"gradle":             {gradle, host("darwin", "/Users/me"), "/Users/me/.gradle/caches/modules-2/files-2.1"},
		"gradle, moved":      {gradle, host("linux", "/home/me", "GRADLE_USER_HOME", "/g"), "/g/caches/modules-2/files-2.1"},
		"gradle, on windows": {gradle, host("windows", `C:\me`), `C:\me\.gradle\caches\modules-2\files-2.1`},
	} {
		if got := tc.eco.Folder(tc.host); got != tc.want {
			t.Errorf("%s: Folder: got %q, want %q", name, got, tc.want)
		}
	}
}

func TestMavenKeepsDownloadsOnly(t *testing.T) {
	t.Parallel()
	plan := mavenPlan([]lockfile.Lock{{Format: lockfile.Maven}})
	if plan.Unproven == "" {
		t.Error("Unproven is empty, want why nothing proves these files")
	}
	const remotes = "# note\nlib-1.0.jar>central=\nlib-1.0.pom>central=\r\nlib-1.0-mine.jar>=\n"
	tree := fstest.MapFS{
		"org/x/lib/1.0/_remote.repositories":          {Data: []byte(remotes)},
		"org/x/own/1.0/_remote.repositories":          {Data: []byte("own-1.0.jar>=\n")},
		"org/x/bad/1.0/_remote.repositories":          {Data: []byte("#!/bin/sh\necho EVIL\n")},
		"org/x/lib/1.1-SNAPSHOT/_remote.repositories": {Data: []byte("lib-1.1-SNAPSHOT.jar>central=\n")},
	}
	for name, want := range map[string]string{
		"org/x/lib/1.0/_remote.repositories":          "",
		"org/x/lib/1.0/lib-1.0.jar":                   "",
		"org/x/lib/1.0/lib-1.0.pom":                   "",
		"org/x/lib/1.0/lib-1.0-mine.jar":              "installed from here",
		"org/x/own/1.0/own-1.0.jar":                   "installed from here",
		"org/x/own/1.0/_remote.repositories":          "nothing beside it was downloaded",
		"org/x/bad/1.0/_remote.repositories":          "not a note",
		"org/x/none/1.0/none-1.0.jar":                 "cannot be opened",
		"org/x/lib/1.0/lib-1.0.jar.sha1":              "not claimed",
		"org/x/lib/1.0/lib-1.0.jar.lastUpdated":       "not claimed",
		"org/x/lib/1.0/other.jar":                     "not claimed",
		"org/x/lib/1.1-SNAPSHOT/lib-1.1-SNAPSHOT.jar": "not claimed",
		"org/x/lib/1.1-SNAPSHOT/_remote.repositories": "not claimed",
		"org/x/lib/maven-metadata-central.xml":        "not claimed",
		"org/x/lib/resolver-status.properties":        "not claimed",
		"settings.xml":                                "not claimed",
	} {
		if got := verify(t, plan.Claims, tree, name); got != want && (want == "" || !strings.Contains(got, want)) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestMavenAndGradleWithHashes(t *testing.T) {
	t.Parallel()
	sum := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte("genuine")))
	locks := []lockfile.Lock{{Packages: []lockfile.Package{
		{Name: "org.x:lib", Version: "1.0", URL: "org/x/lib/1.0/lib-1.0.jar", Integrity: []string{sum}},
		{Name: "org.x:lib", Version: "1.0", URL: "lib-1.0.jar", Integrity: []string{sum}},
		{Name: "org.x:free", Version: "1.0"}}}}
	for name, tc := range map[string]struct {
		plan Plan
		file string
	}{
		"maven":  {mavenPlan(locks), "org/x/lib/1.0/lib-1.0.jar"},
		"gradle": {gradlePlan(locks), "caches/modules-2/files-2.1/org.x/lib/1.0/" + strings.Repeat("a", 40) + "/lib-1.0.jar"},
	} {
		if tc.plan.Unproven != "" {
			t.Errorf("%s: Unproven: got %q, want none", name, tc.plan.Unproven)
		}
		for contents, want := range map[string]string{"genuine": "", "EVIL": "it has another hash"} {
			got := verify(t, tc.plan.Claims, fstest.MapFS{tc.file: {Data: []byte(contents)}}, tc.file)
			if !strings.HasSuffix(got, want) || want == "" && got != "" {
				t.Errorf("%s: %q: got %q, want %q", name, contents, got, want)
			}
		}
		other := strings.ReplaceAll(tc.file, "lib", "free")
		if got := verify(t, tc.plan.Claims, fstest.MapFS{}, other); got != "not claimed" {
			t.Errorf("%s: %s: got %q, want no claim on what has no hash", name, other, got)
		}
	}
}

func TestGradleWithoutHashes(t *testing.T) {
	t.Parallel()
	plan := gradlePlan([]lockfile.Lock{{Packages: []lockfile.Package{{Name: "org.x:lib", Version: "1.0"}}}})
	if plan.Unproven == "" {
		t.Error("Unproven is empty, want why nothing proves these files")
	}
	name := fmt.Sprintf("org.x/lib/1.0/%x/lib-1.0.jar", sha1.Sum([]byte("genuine")))
	short := "org.x/lib/1.0/0b2a/lib-1.0.jar"
	tree := fstest.MapFS{name: {Data: []byte("genuine")}, "modules-2/files-2.1/" + name: {Data: []byte("genuine")}, short: {Data: []byte("EVIL")}}
	for name, want := range map[string]string{
		name: "", "modules-2/files-2.1/" + name: "", short: "no lock file names it: expected sha1",
		"modules-2/metadata-2.107/module-metadata.bin":                              "not claimed",
		"org.x/lib/1.0-SNAPSHOT/" + strings.Repeat("a", 40) + "/lib-1.0.jar":        "not claimed",
		"caches/jars-9/" + strings.Repeat("a", 40) + "/lib.jar":                     "not claimed",
		"wrapper/dists/gradle-8.0-bin/ca5e32bp14vu59qr306oxotwh/gradle-8.0-bin.zip": "not claimed",
	} {
		if got := verify(t, plan.Claims, tree, name); got != want && (want == "" || !strings.HasPrefix(got, want)) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestMavenBuildsOfflineFromWhatWasKept(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("mvn"); err != nil {
		t.Skip("NOT TESTED: how the real Maven uses what is kept, because there is no mvn on the PATH")
	}
	remote, project := t.TempDir(), t.TempDir()
	const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>`
	write(t, filepath.Join(remote, "test", "parent", "1.0", "parent-1.0.pom"),
		pom+"<groupId>test</groupId><artifactId>parent</artifactId><version>1.0</version><packaging>pom</packaging></project>")
	url := "file://" + filepath.ToSlash(remote)
	if filepath.Separator == '\\' {
		url = "file:///" + filepath.ToSlash(remote)
	}
	write(t, filepath.Join(project, "pom.xml"), pom+"<parent><groupId>test</groupId><artifactId>parent</artifactId><version>1.0</version>"+
		"<relativePath/></parent><artifactId>app</artifactId><packaging>pom</packaging>"+
		"<repositories><repository><id>here</id><url>"+url+"</url></repository></repositories></project>")
	run := func(local string, args ...string) (string, error) {
		cmd := exec.Command("mvn", append([]string{"-q", "--batch-mode", "-Dmaven.repo.local=" + local, "validate"}, args...)...)
		cmd.Dir = project
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	local := t.TempDir()
	if out, err := run(local); err != nil {
		t.Fatalf("mvn validate: %v\n%s", err, out)
	}
	lock, err := lockfile.Read(os.DirFS(project), "pom.xml")
	if err != nil {
		t.Fatal(err)
	}
	restored, kept := keep(t, local, mavenPlan([]lockfile.Lock{lock}).Claims)
	if len(kept) != 2 {
		t.Errorf("kept %q, want a pom and the note of where it came from", kept)
	}
	if err := os.RemoveAll(remote); err != nil {
		t.Fatal(err)
	}
	if out, err := run(restored, "--offline"); err != nil {
		t.Errorf("mvn --offline with what was kept: %v\n%s", err, out)
	}
}
