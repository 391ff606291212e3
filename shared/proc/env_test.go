package proc

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOnly(t *testing.T) {
	t.Parallel()
	environ := []string{
		"PATH=/bin", "Path=/other", "HOME=/home/me", "EMPTY=", "A=b=c", "broken", "=C:=C:\\x",
		"INPUT_KEY=x", "SECRET_TOKEN=x", "ENDPOINT_AUTH_1=x", "ENDPOINT_AUTH_PARAMETER_1_KEY=x",
		"SECUREFILE_TICKET_1=x", "SECUREFILE_NAME_1=x", "VSTS_TASKVARIABLE_STATE=x", "secret_lower=x",
		"VSTS_PROCESS_LOOKUP_ID=vsts_1", "ENDPOINT_URL_1=https://x",
	}
	private := []string{
		"INPUT_KEY", "SECRET_TOKEN", "ENDPOINT_AUTH_1", "ENDPOINT_AUTH_PARAMETER_1_KEY",
		"SECUREFILE_TICKET_1", "SECUREFILE_NAME_1", "VSTS_TASKVARIABLE_STATE", "secret_lower",
	}
	const id = "VSTS_PROCESS_LOOKUP_ID=vsts_1" // always kept
	for name, tc := range map[string]struct {
		names []string
		fold  bool
		want  []string
	}{
		"named":              {[]string{"HOME", "PATH"}, false, []string{"PATH=/bin", "HOME=/home/me", id}},
		"none":               {nil, false, []string{id}},
		"empty and with =":   {[]string{"EMPTY", "A"}, false, []string{"EMPTY=", "A=b=c", id}},
		"absent":             {[]string{"NOT_THERE", "broken", ""}, false, []string{id}},
		"case on Windows":    {[]string{"path"}, true, []string{"PATH=/bin", "Path=/other", id}},
		"case elsewhere":     {[]string{"path"}, false, []string{id}},
		"private, if named":  {private, true, []string{id}},
		"public of the same": {[]string{"ENDPOINT_URL_1"}, false, []string{id, "ENDPOINT_URL_1=https://x"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := only(environ, append(tc.names, lookupID), tc.fold)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Only(%q) (-want +got):\n%s", tc.names, diff)
			}
		})
	}
	if got := Only(nil); got == nil {
		t.Error("Only(nil) = nil, want an empty environment, which Run takes")
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	environ := []string{"A=1", "a=2", "A=3"}
	for name, tc := range map[string]struct {
		key  string
		fold bool
		want string
	}{
		"last counts":  {"A", false, "3"},
		"case counts":  {"a", false, "2"},
		"case ignored": {"a", true, "3"},
		"absent":       {"B", true, ""},
	} {
		if got := lookup(environ, tc.key, tc.fold); got != tc.want {
			t.Errorf("%s: lookup(%q) = %q, want %q", name, tc.key, got, tc.want)
		}
	}
}
