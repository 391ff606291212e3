package safecache

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/safecache/cachekey"
	"github.com/guardrails-ci/guardrails/tasks/safecache/entry"
)

// keys are a step's keys, resolved.
type keys struct {
	key         cachekey.Resolved
	restoreKeys []cachekey.Resolved
}

func parseKeys(env *task.Env, in Inputs) (cachekey.Spec, error) {
	// Not in.RestoreKeys, which has no blank lines: with Cache@2 a line of white
	// space is a restore key that every entry matches, and a lone CR ends no line.
	restoreKeys, _ := env.Lookup("INPUT_RESTOREKEYS")
	return parseKeyTexts(env, in.Key, restoreKeys)
}

func parseKeyTexts(env *task.Env, key, restoreKeys string) (cachekey.Spec, error) {
	input := cachekey.Input{Key: key, RestoreKeys: restoreKeys, Salt: salt(env)}
	for where, text := range map[string]string{"key": input.Key, "restoreKeys": input.RestoreKeys} {
		if crosses(env, text) {
			return cachekey.Spec{}, secretAcross(where)
		}
	}
	spec, err := cachekey.Parse(input)
	if err != nil {
		return spec, &task.UserError{
			Class: task.BadInput, Rule: "cache/key", Msg: strings.ReplaceAll(err.Error(), "\n", "; "),
			Hint: `write the key as segments between |, such as "npm" | "$(Agent.OS)" | package-lock.json`,
		}
	}
	if spec.OldFormat {
		env.Log.Warning(pipeline.Issue{Message: cachekey.OldFormatWarning})
	}
	return spec, nil
}

// salt returns the variable AZP_CACHING_SALT. As it stands in every key, a secret
// one is replaced by its hash at once, however short it is.
func salt(env *task.Env) string {
	if secret, ok := env.Lookup("SECRET_AZP_CACHING_SALT"); ok && strings.TrimSpace(secret) != "" {
		return hashed(secret)
	}
	return env.Var("AZP_CACHING_SALT")
}

// crosses reports whether a secret in the text goes beyond a segment or line. Its
// parts would be compared alone, and not be found to be secret. A mask has neither
// separator, so each that is missing was in a secret.
func crosses(env *task.Env, text string) bool {
	count := func(text string) int { return strings.Count(text, "|") + strings.Count(text, "\n") }
	return count(env.Secrets.String(text)) != count(text)
}

func secretAcross(where string) error {
	return &task.UserError{
		Class: task.BadInput, Rule: "cache/secret-in-key",
		Msg: "a secret in " + where + " goes across a | or the end of a line, so its parts would be segments " +
			"of their own, shown and stored",
		Hint: "keep secrets out of cache keys",
	}
}

func hashed(secret string) string { return fmt.Sprintf("secret-%x", sha256.Sum256([]byte(secret))) }

func resolveKeys(ctx context.Context, env *task.Env, spec cachekey.Spec) (keys, error) {
	var k keys
	var err error
	if k.key, err = resolve(ctx, env, keyInput, spec.Key); err != nil {
		return k, err
	}
	for i, restoreKey := range spec.RestoreKeys {
		resolved, err := resolve(ctx, env, fmt.Sprintf("restoreKeys, key %d", i+1), restoreKey)
		if err != nil {
			return k, err
		}
		k.restoreKeys = append(k.restoreKeys, resolved)
	}
	return k, nil
}

// keyInput is where the key is; other keys are restore keys.
const keyInput = "key"

// resolve looks a key up, which is in the input where, and logs it as Cache@2 does.
func resolve(ctx context.Context, env *task.Env, where string, key []string) (cachekey.Resolved, error) {
	title, more := "Resolving key:", ""
	if where != keyInput {
		title, more = "Resolving restore key:", "|"+cachekey.Wildcard
	}
	resolved, err := place(env).Resolve(ctx, key)
	concealed := conceal(env, resolved)
	if makesSecret(env, resolved, concealed) {
		return nil, secretAcross("the resolved key")
	}
	env.Log.Print(title)
	for _, line := range concealed.Lines() {
		env.Log.Print(line)
	}
	if err != nil {
		return nil, keyError(err, func(i int) string { return segmentName(where, key, i) })
	}
	env.Log.Print("Resolved to: " + strings.TrimPrefix(concealed.Fingerprint()+more, "|"))
	return concealed, nil
}

