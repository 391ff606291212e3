package keyvaultenv

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// two gives the vault two secrets, and the step two lines for them.
func two(t *testing.T) *job {
	j := newJob(t)
	j.vault.Set("db-password", "Autumn 2025/reset")
	j.vault.Set("api-key", "correct-horse-9")
	return j.input("secrets", "DB_PASSWORD=db-password\nAPI_KEY=api-key")
}

func TestExportToFile(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{
		"dotenv": "DB_PASSWORD='Autumn 2025/reset'\nAPI_KEY=correct-horse-9\n",
		"docker": "DB_PASSWORD=Autumn 2025/reset\nAPI_KEY=correct-horse-9\n",
		"json":   `{"API_KEY":"correct-horse-9","DB_PASSWORD":"Autumn 2025/reset"}`,
		"raw":    "Autumn 2025/reset",
	} {
		for _, name := range []string{"", "own.env", "absolute"} {
			t.Run(format+" "+name, func(t *testing.T) {
				t.Parallel()
				j := two(t)
				if format == "raw" {
					j.input("secrets", "DB_PASSWORD=db-password")
				}
				path := j.path("work/_temp/" + name)
				switch name {
				case "absolute":
					name = path
				case "":
					path = j.path("work/_temp/guardrails-secrets-" + stepID + "." + format)
				}
				j.inputs("exportTo", "file", "outputFormat", format, "outputFile", name).
					expect("main", "Succeeded", "Wrote", "removed when the job ends", "!Autumn", "!correct-horse")
				j.wantSecrets(map[string]string{})
				if got := j.public["secretsFile"]; got != path {
					t.Errorf("secretsFile = %q, want %q", got, path)
				}
				data, err := os.ReadFile(path)
				if err != nil || !same(format, string(data), want) {
					t.Errorf("the file holds %q, %v, want %q", data, err, want)
				}
				if info, err := os.Stat(path); runtime.GOOS != "windows" && (err != nil || info.Mode() != 0o600) {
					t.Errorf("the file is %v, %v, want mode 0600", info.Mode(), err)
				}
				j.expect("post", "Succeeded", "Removed "+path)
				if _, err := os.Lstat(path); err == nil {
					t.Errorf("%s is still there after the post stage", path)
				}
			})
		}
	}
}

func same(format, got, want string) bool {
	if format != "json" {
		return got == want
	}
	var a, b map[string]string
	return json.Unmarshal([]byte(got), &a) == nil && json.Unmarshal([]byte(want), &b) == nil && cmp.Equal(a, b)
}

// TestFileRefused: what cannot be written is an error, nothing is written, and nothing of
// somebody else's is changed, also not by the post stage.
func TestFileRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		inputs []string
		says   string
	}{
		"exists":          {[]string{"outputFile", "taken"}, "exists already"},
		"outside":         {[]string{"outputFile", "../1/s/secrets.env"}, "is not below Agent.TempDirectory"},
		"outside by link": {[]string{"outputFile", "link/secrets.env"}, "is not below Agent.TempDirectory"},
		"a link":          {[]string{"outputFile", "dangling"}, "exists already"},
		"no folder":       {[]string{"outputFile", "none/secrets.env"}, "looking for its folder"},
		"a folder":        {[]string{"outputFile", "folder/"}, "is not the name of a file"},
		"raw of two":      {[]string{"outputFormat", "raw"}, "raw is for one secret, and there are 2"},
		"dashes":          {[]string{"secrets", "db-password=db-password\nAPI_KEY=api-key"}, "db-password"},
		"lines":           {[]string{"secrets", "API_KEY=api-key\nPEM=pem", "outputFormat", "docker"}, "PEM: the format docker cannot hold the value"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := two(t)
			j.vault.Set("pem", "one line\nand another")
			j.write("work/_temp/taken", "another step's")
			j.write("work/_temp/folder/x", "x")
			if runtime.GOOS != "windows" {
				j.must(os.Symlink(j.path("work/1/s"), j.path("work/_temp/link")))
				j.must(os.Symlink(j.path("nowhere"), j.path("work/_temp/dangling")))
			} else if strings.Contains(name, "link") {
				t.Skip("links need a privilege there")
			}
			before := j.theirs()
			j.inputs("exportTo", "file").inputs(tc.inputs...).expect("main", "Failed", tc.says, "!Autumn", "!correct-horse")
			j.nothingSet()
			j.hidden("Autumn", "correct-horse")
			j.run("post")
			if diff := cmp.Diff(before, j.theirs()); diff != "" {
				t.Errorf("files of others (-before +after):\n%s", diff)
			}
		})
	}
}

