package guardedpush

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/gittest"
)

// changed is what the newest commit of main has changed, as git writes it.
func (j *job) changed() string {
	j.t.Helper()
	return j.remote("-c", "core.quotePath=false", "diff-tree", "-r", "--no-commit-id", "--name-status", "main")
}

func TestPaths(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		paths, others string
		want          string // the files pushed, or the rule
	}{
		"all":               {"", "refuse", "A new.txt|M a.txt|M docs/a.md|M docs/deep/b.md"},
		"all, said":         {"**", "refuse", "A new.txt|M a.txt|M docs/a.md|M docs/deep/b.md"},
		"some, refused":     {"docs/**", "refuse", "push/paths"},
		"some":              {"docs/**", "leave", "M docs/a.md|M docs/deep/b.md"},
		"one level":         {"docs/*.md", "leave", "M docs/a.md"},
		"alternatives":      {"{a,b}.txt\ndocs/deep/*", "leave", "M a.txt|M docs/deep/b.md"},
		"a class":           {"[a-b].txt", "leave", "M a.txt"},
		"without":           {"**\n!docs/**", "leave", "A new.txt|M a.txt"},
		"without, first":    {"!docs/deep/**\ndocs/**", "leave", "M docs/a.md"},
		"only without":      {"!a.txt", "leave", "unchanged"},
		"none that changed": {"src/**", "leave", "unchanged"},
		"case counts":       {"DOCS/**", "leave", "unchanged"},
		"a folder alone":    {"docs", "leave", "unchanged"},
		"an absolute one":   {"/docs/**", "leave", "push/input"},
		"an absolute not":   {"**\n!/docs/**", "leave", "push/input"},
		"a broken one":      {"docs/[a", "leave", "push/input"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, map[string]string{"a.txt": "1\n", "docs/a.md": "1\n", "docs/deep/b.md": "1\n"}).checkout()
			j.write("a.txt", "2\n").write("docs/a.md", "2\n").write("docs/deep/b.md", "2\n").write("new.txt", "1\n")
			j.input("paths", tc.paths, "onOtherChanges", tc.others)
			switch {
			case tc.want == "unchanged":
				j.untouched(func() { j.want("Succeeded", "unchanged") })
			case strings.HasPrefix(tc.want, "push/"):
				j.untouched(func() { j.want("Failed", tc.want) })
				j.oneError("paths")
			default:
				j.want("Succeeded", "pushed")
				got := strings.ReplaceAll(strings.ReplaceAll(j.changed(), "\t", " "), "\n", "|")
				same(t, "files", tc.want, sorted(got))
				if tc.others == "leave" {
					j.says("Left out")
				}
			}
		})
	}
	// Edits are bound to paths, too.
	j := fresh(t).input("paths", "docs/**")
	j.untouched(func() { j.want("Failed", "push/input") })
	j.oneError("v.yaml", "which the input paths does not allow")
}

// sorted sorts "A b|M a" by its parts.
func sorted(list string) string {
	parts := strings.Split(list, "|")
	for i := range parts {
		for k := i + 1; k < len(parts); k++ {
			if parts[k] < parts[i] {
				parts[i], parts[k] = parts[k], parts[i]
			}
		}
	}
	return strings.Join(parts, "|")
}

// What does not count is not pushed; ignore says more of it, for some files or all.
func TestIgnore(t *testing.T) {
	t.Parallel()
	const before = "# comment\nmetadata:\n  annotations:\n    checksum/config: aaa\nbuild: 1\nimage: a\n"
	for name, tc := range map[string]struct {
		after, ignore string
		pushed        bool
	}{
		"a comment":         {strings.Replace(before, "comment", "remark", 1), "", false},
		"order and quotes":  {"image: 'a'\n\nbuild: 1\nmetadata: {annotations: {checksum/config: aaa}}\n", "", false},
		"line ends":         {strings.ReplaceAll(before, "\n", "\r\n"), "", false},
		"a checksum":        {strings.Replace(before, "aaa", "bbb", 1), "", false},
		"a value":           {strings.Replace(before, "build: 1", "build: 2", 1), "", true},
		"a text for a no":   {strings.Replace(before, "build: 1", "build: '1'", 1), "", true},
		"a no for a no":     {strings.Replace(before, "build: 1", "build: 1.0", 1), "", true},
		"ignored":           {strings.Replace(before, "build: 1", "build: 2", 1), "$.build", false},
		"ignored here":      {strings.Replace(before, "build: 1", "build: 2", 1), "**/*.yaml: $.build", false},
		"ignored elsewhere": {strings.Replace(before, "build: 1", "build: 2", 1), "other/*.yaml: $.build", true},
		"another value":     {strings.Replace(before, "image: a", "image: b", 1), "$.build", true},
		"no document":       {before + "\t: [", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, map[string]string{"deep/v.yaml": before}).checkout()
			j.write("deep/v.yaml", tc.after).input("ignore", tc.ignore)
			if tc.pushed {
				j.want("Succeeded", "pushed")
				same(t, "v.yaml", strings.TrimSuffix(tc.after, "\n"), j.file("deep/v.yaml"))
				return
			}
			j.untouched(func() { j.want("Succeeded", "unchanged") })
		})
	}
}

