package safecache

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/guardrails-ci/guardrails/shared/archive"
	"github.com/guardrails-ci/guardrails/shared/endpoint"
	"github.com/guardrails-ci/guardrails/shared/lockfile"
	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/proc"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/safecache/cachekey"
	"github.com/guardrails-ci/guardrails/tasks/safecache/ecosystem"
	"github.com/guardrails-ci/guardrails/tasks/safecache/trust"
)

// step is what a step wants, understood: which cache, for which lock files, and
// what this run may read and write. Making one changes nothing and asks no store.
type step struct {
	env *task.Env
	in  Inputs
	settings
	eco    *ecosystem.Ecosystem // nil: a generic cache
	folder string               // the download cache, absolute
	keys   keys
	locks  []lockfile.Lock
	plan   ecosystem.Plan
	access trust.Access
	tool   string   // and version, if the key follows from the ecosystem
	noted  sync.Map // the texts of note
}

// understand makes a step of the inputs, without its lock files: those are judged
// when the key is known to be the one that counts.
func understand(ctx context.Context, env *task.Env, in Inputs) (*step, error) {
	s := &step{env: env, in: in}
	var err error
	s.settings, err = parseSettings(in)
	if err := errors.Join(err, checkDirectory(env, in)); err != nil {
		return nil, err
	}
	s.warnInputs()
	spec, err := s.spec(ctx)
	if err != nil {
		return nil, err
	}
	if s.folder = string(in.Path); s.folder != "" {
		if err := look(env, directoryOf(env, in)).refuse(s.folder); err != nil {
			return nil, err
		}
	}
	if s.keys, err = resolveKeys(ctx, env, spec); err != nil {
		return nil, err
	}
	if s.eco == nil {
		if s.eco, err = chooseEcosystem(in.Ecosystem, lockNames(s.keys.key)); err != nil {
			return nil, err
		}
		s.sayChoice()
	}
	s.access = trust.Decide(trust.FromAgent(env.Var), trust.Policy{TrustedBranches: s.branches, Critical: in.Critical})
	return s, nil
}

// warnInputs tells of inputs that do not what their author may think.
func (s *step) warnInputs() {
	warn := func(text string) { s.env.Log.Warning(pipeline.Issue{Message: text, Code: "cache/input"}) }
	in := s.in
	given := in.StorageAccount + in.Container + in.AzureSubscription + in.LocalTier + in.SasToken.Reveal()
	if in.Store != StoreAzureBlob && given != "" {
		warn("storageAccount, container, azureSubscription, sasToken and localTier do nothing with store: " +
			string(in.Store) + ". How to fix: set store: azureBlob, or remove them")
	}
	secrets := map[string]string{"signingKey": in.SigningKey.Reveal(), "sasToken": in.SasToken.Reveal()}
	for input, value := range secrets {
		isSecret := func(secret string) bool { return strings.Contains(secret, strings.TrimSpace(value)) }
		if strings.TrimSpace(value) != "" && !slices.ContainsFunc(endpoint.Secrets(s.env.Environ()), isSecret) {
			warn(input + " is not the value of a secret variable, so whoever reads the pipeline has it. " +
				"How to fix: make a new one, and keep it in a secret variable or a key vault")
		}
	}
}

// sayChoice tells what auto came to, and the way out if that was not meant.
func (s *step) sayChoice() {
	if s.eco != nil && s.in.Ecosystem == EcosystemAuto {
		s.env.Log.Printf("Ecosystem: %s, as its lock file is part of the key. If path is not where %s keeps its "+
			"downloads, set ecosystem: generic.", s.eco.Name, s.eco.Name)
	}
}

// spec is the key that the user gave, or the one that follows from the ecosystem.
func (s *step) spec(ctx context.Context) (cachekey.Spec, error) {
	if s.in.Key != "" {
		return parseKeys(s.env, s.in)
	}
	sources := s.env.Var("System.DefaultWorkingDirectory")
	names := knownLocks(sources)
	var err error
	if s.eco, err = chooseEcosystem(s.in.Ecosystem, names); err != nil {
		return cachekey.Spec{}, err
	}
	if s.eco == nil {
		return cachekey.Spec{}, &task.UserError{
			Class: task.BadInput, Rule: "cache/key",
			Msg:  "there is no key, and no lock file in " + sources + " from which one could follow",
			Hint: "is the checkout before this step? If the lock file is in a subfolder, write a key with it",
		}
	}
	if name := mainLock(*s.eco, names); name != "" {
		return s.defaultKey(ctx, name)
	}
	return cachekey.Spec{}, &task.UserError{
		Class: task.BadInput, Rule: "cache/key",
		Msg: fmt.Sprintf("there is no key, and no lock file of %s (%s) in %s",
			s.eco.Name, strings.Join(s.eco.Locks, ", "), sources),
		Hint: "is the checkout before this step? If the lock file is in a subfolder, write a key with it",
	}
}

