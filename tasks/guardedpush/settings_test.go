package guardedpush

import (
	"strconv"
	"strings"
	"testing"
)

// Wrong inputs are told all at once, before anything is asked, and no secret is among
// what is told.
func TestWrongInputs(t *testing.T) {
	t.Parallel()
	j := fresh(t).input("branch", "-evil", "edits", "nonsense", "ignore", "$[", "paths", "/a", "maxRuns", "-1",
		"windowMinutes", "0", "maxRepeats", "1001", "alsoCount", "manual, everything", "authorName", "a <b>",
		"authorEmail", "me", "override", "true", "reason", "", "pipelineId", "x", "alertWebhook", "ftp://hunter-of-foxes",
		"gitHubConnection", connectionID, "gitConnection", connectionID)
	j.untouched(func() { j.want("Failed", "push/input") })
	found := strings.Join(j.errors(), "\n")
	for _, input := range []string{
		"branch", "edits", "ignore", "paths", "maxRuns", "windowMinutes", "maxRepeats", "alsoCount", "authorName", "authorEmail",
		"reason", "pipelineId", "alertWebhook", "gitConnection",
	} {
		if strings.Count(found, `input "`+input+`": `) != 1 {
			t.Errorf("%s is not among the errors, or twice:\n%s", input, found)
		}
	}
	same(t, "errors", 14, len(j.errors()))
	for _, line := range j.errors() {
		// What is wrong with an edit has its fix within.
		if !strings.Contains(line, "How to fix: ") && !strings.Contains(line, ": write file.yaml: path = value") {
			t.Errorf("an error without a fix: %s", line)
		}
	}
	j.silent("hunter-of-foxes")
	same(t, "requests", 0, len(j.git.Requests())+len(j.devops.Requests()))
	same(t, "output pushed", "false", j.output("pushed"))
	// It is no matter of taste.
	j.input("enforcement", "warn").want("Failed", "push/input")
}

func TestBranches(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ input, source, says string }{
		"its name":           {"main", "", ""},
		"its ref":            {"refs/heads/main", "", ""},
		"blanks around":      {"  main ", "", ""},
		"the run's":          {"", "refs/heads/main", ""},
		"of a tag":           {"", "refs/tags/v1", "which is no branch"},
		"of a pull request":  {"", "refs/pull/3/merge", "which is no branch"},
		"a tag":              {"refs/tags/v1", "", "branch"},
		"our state":          {"refs/guardrails/breaker/12", "", "branch"},
		"an option":          {"--mirror", "", "branch"},
		"a force":            {"+main", "", "no branch"},
		"a pair":             {"main:other", "", "branch"},
		"a parent":           {"../main", "", "branch"},
		"a lock":             {"main.lock", "", "branch"},
		"a pattern":          {"ma*", "", "branch"},
		"a line end":         {"main\nother", "", "branch"},
		"a command":          {"##vso[task.complete result=Succeeded;]", "", "branch"},
		"one that is absent": {"absent", "", "create it first"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fresh(t).input("branch", tc.input).set("BUILD_SOURCEBRANCH", tc.source)
			if tc.says == "" {
				j.want("Succeeded", "pushed")
				return
			}
			j.untouched(func() { j.want("Failed", "push/input") })
			j.oneError(`input "branch"`, tc.says)
			if strings.Contains(j.log, "\n##vso[task.complete result=Succeeded;]") {
				t.Errorf("the log:\n%s", j.log)
			}
		})
	}
}

func TestPeople(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		name, email string
		wrong       int
	}{
		"good":             {"Zoë van der Berg", "zoe+ci@example.com", 0},
		"a forged address": {"Zoë <boss@example.com>", "zoe@example.com", 1},
		"a line end":       {"Zoë\ncommitter x", "zoe@example.com\nx", 2},
		"no address":       {"Zoë", "zoe", 1},
		"written oddly":    {"Zoë", `"zoe"@example.com`, 1},
		"two addresses":    {"Zoë", "a@example.com, b@example.com", 1},
		"a name in it":     {"Zoë", "Zoë <a@example.com>", 1},
		"too long":         {strings.Repeat("z", 201), strings.Repeat("z", 200) + "@example.com", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fresh(t).input("authorName", tc.name, "authorEmail", tc.email)
			if tc.wrong == 0 {
				j.want("Succeeded", "pushed")
				return
			}
			j.untouched(func() { j.want("Failed", "push/input") })
			same(t, "errors", tc.wrong, len(j.errors()))
		})
	}
}

func TestEditsThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ edits, says string }{
		"no such file":     {"gone.yaml: a = 1", "no file of the branch"},
		"no such path":     {"v.yaml: b = 1", "v.yaml"},
		"outside":          {"../v.yaml: a = 1", "line 1"},
		"absolute":         {"/etc/passwd: a = 1", "line 1"},
		"of git":           {".git/config: a = 1", "line 1"},
		"of git, hidden":   {"x/.GIT/config: a = 1", "line 1"},
		"no document":      {"notes.txt: a = 1", "notes.txt"},
		"one of two wrong": {"v.yaml: a = 2\nv.yaml: b = 1", "v.yaml"},
		"a comment":        {"v.yaml: a = 2 # by me", "take it out, or put the value in quotes"},
		"a dotted number":  {"v.yaml: l.0 = 2", "a list of 1: write [0]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, map[string]string{"v.yaml": "a: 1\nl: [1]\n", "notes.txt": "hello\n"}).input("edits", tc.edits)
			j.untouched(func() { j.want("Failed", "push/input") })
			j.oneError(`input "edits"`, tc.says)
			// The file's name alone has a hint: the other texts say themselves what to write.
			if name != "no such file" && strings.Contains(j.errors()[0], "How to fix") {
				t.Errorf("a second way out: %s", j.errors()[0])
			}
		})
	}
}

// The numbers at the edges are taken.
func TestLimits(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		input string
		value int
		good  bool
	}{
		{"maxRuns", 0, true}, {"maxRuns", 1000, true}, {"maxRuns", 1001, false},
		{"windowMinutes", 1, true}, {"windowMinutes", 1440, true}, {"windowMinutes", 1441, false},
		{"maxRepeats", 0, true}, {"maxRepeats", 1000, true}, {"maxRepeats", -1, false},
	} {
		j := fresh(t).input(tc.input, strconv.Itoa(tc.value))
		if tc.good {
			j.want("Succeeded", "pushed")
		} else {
			j.want("Failed", "push/input")
		}
	}
}
