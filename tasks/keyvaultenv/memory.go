package keyvaultenv

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/leak"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/state"
)

// memory is what the post stage has to know. It is sealed with a key that only this
// step's own task variable has.
type memory struct {
	Started time.Time
	Vault   string
	// The inputs of the scan as they were at the start: the agent expands them again
	// for the post stage, when steps may have changed the variables in them.
	Scan        []target
	ScanPaths   []string
	OnLeak      OnLeak
	Enforcement inputs.Enforcement
	Baseline    string
	Known       []known
	// Vars are the variables that say where things are: a later step can set others of
	// the same name in the environment.
	Vars map[string]string
}

// known is a secret of this run.
type known struct {
	Name  string
	Owner string // as the tags in the vault say
	Value string
}

// frozen are the variables that the scan goes by.
var frozen = []string{
	"Pipeline.Workspace", "System.DefaultWorkingDirectory", "Build.ArtifactStagingDirectory", "Build.BuildId",
	"System.JobId", "System.TeamProjectId", "System.CollectionId", "Task.DisplayName",
}

// The task variables of a step. The name of a secret one ends in .secret.
const (
	sealedFile = "guardrails.sealed.secret" // the key in base64, and the path
	outputFile = "guardrails.file"
)

// variable is a variable of the job, as it was when the step began.
func (s *step) variable(name string) string {
	if value, ok := s.vars[name]; ok {
		return value
	}
	return s.env.Var(name)
}

// remember keeps what the post stage has to know; again with the secrets, once they
// are masked.
func (s *step) remember(secrets []secret) error {
	m := memory{
		Started: s.env.Now(), Vault: s.in.KeyVaultName, Scan: s.scan, ScanPaths: s.in.ScanPaths, OnLeak: s.in.OnLeak,
		Enforcement: s.in.Enforcement, Vars: map[string]string{},
		Baseline: string(s.in.Baseline), Known: s.knownSecrets(secrets),
	}
	for _, name := range frozen {
		m.Vars[name] = s.env.Var(name)
	}
	key := make([]byte, state.KeySize)
	_, _ = rand.Read(key) // never fails
	before := s.sealed
	path, err := state.Save(s.env.TempDir(), key, m)
	s.sealed = path
	if err == nil {
		err = s.env.Log.SetTaskVariable(sealedFile, base64.StdEncoding.EncodeToString(key)+" "+path, true)
	}
	if err == nil && before != "" {
		err = state.Remove(before)
	}
	if err != nil {
		return &task.UserError{
			Class: task.Environment, Rule: "keyvault/state", Err: err,
			Msg:  "what the scan at the end of the job needs cannot be kept in the job's folder for temporary files",
			Hint: "make room there, and see to it that the agent's user may write to it",
		}
	}
	return nil
}

// recall opens what remember has kept, and removes it; nil if this step kept nothing.
func recall(env *task.Env) (*memory, error) {
	text, path, kept := strings.Cut(env.TaskVar(sealedFile), " ")
	if !kept {
		return nil, nil
	}
	defer state.Remove(path) // the agent empties the folder, too
	key, err := base64.StdEncoding.DecodeString(text)
	var m memory
	if err == nil {
		err = state.Load(path, key, &m)
	}
	if err != nil {
		return nil, &task.UserError{
			Class: task.Environment, Rule: "keyvault/state", Err: err,
			Msg: "the scan cannot know the secrets of this job: the sealed file that this step kept for it in the " +
				"folder for temporary files is gone, or was changed",
			Hint: "find the step that empties $(Agent.TempDirectory) or writes into it; until then take the secrets " +
				"as leaked",
		}
	}
	return &m, nil
}

// knownSecrets are the secrets as they are looked for: as they are in the vault, and as
// they were exported.
func (s *step) knownSecrets(secrets []secret) []known {
	var all []known
	seen := map[string]bool{}
	for _, x := range secrets {
		values := []string{x.value, x.whole}
		if x.want.Path != "" {
			values = values[:1] // the rest of the document was not asked for
		}
		for _, value := range values {
			if !seen[value] && value != "" {
				all = append(all, known{s.name(x.want), owner(x.item.Tags), value})
				seen[value] = true
			}
		}
	}
	return all
}

// owner is who the vault says a secret belongs to.
func owner(tags map[string]string) string {
	for _, tag := range []string{"owner", "Owner", "contact", "team"} {
		if who := tags[tag]; who != "" {
			return who
		}
	}
	return ""
}

func (s *step) known(secrets []secret) []leak.Known { return asKnown(s.knownSecrets(secrets)) }

func asKnown(all []known) []leak.Known {
	var out []leak.Known
	for _, k := range all {
		out = append(out, leak.Known{Name: k.Name, Value: inputs.NewSecret(k.Value)})
	}
	return out
}