// makesSecret reports whether segments, shown and stored side by side, make a
// secret that none of them holds. Our own replacements are not looked at: a secret
// may be a word that we use.
func makesSecret(env *task.Env, resolved, concealed cachekey.Resolved) bool {
	values := concealed.Values()
	for i := range values {
		if values[i] != resolved[i].Value {
			values[i] = "\x00"
		}
	}
	joined := strings.Join(values, "|")
	return env.Secrets.String(joined) != joined
}

// conceal puts hashes in the place of secrets, as a key is shown, handed to the
// save stage and kept in the store.
func conceal(env *task.Env, key cachekey.Resolved) cachekey.Resolved {
	concealed := make(cachekey.Resolved, len(key))
	for i, segment := range key {
		source := env.Secrets.String(segment.Source)
		if segment.Kind == cachekey.Text && source != segment.Source {
			segment.Value = hashed(segment.Value)
			env.Log.Warning(pipeline.Issue{
				Message: fmt.Sprintf("segment %d of the key holds a secret; its hash is used instead. "+
					"How to fix: keep secrets out of cache keys, which are shown and stored", i+1),
				Code: "cache/secret-in-key",
			})
		}
		segment.Source = source
		concealed[i] = segment
	}
	return concealed
}

// segmentName says where a segment is. The salt, which no input has, is not counted.
func segmentName(where string, key []string, i int) string {
	if strings.HasPrefix(key[0], "AZP_CACHING_SALT=") {
		if i == 0 {
			return "the variable AZP_CACHING_SALT"
		}
		i--
	}
	return fmt.Sprintf("%s, segment %d", where, i+1)
}

// keyError says what is wrong with a key of which place names the segments.
func keyError(err error, place func(segment int) string) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if path := troublePath(err); path != "" {
		return &task.UserError{
			Rule: "cache/key", Class: task.Environment, Err: err,
			Msg:  fmt.Sprintf("the key cannot be resolved, as there is trouble with %s: %s", path, trouble(err)),
			Hint: "correct the file, or leave it out of the key",
		}
	}
	var errs []error
	for _, err := range unjoin(err) {
		user := &task.UserError{Class: task.BadInput, Rule: "cache/key", Msg: err.Error(), Err: err}
		var notFound *cachekey.NotFoundError
		var noFolder *cachekey.NoFolderError
		if errors.As(err, &notFound) {
			user.Msg += " (" + place(notFound.Index) + ")"
		}
		switch {
		case errors.As(err, &noFolder):
			user.Hint = "check that the folder is there when this step runs: is the checkout before it, " +
				"is it below $(System.DefaultWorkingDirectory)?"
		case notFound == nil:
		case strings.Count(notFound.Segment, `"`)%2 == 1:
			user.Hint = "close the double quote: a text begins and ends with one, and none reaches beyond a |"
		case notFound.Pattern:
			user.Hint = "patterns start at $(System.DefaultWorkingDirectory), " +
				"and look into folders only with **, as in **/*.lock"
		default:
			// Not the segment in quotes: a constant key is what a lock file must not become.
			user.Hint = fmt.Sprintf("if it is a file, check that it is there when this step runs: "+
				"is the checkout before it, is it in a subfolder (then write **/%s)? If it is only a text, "+
				"such as a version, put it in double quotes; it never changes with a file", fileName(notFound.Segment))
		}
		errs = append(errs, user)
	}
	return errors.Join(errs...)
}

// fileName is the last part of a segment that names a file, of several the first.
func fileName(segment string) string {
	first, _, _ := strings.Cut(segment, ",")
	return first[strings.LastIndexAny(first, `/\`)+1:]
}

// warnConstant tells of a key that no file is part of, which Cache@2 allows too.
func warnConstant(env *task.Env, key cachekey.Resolved) {
	if slices.ContainsFunc(key, func(s cachekey.Segment) bool { return s.Kind != cachekey.Text }) {
		return
	}
	env.Log.Warning(pipeline.Issue{
		Message: "no file is part of the key, so its entry is never renewed; add the lock file to the key",
		Code:    "cache/constant-key",
	})
}

func unjoin(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok { // a join, not its parts
		return joined.Unwrap()
	}
	return []error{err}
}

// segments is the key as an entry writes it down.
func segments(key cachekey.Resolved) []entry.Segment {
	list := make([]entry.Segment, len(key))
	for i, s := range key {
		list[i] = entry.Segment{Source: s.Source, Kind: string(s.Kind), Value: s.Value}
		for _, m := range s.Matches[:min(len(s.Matches), maxFrozenFiles)] {
			file := entry.KeyFile{Path: filepath.ToSlash(m.Path), SHA256: strings.ToLower(m.SHA256)}
			list[i].Files = append(list[i].Files, file)
		}
	}
	return list
}
