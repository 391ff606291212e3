package keyvaultenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/proc"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/export"
)

// export hands the secrets over, all of them or none.
func (s *step) export(ctx context.Context, secrets []secret) error {
	s.summarize(secrets)
	switch s.in.ExportTo {
	case ExportToFile:
		return s.exportFile(secrets)
	case ExportToCommand:
		if err := s.exportCommand(ctx, secrets); err != nil {
			return err
		}
		return s.env.Log.SetVariables(s.outputs(secrets, ""), false)
	}
	return s.exportVariables(secrets)
}

// outputs are the output variables. One that would show a secret, such as a year that
// is a password, stays empty.
func (s *step) outputs(secrets []secret, file string) []pipeline.Variable {
	outputs := []pipeline.Variable{
		{Name: OutputSecretsFile, Value: file}, {Name: OutputSecretCount, Value: strconv.Itoa(len(secrets))},
		{Name: OutputNextExpiry, Value: nextExpiry(secrets)},
	}
	for i, v := range outputs {
		if s.env.Secrets.String(v.Value) != v.Value {
			s.warn("keyvault/output", "the output variable "+v.Name+" is left empty: a secret is a part of its value")
			outputs[i].Value = ""
		}
	}
	return outputs
}

func (s *step) exportVariables(secrets []secret) error {
	variables := s.outputs(secrets, "")
	for _, x := range secrets {
		for i, name := range x.want.Names {
			// password and PASSWORD are one variable.
			same := func(other string) bool { return strings.EqualFold(other, name) }
			if !slices.ContainsFunc(x.want.Names[:i], same) {
				secret := pipeline.Var{Secret: true}
				variables = append(variables, pipeline.Variable{Name: name, Value: x.value, Var: secret})
			}
		}
	}
	allowed, _ := s.env.Lookup("SYSTEM_UNSAFEALLOWMULTILINESECRET")
	if err := s.env.Log.SetVariables(variables, truthy(allowed)); err != nil {
		return &task.UserError{
			Rule: "keyvault/variable", Msg: strings.ReplaceAll(err.Error(), "\n", "; "),
			Hint: "use exportTo: file, which takes any value, or correct the secret in the vault",
		}
	}
	for _, x := range secrets {
		s.env.Log.Printf("  %s = %s", strings.Join(x.want.Names, ", "), describe(x))
	}
	return nil
}

// exportFile writes the file, which the post stage removes.
func (s *step) exportFile(secrets []secret) error {
	path := s.in.OutputFile
	if path == "" {
		path = "guardrails-secrets-" + s.env.Var("System.TaskInstanceId") + "." + string(s.in.OutputFormat)
	}
	path, err := export.Place(s.env.TempDir(), path)
	if err != nil {
		return badInput("outputFile", strings.TrimPrefix(err.Error(), "outputFile "), placeFix)
	}
	data, err := s.render(secrets)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return badInput("outputFile", fmt.Sprintf("%q exists already, and is not replaced", path), placeFix)
	}
	// The name first: if this program is killed now, the post stage still removes the file.
	if err := s.env.Log.SetTaskVariable(outputFile, path, false); err != nil {
		return badInput("outputFile", "a secret is a part of its path", "choose another name")
	}
	if err := export.Write(s.env.TempDir(), path, data); err != nil {
		// Nothing of ours is there, and what else is there is not ours to remove.
		_ = s.env.Log.SetTaskVariable(outputFile, "", false)
		return &task.UserError{
			Class: task.Environment, Rule: "keyvault/file", Msg: "the output file cannot be written: " + err.Error(),
			Hint: placeFix,
		}
	}
	s.env.Log.Printf("Wrote %s to %s; it is removed when the job ends.", plural(len(secrets), "secret"), path)
	return s.env.Log.SetVariables(s.outputs(secrets, path), false)
}

const placeFix = "name a file below $(Agent.TempDirectory) that does not exist yet"

