package safecache

import "testing"

// A step that refused something and went on says so when it does not save, rather
// than blame the job.
func TestRefusedAndWentOn(t *testing.T) {
	t.Parallel()
	const text = "Not saved: this step refused something above."
	for enforcement, result := range map[string]string{"warn": "SucceededWithIssues", "enforce": "Failed"} {
		j := newJob(t)
		j.env["INPUT_ENFORCEMENT"], j.env["INPUT_PATH"] = enforcement, j.path("work/1/node_modules")
		j.expect("main", result)
		j.env["AGENT_JOBSTATUS"] = result
		if enforcement == "warn" {
			j.expect("post", "Succeeded", text, "!Skipping")
		} else {
			j.expect("post", "Succeeded", "!"+text, "(it is 'Failed')")
		}
	}
	j := newJob(t)
	j.env["INPUT_ENFORCEMENT"] = "warn"
	j.expect("main", "Succeeded")
	j.env["AGENT_JOBSTATUS"] = "SucceededWithIssues"
	j.expect("post", "Succeeded", "!"+text, "(it is 'SucceededWithIssues')")
}

// The result of a post stage becomes the job's status, and with any other than
// Succeeded the caches of the other steps would not be saved.
func TestWarningOfThePostStage(t *testing.T) {
	t.Parallel()
	for enforcement, want := range map[string][2]string{
		"warn":    {"Succeeded", "type=warning;code=cache/installation"},
		"enforce": {"Failed", "type=error;code=cache/installation"},
	} {
		j := newJob(t)
		j.env["INPUT_ENFORCEMENT"] = enforcement
		j.expect("main", "Succeeded")
		j.write("work/1/.npm/_cacache/_npx/1/x", "")
		j.expect("post", want[0], want[1], `path holds "_npx"`, "How to fix: cache what is downloaded", "!Saved 1 file")
	}
}
