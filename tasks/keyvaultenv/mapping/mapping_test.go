package mapping_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/mapping"
)

const version = "0123456789abcdef0123456789ABCDEF"

func TestParse(t *testing.T) {
	t.Parallel()
	named := func(name, secret string) mapping.Want {
		return mapping.Want{Names: []string{name}, Secret: secret, Origin: "secrets, line 1"}
	}
	for name, tc := range map[string]struct {
		lines  []string
		filter string
		want   mapping.Plan
	}{
		"nothing is all":      {nil, "", mapping.Plan{Patterns: []string{"*"}}},
		"a name":              {[]string{"DB_URL=db-url"}, "", mapping.Plan{Wants: []mapping.Want{named("DB_URL", "db-url")}}},
		"spaces":              {[]string{" DB_URL  =  db-url "}, " ", mapping.Plan{Wants: []mapping.Want{named("DB_URL", "db-url")}}},
		"a comment":           {[]string{"A=a", "# B=b"}, "", mapping.Plan{Wants: []mapping.Want{named("A", "a")}}},
		"dots for file tasks": {[]string{"Db.Main-1=a"}, "", mapping.Plan{Wants: []mapping.Want{named("Db.Main-1", "a")}}},
		"everything": {[]string{"A=a@" + version + "#x.y[0]|base64?"}, "", mapping.Plan{Wants: []mapping.Want{{
			Names: []string{"A"}, Secret: "a", Version: version, Path: "x.y[0]", Decode: mapping.Base64,
			Optional: true, Origin: "secrets, line 1",
		}}}},
		"spaces inside": {[]string{"A = a @" + version + " # x y | pfx2pem ?"}, "", mapping.Plan{Wants: []mapping.Want{{
			Names: []string{"A"}, Secret: "a", Version: version, Path: "x y", Decode: mapping.PFX2PEM,
			Optional: true, Origin: "secrets, line 1",
		}}}},
		"the same secret twice": {[]string{"A=a", "B=a"}, "", mapping.Plan{Wants: []mapping.Want{
			named("A", "a"), {Names: []string{"B"}, Secret: "a", Origin: "secrets, line 2"},
		}}},
		"a filter": {nil, "db-url, API,,api,\n1st", mapping.Plan{Wants: []mapping.Want{
			{Names: []string{"db-url", "DB_URL"}, Secret: "db-url", Origin: `SecretsFilter "db-url"`},
			{Names: []string{"API"}, Secret: "API", Origin: `SecretsFilter "API"`},
			{Names: []string{"1st", "_1ST"}, Secret: "1st", Origin: `SecretsFilter "1st"`},
		}}},
		"a version, as AzureKeyVault@2 names it": {nil, "a/" + version, mapping.Plan{Wants: []mapping.Want{{
			Names: []string{"a", "A", "a/" + version}, Secret: "a", Version: version, Origin: `SecretsFilter "a/` + version + `"`,
		}}}},
		"patterns":          {nil, "api-*,*-key,API-*", mapping.Plan{Patterns: []string{"api-*", "*-key"}}},
		"all and a mapping": {[]string{"A=a"}, "*", mapping.Plan{Wants: []mapping.Want{named("A", "a")}, Patterns: []string{"*"}}},
		"the chosen name wins over a form": {[]string{"DB_URL=other"}, "db-url", mapping.Plan{Wants: []mapping.Want{
			named("DB_URL", "other"), {Names: []string{"db-url"}, Secret: "db-url", Origin: `SecretsFilter "db-url"`},
		}}},
		"a form that is the agent's is left out": {nil, "system-debug", mapping.Plan{Wants: []mapping.Want{
			{Names: []string{"system-debug"}, Secret: "system-debug", Origin: `SecretsFilter "system-debug"`},
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := mapping.Parse(tc.lines, tc.filter)
			if err != nil {
				t.Fatalf("Parse(%q, %q): %v", tc.lines, tc.filter, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Parse(%q, %q) (-want +got):\n%s", tc.lines, tc.filter, diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const (
		secret  = "(only the name stands here, never the value)"
		env     = "is no name for a variable"
		ours    = "would change how programs and the agent work"
		twice   = "case does not count"
		path    = "the path of a value inside the secret"
		decoder = "none, base64 or pfx2pem"
	)
	for name, tc := range map[string]struct {
		lines  []string
		filter string
		want   string
	}{
		"a value":                   {[]string{"A=hunter2!"}, "", secret},
		"a value alone":             {[]string{"hunter2"}, "", "NAME=secret-name"},
		"a URL":                     {[]string{"hunter2://u:p@h?a=b"}, "", env},
		"an address of a secret":    {[]string{"A=https://v.vault.azure.net/secrets/hunter2"}, "", secret},
		"no secret":                 {[]string{"A="}, "", secret},
		"an underscore":             {[]string{"A=hunter2_x"}, "", secret},
		"128 characters":            {[]string{"A=" + strings.Repeat("a", 128)}, "", secret},
		"no name":                   {[]string{"=hunter2"}, "", env},
		"a digit first":             {[]string{"1A=hunter2"}, "", env},
		"a short version":           {[]string{"A=a@hunter2"}, "", "after @ stands a version"},
		"an empty version":          {[]string{"A=a@"}, "", "after @ stands a version"},
		"an empty path":             {[]string{"A=a#"}, "", path},
		"an empty key":              {[]string{"A=a#b..c"}, "", path},
		"a bracket":                 {[]string{"A=a#b[hunter2]"}, "", path},
		"a decoder":                 {[]string{"A=a|hunter2"}, "", decoder},
		"an empty decoder":          {[]string{"A=a|"}, "", decoder},
		"the question mark before":  {[]string{"A=a?|base64"}, "", secret},
		"PATH":                      {[]string{"Path=a"}, "", ours},
		"NODE_OPTIONS":              {[]string{"NODE_OPTIONS=a"}, "", ours},
		"LD_PRELOAD":                {[]string{"LD_PRELOAD=a"}, "", ours},
		"the agent's":               {[]string{"Agent.TempDirectory=a"}, "", ours},
		"the agent's for programs":  {[]string{"AGENT_TEMPDIRECTORY=a"}, "", ours},
		"the build's":               {[]string{"build.anything=a"}, "", ours},
		"the job's token":           {[]string{"SYSTEM_ACCESSTOKEN=a"}, "", ours},
		"one name, two secrets":     {[]string{"A=a", "a=b"}, "", twice},
		"one line twice":            {[]string{"A=a", "A=a"}, "", twice},
		"a name and a secret":       {[]string{"db-url=a"}, "DB-URL", twice},
		"two versions":              {nil, "a,a/" + version, twice},
		"a filter's item":           {nil, "hunter2=x", "SecretsFilter, item 1"},
		"a filter's second item":    {nil, "a,hunter_2", "SecretsFilter, item 2"},
		"a filter's version":        {nil, "a/hunter2", "a version has 32"},
		"a pattern with a version":  {nil, "a*/" + version, "SecretsFilter, item 1"},
		"a pattern with characters": {nil, "hunter?*", "SecretsFilter, item 1"},
		"a filter's reserved name":  {nil, "path", "MY_NAME=path"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := mapping.Parse(tc.lines, tc.filter)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("Parse(%q, %q) = %+v, %v, want an error with %q", tc.lines, tc.filter, got, err, tc.want)
			}
			if strings.Contains(err.Error(), "hunter") || strings.Contains(err.Error(), "\n") {
				t.Errorf("Parse(%q, %q) = %q, which shows what may be a secret, or has several lines", tc.lines, tc.filter, err)
			}
		})
	}
}

func TestParseSaysAllThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := mapping.Parse([]string{"1=a", "B=", "C=c@1#", "PATH=p"}, "x_y,z")
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 5 {
		t.Errorf("Parse = %v, want five errors joined", err)
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	names := []string{"api-key", "API-url", "db", "path", "api", "1", "-1"}
	for name, tc := range map[string]struct {
		lines             []string
		filter            string
		want              []string // variables of each secret
		nothing, reserved []string
		problem           string
	}{
		"none":     {filter: "db", want: []string{"db DB"}},
		"all":      {filter: "*", want: []string{"api-key API_KEY", "API-url API_URL", "db DB", "api API", "1 _1", "-1"}, reserved: []string{"path"}},
		"prefix":   {filter: "Api-*", want: []string{"api-key API_KEY", "API-url API_URL"}},
		"suffix":   {filter: "*-key", want: []string{"api-key API_KEY"}},
		"middle":   {filter: "a*i*y", want: []string{"api-key API_KEY"}},
		"overlap":  {filter: "api-*,*key", want: []string{"api-key API_KEY", "API-url API_URL"}},
		"nothing":  {filter: "db,x-*,*", want: []string{"db DB", "api-key API_KEY", "API-url API_URL", "api API", "1 _1", "-1"}, nothing: []string{"x-*"}, reserved: []string{"path"}},
		"reserved": {filter: "pat*", reserved: []string{"path"}},
		"named, too": {
			lines: []string{"API_KEY=db"}, filter: "api-*", want: []string{"API_KEY", "api-key", "API-url API_URL"},
		},
		"a name that is taken": {lines: []string{"api-key=db"}, filter: "api-*", problem: `SecretsFilter "api-*": api-key: the variable`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan, err := mapping.Parse(tc.lines, tc.filter)
			if err != nil {
				t.Fatal(err)
			}
			before, _ := mapping.Parse(tc.lines, tc.filter)
			got, err := plan.Select(names)
			if tc.problem != "" {
				if err == nil || !strings.Contains(err.Error(), tc.problem) {
					t.Errorf("Select = %+v, %v, want an error with %q", got, err, tc.problem)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var variables []string
			for _, w := range got.Wants {
				variables = append(variables, strings.Join(w.Names, " "))
			}
			if diff := cmp.Diff(tc.want, variables); diff != "" {
				t.Errorf("variables (-want +got):\n%s", diff)
			}
			if !slices.Equal(got.Nothing, tc.nothing) || !slices.Equal(got.Reserved, tc.reserved) {
				t.Errorf("Select found nothing for %q and reserved %q, want %q and %q", got.Nothing, got.Reserved, tc.nothing, tc.reserved)
			}
			if diff := cmp.Diff(before, plan); diff != "" {
				t.Errorf("Select changed the plan (-before +after):\n%s", diff)
			}
		})
	}
}

func TestEnvNames(t *testing.T) {
	t.Parallel()
	w := mapping.Want{Names: []string{"db-url", "DB_URL", "a.b", "1", "_1", "a/b"}}
	if diff := cmp.Diff([]string{"DB_URL", "_1"}, w.EnvNames()); diff != "" {
		t.Errorf("EnvNames (-want +got):\n%s", diff)
	}
}

func TestSteps(t *testing.T) {
	t.Parallel()
	for path, want := range map[string][]mapping.Step{
		"a":         {{Key: "a", Index: -1}},
		"a b.c":     {{Key: "a b", Index: -1}, {Key: "c", Index: -1}},
		"[2]":       {{Key: "[2]", Index: 2}},
		"a[0][1].b": {{Key: "a", Index: -1}, {Key: "[0]", Index: 0}, {Key: "[1]", Index: 1}, {Key: "b", Index: -1}},
		"a.":        nil, ".a": nil, "": nil, "a.[0]": nil, "a[": nil, "a[]": nil, "a[-1]": nil, "a[0]b": nil, "a[0": nil,
		"a\n": nil, "a[99999999999]": nil, strings.Repeat("a", 501): nil,
	} {
		got, err := mapping.Steps(path)
		if diff := cmp.Diff(want, got); diff != "" || (err == nil) != (want != nil) {
			t.Errorf("Steps(%q) = %v, error %v (-want +got):\n%s", path, got, err, diff)
		}
	}
}

// FuzzParse: what comes out is well-formed, no variable has two secrets, and no error shows
// what could be a secret.
func FuzzParse(f *testing.F) {
	f.Add("A=a@"+version+"#x.y[0]|base64?\nB=b", "a*,b,c/"+version)
	f.Add("PATH=a\nx=1?\n=", "*")
	f.Fuzz(func(t *testing.T, secrets, filter string) {
		plan, err := mapping.Parse(strings.Split(secrets, "\n"), filter)
		if err != nil {
			if len(plan.Wants)+len(plan.Patterns) > 0 {
				t.Errorf("Parse = %+v with error %v", plan, err)
			}
			return
		}
		found, err := plan.Select([]string{"a", "ab", "path", "x-y"})
		if err != nil {
			return
		}
		owner := map[string]int{}
		for i, w := range found.Wants {
			if len(w.Names) == 0 || w.Origin == "" || w.Secret == "" || strings.ContainsAny(w.Secret+w.Version, "/?#%.") {
				t.Errorf("Parse(%q, %q) has %+v", secrets, filter, w)
			}
			for _, name := range w.Names {
				key := strings.ToLower(name)
				if other, taken := owner[key]; taken && other != i || strings.ContainsAny(name, "=\r\n\x00 ") || key == "path" {
					t.Errorf("Parse(%q, %q) makes %+v of it", secrets, filter, found.Wants)
				}
				owner[key] = i
			}
		}
	})
}
