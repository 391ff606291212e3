package safecache

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// set sets variables: name, value, name, value, ...
func (j *job) set(pairs ...string) *job {
	j.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		j.env[pairs[i]] = pairs[i+1]
	}
	return j
}

// later lets time pass until the next stage.
func (j *job) later(d time.Duration) *job {
	j.now = j.now.Add(d)
	return j
}

// npm makes a project with these packages, by name or name@version, and the contents
// of each one's tarball. Without a version it is 1.0.0.
func (j *job) npm(packages map[string]string) *job {
	j.t.Helper()
	j.env["INPUT_ECOSYSTEM"] = "npm"
	j.tarballs = packages
	deps, locked := map[string]string{}, map[string]any{}
	for spec, content := range packages {
		name, version, _ := strings.Cut(spec, "@")
		if version == "" {
			version = "1.0.0"
		}
		deps[name] = version
		locked["node_modules/"+name] = map[string]string{
			"version": version, "resolved": "https://registry.npmjs.org/" + name + "/-/" + name + "-" + version + ".tgz",
			"integrity": integrity(content),
		}
	}
	locked[""] = map[string]any{"name": "app", "version": "1.0.0", "dependencies": deps}
	j.packageJSON(deps)
	j.json("work/1/s/package-lock.json", map[string]any{"name": "app", "lockfileVersion": 3, "packages": locked})
	return j
}

// packageJSON writes package.json alone.
func (j *job) packageJSON(deps map[string]string) {
	j.t.Helper()
	j.json("work/1/s/package.json", map[string]any{"name": "app", "version": "1.0.0", "dependencies": deps})
}

func (j *job) json(name string, v any) {
	j.t.Helper()
	text, err := json.MarshalIndent(v, "", "  ")
	j.must(err)
	j.write(name, string(text))
}

// integrity is what a lock file of npm says of a tarball with these contents.
func integrity(content string) string {
	sum := sha512.Sum512([]byte(content))
	return "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}

// blobName is where npm keeps a download of these contents, below _cacache.
func blobName(content string) string {
	sum := sha512.Sum512([]byte(content))
	name := hex.EncodeToString(sum[:])
	return "content-v2/sha512/" + name[:2] + "/" + name[2:4] + "/" + name[4:]
}

// tarball is the same, below the agent's folder.
func tarball(content string) string { return "work/1/.npm/_cacache/" + blobName(content) }

// download is what npm ci does to the cache: it adds these packages.
func (j *job) download(names ...string) *job {
	j.t.Helper()
	for _, name := range names {
		content, ok := j.tarballs[name]
		if !ok {
			j.t.Fatalf("the project has no package %q", name)
		}
		j.write(tarball(content), content)
	}
	return j
}

// savedNPM runs a whole job that downloads all packages of the project and saves them.
func (j *job) savedNPM() *job {
	j.t.Helper()
	j.expect("main", "Succeeded", "variable=hit;]miss")
	for name := range j.tarballs {
		j.download(name)
	}
	return j.expect("post", "Succeeded", "Saved ")
}

// lodash is a project of one package, saved by a run of the main branch.
func lodash(j *job) *job {
	j.t.Helper()
	return j.npm(map[string]string{"lodash": "lodash 1.0.0"}).savedNPM().again()
}

// cache lists what is in the folder that is restored, sorted.
func (j *job) cache() []string {
	j.t.Helper()
	folder := j.path("work/1/.npm/_cacache")
	var names []string
	err := filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			rel, relErr := filepath.Rel(folder, name)
			names, err = append(names, filepath.ToSlash(rel)), relErr
		}
		return err
	})
	if !errors.Is(err, fs.ErrNotExist) {
		j.must(err)
	}
	slices.Sort(names)
	return names
}

// has checks that the folder holds the tarballs with these contents and nothing else.
func (j *job) has(contents ...string) *job {
	j.t.Helper()
	var want []string
	for _, content := range contents {
		want = append(want, blobName(content))
		if got := j.read(tarball(content)); got != content {
			j.t.Errorf("the tarball of %q holds %q", content, got)
		}
	}
	slices.Sort(want)
	if got := j.cache(); !slices.Equal(got, want) {
		j.t.Errorf("the folder holds %q, want %q; log:\n%s", got, want, j.log)
	}
	return j
}

var outputForm = regexp.MustCompile(`##vso\[task\.setvariable variable=([^;]+);[^\]]*\](.*)`)

// variables are those that the last stage has set.
func (j *job) variables() map[string]string {
	found := map[string]string{}
	for _, m := range outputForm.FindAllStringSubmatch(j.log, -1) {
		found[m[1]] = strings.TrimRight(m[2], "\r")
	}
	return found
}

// carry makes the variables of the job what later steps see.
func (j *job) carry() *job {
	for name, value := range j.variables() {
		if !slices.Contains(outputs, name) {
			j.env[strings.ToUpper(name)] = value
		}
	}
	return j
}

// facts are those of the report that a stage left.
func (j *job) facts(stage string) map[string]any {
	j.t.Helper()
	var report struct{ Facts map[string]any }
	text, err := os.ReadFile(j.path("work/_temp/guardrails/safecache-1f-" + stage + ".json"))
	j.must(err)
	j.must(json.Unmarshal(text, &report))
	return report.Facts
}

// fact is one of them as text; a part of it is named as in "saved.tier".
func (j *job) fact(stage, name string) string {
	j.t.Helper()
	var value any = j.facts(stage)
	for part := range strings.SplitSeq(name, ".") {
		m, ok := value.(map[string]any)
		if !ok {
			return ""
		}
		value = m[part]
	}
	if value == nil {
		return ""
	}
	return fmt.Sprint(value)
}

// objects lists the store's objects whose names end so.
func (j *job) objects(suffix string) []string {
	j.t.Helper()
	all, err := j.repository().Store.List(j.t.Context(), "")
	j.must(err)
	var names []string
	for _, o := range all {
		if strings.HasSuffix(o.Name, suffix) {
			names = append(names, o.Name)
		}
	}
	return names
}

// storedBytes is what all objects of the store take together.
func (j *job) storedBytes() string {
	j.t.Helper()
	all, err := j.repository().Store.List(j.t.Context(), "")
	j.must(err)
	sum := int64(0)
	for _, o := range all {
		sum += o.Size
	}
	return fmt.Sprint(sum)
}

// everything is all that stages have left where others can read it: reports,
// summaries and the store. Logs are for the caller.
func (j *job) everything() string {
	j.t.Helper()
	var all strings.Builder
	for _, folder := range []string{"work/_temp", "store"} {
		err := filepath.WalkDir(j.path(folder), func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := os.ReadFile(name)
			all.WriteString(name + "\n")
			all.Write(text)
			return err
		})
		if !errors.Is(err, fs.ErrNotExist) {
			j.must(err)
		}
	}
	return all.String()
}
