package check

import (
	"encoding/json"
	"go/token"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
)

var topRules = []rule{
	{"required-fields", requiredFields},
	{"help", help},
	{"id", id},
	{"name", name},
	{"friendly-name", friendlyName},
	{"version", version},
	{"agent-version", agentVersion},
	{"instance-name", instanceName},
}

// requiredFields: the schema demands nothing at the top level, the server and tfx
// demand these.
func requiredFields(t Task, found *report) {
	for _, field := range []string{
		"id", "name", "friendlyName", "description", "author", "category", "version",
		"minimumAgentVersion", "instanceNameFormat", "execution",
	} {
		if raw, has := t.Model.Has[field]; !has || isBlank(raw) {
			found.add(field, "is missing; every task.json needs it")
		}
	}
}

// isBlank reports whether raw is null or a blank string.
func isBlank(raw json.RawMessage) bool {
	var text string
	return json.Unmarshal(raw, &text) == nil && strings.TrimSpace(text) == ""
}

// help: the agent prints helpUrl, or else helpMarkDown, at the step's start.
func help(t Task, found *report) {
	if strings.TrimSpace(t.Model.HelpURL+t.Model.HelpMarkDown) == "" {
		found.add("helpUrl", "is missing, and so is helpMarkDown; give the address of the task's README")
	}
	if t.Model.HelpURL == "" {
		return
	}
	if u, err := url.Parse(t.Model.HelpURL); err != nil || u.Scheme != "https" || u.Host == "" {
		found.add("helpUrl", "is not an https address; correct it")
	}
}

var (
	guid    = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	nonZero = regexp.MustCompile(`[1-9A-Fa-f]`)
	plain   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*$`)
	macro   = regexp.MustCompile(`\$\(([^)]*)\)`)
)

// id: the agent and the server know a task by it alone.
func id(t Task, found *report) {
	switch {
	case t.Model.ID == "":
	case !guid.MatchString(t.Model.ID):
		found.add("id", "is not a GUID; make a random one (uuidgen) and never change it")
	case !nonZero.MatchString(t.Model.ID):
		found.add("id", "is the GUID of all zeros, which means no task; make a random one (uuidgen)")
	}
}

// name: it is what users write before the @, and its lower case is the Go package.
func name(t Task, found *report) {
	lower := strings.ToLower(t.Model.Name)
	switch {
	case t.Model.Name == "":
	case !plain.MatchString(t.Model.Name) || token.IsKeyword(lower):
		found.add("name", "%q cannot name a Go package; use a letter and then letters and digits", t.Model.Name)
	case lower != t.Folder:
		found.add("name", "%q is not the folder's name; rename the folder to tasks/%s", t.Model.Name, lower)
	}
}

// friendlyName: the schema says so in words alone, tfx warns.
func friendlyName(t Task, found *report) {
	if n := len(utf16.Encode([]rune(t.Model.FriendlyName))); n > 40 {
		found.add("friendlyName", "has %d characters; shorten it to 40", n)
	}
}

// version: users choose the major, build/pack gives the rest when it packs, so
// that the extension's version stands in one place.
func version(t Task, found *report) {
	raw, has := t.Model.Has["version"]
	if !has {
		return
	}
	if !strings.HasPrefix(strings.TrimSpace(string(raw)), "{") {
		found.add("version", `is not an object; write { "Major": 1, "Minor": 0, "Patch": 0 }`)
		return
	}
	v := t.Model.Version
	if major, err := strconv.ParseUint(v.Major.String(), 10, 31); err != nil || major == 0 {
		found.add("version.Major", "is not a whole number from 1; it is what users write after the @")
	}
	for i, number := range []json.Number{v.Minor, v.Patch} {
		if number != "0" {
			key := "version." + []string{"Minor", "Patch"}[i]
			found.add(key, "is not 0; leave it 0, build/pack sets it from vss-extension.json")
		}
	}
}

const oldestAgent = "4.248.0"

// agentVersion: the oldest agent Microsoft documents for Node20_1. A lower one
// lets agents take the job that ignore the handler; a higher one makes agents
// update themselves, or never take the job.
func agentVersion(t Task, found *report) {
	if v := t.Model.MinimumAgentVersion; v != "" && v != oldestAgent {
		found.add("minimumAgentVersion", "is %q; write %q, the first agent with Node20_1", v, oldestAgent)
	}
}

// instanceName: the editor fills $(input); it leaves any other name as it is.
func instanceName(t Task, found *report) {
	for _, m := range macro.FindAllStringSubmatch(t.Model.InstanceNameFormat, -1) {
		if _, ok := t.Model.Input(m[1]); !ok {
			found.add("instanceNameFormat", "has $(%s), which is no input; name an input or leave it out", m[1])
		}
	}
}
