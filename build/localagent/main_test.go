package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// program is one call of the command in a test.
type program struct {
	world
	out, err buffer
	signals  chan os.Signal
	dir      string
}

// buffer is a bytes.Buffer that may be written to from several places, and that
// calls seen once a text was written to it.
type buffer struct {
	mu   sync.Mutex
	b    bytes.Buffer
	text string
	seen func()
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b.Write(p)
	if b.seen != nil && string(p) == b.text+"\n" {
		b.seen()
		b.seen = nil
	}
	return len(p), nil
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// newProgram makes a folder with the pipeline p.yml in it; {dir} in the
// arguments stands for that folder.
func newProgram(t *testing.T, pipeline string, args ...string) *program {
	t.Helper()
	p := &program{dir: t.TempDir(), signals: make(chan os.Signal, 2)}
	p.write(t, "p.yml", pipeline)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "{dir}", p.dir)
	}
	p.world = world{
		args: args, stdout: &p.out, stderr: &p.err, signals: p.signals,
		environ: []string{"PATH=" + os.Getenv("PATH"), "MY_TOKEN=hunter2-is-secret", "EMPTY="},
	}
	return p
}

func (p *program) write(t *testing.T, name, content string) {
	t.Helper()
	name = filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

const echo = "steps: [{bash: echo hello}]\n"

const taskJSON = `{"id":"c4f1a2b0-6d3e-4f5a-9b8c-7d6e5f4a3b2c","name":"A","friendlyName":"A","version":{"Major":1,"Minor":0,"Patch":0},
	"execution":{"Node24":{"target":"main.js"},"Node20_1":{"target":"main.js"}}}`

// Whatever is wrong with the call: nothing runs, one clear message, status 2.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		pipeline string
		args     []string
		want     string
	}{
		"unknown command":   {echo, []string{"walk"}, `unknown command "walk": want run or help`},
		"unknown flag":      {echo, []string{"run", "--fast", "{dir}/p.yml"}, "flag provided but not defined: -fast: see localagent help"},
		"no value":          {echo, []string{"run", "{dir}/p.yml", "--tasks"}, "flag needs an argument: -tasks"},
		"no pipeline":       {echo, []string{"run"}, "no pipeline file given"},
		"two pipelines":     {echo, []string{"run", "a.yml", "--debug", "b.yml"}, "more than one pipeline file given: a.yml, b.yml"},
		"pipeline missing":  {echo, []string{"run", "{dir}/no.yml"}, "no.yml: no such file or directory"},
		"pipeline a folder": {echo, []string{"run", "{dir}"}, "is a directory"},
		"bad YAML":          {"steps: [", []string{"run", "{dir}/p.yml"}, "p.yml:1:1: not valid YAML"},
		"out of the subset": {"stages: []\nsteps: [{bash: x}]\n", []string{"run", "{dir}/p.yml"}, `p.yml:1:1: "stages" is not supported`},
		"bad variable":      {echo, []string{"run", "--var", "novalue", "{dir}/p.yml"}, `invalid value "novalue" for flag -var: want NAME=VALUE`},
		"secret not set":    {echo, []string{"run", "--secret", "hunter3", "{dir}/p.yml"}, "--secret: no environment variable of that name"},
		"secret unnamed":    {echo, []string{"run", "--secret", "=hunter3", "{dir}/p.yml"}, "--secret: the name is empty"},
		"bad duration":      {echo, []string{"run", "--cancel-after", "soon", "{dir}/p.yml"}, `invalid value "soon" for flag -cancel-after`},
		"no unit":           {echo, []string{"run", "--cancel-after", "5", "{dir}/p.yml"}, `invalid value "5" for flag -cancel-after: want a unit, such as 5s`},
		"no place for JSON": {echo, []string{"run", "--json", "{dir}/no/r.json", "{dir}/p.yml"}, "no/r.json cannot be written: no such file or directory"},
		"JSON a folder":     {echo, []string{"run", "--json", "{dir}", "{dir}/p.yml"}, "is a folder, want a file"},
		"task source":       {echo, []string{"run", "--tasks", "{dir}/source", "{dir}/p.yml"}, "has no file main.js, which its task.json names: this looks like a task's source; build it first (in this repository: make build) and use build/out/stage"},
		"negative scale":    {echo, []string{"run", "--time-scale", "-1", "{dir}/p.yml"}, "--time-scale -1 is below 0"},
		"no secure file":    {echo, []string{"run", "--secure-file", "a=/no/such", "{dir}/p.yml"}, "no such file"},
		"no sources":        {echo, []string{"run", "--sources", "{dir}/p.yml", "{dir}/p.yml"}, "is not a folder"},
		"no tasks":          {echo, []string{"run", "--tasks", "{dir}/no", "{dir}/p.yml"}, "give a .vsix file or a folder with tasks"},
		"tasks not given":   {"steps: [{task: A@1}]\n", []string{"run", "{dir}/p.yml"}, `p.yml:1: task "A@1" needs tasks to be given`},
		"damaged package":   {echo, []string{"run", "--tasks", "{dir}/p.yml", "{dir}/p.yml"}, "p.yml is not a usable .vsix package"},
		"no endpoint file":  {echo, []string{"run", "--endpoint", "{dir}/no.json", "{dir}/p.yml"}, "reading endpoint file"},
		"node missing":      {"steps: [{task: A@1}]\n", []string{"run", "--tasks", "{dir}/tasks", "--node", "{dir}/no", "{dir}/p.yml"}, "no --version: no such file"},
		"unusable work":     {echo, []string{"run", "--work", "{dir}/p.yml", "{dir}/p.yml"}, "using work folder"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProgram(t, tc.pipeline, tc.args...)
			p.write(t, "tasks/task.json", taskJSON)
			p.write(t, "tasks/main.js", "")
			p.write(t, "source/task.json", taskJSON)
			status := p.run()
			got := p.err.String()
			if status != 2 || !strings.HasPrefix(got, "localagent: ") || !strings.Contains(got, tc.want) || strings.Count(got, "\n") != 1 {
				t.Errorf("%q: got status %d and %q, want 2 and one line with %q", tc.args, status, got, tc.want)
			}
			if strings.Contains(got, "hunter") || p.out.String() != "" {
				t.Errorf("%q: got %q and %q, want no secret and no output", tc.args, got, p.out.String())
			}
		})
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"help"}, {"--help"}, {"run", "-h"}, {"run", "x.yml", "--help"}} {
		p := newProgram(t, echo, args...)
		if status := p.run(); status != 0 || p.out.String() != usage || p.err.String() != "" {
			t.Errorf("%q: got status %d, %q, %q, want the usage", args, status, p.out.String(), p.err.String())
		}
	}
	// Every flag is in the usage, and nothing else is.
	for line := range strings.Lines(usage) {
		if name, ok := strings.CutPrefix(line, "  --"); ok {
			name, _, _ = strings.Cut(name, " ")
			if (&settings{}).flags().Lookup(name) == nil {
				t.Errorf("the usage names --%s, which is no flag", name)
			}
		}
	}
}

