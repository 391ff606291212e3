package safecache

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/task"
)

// hit is what a restore came to.
type hit string

const (
	exact    hit = "exact"
	partial  hit = "partial"
	miss     hit = "miss"
	rejected hit = "rejected"
)

// variable is the value of cacheHitVar, as Cache@2 has it.
func (h hit) variable() string {
	switch h {
	case exact:
		return "true"
	case partial:
		return "inexact"
	}
	return "false"
}

// result is what a step came to, for the outputs, the report and the summary.
type result struct {
	hit         hit
	matched     string // resolved key of the entry
	age         time.Duration
	storedBytes int64
	newBytes    int64
	verified    int
	dropped     int
	saved       *float64 // seconds; nil: unknown
	reason      string   // why the entry was rejected
	name        string   // of the key's own entry, if that was the one
	found       bool     // an entry was found
	stored      bool     // an entry was made
}

// outputs are the names of all output variables.
var outputs = []string{
	OutputHit, OutputMatchedKey, OutputAgeHours, OutputStoredBytes, OutputNewBytes, OutputVerifiedFiles,
	OutputDroppedNotInLock, OutputSecondsSaved, OutputRejectedReason,
}

// values are what the outputs are set to; "" for what is not known.
func (r result) values() map[string]string {
	v := map[string]string{
		OutputHit: string(r.hit), OutputMatchedKey: r.matched, OutputRejectedReason: r.reason,
		OutputVerifiedFiles: strconv.Itoa(r.verified), OutputDroppedNotInLock: strconv.Itoa(r.dropped),
		OutputAgeHours: "", OutputStoredBytes: "", OutputNewBytes: "", OutputSecondsSaved: "",
	}
	if r.found {
		v[OutputAgeHours] = fmt.Sprintf("%.1f", r.age.Hours())
	}
	if r.found || r.stored {
		v[OutputStoredBytes] = strconv.FormatInt(r.storedBytes, 10)
	}
	if r.stored {
		v[OutputNewBytes] = strconv.FormatInt(r.newBytes, 10)
	}
	if r.saved != nil {
		v[OutputSecondsSaved] = fmt.Sprintf("%.1f", *r.saved)
	}
	return v
}

// announce sets the variables that later steps read, whatever happened.
func (r result) announce(env *task.Env, hitVariable string) error {
	values := r.values()
	var errs []error
	for _, name := range outputs {
		env.Report.Set(name, values[name])
		err := env.Log.SetVariable(name, values[name], pipeline.Var{})
		if name != OutputHit && err != nil {
			env.Log.Debug("the output " + name + " is not set: " + err.Error())
			continue
		}
		errs = append(errs, err)
	}
	if hitVariable != "" {
		errs = append(errs, env.Log.SetVariable(hitVariable, r.hit.variable(), pipeline.Var{}))
	}
	return errors.Join(errs...)
}

// checkHitVariable refuses names that the agent would not set: it turns every
// variable named as an output of the task, in any case, into <step>.<name>
// (ExecutionContext.cs SetVariable), and $(HIT) would stay undefined in silence.
func checkHitVariable(name string) error {
	problem := ""
	switch {
	case slices.ContainsFunc(outputs, func(output string) bool { return strings.EqualFold(name, output) }):
		problem = fmt.Sprintf(
			"cacheHitVar cannot be %q: that is an output of this task, and the agent would not set it", name)
	case strings.ContainsAny(name, " \t\r\n$()%|;]"):
		problem = fmt.Sprintf("cacheHitVar is %q, which is not a name that steps can use", name)
	case strings.Contains(name, "."):
		problem = fmt.Sprintf("cacheHitVar is %q, and a name with a dot belongs to the agent or a step's outputs", name)
	case needed(name):
		problem = fmt.Sprintf("cacheHitVar would overwrite %s, which other steps need", name)
	default:
		return nil
	}
	return &task.UserError{
		Class: task.BadInput, Rule: "cache/input", Msg: problem,
		Hint: "use a name such as CACHE_RESTORED",
	}
}

// Variables of the job become the environment of every later step, so these names
// would break it, or decide what it runs.
var (
	neededNames    = []string{"PATH", "HOME", "LD_PRELOAD", "LD_LIBRARY_PATH", "NODE_OPTIONS", "BASH_ENV", "ENV", "IFS"}
	neededPrefixes = []string{"AZP_", "SYSTEM_", "AGENT_", "BUILD_", "INPUT_", "SECRET_", "ENDPOINT_", "VSTS_"}
)

func needed(name string) bool {
	name = strings.ToUpper(name)
	return slices.Contains(neededNames, name) ||
		slices.ContainsFunc(neededPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// amount is "3 files, 1.2 MB".
func amount(files int, bytes int64) string {
	if files == 1 {
		return "1 file, " + size(bytes)
	}
	return fmt.Sprintf("%d files, %s", files, size(bytes))
}

func size(bytes int64) string {
	switch {
	case bytes < 1000:
		return fmt.Sprintf("%d bytes", bytes)
	case bytes < 1_000_000:
		return fmt.Sprintf("%.1f kB", float64(bytes)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "just now"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}
