package checkout

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/git"
)

func TestUnpushed(t *testing.T) {
	t.Parallel()
	commit := func(c *sources, subject string) git.ID {
		c.git("commit", "-q", "--allow-empty", "-m", subject)
		return git.ID(c.git("rev-parse", "HEAD"))
	}
	for at, tc := range map[string]struct {
		do   func(c *sources) (started git.ID)
		want []string
	}{
		"nothing":                {func(c *sources) git.ID { return "" }, nil},
		"an older commit":        {func(c *sources) git.ID { c.git("checkout", "-q", "HEAD^"); return "" }, nil},
		"one commit":             {func(c *sources) git.ID { commit(c, "mine"); return "" }, []string{"mine"}},
		"two, newest first":      {func(c *sources) git.ID { commit(c, "1"); commit(c, "2"); return "" }, []string{"2", "1"}},
		"where the run started":  {func(c *sources) git.ID { return commit(c, "a merge that the server has made") }, nil},
		"after where it started": {func(c *sources) git.ID { id := commit(c, "0"); commit(c, "mine"); return id }, []string{"mine"}},
		"started from what is not here": {
			func(c *sources) git.ID { commit(c, "mine"); return git.ID(strings.Repeat("1", 40)) }, []string{"mine"}},
		"pushed to another branch": {
			func(c *sources) git.ID {
				commit(c, "mine")
				c.git("push", "-q", "origin", "HEAD:refs/heads/other")
				return ""
			}, nil},
		"no remote-tracking branch": {
			func(c *sources) git.ID { c.git("remote", "rm", "origin"); return git.ID(c.git("rev-parse", "HEAD")) }, nil},
	} {
		for _, depth := range []string{"--depth=2", "--depth=1000"} {
			t.Run(at+depth, func(t *testing.T) {
				t.Parallel()
				s := newSources(t, map[string]string{"f.txt": "f\n"})
				for range 3 {
					s.commit(nil)
				}
				c := s.clone(depth, "--no-single-branch")
				started := tc.do(c)
				commits, err := Unpushed(t.Context(), newGit(t), c.dir, started)
				if err != nil {
					t.Fatalf("Unpushed(%q): %v", started, err)
				}
				var got []string
				for _, commit := range commits {
					got = append(got, strings.TrimSpace(commit.Message))
				}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("Unpushed(%q) (-want +got):\n%s", started, diff)
				}
			})
		}
	}
	s := newSources(t, nil)
	for _, bad := range []git.ID{"--all", "main", "HEAD"} {
		if _, err := Unpushed(t.Context(), newGit(t), s.dir, bad); err == nil {
			t.Errorf("Unpushed(%q) succeeded, want an error", bad)
		}
	}
}

func TestRemote(t *testing.T) {
	t.Parallel()
	const header = "AUTHORIZATION: bearer abc.def"
	for at, tc := range map[string]struct {
		url       string
		config    []string // key, value, ...
		want      string
		wantValue string
	}{
		"as Azure Pipelines leaves it": {
			"https://org@dev.azure.com/org/My%20Project/_git/repo",
			[]string{"http.https://org@dev.azure.com/org/My%20Project/_git/repo.extraheader", header},
			"https://dev.azure.com/org/My%20Project/_git/repo", "bearer abc.def"},
		"nothing is left": {"https://github.com/o/r", nil, "https://github.com/o/r", ""},
		"basic, for the host": {"https://github.com/o/r.git",
			[]string{"http.https://github.com/.extraheader", "Authorization:basic eDp5"}, "https://github.com/o/r.git", "basic eDp5"},
		"the last one": {"https://h/r", []string{
			"http.https://h/r.extraheader", header, "http.https://h/r.extraheader", "Authorization: basic eDp5"}, "https://h/r", "basic eDp5"},
		"taken back": {"https://h/r", []string{"http.https://h/r.extraheader", header, "http.https://h/r.extraheader", ""}, "https://h/r", ""},
		"of others": {"https://h/repo", []string{
			"http.https://h/re.extraheader", header, "http.https://h/repo/x.extraheader", header, "http.https://g/repo.extraheader", header,
			"http.http://h/repo.extraheader", header, "http.https://h:1/repo.extraheader", header, "http.extraheader", header,
			"http.https://h/repo.proxy", header, "http.https://h/repo.extraheader", "X-Other: x"}, "https://h/repo", ""},
		"a password in the address": {"https://user:p%40ss@h/r", nil, "https://h/r", "basic dXNlcjpwQHNz"},
		"SSH":                       {"git@github.com:o/r.git", nil, "git@github.com:o/r.git", ""},
		"SSH with a password":       {"ssh://git:secret@h/r", nil, "ssh://h/r", ""},
		"no address":                {"https://user:p%zz@h/r", nil, "https://h/r", ""},
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			s := newSources(t, nil)
			s.git("config", "remote.origin.url", tc.url)
			for i := 0; i < len(tc.config); i += 2 {
				s.git("config", "--add", tc.config[i], tc.config[i+1])
			}
			got, value, err := Remote(t.Context(), newGit(t), s.dir)
			if err != nil || got != tc.want || value.Reveal() != tc.wantValue {
				t.Errorf("Remote with origin %q, %q = %q, %q, %v; want %q, %q",
					tc.url, tc.config, got, value.Reveal(), err, tc.want, tc.wantValue)
			}
		})
	}
}

func TestRemoteReadsOneFile(t *testing.T) {
	t.Parallel()
	s := newSources(t, map[string]string{"more": "[http \"https://h/r\"]\n\textraheader = Authorization: bearer included\n"})
	if _, _, err := Remote(t.Context(), newGit(t), s.dir); err == nil || !strings.Contains(err.Error(), "no remote origin") {
		t.Errorf("Remote without one: %v, want an error that says so", err)
	}
	s.git("config", "remote.origin.url", "https://h/r")
	s.git("config", "include.path", filepath.Join(s.dir, "more"))
	user := "[http \"https://h/r\"]\n\textraheader = Authorization: bearer user\n"
	if err := os.WriteFile(filepath.Join(s.home, ".gitconfig"), []byte(user), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, value, err := Remote(t.Context(), newGit(t), s.dir); err != nil || value.Reveal() != "" {
		t.Errorf("Remote = %q, %v; want no credentials but those of the checkout's own file", value.Reveal(), err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("1 .M N... 100644 100644 100755 " + none + " " + none + " a b\x00? new/\x00# branch.oid\x00"))
	f.Add([]byte("u UU N... 1 2 3 4 5 6 7 x\x00"))
	f.Add([]byte(":100644 000000 " + none + " " + none + " D\x00a\nb\x00"))
	f.Fuzz(func(t *testing.T, out []byte) {
		changes, err := parseStatus(out)
		for _, c := range changes {
			if err != nil || c.path == "" || strings.Contains(c.path, "\x00") {
				t.Errorf("parseStatus(%q) has found %q, %v", out, c.path, err)
			}
		}
		changes, err = parseDiff(out)
		for _, c := range changes {
			if err == nil && (c.path == "" || strings.Contains(c.path, "\x00")) {
				t.Errorf("parseDiff(%q) has found %q", out, c.path)
			}
		}
	})
}