func TestExitStatusIsTheResult(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		step string
		want int
	}{
		"succeeded": {"echo", 0}, "with issues": {"echo '##vso[task.complete result=SucceededWithIssues;]'", 0},
		"failed": {"exit 5", 1}, "a check": {`touch "$TMPDIR/x"`, 1},
	} {
		p := newProgram(t, "steps:\n- bash: "+tc.step+"\n", "run", "{dir}/p.yml")
		if got := p.run(); got != tc.want {
			t.Errorf("%s: exit status %d, want %d\n%s", name, got, tc.want, p.out.String())
		}
	}
}

func TestVariablesAndSecrets(t *testing.T) {
	t.Parallel()
	p := newProgram(t, "variables: {a: file, c: file}\nsteps:\n- bash: 'echo \"[$(a)] [$B] [$(MY_TOKEN)] [${MY_TOKEN-unset}] [$(d)]\"'\n",
		"run", "--var", "a=flag", "{dir}/p.yml", "--var", "b=x=y", "--secret", "MY_TOKEN", "--secret=d=hunter4-is-secret")
	if status := p.run(); status != 0 || !strings.Contains(p.out.String(), "\n[flag] [x=y] [***] [unset] [***]\n") {
		t.Errorf("got status %d and\n%s%s", status, p.out.String(), p.err.String())
	}
}

