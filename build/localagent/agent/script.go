package agent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// prepareScript makes ready what the tasks CmdLine and Bash do for script steps:
// the text goes into a file of the temporary folder, which a shell runs.
func (x *execution) prepareScript() (func(context.Context) error, error) {
	s := shellFor(x.Kind)
	x.header(s.title, s.description, "built in", "localagent", "a script step")
	script := x.expandAgent(x.vars.Expand(strings.TrimSpace(x.Script)))
	dir := rooted(x.layout.sources, x.expandAgent(x.vars.Expand(strings.TrimSpace(x.WorkingDirectory))))
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("workingDirectory %s is not a folder", dir)
	}
	shell, err := s.find(x.worker)
	if err != nil {
		return nil, err
	}
	env := x.stepEnv()
	return func(ctx context.Context) error {
		// The real tasks leave the file until the job ends. It may hold secrets
		// that were expanded into it, so here it goes with the step.
		file := filepath.Join(x.layout.temp, newGUID()+s.suffix)
		if err := os.WriteFile(file, []byte(s.content(script)), 0o600); err != nil {
			return fmt.Errorf("writing the script: %w", err)
		}
		defer os.Remove(file)
		return x.runScript(ctx, s, invocation{path: shell, args: s.args(shell, file), dir: dir}, env, script)
	}, nil
}

func (x *execution) runScript(ctx context.Context, s shell, i invocation, env []pair, script string) error {
	environ, err := x.surroundings(env, nil).forScript()
	if err != nil {
		return err
	}
	x.print("Generating script.")
	if !strings.Contains(script, "\n") {
		x.print("Script contents:")
		x.print(script)
	}
	x.print("========================== Starting Command Output ===========================")
	x.print("##[command]" + i.path + " " + strings.Join(i.args, " "))
	complained := false
	i.env = environ
	i.line = func(line string, stderr bool) {
		if !stderr || !x.FailOnStderr {
			x.line(line, stderr)
			return
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		complained = true
		x.error(line)
	}
	code, err := x.invoke(ctx, i)
	if err != nil {
		return err
	}
	if code != 0 {
		x.error(fmt.Sprintf("%s exited with code '%d'.", s.name, code))
		x.result = x.result.merge(failed)
	}
	if complained {
		x.error(s.name + " wrote one or more lines to the standard error stream.")
		x.result = x.result.merge(failed)
	}
	return nil
}

// shell is a program that runs scripts.
type shell struct {
	name, title, description string
	programs                 []string
	suffix                   string
	before                   string // first lines of the file
	newline                  string
	// args are those for one of the programs.
	args func(program, file string) []string
}

func (s shell) find(environ []string) (string, error) {
	for _, program := range s.programs {
		if file, err := lookPath(program, environ); err == nil {
			return file, nil
		}
	}
	return "", fmt.Errorf("%s is not in PATH, script steps need it", strings.Join(s.programs, " or "))
}

func (s shell) content(script string) string {
	script = strings.ReplaceAll(script, "\r\n", "\n")
	return strings.ReplaceAll(s.before+script+"\n", "\n", s.newline)
}

// bashShell runs bash steps everywhere, and script steps on Unix; the agent's
// CmdLine uses bash there too. Where there is no bash, sh must do.
func bashShell(title string, programs ...string) shell {
	return shell{
		name: "Bash", title: title, description: "Run a script with " + programs[0], programs: programs,
		suffix: ".sh", newline: "\n",
		args: func(program, file string) []string {
			if filepath.Base(program) == "sh" {
				return []string{file}
			}
			return []string{"--noprofile", "--norc", file}
		},
	}
}
