package auditdeps

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// Texts that command an agent, or change a report's form.
const (
	command  = "##vso[task.setvariable variable=pwned]yes"
	markdown = "](https://evil.example.com) ![x](https://evil.example.com/x.png) <img src=x> | a | b | `code` **bold** @team"
)

var (
	// ownCommand is a line with a command that the step gives by itself.
	ownCommand = regexp.MustCompile(`^##vso\[(?:task\.(?:debug|setvariable|logissue|uploadsummary|complete)|artifact\.upload|results\.publish)[ \]]|^##\[(?:group\]package-lock.json: npm ci|endgroup\])$`)
	link       = regexp.MustCompile(`(?m)(^|[^\\])\]\(`)
)

// harmless checks everything that the step has written for what a hostile text may not do.
func (j *job) harmless() {
	j.t.Helper()
	for _, line := range strings.FieldsFunc(j.log, func(r rune) bool { return r == '\n' || r == '\r' }) {
		// What follows a command in its line is its value, and commands nothing.
		own := ownCommand.MatchString(line)
		if strings.Contains(strings.ToLower(line), "##vso[") && !own || strings.Contains(line, "##[") && !own {
			j.t.Errorf("the log has a command of somebody else: %q", line)
		}
	}
	for _, r := range j.log {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			j.t.Errorf("the log has the control character %q:\n%q", r, j.log)
			break
		}
	}
	if _, ok := j.output()["pwned"]; ok || strings.Count(j.log, "##vso[task.complete ") != 1 {
		j.t.Errorf("a variable was set, or the step has several results:\n%s", j.log)
	}
	if text := j.summary(); link.MatchString(text) {
		j.t.Errorf("the summary has a link:\n%s", text)
	}
	for _, bad := range []string{"![x]", "<img", "##vso[", "\r"} {
		if text := j.summary(); strings.Contains(text, bad) {
			j.t.Errorf("the summary has %q:\n%s", bad, text)
		}
	}
	for _, name := range j.glob("work/_temp/guardrails/auditdeps-1f*") {
		j.wellFormed(name)
	}
}

// wellFormed checks that a document is one, and has no control characters.
func (j *job) wellFormed(name string) {
	j.t.Helper()
	data, err := os.ReadFile(name)
	j.must(err)
	switch filepath.Ext(name) {
	case ".xml":
		decoder := xml.NewDecoder(strings.NewReader(string(data)))
		for err == nil {
			_, err = decoder.Token()
		}
		if !errors.Is(err, io.EOF) {
			j.t.Errorf("%s: %v", name, err)
		}
	case ".json", ".sarif":
		if !json.Valid(data) {
			j.t.Errorf("%s is no JSON:\n%s", name, data)
		}
	}
	for _, r := range string(data) {
		if r != '\n' && r != '\t' && r != '\r' && unicode.IsControl(r) {
			j.t.Errorf("%s has the control character %q", name, r)
			return
		}
	}
}

func TestHostileTexts(t *testing.T) {
	t.Parallel()
	texts := map[string]string{
		"command": command, "command in upper case": strings.ToUpper(command), "formatting": "##[error]pwned",
		"command on a line of its own": "harmless\n" + command, "carriage return": "harmless\r" + command,
		"line separators": "harmless\u2028" + command + "\u2029\u0085" + command, "invisible": "#\u200b#vso[task.complete result=Succeeded]",
		"control characters": "a\x1b[2J\x07\x00b", "markdown": markdown, "HTML": "<script>alert(1)</script>&lt;",
		"the end of a table": "|\n\n# Heading\n", "XML": "]]><x/><![CDATA[\ufffe", "long": strings.Repeat("A very long text. ", 100_000),
		"escapes": "%0A##vso[task.complete]%0D%25", "JSON": `","level":"none"},{"a":"`, "right to left": "\u202e\u2066evil",
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Run("summary", func(t *testing.T) {
				t.Parallel()
				j := newJob(t, bad().with("summary", text).with("details", text).String()).victim()
				j.input("junit", "true", "cyclonedx", "true").expect("Failed", "FAILS         victim").outputs("high=1", "result=findings")
				j.harmless()
			})
			t.Run("reason", func(t *testing.T) {
				t.Parallel()
				j := newJob(t, bad().String()).victim().input("junit", "true", "cyclonedx", "true")
				value, err := json.Marshal(text)
				j.must(err)
				j.write("auditdeps.yml", allow("id: GHSA-1111-1111-1111", "reason: "+string(value), "expires: 2026-06-30"))
				j.run()
				j.harmless()
			})
			for _, field := range []string{"name", "version", "resolved", "integrity"} {
				t.Run("lock "+field, func(t *testing.T) {
					t.Parallel()
					j := hostileLock(t, field, text)
					if got := j.run(); got != "Failed" {
						t.Errorf("the step ended as %s, want Failed:\n%s", got, j.log)
					}
					j.harmless()
				})
			}
			t.Run("disk", func(t *testing.T) {
				t.Parallel()
				j := newJob(t).victim().input("junit", "true", "cyclonedx", "true")
				j.write("node_modules/victim/package.json", indented(map[string]any{"name": text, "version": text}))
				if got := j.run(); got != "Failed" {
					t.Errorf("the step ended as %s, want Failed:\n%s", got, j.log)
				}
				j.harmless()
			})
		})
	}
}