// Files of all kinds and names arrive as they are.
func TestFiles(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return // it has neither modes nor links, nor such names
	}
	j := newJob(t, map[string]string{
		"gone.txt": "1\n", "dir/gone.txt": "1\n", "tool.sh": "#!/bin/sh\n", "bin": "1\n", "crlf.txt": "a\r\nb\r\n", "to link": "x\n",
	}).checkout()
	dir := j.path("work/1/s")
	for _, name := range []string{"gone.txt", "dir/gone.txt", "to link"} {
		j.must(os.Remove(filepath.Join(dir, name)))
	}
	j.must(os.Chmod(filepath.Join(dir, "tool.sh"), 0o755))
	j.must(os.Symlink("../outside", filepath.Join(dir, "to link")))
	j.write("with space.txt", "1\n").write("ümlaut/文件.txt", "1\n").write("-leading", "1\n").write("##vso[task.complete result=Failed;]x", "1\n").
		write(`quo"te`, "1\n").write("bin", "\x00\xff\r\n").write("crlf.txt", "a\r\nc\r\n").write("empty", "")
	j.want("Succeeded", "pushed")
	want := `A	##vso[task.complete result=Failed;]x
A	-leading
M	bin
M	crlf.txt
D	dir/gone.txt
A	empty
D	gone.txt
A	"quo\"te"
T	to link
M	tool.sh
A	with space.txt
A	ümlaut/文件.txt`
	same(t, "changes", want, j.changed())
	same(t, "mode of tool.sh", "100755", j.remote("ls-tree", "--format=%(objectmode)", "main", "tool.sh"))
	same(t, "mode of the link", "120000", j.remote("ls-tree", "--format=%(objectmode)", "main", "to link"))
	same(t, "the link", "../outside", j.file("to link"))
	same(t, "crlf.txt", "a\r\nc\r", j.file("crlf.txt"))
	same(t, "bin", "\x00\xff\r", j.file("bin"))
	j.silent("##vso[task.complete result=Failed;]")
	// All of it is there, so there is nothing more.
	j.untouched(func() { j.want("Succeeded", "unchanged") })
}

// What cannot be pushed safely is refused by name.
func TestFilesThatAreRefused(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		return
	}
	for name, tc := range map[string]struct {
		prepare func(j *job, dir string)
		reason  string
		says    string
	}{
		"a line end in a name":  {func(j *job, _ string) { j.write("a\n##vso[task.complete result=Succeeded;]", "1\n") }, "", "its name holds"},
		"a backslash in a name": {func(j *job, _ string) { j.write(`..\..\x`, "1\n") }, "", ""},
		"a submodule that moved": {func(j *job, dir string) {
			j.repository("work/1/s/lib")
			j.shell(dir, "git", "add", "lib")
		}, "push/submodule", "lib"},
		"encryption": {func(j *job, _ string) {
			j.write(".gitattributes", "*.key filter=git-crypt\n").write("a.key", "private\n")
		}, "push/checkout", "a.key"},
		"our own commit": {func(j *job, dir string) {
			j.shell(dir, "git", "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-q", "--allow-empty", "-m",
				"##vso[task.complete result=Succeeded;]")
			j.write("a.txt", "2\n")
		}, "push/unpushed", "1 commit"},
		"a merge in progress": {func(j *job, dir string) {
			j.shell(dir, "sh", "-c", "b=$(git hash-object -w a.txt); "+
				`printf '100644 %s 1\ta.txt\n100644 %s 2\ta.txt\n100644 %s 3\ta.txt\n' $b $b $b | git update-index --index-info`)
		}, "", "a.txt"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, map[string]string{"a.txt": "1\n"}).checkout()
			tc.prepare(j, j.path("work/1/s"))
			for _, enforcement := range []string{"enforce", "warn"} {
				j.input("enforcement", enforcement)
				j.untouched(func() { same(t, "result", "Failed", j.run()) })
				j.oneError(tc.says)
				if tc.reason != "" {
					same(t, "reason", tc.reason, j.output("reason"))
				}
			}
			if strings.Contains(j.log, "\n##vso[task.complete result=Succeeded;]") {
				t.Errorf("the log:\n%s", j.log)
			}
		})
	}
}