// TestRawNeedsNoName: the name of the only secret is of no use there.
func TestRawNeedsNoName(t *testing.T) {
	t.Parallel()
	j := two(t).inputs("secrets", "db-password=db-password", "exportTo", "file", "outputFormat", "raw", "outputFile", "raw")
	j.expect("main", "Succeeded")
	if got := j.read("work/_temp/raw"); got != "Autumn 2025/reset" {
		t.Errorf("the file holds %q", got)
	}
}

// TestJSONTakesEveryName: it is no file of variables.
func TestJSONTakesEveryName(t *testing.T) {
	t.Parallel()
	j := two(t).inputs("secrets", "Db.Password=db-password", "SecretsFilter", "api-key")
	j.inputs("exportTo", "file", "outputFormat", "json", "outputFile", "all.json").expect("main", "Succeeded")
	want := `{"Db.Password":"Autumn 2025/reset","api-key":"correct-horse-9","API_KEY":"correct-horse-9"}`
	if got := j.read("work/_temp/all.json"); !same("json", got, want) {
		t.Errorf("the file holds %s, want %s", got, want)
	}
}

// theirs are the files of the job that are not the step's.
func (j *job) theirs() []string {
	return slices.DeleteFunc(j.files("work"), func(name string) bool { return strings.HasPrefix(name, "_temp/guardrails/") })
}

// TestFileOfAKilledMain: a main stage that was killed while it wrote has left a part of
// the file under another name. The post stage removes it.
func TestFileOfAKilledMain(t *testing.T) {
	t.Parallel()
	j := two(t).inputs("exportTo", "file", "outputFile", "own.env")
	j.expect("main", "Succeeded")
	j.must(os.Rename(j.path("work/_temp/own.env"), j.path("work/_temp/own.env.moved")))
	j.must(os.Remove(j.path("work/_temp/own.env.moved")))
	j.expect("post", "Succeeded")

	j = two(t).inputs("exportTo", "file", "outputFile", "own.env")
	j.watch = func(text string) {
		if strings.Contains(text, "variable=guardrails.file;") { // the next thing it does is to write
			j.write("work/_temp/own.env", "taken in between")
		}
	}
	j.expect("main", "Failed", "exists already")
	j.watch = nil
	j.run("post")
	if got := j.files("work/_temp"); !slices.Contains(got, "own.env") {
		t.Errorf("the post stage has removed a file that the step did not write; there are %q", got)
	}
}

// TestFileThatCannotBeRemoved: the scan takes place all the same, and the step says where
// the file is.
func TestFileThatCannotBeRemoved(t *testing.T) {
	t.Parallel()
	j := two(t).inputs("exportTo", "file", "outputFile", "own/secrets.env")
	j.must(os.Mkdir(j.path("work/_temp/own"), 0o755))
	j.expect("main", "Succeeded")
	j.must(os.Rename(j.path("work/_temp/own"), j.path("work/1/a/own")))
	if err := os.Symlink(j.path("work/1/a/own"), j.path("work/_temp/own")); err != nil {
		t.Skip(err)
	}
	j.expect("post", "Failed", "cannot be removed", "Rotate:", filepath.FromSlash("own/secrets.env"), "!Autumn")
}
