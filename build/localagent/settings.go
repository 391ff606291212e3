package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/build/localagent/agent"
	"github.com/guardrails-ci/guardrails/build/localagent/bundle"
	"github.com/guardrails-ci/guardrails/build/localagent/workflow"
)

const usage = `Usage: localagent run [flags] PIPELINE.yml

Runs the steps of an Azure Pipelines file (one job: variables and task, script,
bash and checkout steps) on this machine the way the Azure Pipelines agent does.

  --tasks PATH             tasks: a .vsix file, or a folder that holds task folders
  --var NAME=VALUE         set a variable; wins over the file and the agent's own
  --secret NAME=VALUE      set a secret variable
  --secret NAME            the same, with the value of the environment variable NAME
  --endpoint FILE.json     add service connections (see below)
  --secure-file NAME=PATH  add a secure file that inputs may name; tasks download
                           it from the job's own connection
  --sources DIR            copy DIR to the sources folder, as a checkout would
  --work DIR               use DIR as the agent's work folder and keep it
  --keep                   keep the work folder and its temporary files
  --node PATH              run tasks with this Node.js (20 or newer)
  --json FILE              write the result as JSON
  --debug                  show debug lines (System.Debug)
  --restricted             run every step with restricted logging commands
  --allow-old-handlers     accept tasks with neither a Node24 nor a Node20_1 handler
  --cancel-after DURATION  cancel the job after this time, such as 30s
  --time-scale FACTOR      multiply the delays between tries, and until the server
                           shows the log of an ended step, such as 0.01
  --no-color               no colours on a terminal (also: NO_COLOR)

--var, --secret, --endpoint and --secure-file may be given several times.

A job's own connection leads to a small server on this machine. Tasks can read
the timeline and the logs of their run there, get OIDC tokens for the service
connections that the job's steps name, and download secure files.

An endpoint file holds one object, or an array of them:
  {"id": "GUID", "name": "my-azure", "url": "https://management.azure.com/",
   "auth": {"scheme": "ServicePrincipal", "parameters": {"tenantid": "..."}},
   "data": {"subscriptionId": "..."}}
The name SystemVssConnection (without an id) replaces the job's own connection.

Ctrl-C cancels the job as the web page does, and so does closing the terminal;
a second one ends everything.

After the job three things are checked, and what is found fails the run:
  processes  no process of the job outlived it (on Linux)
  leftovers  nothing is left in the job's temporary folder: TMPDIR (TEMP and TMP
             on Windows) names one that is made for the job
  secrets    no secret of 6 bytes or more stands in the log, an attachment, or a
             file of the work folder or the job's temporary folder, as it is or
             in a usual form (base64, hex, URL, JSON and the like)
New entries of yours in the system's temporary folders (/tmp and /var/tmp too),
your home folder and the current one are a warning only: another program may have
made them. Files in them are searched for secrets, too: up to 1 MiB each, and up
to 1000 in a new folder. What changes inside older folders there is not looked at.

Exit status: 0 succeeded (with issues, too), 1 failed or a check failed,
3 cancelled, 2 nothing was run: wrong usage, pipeline, tasks or machine.
`

var errHelp = flag.ErrHelp

// settings are the flags as they were given.
type settings struct {
	environ                          []string
	pipeline, tasks, work, sources   string
	node, json                       string
	debug, keep, noColor, restricted bool
	oldHandlers                      bool
	cancelAfter                      time.Duration
	timeScale                        float64
	variables                        []agent.Variable
	endpoints                        []string
	files                            []agent.SecureFile
	problems                         []error
}

// parse reads the flags, which may stand before and after the pipeline file.
func parse(args, environ []string) (*settings, error) {
	s := &settings{environ: environ}
	flags := s.flags()
	var files []string
	for {
		if err := flags.Parse(args); errors.Is(err, errHelp) {
			return nil, err
		} else if err != nil {
			return nil, fmt.Errorf("%w: see localagent help", err)
		}
		args = flags.Args()
		if len(args) == 0 {
			break
		}
		files, args = append(files, args[0]), args[1:]
	}
	if err := errors.Join(s.problems...); err != nil {
		return nil, err
	}
	switch {
	case len(files) == 0:
		return nil, errors.New("no pipeline file given: localagent run [flags] PIPELINE.yml")
	case len(files) > 1:
		return nil, fmt.Errorf("more than one pipeline file given: %s", strings.Join(files, ", "))
	case s.timeScale < 0:
		return nil, fmt.Errorf("--time-scale %v is below 0", s.timeScale)
	case s.cancelAfter < 0:
		return nil, fmt.Errorf("--cancel-after %v is below 0", s.cancelAfter)
	}
	s.pipeline = files[0]
	if value, ok := s.environment("NO_COLOR"); ok && value != "" {
		s.noColor = true
	}
	return s, nil
}

func (s *settings) flags() *flag.FlagSet {
	f := flag.NewFlagSet("localagent run", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&s.tasks, "tasks", "", "")
	f.StringVar(&s.work, "work", "", "")
	f.StringVar(&s.sources, "sources", "", "")
	f.StringVar(&s.node, "node", "", "")
	f.StringVar(&s.json, "json", "", "")
	f.BoolVar(&s.debug, "debug", false, "")
	f.BoolVar(&s.keep, "keep", false, "")
	f.BoolVar(&s.noColor, "no-color", false, "")
	f.BoolVar(&s.restricted, "restricted", false, "")
	f.BoolVar(&s.oldHandlers, "allow-old-handlers", false, "")
	f.Func("cancel-after", "", s.setCancelAfter)
	f.Float64Var(&s.timeScale, "time-scale", 1, "")
	f.Func("var", "", s.addVariable)
	f.Func("secret", "", s.addSecret)
	f.Func("secure-file", "", s.addSecureFile)
	f.Func("endpoint", "", func(value string) error {
		s.endpoints = append(s.endpoints, value)
		return nil
	})
	return f
}

