package trust

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseBranches(t *testing.T) {
	t.Parallel()
	lines := []string{"main", " refs/heads/release/1\t", "", "main", "refs/heads/main", "refs/heads/origin/x", "größe"}
	got, err := ParseBranches(lines)
	want := []string{"refs/heads/main", "refs/heads/release/1", "refs/heads/origin/x", "refs/heads/größe"}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("ParseBranches(%q): %v (-want +got):\n%s", lines, err, diff)
	}
}

func TestParseBranchesRefuses(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"release/*": "patterns", "refs/heads/*": "patterns", "ma?n": "patterns", "[m]ain": "patterns",
		"refs/pull/7/merge": "pull request", "refs/Pull/7/merge": "pull request", "refs/tags/v1": "tags never save",
		"refs/remotes/origin/main": "not a branch", "refs/heads/": "empty", "$/proj/main": "TFVC",
		"$(Build.SourceBranch)": "a variable that is not set", "$[variables.x]": "a variable that is not set",
		"origin/main": "write main, or refs/heads/origin/main if", "heads/main": "write main", "HEAD": "checked out", "@": "checked out",
		"main, release": "one a line", "main release": "one a line", "a..b": "..", "a@{1}": "@{", "a.lock": ".lock", "/main": "empty",
		"main/": "empty", ".main": "dot", "a~1": "character", "a^": "character", "a:b": "character", `a\b`: "character",
		"main\u202e": "cannot be seen", "m\u00adain": "cannot be seen", "a\x00b": "cannot be seen", "a\nb": "cannot be seen",
		"\xff": "UTF-8", strings.Repeat("x", 5000) + "*": "...",
	} {
		got, err := ParseBranches([]string{"main", line})
		if err == nil || got != nil || !strings.Contains(err.Error(), want) || strings.ContainsAny(err.Error(), "\n\u202e\x00") ||
			len(err.Error()) > 500 {
			t.Errorf("ParseBranches(%q): %q, %v; want one line with %q", line, got, err, want)
		}
	}
	_, err := ParseBranches([]string{"a*", "main", "b*"})
	if lines := strings.Split(fmt.Sprint(err), "\n"); len(lines) != 2 {
		t.Errorf("ParseBranches of two wrong lines: %v; want both", err)
	}
}

func TestCheckCritical(t *testing.T) {
	t.Parallel()
	commit := strings.Repeat("ab", 20)
	text := func(values ...string) (list []Segment) {
		for _, value := range values {
			list = append(list, Segment{Value: value})
		}
		return list
	}
	lock, lock2 := Segment{"lockhash", true}, Segment{"lockhash2", true}
	join := func(parts ...any) (list []Segment) {
		for _, part := range parts {
			switch part := part.(type) {
			case Segment:
				list = append(list, part)
			case string:
				list = append(list, text(part)...)
			}
		}
		return list
	}
	good := join("npm", "Linux", lock, commit)
	for name, tc := range map[string]struct {
		key         []Segment
		restoreKeys [][]Segment
		commit      string
		want        []string
	}{
		"good":               {good, [][]Segment{good[:3]}, commit, nil},
		"no restore keys":    {good, nil, commit, nil},
		"commit within text": {join("npm-"+commit+"-x", lock), nil, commit, nil},
		"generic, exact":     {join("models", commit), nil, commit, nil},
		"SHA-256":            {join(lock, strings.Repeat("cd", 32)), nil, strings.Repeat("cd", 32), nil},
		"no commit in key":   {good[:3], nil, commit, []string{"the key does not hold the commit"}},
		"another commit":     {good, nil, strings.Repeat("cd", 20), []string{"the key does not hold the commit"}},
		"commit only as a hash": {join("npm", Segment{commit, true}), nil, commit,
			[]string{"the key does not hold the commit"}},
		"no SourceVersion":      {good, nil, "", []string{"Build.SourceVersion is not"}},
		"changeset":             {join("C123", lock), nil, "C123", []string{"Build.SourceVersion is not"}},
		"short commit":          {good, nil, commit[:7], []string{"Build.SourceVersion is not"}},
		"restore key too short": {good, [][]Segment{good[:3], good[:2], nil}, commit, []string{"restore key 2 ", "restore key 3 "}},
		"one lock of two": {join(lock, lock2, commit), [][]Segment{join(lock, lock2), join(lock), join(lock2)}, commit,
			[]string{"restore key 2 ", "restore key 3 "}},
		"lock as text": {good, [][]Segment{text("npm", "Linux", "lockhash")}, commit, []string{"restore key 1 "}},
		"no lock":      {join("npm", commit), [][]Segment{text("npm")}, commit, []string{"no lock file is part of the key"}},
		"all at once": {join("npm", lock), [][]Segment{text("npm"), text("x")}, commit,
			[]string{"the key does not hold", "restore key 1 ", "restore key 2 "}},
		"nothing": {nil, nil, "", []string{"Build.SourceVersion is not"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := CheckCritical(tc.key, tc.restoreKeys, tc.commit)
			if len(tc.want) == 0 && err == nil {
				return
			}
			lines := strings.Split(fmt.Sprint(err), "\n")
			if err == nil || len(lines) != len(tc.want) {
				t.Fatalf("CheckCritical(%v, %v, %s): %v; want %d lines: %q", tc.key, tc.restoreKeys, tc.commit, err, len(tc.want), tc.want)
			}
			for i, line := range lines {
				if !strings.HasPrefix(line, tc.want[i]) {
					t.Errorf("CheckCritical(%v, %v, %s): line %d is %q, want %q ...", tc.key, tc.restoreKeys, tc.commit, i+1, line, tc.want[i])
				}
			}
		})
	}
}