func TestCancelAndAbort(t *testing.T) {
	t.Parallel()
	p := newProgram(t, "steps:\n- bash: 'trap \"\" INT; echo ready; exec sleep 60'\n- {bash: echo, condition: always()}\n", "run", "{dir}/p.yml")
	p.out.text, p.out.seen = "ready", func() {
		p.signals <- syscall.SIGINT
		p.signals <- syscall.SIGINT
	}
	if status := p.run(); status != 3 || !strings.Contains(p.err.String(), "cancelling the job; once more to end everything") {
		t.Errorf("two signals: got status %d and %q\n%s", status, p.err.String(), p.out.String())
	}
	p = newProgram(t, "steps: [{bash: exec sleep 60}]\n", "run", "--cancel-after", "1ms", "{dir}/p.yml")
	if status := p.run(); status != 3 {
		t.Errorf("--cancel-after: got status %d, want 3\n%s", status, p.out.String())
	}
}

func TestColours(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		terminal bool
		environ  string
		args     []string
		want     bool
	}{
		"a file": {false, "", nil, false}, "a terminal": {true, "", nil, true}, "NO_COLOR": {true, "NO_COLOR=1", nil, false},
		"NO_COLOR empty": {true, "NO_COLOR=", nil, true}, "--no-color": {true, "", []string{"--no-color"}, false},
	} {
		p := newProgram(t, echo, append([]string{"run", "{dir}/p.yml"}, tc.args...)...)
		p.terminal, p.environ = tc.terminal, append(p.environ, tc.environ)
		p.run()
		if got := strings.Contains(p.out.String(), "\x1b["); got != tc.want {
			t.Errorf("%s: colours %v, want %v", name, got, tc.want)
		}
	}
}

// An agent that runs us must not act on what we quote.
func TestInsideAnotherAgent(t *testing.T) {
	t.Parallel()
	const step = "steps:\n- bash: |\n    echo '##vso[task.complete result=wrong;]'\n"
	for _, inside := range []bool{false, true} {
		p := newProgram(t, step, "run", "{dir}/p.yml")
		if inside {
			p.environ = append(p.environ, "TF_BUILD=True")
		}
		p.run()
		if got := strings.Contains(p.out.String(), "##vso["); got == inside {
			t.Errorf("inside another agent %v: output has commands %v\n%s", inside, got, p.out.String())
		}
	}
}

// The whole way: a package, its task, the JSON file.
func TestPackageToJSON(t *testing.T) {
	t.Parallel()
	p := newProgram(t, "steps:\n- {task: A@1, name: a}\n",
		"run", "--tasks", "{dir}/x.vsix", "{dir}/p.yml", "--json", "{dir}/r.json", "--work", "{dir}/work")
	f, err := os.Create(filepath.Join(p.dir, "x.vsix"))
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	for name, content := range map[string]string{
		"extension.vsomanifest": `{"contributions":[{"type":"ms.vss-distributed-task.task","properties":{"name":"A"}}]}`,
		"A/AV1/task.json":       taskJSON,
		"A/AV1/main.js": `console.log('##vso[task.setvariable variable=o;isoutput=true]v1');` +
			`require('fs').writeFileSync(process.env.AGENT_TOOLSDIRECTORY + '/kept', '1')`,
	} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	if status := p.run(); status != 0 {
		t.Fatalf("exit status %d\n%s%s", status, p.out.String(), p.err.String())
	}
	data, err := os.ReadFile(filepath.Join(p.dir, "r.json"))
	if err != nil {
		t.Fatal(err)
	}
	var result struct {
		Schema int
		Result string
		Steps  []struct {
			Name, Task, Stage, Result string
			ExitCode                  int
			Outputs                   map[string]string
		}
		Checks []struct {
			Name string
			OK   bool
		}
	}
	if err := json.Unmarshal(data, &result); err != nil {
		t.Fatal(err)
	}
	s := result.Steps[0]
	if result.Schema != 1 || result.Result != "Succeeded" || len(result.Checks) != 3 ||
		!slices.Equal([]string{"a", "A@1.0.0", "main", "Succeeded", "v1"}, []string{s.Name, s.Task, s.Stage, s.Result, s.Outputs["o"]}) {
		t.Errorf("result: %s", data)
	}
	for name, want := range map[string]bool{"work/_tool/kept": true, "work/_tasks": true, "work/_temp": false} {
		if _, err := os.Stat(filepath.Join(p.dir, name)); (err == nil) != want {
			t.Errorf("%s after the job: there %v, want %v", name, err == nil, want)
		}
	}
}