// hostileLock is a job whose lock file has a text as a field of its vulnerable package.
func hostileLock(t *testing.T, field, text string) *job {
	t.Helper()
	name, version := "victim", "1.0.0"
	entry := map[string]any{
		"version": version, "resolved": "https://registry.npmjs.org/victim/-/victim-1.0.0.tgz", "integrity": "sha512-" + text,
	}
	switch field {
	case "name":
		name = text
	case "integrity":
	default:
		entry[field] = text
	}
	j := newJob(t, bad().String(), about("npm", name, "GHSA-5555-5555-5555").String()).input("junit", "true", "cyclonedx", "true")
	root := map[string]any{"name": text, "dependencies": map[string]any{name: "^1.0.0"}}
	j.write("package.json", indented(root))
	j.write("package-lock.json", indented(map[string]any{
		"name": text, "lockfileVersion": 3, "packages": map[string]any{"": root, "node_modules/" + name: entry},
	}))
	return j.install(".", "victim@1.0.0", "")
}

// A secret of the job that got into a lock file is masked wherever it would be told.
func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	const secret = "pat-3f9c1d7e8a5b4c6d9e0f"
	j := newJob(t, bad().with("summary", "Bad: "+secret).String()).victim()
	j.env["SECRET_FEEDTOKEN"] = secret
	j.env["ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN"] = "job-" + secret
	j.edit("package-lock.json", "https://registry.npmjs.org/victim/-/", "https://me:"+secret+"@feed.example.com/"+secret+"/victim/-/")
	j.write(secret+"/package-lock.json", "{").install(".", secret+"@1.0.0", "")
	j.write("auditdeps.yml", allow("id: lint/host", "reason: "+secret, "expires: 2026-06-30"))
	j.input("junit", "true", "cyclonedx", "true").expect("Failed", "FAILS         victim", "***")
	if strings.Contains(j.log, secret) {
		t.Errorf("the log has the secret:\n%s", j.log)
	}
	for _, name := range j.glob("work/_temp/guardrails/*") {
		data, err := os.ReadFile(name)
		j.must(err)
		if strings.Contains(string(data), secret) {
			t.Errorf("%s has the secret:\n%s", name, data)
		}
	}
	for _, request := range j.osv.Requests() {
		if strings.Contains(request, secret) {
			t.Errorf("OSV was told the secret: %s", request)
		}
	}
}

// Numbers without end, depth without end: an error or an answer, and no crash.
func TestHostileSizes(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"deep JSON":      `{"lockfileVersion": 3, "packages": ` + strings.Repeat(`{"a":`, 1_000_000),
		"a deep list":    strings.Repeat("[", 1_000_000),
		"zero bytes":     strings.Repeat("\x00", 1_000_000),
		"no text at all": "",
		"a huge number":  `{"lockfileVersion": 1e999999999}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t).victim().write("package-lock.json", text)
			j.expect("Failed", "cannot audit: package-lock.json: ").outputs("result=cannotAudit")
			j.harmless()
		})
	}
}
