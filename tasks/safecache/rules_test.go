package safecache

import (
	"strings"
	"testing"
)

func TestFailOnMiss(t *testing.T) {
	t.Parallel()
	j := newJob(t).npm(map[string]string{"lodash": "lodash!"}).set("INPUT_FAILONMISS", "true")
	j.expect("main", "Failed", "code=cache/miss", "nothing was restored, and failOnMiss is set", "variable=hit;]miss",
		"variable=RESTORED;]false")
	j.set("INPUT_FAILONMISS", "false").savedNPM().again().set("INPUT_FAILONMISS", "true").finds("exact")
	j.again().npm(map[string]string{"lodash": "lodash!", "minimist": "x"}).finds("partial")
	j.again().npm(map[string]string{"lodash": "lodash!"}).write("store/"+strings.Join(j.objects(".pack"), ""), "bad")
	j.expect("main", "Failed", "variable=hit;]rejected", "code=cache/rejected", "code=cache/miss")
}

// lookupOnly says what there is, and changes nothing.
func TestLookupOnly(t *testing.T) {
	t.Parallel()
	j := lodash(newJob(t)).set("INPUT_LOOKUPONLY", "true")
	j.write(packument, "what was there before")
	j.expect("main", "Succeeded", "variable=hit;]exact", "variable=RESTORED;]true", "Looked up only", "!Cache restored",
		"variable=verifiedFiles;]0", "variable=matchedKey;]\"npm\"|")
	if got := j.cache(); len(got) != 1 {
		t.Errorf("after a look the folder holds %q, want what was there before", got)
	}
	j.download("lodash").expect("post", "Succeeded", "Nothing is saved: lookupOnly is set.", "!Saved")
	j.npm(map[string]string{"lodash": "lodash 1.0.0", "minimist": "x"}).again()
	j.expect("main", "Succeeded", "variable=hit;]partial", "Looked up only").has()
	j.download("minimist").expect("post", "Succeeded", "Nothing is saved: lookupOnly is set.")
	j.set("INPUT_KEY", `"other"|package-lock.json`, "INPUT_RESTOREKEYS", "").again().finds("miss")
	j.set("INPUT_FAILONMISS", "true").expect("main", "Failed", "code=cache/miss")
	if got := len(j.objects(".json")); got != 1 {
		t.Errorf("there are %d entries, want one", got)
	}
}

// With which status of the job the cache is saved.
func TestSaveOn(t *testing.T) {
	t.Parallel()
	for saveOn, want := range map[string]map[string]string{
		"succeeded": {
			"Succeeded": "Saved 1 file", "succeeded": "Saved 1 file",
			"SucceededWithIssues": "Skipping because the job status was not 'Succeeded' (it is 'SucceededWithIssues').",
			"Failed":              "Skipping because", "Canceled": "Skipping because", "": "(it is '')",
		},
		"succeededWithIssues": {
			"Succeeded": "Saved 1 file", "SucceededWithIssues": "Saved 1 file",
			"Failed": "not 'Succeeded' or 'SucceededWithIssues' (it is 'Failed')", "Canceled": "Skipping because",
		},
		"never": {"Succeeded": "Nothing is saved: saveOn is never.", "Failed": "Nothing is saved: saveOn is never."},
	} {
		for status, text := range want {
			j := newJob(t).set("INPUT_SAVEON", saveOn).expect("main", "Succeeded").set("AGENT_JOBSTATUS", status)
			j.write(cached, "hello")
			j.expect("post", "Succeeded", text)
			if got := len(j.objects(".json")) == 1; got != strings.HasPrefix(text, "Saved") {
				t.Errorf("saveOn %s, job %s: there is an entry: %v", saveOn, status, got)
			}
		}
	}
}

// The limit is of what is stored, before compression.
func TestMaxSize(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 1_000_001)
	j := newJob(t).npm(map[string]string{"lodash": big}).set("INPUT_MAXSIZEMB", "1").expect("main",
		"Succeeded").download("lodash")
	j.expect("post", "Succeeded", "type=warning;code=cache/content", "cannot be a cache: ", "1000000", "!Saved")
	if got := j.objects(""); len(got) != 0 {
		t.Errorf("the store holds %q, want nothing", got)
	}
	for _, limit := range []string{"2", "0", ""} {
		j := newJob(t).npm(map[string]string{"lodash": big}).set("INPUT_MAXSIZEMB", limit)
		j.expect("main", "Succeeded").download("lodash").expect("post", "Succeeded", "Saved 1 file")
	}
	// What the lock file does not name does not count.
	j = newJob(t).npm(map[string]string{"lodash": "lodash!"}).set("INPUT_MAXSIZEMB", "1").expect("main", "Succeeded")
	j.write(packument, big)
	j.download("lodash").expect("post", "Succeeded", "Saved 1 file")
	newJob(t).set("INPUT_MAXSIZEMB", "-1").expect("main", "Failed", "maxSizeMB is negative",
		"write 0 for no limit").noStore()
}