// render is what the file holds.
func (s *step) render(secrets []secret) ([]byte, error) {
	if s.in.OutputFormat == OutputFormatRaw {
		if len(secrets) != 1 {
			return nil, badInput("outputFormat", fmt.Sprintf("raw is for one secret, and there are %d", len(secrets)),
				"write dotenv or json, or fetch one secret")
		}
		return []byte(secrets[0].value), nil
	}
	var pairs []export.Pair
	var errs []error
	for _, x := range secrets {
		names := x.want.Names
		if s.in.OutputFormat != OutputFormatJSON {
			names = x.want.EnvNames()
		}
		errs = append(errs, named(x, names))
		for _, name := range names {
			pairs = append(pairs, export.Pair{Name: name, Value: x.value})
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	data, err := export.Render(export.Format(s.in.OutputFormat), pairs)
	if err != nil {
		return nil, badInput("outputFormat", strings.ReplaceAll(err.Error(), "\n", "; "), "use outputFormat: json")
	}
	return data, nil
}

// named refuses a secret that nobody could find under any of its names.
func named(x secret, names []string) error {
	if len(names) > 0 {
		return nil
	}
	return badInput("secrets",
		fmt.Sprintf("%s: an environment cannot have the name %s", x.want.Origin, x.want.Names[0]),
		"use letters, digits and _")
}

// exportCommand runs the program that gets the secrets.
func (s *step) exportCommand(ctx context.Context, secrets []secret) error {
	environ := s.childEnviron()
	for _, x := range secrets {
		if err := named(x, x.want.EnvNames()); err != nil {
			return err
		}
		for _, name := range x.want.EnvNames() {
			if strings.ContainsRune(x.value, 0) {
				return badInput("exportTo", name+" has a NUL in it, which no environment can hold",
					"use exportTo: file")
			}
			environ = append(environ, name+"="+x.value)
		}
	}
	dir := string(s.in.WorkingDirectory)
	if dir == "" {
		dir = s.env.Var("System.DefaultWorkingDirectory")
	}
	program := s.in.Command
	if strings.ContainsAny(program, `/\`) && !filepath.IsAbs(program) {
		program = filepath.Join(dir, program)
	}
	out := printer{s.env.Log}
	s.env.Log.Printf("Running %s with %s in its environment ...", s.in.Command, plural(len(secrets), "secret"))
	err := proc.Run(ctx, proc.Cmd{
		Name: program, Args: s.in.Arguments, Dir: dir, Env: environ, Stdout: out, Stderr: out, Secrets: s.env.Secrets,
	})
	var exit *proc.ExitError
	switch {
	case err == nil, ctx.Err() != nil:
		return err
	case errors.As(err, &exit):
		return &task.UserError{
			Rule: "keyvault/command", Msg: exit.Error(), Hint: "see its output above", Final: true, Err: err,
		}
	}
	return &task.UserError{
		Class: task.BadInput, Rule: "keyvault/command", Msg: "the program cannot be run", Err: err,
		Hint: "name a program in PATH, or write its whole path; a script needs its interpreter as the program",
	}
}

// childEnviron is the environment of the user's own program: what a script step of the
// job would have, without anything of this task's.
func (s *step) childEnviron() []string {
	var names []string
	for _, entry := range s.env.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		upper := strings.ToUpper(name)
		if strings.HasPrefix(upper, "ENDPOINT_") || strings.HasPrefix(upper, "GUARDRAILS_LAUNCHER") ||
			upper == "VSTS_PUBLIC_VARIABLES" || upper == "VSTS_SECRET_VARIABLES" {
			continue
		}
		names = append(names, name)
	}
	return proc.Only(s.env.Environ(), names...)
}

// printer writes a program's filtered output to the log.
type printer struct{ log *pipeline.Log }

func (p printer) Write(text []byte) (int, error) {
	p.log.Print(strings.TrimSuffix(string(text), "\n"))
	return len(text), p.log.Err()
}

// describe says what is known of a secret without its value.
func describe(x secret) string {
	text := x.item.Name
	if x.want.Version != "" {
		text += ", version " + x.want.Version
	}
	if !x.item.Expires.IsZero() {
		text += ", expires " + x.item.Expires.UTC().Format(time.DateOnly)
	}
	return text
}

func nextExpiry(secrets []secret) string {
	var next time.Time
	for _, x := range secrets {
		if e := x.item.Expires; !e.IsZero() && (next.IsZero() || e.Before(next)) {
			next = e
		}
	}
	if next.IsZero() {
		return ""
	}
	return next.UTC().Format(time.RFC3339)
}

// summarize reports what was fetched.
func (s *step) summarize(secrets []secret) {
	var facts []map[string]any
	for _, x := range secrets {
		fact := map[string]any{
			"secret": x.item.Name, "version": x.item.Version, "names": x.want.Names, "managed": x.item.Managed,
		}
		if !x.item.Expires.IsZero() {
			fact["expires"] = x.item.Expires.UTC().Format(time.RFC3339)
		}
		facts = append(facts, fact)
	}
	s.env.Report.Set("vault", s.in.KeyVaultName)
	s.env.Report.Set("secrets", facts)
	s.env.Report.Set("exportTo", string(s.in.ExportTo))
}
