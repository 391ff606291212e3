//go:build unix

package guardedpush

import (
	"fmt"
	"strings"
	"testing"
)

// olderGit is a git that is %s: it refuses the variable in which a later one takes its
// settings, and options that came later; it does not know the variables that keep a later
// one from reading the user's settings. It notes with what it is called, and when the job's
// token lies in a file.
const olderGit = `echo "$*" >> "$dir/calls"
if [ -n "${GIT_CONFIG_COUNT+set}" ]; then echo "GIT_CONFIG_COUNT: $*" >> "$dir/wrong"; exit 129; fi
case $1 in version | --version) echo "git version %s"; exit ;; esac
for option do
  case $option in
  %s) echo "error: unknown option $option" | tee -a "$dir/wrong" >&2; exit 129 ;;
  esac
done
unset GIT_CONFIG_GLOBAL GIT_NO_LAZY_FETCH
"$git" "$@"
status=$?
if grep -rqF 'the-jobs-own-''token' "$dir/../work" "$dir/../home"; then echo "on disk: $*" >> "$dir/wrong"; fi
exit $status`

// laterOptions are those that came with a version after 2.20.
var laterOptions = []struct {
	minor   int
	options string
}{
	{26, "--pathspec-from-file*"},
	{28, "-b | --initial-branch*"},
	{29, "--no-write-fetch-head | --object-format*"},
	{30, "--end-of-options | --merge-base* | --force-if-includes"}, // the first, to git rev-parse
	{31, "--path-format* | --config-env*"},
	{34, "--sparse"},
	{36, "--object-only | --batch-command*"},
	{38, "--write-tree"},
	{40, "--source* | --attr-source*"},
	{42, "-Z"},
}

// older is an olderGit, before 2.42.
func older(minor int, rest string) string {
	var unknown []string
	for _, later := range laterOptions {
		if later.minor > minor {
			unknown = append(unknown, later.options)
		}
	}
	return fmt.Sprintf(olderGit, fmt.Sprintf("2.%d.%s", minor, rest), strings.Join(unknown, " | "))
}

// Each git since 2.20 does, and shows the token to nobody.
func TestOlderGit(t *testing.T) {
	t.Parallel()
	for minor, rest := range map[int]string{20: "5", 25: "1", 27: "0", 30: "2 (Apple Git-1)"} {
		t.Run(fmt.Sprintf("2.%d", minor), func(t *testing.T) {
			t.Parallel()
			j := newJob(t, map[string]string{"v.yaml": "a: 1\n", "docs/b.txt": "old\n"}).checkout().wrap(older(minor, rest))
			checkedOut := len(j.git.Requests())
			// Were it read, nothing could be fetched.
			j.must(writeFile(j.path("home/.gitconfig"), "[url \"http://127.0.0.1:1/\"]\n\tinsteadOf = http\n"))
			j.write("docs/b.txt", "new\n").want("Succeeded", "pushed")
			j.want("Succeeded", "unchanged")
			// The history, also of commits that are ours.
			j.lacks("View builds").input("edits", "v.yaml: a = 2").want("SucceededWithIssues", "pushed")
			j.says("1 guarded commit on the branch")
			same(t, "v.yaml", "a: 2", j.file("v.yaml"))
			same(t, "history", []string{"Update v.yaml", "Update docs/b.txt", "first commit"}, j.history())
			same(t, "what git complains of", []string{""}, j.wrapped("wrong"))
			same(t, "complaints of the server", nil, j.git.Wrong())
			for _, r := range j.git.Requests()[checkedOut:] {
				if got := r.Header.Get("Git-Protocol"); !strings.Contains(r.Op, "receive") && (got == "") != (minor < 28) {
					t.Errorf("the protocol of %s: got %q", r.Op, got)
				}
			}
			j.noToken() // also not in the arguments, which the wrapper has noted
			if calls := j.wrapped("calls"); len(calls) < 20 {
				t.Errorf("the calls %q: this shows nothing", calls)
			}
		})
	}
}

// A git that is not there, or not what is needed, is one clear error, and nobody is asked
// for anything.
func TestNoGit(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		script string
		says   []string
	}{
		"too old":     {older(17, "1"), []string{"git on this agent is 2.17", "install git 2.20"}},
		"just so":     {older(19, "9"), []string{"git on this agent is 2.19", "install git 2.20"}},
		"something":   {"echo hello", []string{"hello", "is it git that PATH finds first"}},
		"silent":      {"exit 0", []string{"is it git that PATH finds first"}},
		"a complaint": {"echo 'no licence' >&2; exit 1", []string{"asking git for its version", "no licence"}},
		"a command":   {"echo '##vso[task.complete result=Succeeded;]'", []string{"is it git that PATH finds first"}},
		"ended":       {"kill -9 $$", []string{"asking git for its version", "killed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := fresh(t).wrap(tc.script)
			j.want("Failed", "push/git")
			j.oneError(tc.says...)
			same(t, "requests", 0, len(j.git.Requests()))
		})
	}
	t.Run("missing", func(t *testing.T) {
		t.Parallel()
		j := fresh(t)
		j.set("PATH", j.path("home")).want("Failed", "push/git")
		j.oneError("git was not found on PATH", "install git 2.20")
	})
}