func (s *settings) setCancelAfter(value string) error {
	if _, err := strconv.ParseFloat(value, 64); err == nil && value != "0" {
		return fmt.Errorf("want a unit, such as %ss", value)
	}
	after, err := time.ParseDuration(value)
	if err != nil {
		return errors.New("want a time, such as 30s")
	}
	s.cancelAfter = after
	return nil
}

func (s *settings) addVariable(value string) error {
	name, value, ok := strings.Cut(value, "=")
	if !ok || strings.TrimSpace(name) == "" {
		return errors.New("want NAME=VALUE")
	}
	s.variables = append(s.variables, agent.Variable{Name: name, Value: value})
	return nil
}

// addSecret takes the value, or the name of an environment variable: what
// stands in the arguments can be read by everybody on the machine. It never
// returns an error, because the flag package would quote the text in it.
func (s *settings) addSecret(text string) error {
	name, value, given := strings.Cut(text, "=")
	if !given {
		if value, given = s.environment(name); !given {
			s.problems = append(s.problems, errors.New(
				"--secret: no environment variable of that name, and no NAME=VALUE"))
			return nil
		}
		// Tasks get it as the agent gives it, and in no other way.
		s.environ = slices.DeleteFunc(slices.Clone(s.environ), func(entry string) bool {
			return strings.HasPrefix(entry, name+"=")
		})
	}
	if strings.TrimSpace(name) == "" {
		s.problems = append(s.problems, errors.New("--secret: the name is empty, want NAME or NAME=VALUE"))
	}
	s.variables = append(s.variables, agent.Variable{Name: name, Value: value, Secret: true})
	return nil
}

func (s *settings) addSecureFile(text string) error {
	name, path, ok := strings.Cut(text, "=")
	if !ok || name == "" || path == "" {
		return errors.New("want NAME=PATH")
	}
	info, err := os.Stat(path)
	if err != nil || info.IsDir() {
		return errors.New("no such file")
	}
	id := random()
	s.files = append(s.files, agent.SecureFile{
		ID:   id[:8] + "-" + id[8:12] + "-4" + id[13:16] + "-8" + id[17:20] + "-" + id[20:],
		Name: name, Path: path, Ticket: random(),
	})
	return nil
}

func random() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func (s *settings) environment(name string) (string, bool) {
	for _, entry := range slices.Backward(s.environ) {
		if key, value, ok := strings.Cut(entry, "="); ok && key == name {
			return value, true
		}
	}
	return "", false
}

// options reads all files that the settings name.
func (s *settings) options() (agent.Options, error) {
	o := agent.Options{
		File: s.pipeline, Variables: s.variables, SecureFiles: s.files, Work: s.work, Sources: s.sources, Node: s.node,
		Environ: s.environ, Debug: s.debug, Keep: s.keep, Restricted: s.restricted, AllowOldHandlers: s.oldHandlers,
		Timing: agent.Timing{Retry: s.scaled(time.Second), Queue: s.scaled(time.Second / 2)},
	}
	data, err := os.ReadFile(s.pipeline)
	if err != nil {
		return o, fmt.Errorf("reading pipeline %s: %w", s.pipeline, cause(err))
	}
	if o.Pipeline, err = workflow.Parse(s.pipeline, data); err != nil {
		return o, err
	}
	if s.sources != "" {
		if info, err := os.Stat(s.sources); err != nil || !info.IsDir() {
			return o, fmt.Errorf("--sources %s is not a folder", s.sources)
		}
	}
	for _, file := range s.endpoints {
		endpoints, err := agent.ReadEndpoints(file)
		if err != nil {
			return o, err
		}
		o.Endpoints = append(o.Endpoints, endpoints...)
	}
	if err := s.checkResult(); err != nil {
		return o, err
	}
	if s.tasks != "" {
		if o.Tasks, err = bundle.Open(s.tasks); err != nil {
			return o, err
		}
	}
	return o, nil
}

// scaled is a delay in the time of the run; it is never 0, which would mean the
// agent's own.
func (s *settings) scaled(delay time.Duration) time.Duration {
	return max(time.Duration(s.timeScale*float64(delay)), 1)
}

// checkResult finds out before the job, which may take long, whether the result
// can be written after it.
func (s *settings) checkResult() error {
	if s.json == "" {
		return nil
	}
	if info, err := os.Stat(s.json); err == nil && info.IsDir() {
		return fmt.Errorf("--json %s is a folder, want a file", s.json)
	}
	probe, err := os.CreateTemp(filepath.Dir(s.json), ".localagent-")
	if err != nil {
		return fmt.Errorf("--json %s cannot be written: %w", s.json, cause(err))
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// writeResult writes the JSON form; a reader never sees half of it.
func (s *settings) writeResult(result *agent.Result) error {
	if s.json == "" {
		return nil
	}
	data, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	temp := filepath.Join(filepath.Dir(s.json), "."+filepath.Base(s.json)+"."+random()[:8])
	if err := os.WriteFile(temp, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", s.json, cause(err))
	}
	if err := os.Rename(temp, s.json); err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", s.json, cause(err)), os.Remove(temp))
	}
	return nil
}

// cause drops the operation and path that Go puts before a file error.
func cause(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
