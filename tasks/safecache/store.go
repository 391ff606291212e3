package safecache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/guardrails-ci/guardrails/shared/azure"
	"github.com/guardrails-ci/guardrails/shared/endpoint"
	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/safecache/entry"
	"github.com/guardrails-ci/guardrails/tasks/safecache/store"
	"github.com/guardrails-ci/guardrails/tasks/safecache/store/blob"
	"github.com/guardrails-ci/guardrails/tasks/safecache/trust"
)

// directoryOf returns the cache directory, or "" if entries are not in one.
func directoryOf(env *task.Env, in Inputs) string {
	if in.Store == StoreAzureBlob {
		return in.LocalTier
	}
	dir := in.Directory
	if workspace := env.Var("Pipeline.Workspace"); dir == "" && in.Store == StoreStage && workspace != "" {
		return filepath.Join(workspace, ".safecache")
	}
	if tools := env.Var("Agent.ToolsDirectory"); dir == "" && tools != "" {
		return filepath.Join(tools, "guardrails-cache")
	}
	return dir
}

func (s *step) directory() string { return directoryOf(s.env, s.in) }

// checkDirectory refuses a directory that depends on where a step runs.
func checkDirectory(env *task.Env, in Inputs) error {
	dir, input := directoryOf(env, in), "directory"
	if in.Store == StoreAzureBlob {
		input = "localTier"
	}
	if in.Store == StoreAzureBlob && dir == "" || filepath.IsAbs(dir) {
		return nil
	}
	return &task.UserError{
		Class: task.BadInput, Rule: "cache/directory", Msg: input + " is not an absolute path",
		Hint: "leave it empty, or begin it with a folder that outlives the job, such as $(Agent.ToolsDirectory)/",
	}
}

// storeName is how messages call the store.
func (s *step) storeName() string {
	switch s.in.Store {
	case StoreAzureBlob:
		return fmt.Sprintf("the container %s of the storage account %s", s.in.Container, s.in.StorageAccount)
	case StoreStage:
		return "the staging folder " + s.directory()
	}
	return "the cache directory " + s.directory()
}

// absence is what to say of a directory that is not there: a first run, or a share
// that is not mounted.
func (s *step) absence() string {
	dir := s.directory()
	if _, err := os.Stat(dir); s.in.Store == StoreAzureBlob || !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return ", which does not exist yet"
}

// openStore returns the store of the inputs. Nothing is asked of it yet.
func (s *step) openStore(context.Context) (entry.Repository, error) {
	repo := entry.Repository{Keys: s.known, Now: s.env.Now, Note: s.note, MaxAge: s.maxAge}
	if s.access.Write != nil && s.access.Write.Tier == trust.Trusted {
		repo.Signer = s.signer
	}
	if s.in.Store != StoreAzureBlob {
		repo.Store = store.NewDir(filepath.Clean(s.directory()))
		return repo, nil
	}
	if dir := s.directory(); dir != "" {
		repo.Local = store.NewDir(filepath.Clean(dir))
	}
	config, warnings, err := httpx.FromAgent(s.env.Lookup)
	if err != nil {
		return repo, err
	}
	for _, warning := range warnings {
		s.env.Log.Warning(pipeline.Issue{Message: warning, Code: "cache/connection"})
	}
	config.Secrets = s.env.Secrets
	c := blob.Config{Account: s.in.StorageAccount, Container: s.in.Container, SAS: s.in.SasToken.Reveal(), HTTP: config}
	if s.in.AzureSubscription != "" {
		credential, err := s.credential(config)
		if err != nil {
			return repo, err
		}
		c.Credential, c.Suffix = credential.For(azure.StorageScope), credential.BlobSuffix()
	}
	repo.Store, err = blob.New(c)
	return repo, badInput(err, "store", "correct the inputs of the store")
}

// note shows what is strange and does no harm, once.
func (s *step) note(text string) {
	if _, again := s.noted.LoadOrStore(text, true); !again {
		s.env.Log.Print("Note: " + text + ".")
	}
}

func (s *step) credential(config httpx.Config) (*azure.Credential, error) {
	e := endpoint.New(s.env.Environ())
	conn, err := e.Connection(s.in.AzureSubscription, "azureSubscription")
	if err != nil {
		return nil, badInput(err, "azureSubscription", "name a service connection that this pipeline may use")
	}
	oidc, _ := s.env.Lookup("SYSTEM_OIDCREQUESTURI")
	credential, err := azure.New(conn, azure.JobOf(e, httpx.New(config), oidc, s.env.Log.SetSecret))
	return credential, badInput(err, "azureSubscription", "correct the service connection")
}

// entryScope is a scope as an entry writes it down.
func entryScope(s trust.Scope) entry.Scope {
	return entry.Scope{
		Collection: s.Collection, Project: s.Project, Definition: s.Definition, Tier: string(s.Tier), Branch: s.Branch,
	}
}

// producer is this run, as an entry that it saves names it.
func (s *step) producer() entry.Producer {
	v := s.env.Var
	return entry.Producer{
		BuildID: v("Build.BuildId"), BuildNumber: v("Build.BuildNumber"), Commit: v("Build.SourceVersion"),
		Branch: v("Build.SourceBranch"), Reason: v("Build.Reason"), Agent: v("Agent.Name"), OS: v("Agent.OS"),
		Arch: v("Agent.OSArchitecture"), Definition: v("Build.DefinitionName"), Tool: s.tool,
	}
}
