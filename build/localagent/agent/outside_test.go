package agent

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func warnings(r *Result) []string {
	var all []string
	for _, c := range r.Checks {
		for _, w := range c.Warnings {
			all = append(all, c.Name+": "+w)
		}
	}
	return all
}

// What appears beside the work folder is told, but fails nothing: another
// program may have made it. A secret in it can only come from the job.
func TestOutsideTheWorkFolder(t *testing.T) {
	t.Parallel()
	unixOnly(t)
	const appeared = "leftovers: appeared during the job outside its work folder: "
	for name, tc := range map[string]struct {
		script         string
		new            []string
		secret, absent string
	}{
		"nothing":             {"true", nil, "", ""},
		"a file":              {`echo x > "$W/new"`, []string{"new"}, "", ""},
		"an old file changed": {`echo "$TOKEN" > "$W/old"`, nil, "", ""},
		"gone again":          {`touch "$W/new" && rm "$W/new"`, nil, "", ""},
		"a link":              {`ln -s "$W/old" "$W/link"`, []string{"link"}, "", ""},
		"a secret":            {`echo "a $TOKEN" > "$W/.netrc"`, []string{".netrc"}, ".netrc", ""},
		"a secret below":      {`mkdir -p "$W/.docker/x" && echo "$TOKEN" > "$W/.docker/x/config.json"`, []string{".docker"}, ".docker/x/config.json", ""},
		"too large to search": {`(echo "$TOKEN"; head -c 1048576 /dev/zero) > "$W/big"`, []string{"big"}, "", "big"},
		"several":             {`touch "$W/b" "$W/a"`, []string{"a", "b"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, "steps:\n- bash: |\n    "+tc.script+"\n  env: {TOKEN: $(tok)}\n")
			l.Variables = []Variable{{Name: "tok", Value: secret, Secret: true}}
			watched, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(watched, "old"), "old")
			l.Environ = append(l.Environ, "W="+watched)
			l.Watch = []string{watched, watched + "/.", filepath.Join(watched, "none")}
			r := l.run(t)
			var want, failures []string
			for i, n := range tc.new {
				tc.new[i] = filepath.Join(watched, n)
			}
			if tc.new != nil {
				want = []string{appeared + strings.Join(tc.new, ", ")}
			}
			if tc.secret != "" {
				failures = []string{"secrets: a secret stands in " + filepath.Join(watched, tc.secret) + `: the variable "tok"`}
			}
			if got := warnings(r); !slices.Equal(got, want) {
				t.Errorf("script %q: warnings %q, want %q", tc.script, got, want)
			}
			if got := problems(r); !slices.Equal(got, failures) || (r.ExitCode() != 0) != (failures != nil) {
				t.Errorf("script %q: problems %q, exit status %d, want %q", tc.script, got, r.ExitCode(), failures)
			}
		})
	}
}

// The work folder may lie in a watched one; long lists are cut.
func TestAppeared(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o := lookOutside([]string{dir})
	writeFile(t, filepath.Join(dir, "work", "x"), "")
	writeFile(t, filepath.Join(dir, "other"), "")
	if got := o.appeared(filepath.Join(dir, "work")); !slices.Equal(got, []string{filepath.Join(dir, "other")}) {
		t.Errorf("appeared: got %q, want only other", got)
	}
	if got := appearedWarning(slicesOf(23, "x")); !strings.HasSuffix(got, "x, x, and 3 more") || strings.Count(got, "x,") != 20 {
		t.Errorf("23 entries: got %q", got)
	}
}
