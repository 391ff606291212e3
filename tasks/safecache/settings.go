package safecache

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/safecache/seal"
	"github.com/guardrails-ci/guardrails/tasks/safecache/trust"
)

// settings are the inputs that are texts in a form of their own, understood.
type settings struct {
	maxAge   time.Duration
	signer   *seal.Signer // nil: nothing is signed
	known    []seal.Key   // may have signed trusted entries
	branches []string
}

// parseSettings understands the inputs, and returns all problems at once.
func parseSettings(in Inputs) (settings, error) {
	var s settings
	var errs [5]error
	s.maxAge, errs[0] = parseAge(in.MaxAge, in.Critical)
	s.signer, errs[1] = parseSigner(in.SigningKey)
	s.known, errs[2] = seal.ParseKeys(in.VerifyKeys)
	s.branches, errs[3] = trust.ParseBranches(in.TrustedBranches)
	errs[2] = badInput(errs[2], "verifyKeys", "write public keys only, one a line")
	errs[3] = badInput(errs[3], "trustedBranches", "write whole names, such as refs/heads/main, one per line")
	errs[4] = checkTogether(in)
	return s, errors.Join(append(errs[:], checkHitVariable(in.CacheHitVar))...)
}

func badInput(err error, input, hint string) error {
	if err == nil {
		return nil
	}
	return &task.UserError{
		Class: task.BadInput, Rule: "cache/input",
		Msg: input + ": " + strings.ReplaceAll(err.Error(), "\n", "; "), Hint: hint, Err: err,
	}
}

func parseSigner(key inputs.Secret) (*seal.Signer, error) {
	if key.IsZero() {
		return nil, nil
	}
	signer, err := seal.ParseSigner(key.Reveal())
	return signer, badInput(err, "signingKey",
		"keep the whole private key in a secret variable or a key vault; see Signing in the README")
}

var ageForm = regexp.MustCompile(`^([0-9]{1,5})\s*(d|h|m)$`)

// The ages at which an entry expires. The post-mortem's lived nine days.
const (
	usualAge    = 7 * 24 * time.Hour
	criticalAge = 3 * 24 * time.Hour
)

func parseAge(text string, critical bool) (time.Duration, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "" && critical:
		return criticalAge, nil
	case text == "":
		return usualAge, nil
	}
	parts := ageForm.FindStringSubmatch(text)
	if parts == nil {
		return 0, badAge(text)
	}
	n, err := strconv.Atoi(parts[1])
	if err != nil || n == 0 {
		return 0, badAge(text)
	}
	return time.Duration(n) * map[string]time.Duration{
		"d": 24 * time.Hour, "h": time.Hour, "m": time.Minute,
	}[parts[2]], nil
}

func badAge(text string) error {
	return badInput(fmt.Errorf("%q is not an age", text), "maxAge",
		"write a number and its unit, such as 7d, 36h or 90m")
}

// checkTogether is the rules between inputs.
func checkTogether(in Inputs) error {
	var errs []error
	wrong := func(when bool, msg, hint string) {
		if when {
			errs = append(errs, &task.UserError{Class: task.BadInput, Rule: "cache/input", Msg: msg, Hint: hint})
		}
	}
	wrong(in.MaxSizeMB < 0, "maxSizeMB is negative", "write 0 for no limit")
	wrong(in.Command == CommandOpen && in.Store != StoreStage, "the command open needs store: stage",
		"set store: stage, or use the command restore")
	wrong(in.Command == CommandRestoreSave && in.Store == StoreStage,
		"with store: stage the command restore+save would fill the folder after Cache@2 has saved it",
		"use two steps: the command open after Cache@2, and save after the install step")
	if in.Store == StoreAzureBlob {
		wrong(in.StorageAccount == "", "store: azureBlob needs storageAccount", "write the storage account's name")
		wrong(in.Container == "", "store: azureBlob needs container", "write the container's name")
		wrong(in.AzureSubscription == "" && in.SasToken.IsZero(),
			"store: azureBlob needs azureSubscription or sasToken", "write the name of a service connection")
		wrong(in.AzureSubscription != "" && !in.SasToken.IsZero(),
			"azureSubscription and sasToken are both given", "leave one of them empty")
	}
	wrong(in.Ecosystem == EcosystemGeneric && in.Key == "" && in.Command != CommandList && in.Command != CommandGc,
		"ecosystem: generic needs key", `write it as segments, such as "tools" | "$(Agent.OS)" | tools.lock`)
	wrong(in.Ecosystem == EcosystemGeneric && in.Path == "" && slices.Contains(folderCommands, in.Command),
		"ecosystem: generic needs path", "write the folder to restore and to save")
	return errors.Join(errs...)
}

// folderCommands are the commands that look at the folder.
var folderCommands = []Command{CommandRestoreSave, CommandRestore, CommandSave, CommandOpen, CommandVerify}
