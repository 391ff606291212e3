package variables_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/build/localagent/variables"
)

var (
	secret   = variables.Options{Secret: true}
	readOnly = variables.Options{ReadOnly: true}
)

func names(vars []variables.Variable) []string {
	var names []string
	for _, v := range vars {
		names = append(names, v.Name)
	}
	return names
}

func checkGet(t *testing.T, s *variables.Store, name, want string, wantSecret bool) {
	t.Helper()
	if got, isSecret, ok := s.Get(name); got != want || isSecret != wantSecret || !ok {
		t.Errorf("Get(%q) = %q, secret %v, found %v, want %q, secret %v, found",
			name, got, isSecret, ok, want, wantSecret)
	}
}

func checkNames(t *testing.T, what string, got []variables.Variable, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, names(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// The cases of src/Test/L0/Worker/VariablesL0.cs, by their names: Set_StoresValue,
// Set_CanStoreANewSecret, Set_CanUpdateASecret, Set_CanConvertAPublicValueIntoASecretValue,
// Set_CannotConvertASecretValueIntoAPublicValue, RecalculateExpanded_RetainsUpdatedSecretness.
func TestSetSecret(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		first, second variables.Options
		wantSecret    bool
	}{
		"public":          {variables.Options{}, variables.Options{}, false},
		"new secret":      {secret, secret, true},
		"public, secret":  {variables.Options{}, secret, true},
		"secret, public":  {secret, variables.Options{}, true},
		"read-only stays": {readOnly, variables.Options{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s variables.Store
			s.Set("foo", "bar", tc.first)
			checkGet(t, &s, "foo", "bar", tc.first.Secret)
			s.Set("FOO", "baz", tc.second)
			checkGet(t, &s, "foo", "baz", tc.wantSecret)
			if warnings := s.Recalculate(); warnings != nil {
				t.Errorf("Recalculate() = %q, want no warning", warnings)
			}
			checkGet(t, &s, "Foo", "baz", tc.wantSecret)
			if got, want := s.ReadOnly("foo"), tc.first.ReadOnly; got != want {
				t.Errorf("ReadOnly(foo) = %v, want %v", got, want)
			}
			public, secrets := []string{"FOO"}, []string(nil)
			if tc.wantSecret {
				public, secrets = secrets, public
			}
			checkNames(t, "Public()", s.Public(), public...)
			checkNames(t, "Secrets()", s.Secrets(), secrets...)
		})
	}
}

// VariablesL0.cs: IsReadOnly_RespectsSystemVariables, _RespectsUserReadOnlyVariables,
// _ReturnsFalseForUnsetVariables, _ListContainsAllReadOnlyVariables (a sample).
func TestReadOnly(t *testing.T) {
	t.Parallel()
	var s variables.Store
	for _, name := range []string{
		"System.AccessToken", "agent.builddirectory", "Build.Repository.Clean", "Common.TestResultsDirectory",
		"Agent.JobStatus", "Pipeline.Workspace", "Release.ReleaseId", "task.displayName", "USE_GIT_LONG_PATHS",
	} {
		if s.ReadOnly(name) {
			t.Errorf("ReadOnly(%q) = true before it is set, want false", name)
		}
		if s.Set(name, "abc", variables.Options{}) {
			t.Errorf("first Set(%q) reports a read-only name, want none", name)
		}
		if !s.ReadOnly(name) {
			t.Errorf("ReadOnly(%q) = false, want true for one of the agent's", name)
		}
		if !s.Set(name, "def", variables.Options{}) {
			t.Errorf("second Set(%q) reports no read-only name", name)
		}
		checkGet(t, &s, name, "def", false) // the agent warns and writes
	}
	s.Set("var1", "abc", readOnly)
	s.Set("var2", "abc", variables.Options{})
	for name, want := range map[string]bool{"VAR1": true, "var2": false, "var3": false} {
		if got := s.ReadOnly(name); got != want {
			t.Errorf("ReadOnly(%q) = %v, want %v", name, got, want)
		}
	}
}

func TestListing(t *testing.T) {
	t.Parallel()
	var s variables.Store
	s.Set("b.x", "1", variables.Options{})
	s.Set("A", "2", secret)
	s.Set("c", "3", variables.Options{PreserveCase: true, ReadOnly: true})
	s.Set("B.X", "4", variables.Options{})
	s.Set("", "dropped", variables.Options{})    // VariablesL0.cs Constructor_SkipVariableWithEmptyName
	s.Set("   ", "dropped", variables.Options{}) // likewise
	want := []variables.Variable{
		{Name: "B.X", Value: "4"},
		{Name: "c", Value: "3", Options: variables.Options{PreserveCase: true, ReadOnly: true}},
	}
	if diff := cmp.Diff(want, s.Public()); diff != "" {
		t.Errorf("Public() (-want +got):\n%s", diff)
	}
	checkNames(t, "Secrets()", s.Secrets(), "A")
	s.Unset("b.x")
	s.Unset("none")
	checkNames(t, "Public() after Unset", s.Public(), "c")
	if got, _, ok := s.Get("B.X"); ok || got != "" {
		t.Errorf("Get(B.X) after Unset = %q, %v, want none", got, ok)
	}
	s.Set("a", "5", variables.Options{})
	checkNames(t, "Secrets() after a public Set", s.Secrets(), "a")
}

func TestEnvName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Agent.TempDirectory": "AGENT_TEMPDIRECTORY", "my var": "MY_VAR", "my-var.x": "MY-VAR_X",
		"a/b:c(d)": "A/B:C(D)", "größe": "GRÖßE", "": "",
	} {
		if got := variables.EnvName(name); got != want {
			t.Errorf("EnvName(%q) = %q, want %q", name, got, want)
		}
	}
	kept := variables.Variable{Name: "My.Var x", Options: variables.Options{PreserveCase: true}}
	if got, want := kept.EnvName(), "My_Var_x"; got != want {
		t.Errorf("EnvName() of %+v = %q, want %q", kept, got, want)
	}
	kept.PreserveCase = false
	if got, want := kept.EnvName(), "MY_VAR_X"; got != want {
		t.Errorf("EnvName() of %+v = %q, want %q", kept, got, want)
	}
}

func TestOnSecret(t *testing.T) {
	t.Parallel()
	var got []string
	s := variables.Store{OnSecret: func(name, value string) { got = append(got, name+"="+value) }}
	s.Set("public", "p", variables.Options{})
	s.Set("key", "k1", secret)
	s.Set("key", "k2", variables.Options{}) // stays secret
	s.Set("empty", "", secret)
	s.Set("both", "<$(key)>", variables.Options{}) // becomes secret by what it holds
	s.Recalculate()
	if diff := cmp.Diff([]string{"key=k1", "key=k2", "both=<k2>"}, got); diff != "" {
		t.Errorf("secrets passed on (-want +got):\n%s", diff)
	}
}
