package agent

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/build/localagent/variables"
)

func variable(name, value string) variables.Variable {
	return variables.Variable{Name: name, Value: value}
}

// The order is that of NodeHandler.cs since agent 5.277: of two sources with
// one name the later counts.
func TestEnvironmentOrder(t *testing.T) {
	t.Parallel()
	const id = "abcdef01-2222-3333-4444-555555555555"
	s := surroundings{
		worker: []string{"A=worker", "ONLY=worker", "PATH=/bin", "TF_BUILD=no", "=C:=C:\\x"},
		env:    []pair{{"A", "env"}, {"B", "env"}, {"INPUT_KEY", "env"}, {"TF_BUILD", "env"}},
		public: []variables.Variable{
			variable("b", "public"), variable("INPUT_key", "public"), variable("endpoint_url_"+id, "public"),
			variable("agent.JobStatus", "Succeeded"), variable("my-var.x y", "v"),
			{Name: "Kept.Case", Value: "k", Options: variables.Options{PreserveCase: true}},
		},
		secrets: []variables.Variable{variable("my.secret", "s")},
		inputs:  []pair{{"key", "input"}, {"emptyOne", ""}},
		endpoints: []Endpoint{
			{ID: id, Name: "c", URL: "https://x/?a=1&b=2", Data: map[string]string{"sub id": "d"},
				Auth: Authorization{Scheme: "S", Parameters: map[string]string{"tenant.id": "t", "key": "k"}}},
			{Name: "SystemVssConnection", URL: "https://o/",
				Auth: Authorization{Scheme: "OAuth", Parameters: map[string]string{"AccessToken": "tok"}}},
		},
		files:   []SecureFile{{ID: id, Name: "f.pem", Ticket: "tick"}},
		task:    []variables.Variable{variable("state", "tv")},
		prepend: []string{"/first", "/second"},
	}
	got, err := s.forNode()
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	want := []string{
		"A=env", "B=public", "ONLY=worker", "TF_BUILD=True", "PATH=/second:/first:/bin",
		"INPUT_KEY=input", "INPUT_EMPTYONE=", "agent.JobStatus=Succeeded", "AGENT_JOBSTATUS=Succeeded", "MY-VAR_X_Y=v", "Kept_Case=k",
		`VSTS_PUBLIC_VARIABLES=["b","INPUT_key","endpoint_url_` + id + `","agent.JobStatus","my-var.x y","Kept.Case"]`,
		"SECRET_MY_SECRET=s", `VSTS_SECRET_VARIABLES=["my.secret"]`,
		"ENDPOINT_URL_" + strings.ToUpper(id) + "=public",
		"ENDPOINT_URL_" + id + "=https://x/?a=1&b=2", "ENDPOINT_AUTH_SCHEME_" + id + "=S",
		"ENDPOINT_AUTH_" + id + `={"parameters":{"key":"k","tenant.id":"t"},"scheme":"S"}`,
		"ENDPOINT_AUTH_PARAMETER_" + id + "_TENANT_ID=t", "ENDPOINT_AUTH_PARAMETER_" + id + "_KEY=k",
		"ENDPOINT_DATA_" + id + `={"sub id":"d"}`, "ENDPOINT_DATA_" + id + "_SUB_ID=d",
		"ENDPOINT_URL_SYSTEMVSSCONNECTION=https://o/", "ENDPOINT_AUTH_SCHEME_SYSTEMVSSCONNECTION=OAuth",
		`ENDPOINT_AUTH_SYSTEMVSSCONNECTION={"parameters":{"AccessToken":"tok"},"scheme":"OAuth"}`,
		"ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN=tok",
		"SECUREFILE_NAME_" + id + "=f.pem", "SECUREFILE_TICKET_" + id + "=tick", "VSTS_TASKVARIABLE_STATE=tv",
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestScriptsGetNoSecrets(t *testing.T) {
	t.Parallel()
	s := surroundings{
		worker:    []string{"INPUT_OUTER=x", "PATH=/bin"},
		env:       []pair{{"TOKEN", "mapped"}, {"SECRET_X", "gone"}, {"INPUT_EMPTY", ""}},
		public:    []variables.Variable{variable("pub", "1")},
		secrets:   []variables.Variable{variable("tok", "s")},
		task:      []variables.Variable{variable("state", "tv")},
		endpoints: []Endpoint{{Name: systemConnection, URL: "https://o/", Auth: Authorization{Scheme: "OAuth"}}},
	}
	got, err := s.forScript()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"PATH=/bin", "TOKEN=mapped", "INPUT_EMPTY=", "PUB=1", "ENDPOINT_URL_SYSTEMVSSCONNECTION=https://o/", "TF_BUILD=True"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment of a script (-want +got):\n%s", diff)
	}
}

func TestPrependPath(t *testing.T) {
	t.Parallel()
	path := func(s surroundings) string {
		s.prepend = []string{"/one", "/two"}
		env, err := s.forNode()
		if err != nil {
			t.Fatal(err)
		}
		got, _ := lookupEnv(env, "PATH")
		return got
	}
	for name, tc := range map[string]struct {
		s    surroundings
		want string
	}{
		"of the agent":            {surroundings{worker: []string{"PATH=/w"}}, "/two:/one:/w"},
		"of the step":             {surroundings{worker: []string{"PATH=/w"}, env: []pair{{"PATH", "/e"}}}, "/two:/one:/e"},
		"of a variable":           {surroundings{env: []pair{{"PATH", "/e"}}, public: []variables.Variable{variable("path", "/v")}}, "/two:/one:/v"},
		"none":                    {surroundings{}, "/two:/one"},
		"there already":           {surroundings{worker: []string{"PATH=/two:/one:/w"}}, "/two:/one:/w"},
		"there, but not at first": {surroundings{worker: []string{"PATH=/w:/two:/one"}}, "/two:/one:/w:/two:/one"},
	} {
		if got := path(tc.s); got != tc.want {
			t.Errorf("%s: PATH: got %q, want %q", name, got, tc.want)
		}
	}
}

func TestEnvironmentRefusesNul(t *testing.T) {
	t.Parallel()
	for _, s := range []surroundings{
		{env: []pair{{"A", "x\x00y"}}}, {inputs: []pair{{"k\x00", ""}}}, {public: []variables.Variable{variable("a", "\x00")}},
	} {
		if _, err := s.forNode(); err == nil || !strings.Contains(err.Error(), "NUL character") {
			t.Errorf("environment of %+v: got error %v, want one about NUL", s, err)
		}
	}
}

// What a task sees in a whole job.
func TestEnvironmentOfATask(t *testing.T) {
	t.Parallel()
	l := newLab(t, `
variables: {plain: p, INPUT_KEY: hijacked, "with.dot": d}
steps:
- bash: |
    echo "##vso[task.prependpath]/tool one"
    echo "##vso[task.prependpath]/tool two"
- task: A@1
  displayName: show
  env: {MINE: " $(plain) $(FROM_WORKER) ", plain: lost}
  inputs: {key: " $(plain) $(unknown) $(FROM_WORKER) "}
`)
	l.Variables = []Variable{{Name: "tok.en", Value: "hunter2hunter2", Secret: true}, {Name: "Build.Reason", Value: "Schedule"}}
	l.Tasks = makeTasks(t, map[string]jsTask{"A": {
		main:   printEnv + `;console.log('cwd=' + process.cwd()); process.stdin.on('end', () => console.log('stdin ended')).resume()`,
		fields: map[string]any{"inputs": []any{map[string]any{"name": "key"}, map[string]any{"name": "on", "defaultValue": true}}},
	}})
	r := l.run(t)
	env := environ(t, r, "show")
	for name, want := range map[string]string{
		"INPUT_KEY": "p $(unknown) yes", "INPUT_ON": "True", "MINE": "p yes", "PLAIN": "p", "plain": "lost", "WITH_DOT": "d",
		"FROM_WORKER": "yes", "TF_BUILD": "True", "agent.jobstatus": "Succeeded", "AGENT_JOBSTATUS": "Succeeded",
		"BUILD_REASON": "Schedule", "SYSTEM_TASKDISPLAYNAME": "show", "SYSTEM_TASKINSTANCENAME": "A",
		"SECRET_TOK_EN": "***", "VSTS_SECRET_VARIABLES": `["tok.en","System.AccessToken"]`, "GIT_TERMINAL_PROMPT": "0",
	} {
		if env[name] != want {
			t.Errorf("environment of the task: %s: got %q, want %q", name, env[name], want)
		}
	}
	if want := "/tool two:/tool one:"; !strings.HasPrefix(env["PATH"], want) {
		t.Errorf("PATH: got %q, want it to start with %q", env["PATH"], want)
	}
	if gone := missing(log(r, "show"), "cwd="+env["BUILD_SOURCESDIRECTORY"]+"\n", "stdin ended"); gone != "" {
		t.Errorf("log: want %q in\n%s", gone, log(r, "show"))
	}
	wantClean(t, r)
}