// defaultKey is ecosystem | system | architecture | tool | lock file and, of a
// critical cache, the commit. Restore keys leave out the last of these.
func (s *step) defaultKey(ctx context.Context, lock string) (cachekey.Spec, error) {
	tool, err := s.toolVersion(ctx)
	if err != nil {
		return cachekey.Spec{}, err
	}
	s.tool = tool
	most := fmt.Sprintf(`"%s" | "%s" | "%s" | "%s"`,
		s.eco.Name, s.env.Var("Agent.OS"), s.env.Var("Agent.OSArchitecture"), tool)
	in := s.in
	in.Key, in.RestoreKeys = most+" | "+lock, []string{most}
	if s.in.Critical {
		in.RestoreKeys = []string{in.Key}
		in.Key += fmt.Sprintf(` | "%s"`, s.env.Var("Build.SourceVersion"))
	}
	if len(s.in.RestoreKeys) > 0 {
		in.RestoreKeys = s.in.RestoreKeys
	}
	s.env.Log.Printf("The key follows from the ecosystem: %s", in.Key)
	spec, err := parseKeyTexts(s.env, in.Key, strings.Join(in.RestoreKeys, "\n"))
	return spec, err
}

var versionForm = regexp.MustCompile(`[0-9]+(\.[0-9]+)?`)

// toolVersion is the version that the form of the downloads may depend on, as
// "node 20": the first number and, of versions that begin with 0 or 1, the second.
func (s *step) toolVersion(ctx context.Context) (string, error) {
	if len(s.eco.Tool) == 0 {
		return "any", nil
	}
	name := s.eco.Tool[0]
	out, err := proc.Output(ctx, proc.Cmd{
		Name: name, Args: s.eco.Tool[1:], Secrets: s.env.Secrets, Dir: s.env.TempDir(),
		Env: proc.Only(s.env.Environ(), "PATH", "HOME", "USERPROFILE", "SYSTEMROOT", "PATHEXT", "TEMP", "TMP",
			"LOCALAPPDATA", "APPDATA", "DOTNET_ROOT", "JAVA_HOME", "CARGO_HOME", "RUSTUP_HOME"),
	})
	version := versionForm.FindString(string(out))
	if errors.Is(err, context.Canceled) {
		return "", err
	}
	if err != nil || version == "" {
		s.env.Log.Debug(fmt.Sprintf("%s: %v", strings.Join(s.eco.Tool, " "), err))
		return "", &task.UserError{
			Class: task.BadInput, Rule: "cache/key",
			Msg: fmt.Sprintf("there is no key, and the one that follows from the ecosystem needs the version of %s, "+
				"which `%s` did not say", name, strings.Join(s.eco.Tool, " ")),
			Hint: "install " + name + " before this step, or write a key",
		}
	}
	if major, _, _ := strings.Cut(version, "."); major != "0" && major != "1" {
		version = major
	}
	return name + " " + version, nil
}

// defaultFolder finds out where the package manager keeps its downloads, if the user
// did not say it. The two Yarns have different places.
func (s *step) defaultFolder() error {
	if s.folder != "" {
		return nil
	}
	at := host(s.env)
	at.Format = s.locks[0].Format
	if s.folder = s.eco.Folder(at); !filepath.IsAbs(s.folder) {
		return &task.UserError{
			Class: task.BadInput, Rule: "cache/path",
			Msg: fmt.Sprintf("there is no path, and where %s keeps its downloads cannot be told: %q is not absolute",
				s.eco.Name, s.folder),
			Hint: "write the folder, or correct the variable that says it, or HOME",
		}
	}
	s.env.Log.Printf("The path follows from the ecosystem: %s", s.folder)
	return look(s.env, s.directory()).refuse(s.folder)
}

func host(env *task.Env) ecosystem.Host {
	home, _ := env.Lookup("HOME")
	if profile, ok := env.Lookup("USERPROFILE"); runtime.GOOS == "windows" && ok {
		home = profile
	}
	return ecosystem.Host{OS: runtime.GOOS, Home: filepath.Clean(home), Lookup: env.Lookup}
}