// repository makes a folder a repository with a commit.
func (j *job) repository(name string) {
	j.t.Helper()
	dir := j.path(name)
	j.must(os.MkdirAll(dir, 0o755))
	j.shell(dir, "git", "init", "-q")
	j.shell(dir, "git", "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-q", "--allow-empty", "-m", "x")
}

// Repositories within are left out, and what they are is said.
func TestNestedRepository(t *testing.T) {
	t.Parallel()
	j := newJob(t, map[string]string{"a.txt": "1\n"}).checkout()
	j.write("a.txt", "2\n").write("tools/x.txt", "1\n").repository("work/1/s/tools")
	j.want("Succeeded", "pushed")
	same(t, "changes", "M\ta.txt", j.changed())
	j.says("repositories of their own: tools")
}

// What git ignores is not pushed, nor does anybody have to name it.
func TestIgnoredFiles(t *testing.T) {
	t.Parallel()
	j := newJob(t, map[string]string{".gitignore": "bin/\n", "a.txt": "1\n"}).checkout()
	j.write("bin/out.txt", "1\n").write("a.txt", "2\n").input("paths", "a.txt").want("Succeeded", "pushed")
	same(t, "changes", "M\ta.txt", j.changed())
}

// Line ends are written as the repository says, and their change alone is none.
func TestLineEnds(t *testing.T) {
	t.Parallel()
	j := newJob(t, map[string]string{".gitattributes": "*.txt text eol=crlf\n", "a.txt": "1\n2\n"}).checkout()
	got, err := os.ReadFile(j.path("work/1/s/a.txt"))
	j.must(err)
	same(t, "the checkout's a.txt", "1\r\n2\r\n", string(got))
	j.untouched(func() { j.want("Succeeded", "unchanged") })
	j.write("a.txt", "1\r\n3\r\n").want("Succeeded", "pushed")
	same(t, "a.txt on the server", "1\n3", j.file("a.txt"))
}

// A file that both sides have changed is a conflict, but not if they agree; a race makes
// it be looked at again.
func TestConflicts(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		theirs map[string]string
		want   string
	}{
		"another file":         {map[string]string{"b.txt": "theirs\n"}, "pushed"},
		"the same change":      {map[string]string{"a.txt": "mine\n", "new.txt": "mine\n"}, "unchanged"},
		"half the same change": {map[string]string{"a.txt": "mine\n"}, "pushed"},
		"the same file":        {map[string]string{"a.txt": "theirs\n"}, "push/conflict"},
		"the same new file":    {map[string]string{"new.txt": "theirs\n"}, "push/conflict"},
		"a file for a folder":  {map[string]string{"new.txt/x": "theirs\n"}, ""},
	} {
		for _, raced := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", raced"}[raced], func(t *testing.T) {
				t.Parallel()
				j := newJob(t, map[string]string{"a.txt": "1\n", "b.txt": "1\n"}).checkout()
				j.write("a.txt", "mine\n").write("new.txt", "mine\n")
				first := true
				theirs := func() {
					if first {
						first = false
						j.theirs(tc.theirs)
					}
				}
				if raced {
					j.git.Before(func(gittest.Update) { theirs() })
				} else {
					theirs()
				}
				j.run()
				if tc.want != "" {
					same(t, "reason", tc.want, j.output("reason"))
				}
				for file, text := range tc.theirs { // whatever happens, nothing of theirs is lost
					same(t, file, strings.TrimSuffix(text, "\n"), j.file(file))
				}
				same(t, "result", tc.want == "pushed" || tc.want == "unchanged", j.result == "Succeeded")
				if !raced && tc.want == "push/conflict" {
					j.oneError("changed on refs/heads/main since this run's commit")
				}
			})
		}
	}
	// A file that they have deleted, and one that we have.
	j := newJob(t, map[string]string{"a.txt": "1\n", "b.txt": "1\n"}).checkout()
	j.must(os.Remove(j.path("work/1/s/a.txt")))
	j.theirs(map[string]string{"a.txt": "theirs\n"})
	j.untouched(func() { j.want("Failed", "push/conflict") })
}

// A name that no commit may have is refused before anybody is asked.
func TestNameThatCannotBeCommitted(t *testing.T) {
	t.Parallel()
	j := newJob(t, map[string]string{"a.txt": "1\n"}).checkout()
	j.write("new\n##vso[task.setvariable variable=owned]line.txt", "1\n")
	before := len(j.git.Requests())
	j.untouched(func() { j.want("Failed", "push/name") })
	j.says("leave it out with paths")
	if n := len(j.git.Requests()) - before; n > 0 || strings.Contains(j.log, "\n##vso[task.setvariable variable=owned") {
		t.Errorf("%d requests, log:\n%s", n, j.log)
	}
	j.input("paths", "a.txt", "onOtherChanges", "leave").want("Succeeded", "unchanged")
}