// The variable of cacheHitVar in every outcome, as Cache@2 sets it.
func TestHitVariableOfEveryOutcome(t *testing.T) {
	t.Parallel()
	j := newJob(t).npm(map[string]string{"lodash": "lodash!"}).set("INPUT_CACHEHITVAR", "GOT_IT")
	want := func(value string) {
		t.Helper()
		if got := j.variables()["GOT_IT"]; got != value {
			t.Errorf("GOT_IT is %q, want %q; log:\n%s", got, value, j.log)
		}
	}
	j.savedNPM().again().finds("exact")
	want("true")
	j.npm(map[string]string{"lodash": "lodash!", "minimist": "x"}).again().finds("partial")
	want("inexact")
	j.set("INPUT_RESTOREKEYS", "").again().finds("miss")
	want("false")
	j.npm(map[string]string{"lodash": "lodash!"}).again().write("store/"+strings.Join(j.objects(".pack"), ""), "bad")
	j.finds("rejected")
	want("false")
	j.packageJSON(map[string]string{"lodash": "2.0.0"})
	j.expect("main", "Failed", "code=cache/stale-lock")
	want("false")
	j.set("INPUT_CACHEHITVAR", "").run("main")
	if _, set := j.variables()["RESTORED"]; set || strings.Contains(j.log, "variable=;") {
		t.Errorf("a variable was set that nobody asked for; log:\n%s", j.log)
	}
}

// Inputs that only make sense together.
func TestInputsTogether(t *testing.T) {
	t.Parallel()
	blob := []string{"INPUT_STORE", "azureBlob", "INPUT_STORAGEACCOUNT", "acc", "INPUT_CONTAINER", "con", "INPUT_SASTOKEN", "sv=1&sig=xxxxxx"}
	with := func(more ...string) []string { return append(append([]string{}, blob...), more...) }
	for text, inputs := range map[string][]string{
		"the command open needs store: stage":                                   {"INPUT_COMMAND", "open"},
		"with store: stage the command restore+save would fill the folder":      {"INPUT_STORE", "stage"},
		"store: azureBlob needs storageAccount":                                 with("INPUT_STORAGEACCOUNT", ""),
		"store: azureBlob needs container":                                      with("INPUT_CONTAINER", ""),
		"store: azureBlob needs azureSubscription or sasToken":                  with("INPUT_SASTOKEN", ""),
		"azureSubscription and sasToken are both given":                         with("INPUT_AZURESUBSCRIPTION", "id"),
		"localTier is not an absolute path":                                     with("INPUT_LOCALTIER", "here"),
		"directory is not an absolute path":                                     {"INPUT_DIRECTORY", "here"},
		"ecosystem: generic needs key":                                          {"INPUT_KEY", ""},
		"ecosystem: generic needs path":                                         {"INPUT_PATH", ""},
		"maxSizeMB is negative":                                                 {"INPUT_MAXSIZEMB", "-1"},
		`input "command"`:                                                       {"INPUT_COMMAND", "wipe"},
		`"v1.0"`:                                                                {"INPUT_CACHEHITVAR", "v1.0"},
		`input "maxSizeMB"`:                                                     {"INPUT_MAXSIZEMB", "much"},
		"store: storage account \"A\" is neither the name":                      with("INPUT_STORAGEACCOUNT", "A"),
		"store: container \"B\" is not the name of a container":                 with("INPUT_CONTAINER", "B"),
		"store: the shared access signature is not one: it looks like sv=...&s": with("INPUT_SASTOKEN", "hello-hello"),
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			j := newJob(t).set(inputs...).set("INPUT_ENFORCEMENT", "warn")
			j.expect("main", "Failed", text, "!hello-hello", "!xxxxxx").noStore()
		})
	}
	t.Run("commands without a folder", func(t *testing.T) {
		t.Parallel()
		for _, command := range []string{"list", "gc"} {
			newJob(t).set("INPUT_COMMAND", command, "INPUT_KEY", "", "INPUT_PATH", "").expect("main", "Succeeded")
		}
		for _, command := range []string{"explain", "delete"} {
			newJob(t).set("INPUT_COMMAND", command, "INPUT_PATH", "", "INPUT_ECOSYSTEM", "generic").run("main")
		}
	})
}
