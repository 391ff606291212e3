package safecache

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/safecache/cachekey"
)

// Task variables: what the restore stage leaves for the save stage of the same
// step. The first is named as in Cache@2.
const (
	ranVariable = "RESTORE_STEP_RAN"
	// Secret, as a secret of the job may be a part of a path: a user's name, say.
	frozenVariable  = "RESTORE_STEP_FROZEN.secret"
	refusedVariable = "RESTORE_STEP_REFUSED"
)

// frozen is what must not change between restore and save, although the agent
// expands the inputs again and the build may have edited any file.
type frozen struct {
	Path      string       `json:"path"`
	Directory string       `json:"directory"` // the cache directory; of a container, the local tier
	Exact     bool         `json:"exact"`     // the entry of the key was restored
	Rejected  string       `json:"rejected"`  // name of the one that was not believed
	Restored  bool         `json:"restored"`  // there were files before the build began
	Since     int64        `json:"since"`     // when that was, in Unix seconds
	Values    []string     `json:"values"`
	Files     []frozenFile `json:"files,omitempty"`
}

// frozenFile is a file that the key was made from, to say later which changed.
type frozenFile struct {
	Path string `json:"p"`
	Hash string `json:"h"` // the first half of its SHA-256
}

// maxFrozenFiles keeps the variable small: every later process of the step gets it.
const maxFrozenFiles = 100

func (s *step) freeze() frozen {
	f := frozen{Path: s.folder, Directory: s.directory(), Values: s.keys.key.Values()}
	for _, segment := range s.keys.key {
		for _, m := range segment.Matches {
			if len(f.Files) < maxFrozenFiles {
				f.Files = append(f.Files, frozenFile{m.Path, m.SHA256[:32]})
			}
		}
	}
	return f
}

// in returns the inputs with what must not wander between the stages.
func (f frozen) in(in Inputs) Inputs {
	in.Path = inputs.Path(f.Path)
	if in.Store == StoreAzureBlob {
		in.LocalTier = f.Directory
	} else {
		in.Directory = f.Directory
	}
	return in
}

// keep stores f for the save stage.
func (f frozen) keep(env *task.Env) error {
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return errors.Join(
		env.Log.SetTaskVariable(ranVariable, "true", false),
		env.Log.SetTaskVariable(frozenVariable, string(text), true),
	)
}

// thaw returns what the restore stage kept; false if it did not get that far.
func thaw(env *task.Env) (frozen, bool) {
	var f frozen
	if env.TaskVar(ranVariable) != "true" || json.Unmarshal([]byte(env.TaskVar(frozenVariable)), &f) != nil {
		return frozen{}, false
	}
	return f, true
}

// keepRefusal tells the save stage that this step refused something and went on.
func keepRefusal(env *task.Env, in Inputs, err error) error {
	if !toleratedRefusal(in, err) {
		return nil
	}
	return env.Log.SetTaskVariable(refusedVariable, "true", false)
}

// toleratedRefusal reports whether an error is a refusal that only warns.
func toleratedRefusal(in Inputs, err error) bool {
	var user *task.UserError
	return in.Enforcement == inputs.Warn && errors.As(err, &user) && (user.Class == "" || user.Class == task.Refused)
}

// changes says what became different in the key, in words; nil if it is the same.
func (f frozen) changes(now cachekey.Resolved) []string {
	if slices.Equal(f.Values, now.Values()) {
		return nil
	}
	if len(f.Values) != len(now) {
		return []string{fmt.Sprintf("the key had %d segments and now has %d", len(f.Values), len(now))}
	}
	before := map[string]string{}
	for _, file := range f.Files {
		before[file.Path] = file.Hash
	}
	var changes []string
	for i, segment := range now {
		if segment.Value != f.Values[i] {
			changes = append(changes, f.segment(segment, before)...)
		}
	}
	return changes
}

func (f frozen) segment(segment cachekey.Segment, before map[string]string) []string {
	if segment.Kind == cachekey.Text {
		return []string{fmt.Sprintf("the text of segment %q is another", segment.Source)}
	}
	var changes []string
	for _, m := range segment.Matches {
		switch hash, known := before[m.Path]; {
		case known && hash != m.SHA256[:32]:
			changes = append(changes, m.Path+" has other contents")
		case !known && len(f.Files) < maxFrozenFiles:
			changes = append(changes, m.Path+" is new")
		}
	}
	if len(changes) == 0 {
		changes = []string{fmt.Sprintf("the files of segment %q are others", segment.Source)}
	}
	return changes
}