// judge reads the lock files, and refuses a step whose cache nothing could verify.
func (s *step) judge() error {
	s.env.Log.Print(strings.ToUpper(s.access.String()[:1]) + s.access.String()[1:] + ".")
	if err := s.judgeCritical(); err != nil {
		return err
	}
	if s.eco == nil {
		return s.judgeGeneric()
	}
	var err error
	s.locks, err = readLocks(s.env.Var("Pipeline.Workspace"), *s.eco, lockNames(s.keys.key))
	if err != nil {
		return err
	}
	for _, lock := range s.locks {
		for _, note := range lock.Notes {
			s.env.Log.Warning(pipeline.Issue{Message: lock.Path + ": " + note, Code: "cache/lock"})
		}
	}
	s.plan = s.eco.Plan(s.locks)
	if err := s.defaultFolder(); err != nil {
		return err
	}
	if s.plan.Unproven == "" || len(s.known) > 0 {
		return nil
	}
	return &task.UserError{
		Rule: "cache/unproven",
		Msg: fmt.Sprintf("nothing proves what is in a cache of %s: %s; it is restored only if it is signed",
			s.eco.Name, s.plan.Unproven),
		Hint: "set verifyKeys, and signingKey in runs of trusted branches (see Signing in the README), " +
			"or set ecosystem: generic to trust whoever can write to the store",
	}
}

// judgeGeneric tells how little is verified, which is too little for a release.
func (s *step) judgeGeneric() error {
	if s.folder == "" {
		return badInput(errors.New("it is empty"), "path", "write the folder to restore and to save")
	}
	if len(s.known) > 0 {
		return nil
	}
	if s.in.Critical {
		return &task.UserError{
			Rule: "cache/unproven",
			Msg:  "nothing proves what is in a generic cache that is not signed, and this one is critical",
			Hint: "set ecosystem, or sign entries with signingKey and verifyKeys",
		}
	}
	way := "Set ecosystem, or sign"
	if s.in.Ecosystem == EcosystemGeneric {
		way = "Sign"
	}
	s.env.Log.Print("A generic cache: no lock file says what its files should hold, so it is as good as whoever can " +
		"write to the store. " + way + " entries with signingKey and verifyKeys.")
	return nil
}

// judgeCritical holds the key of a critical cache against the rules for it.
func (s *step) judgeCritical() error {
	if !s.in.Critical {
		return nil
	}
	if len(s.known) == 0 && len(s.keys.restoreKeys) > 0 {
		if len(s.in.RestoreKeys) > 0 {
			return badInput(errors.New("restoreKeys need verifyKeys: of other commits only signed entries are used"),
				"critical", "set verifyKeys, or leave restoreKeys empty")
		}
		s.env.Log.Print("Critical, and no verifyKeys: entries of other commits are not looked for.")
		s.keys.restoreKeys = nil
	}
	critical := func(key cachekey.Resolved) []trust.Segment {
		list := make([]trust.Segment, len(key))
		for i, segment := range key {
			list[i] = trust.Segment{Value: segment.Value, Lock: segment.Kind != cachekey.Text}
		}
		return list
	}
	var restoreKeys [][]trust.Segment
	for _, restoreKey := range s.keys.restoreKeys {
		restoreKeys = append(restoreKeys, critical(restoreKey))
	}
	err := trust.CheckCritical(critical(s.keys.key), restoreKeys, s.env.Var("Build.SourceVersion"))
	return badInput(err, "critical", `write the key as "npm" | "$(Agent.OS)" | package-lock.json | "$(Build.SourceVersion)"`+
		` and restore keys that only leave out the commit`)
}

// prepare returns the folder to restore to, without links, after a look at it.
// Before that, what a restore that was killed has moved aside is put back.
func (s *step) prepare(ctx context.Context) (string, error) {
	folder, err := look(s.env, s.directory()).resolve(s.folder)
	if err != nil {
		return "", err
	}
	from, err := archive.Recover(folder)
	if err != nil {
		return "", fmt.Errorf("putting back %s: %w", from, err)
	}
	if from != "" {
		s.env.Log.Warning(pipeline.Issue{
			Message: "an earlier restore was interrupted; the folder that was there before is back in its place, " +
				"from " + from,
			Code: "cache/recovered",
		})
	}
	return folder, inspect(ctx, folder, lenient)
}
