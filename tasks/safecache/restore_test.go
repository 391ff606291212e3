package safecache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/archive"
	"github.com/guardrails-ci/guardrails/shared/azure"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/safecache/cachekey"
	"github.com/guardrails-ci/guardrails/tasks/safecache/entry"
	"github.com/guardrails-ci/guardrails/tasks/safecache/store"
)

// A restore that is stopped half-way is not a miss: the step failed.
func TestCancelledWhileRestoring(t *testing.T) {
	t.Parallel()
	j := newJob(t).saved("hello").again()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	j.stop = ctx
	j.watch = func(text string) {
		if strings.Contains(text, "It was saved by") {
			cancel()
		}
	}
	j.expect("main", "Failed", "It was saved by", "cancelled", "!Cache restored", "!trouble with")
	if left, err := filepath.Glob(j.path("work/1/.npm/*")); err != nil || len(left) != 0 {
		t.Errorf("the stopped restore left %v, %v", left, err)
	}
}

const aside = "work/1/.npm/_cacache.guardrails-abcdefgh2345-old"

// A restore was killed between moving the folder aside and putting the new one in
// its place. Whatever the next run finds, the folder is back.
func TestInterruptedRestore(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]struct{ result, hit string }{
		"fine": {"Succeeded", "miss"}, "pyvenv.cfg": {"Failed", "miss"},
	} {
		j := newJob(t)
		j.write(aside+"/"+name, "the only copy")
		j.expect("main", content.result, "an earlier restore was interrupted", "variable=hit;]"+content.hit)
		if got := j.read("work/1/.npm/_cacache/" + name); got != "the only copy" {
			t.Errorf("after an interrupted restore %s holds %q, want the only copy", name, got)
		}
		if _, err := os.Lstat(j.path(aside)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the folder moved aside is still there: %v", err)
		}
	}
}

// What is left beside path goes only when a restore has succeeded.
func TestSweepAfterRestore(t *testing.T) {
	t.Parallel()
	long := newJob(t).saved("hello").again()
	long.write(aside+"/x", "")
	long.mkdir("work/1/.npm/_cacache")
	at := startOfTests.AddDate(-1, 0, 0)
	long.must(os.Chtimes(long.path(aside), at, at))
	data := long.pack()
	good, err := os.ReadFile(data)
	long.must(err)
	long.must(os.WriteFile(data, []byte("bad"), 0o600))
	long.expect("main", "Succeeded", "was rejected")
	if _, err := os.Lstat(long.path(aside)); err != nil {
		t.Errorf("a failed restore swept %s: %v", aside, err)
	}
	long.must(os.WriteFile(data, good, 0o600))
	long.expect("main", "Succeeded", "variable=hit;]exact")
	if _, err := os.Lstat(long.path(aside)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a restore left %s: %v", aside, err)
	}
}

// An entry of which somebody has deleted a part is replaced by the next save.
func TestIncompleteEntry(t *testing.T) {
	t.Parallel()
	j := newJob(t).saved("hello").again()
	j.must(os.Remove(j.pack()))
	j.expect("main", "Succeeded", "type=warning;code=cache/rejected", "the pack is not there any more",
		"variable=hit;]rejected", "nothing of it was restored")
	j.write(cached, "again")
	j.expect("post", "Succeeded", "Saved 1 file")
	j.again().expect("main", "Succeeded", "variable=hit;]exact")
	if got := j.read(cached); got != "again" {
		t.Errorf("restored %q, want %q", got, "again")
	}
}

func TestTamperedEntryOfARestoreKey(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]func(*job) string{"pack": (*job).pack, "manifest": (*job).manifest} {
		j := newJob(t).saved("hello").again()
		j.must(os.WriteFile(file(j), []byte("bad"), 0o600))
		j.write("work/1/s/package-lock.json", "lock 2\n")
		j.expect("main", "Succeeded", "was rejected, and nothing of it was restored", "variable=hit;]rejected")
		if t.Failed() {
			t.Fatalf("with a bad %s", name)
		}
	}
}

// Cache@2's lines: a line of white space has no segments, so everything begins
// with it; one that is empty is no line; a lone CR ends none.
func TestRestoreKeyLines(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ restoreKeys, hit, log string }{
		"white space":       {"\"pip\"\n \n\"x\"", "partial", "Resolved to: **"},
		"empty":             {"\"pip\"\n\n\"x\"", "miss", `Resolved to: "x"|**`},
		"CRLF":              {"\"pip\"\r\n\"npm\"\r\n", "partial", `Resolved to: "npm"|**`},
		"white space, CRLF": {"\"pip\"\r\n\t\r\n\"x\"", "partial", "Resolved to: **"},
		"CR":                {"\"pip\"\r\"npm\"", "miss", "Resolving restore key:"},
	} {
		j := newJob(t).saved("hello").again()
		j.env["INPUT_KEY"], j.env["INPUT_RESTOREKEYS"] = `"other" | package-lock.json`, tc.restoreKeys
		j.expect("main", "Succeeded", "variable=hit;]"+tc.hit, tc.log)
		if t.Failed() {
			t.Fatalf("with restore keys %q (%s)", tc.restoreKeys, name)
		}
	}
}

// A restore key of no segments stays in its scope, and with its salt.
func TestBlankRestoreKeyOfAnotherScope(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{"SYSTEM_DEFINITIONID": "8", "AZP_CACHING_SALT": "2"} {
		j := newJob(t).saved("hello").again()
		j.env["INPUT_KEY"], j.env["INPUT_RESTOREKEYS"] = `"other"`, "\"pip\"\n \n\"x\""
		j.env[name] = value
		j.expect("main", "Succeeded", "variable=hit;]miss")
	}
}

// What a folder was open to does not grow by a restore.
func TestPrivateFolderStaysPrivate(t *testing.T) {
	t.Parallel()
	needsUnix(t)
	j := newJob(t).saved("hello").again()
	j.mkdir("work/1/.npm/_cacache")
	j.must(os.Chmod(j.path("work/1/.npm/_cacache"), 0o700))
	j.expect("main", "Succeeded", "variable=hit;]exact")
	if info, err := os.Stat(j.path("work/1/.npm/_cacache")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the restored folder has mode %v, %v, want 0700", info.Mode(), err)
	}
}

func TestFolderIsAMountPoint(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("only root on Linux can make a mount point")
	}
	j := newJob(t).saved("hello").again()
	folder := j.path("work/1/.npm/_cacache")
	j.mkdir("work/1/.npm/_cacache")
	if out, err := exec.Command("mount", "--bind", folder, folder).CombinedOutput(); err != nil {
		t.Skipf("nothing can be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "--lazy", folder).CombinedOutput(); err != nil {
			t.Errorf("umount %s: %v: %s", folder, err, out)
		}
	})
	j.expect("main", "Succeeded", "trouble with the folder "+folder+": it is a mount point", "!cache entry /", "variable=hit;]miss")
}

// The cache is restored, and only the old folder cannot go.
func TestOldFolderIsLeftOver(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("only root on Linux can make a mount point")
	}
	j := newJob(t).saved("hello").again()
	j.mkdir("work/1/.npm/_cacache/in/use")
	folder := j.path("work/1/.npm/_cacache/in/use")
	if out, err := exec.Command("mount", "--bind", folder, folder).CombinedOutput(); err != nil {
		t.Skipf("nothing can be mounted here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		left, err := filepath.Glob(j.path("work/1/.npm/*/in/use"))
		for _, folder := range left {
			err = errors.Join(err, exec.Command("umount", "--lazy", folder).Run())
		}
		if err != nil || len(left) != 1 {
			t.Errorf("umount %q: %v", left, err)
		}
	})
	j.finds("exact").holds("main", "type=warning;code=cache/leftover", "the cache was restored, but ", "Cache restored to")
	if got := j.read(cached); got != "hello" {
		t.Errorf("restored %q, want hello", got)
	}
}

// lostRestore blames what is to blame, and never swallows the loss of a folder.
func TestLostRestore(t *testing.T) {
	t.Parallel()
	busy := &os.LinkError{Op: "rename", Old: "/w/cache", New: "/w/cache.x-old", Err: syscall.EBUSY}
	image := &os.LinkError{Op: "rename", Old: "/w/cache", New: "/w/cache.x-old", Err: syscall.EXDEV}
	for name, tc := range map[string]struct {
		err    error
		result string
		texts  []string
	}{
		"busy": {
			&archive.PlaceError{Path: "/w/cache", Err: busy}, "Succeeded",
			[]string{"trouble with the folder /w/cache: it is a mount point or in use", "!cache entry", "!(at "},
		},
		"image": {
			&archive.PlaceError{Path: "/w/cache", Err: image}, "Succeeded",
			[]string{"trouble with the folder /w/cache: it is a mount point or comes with a container's image"},
		},
		"link error": {
			image, "Succeeded", []string{"trouble with the cache entry /store/e (at /w/cache.x-old)"},
		},
		"displaced": {
			errors.Join(&archive.DisplacedError{Path: "/w/cache", Old: "/w/cache.x-old", Err: busy}, context.Canceled), "Failed",
			[]string{"type=error;code=cache/displaced", "/w/cache is missing", "it is now /w/cache.x-old, whole"},
		},
	} {
		j := newJob(t)
		failing := task.Task[Inputs]{Name: "SafeCache", Main: func(_ context.Context, env *task.Env, _ Inputs) error {
			s := &step{env: env}
			return s.lostRestore("the cache entry /store/e", tc.err, &result{})
		}}
		if got := j.runTask(failing, "main"); got != tc.result {
			t.Errorf("%s: lostRestore(%v) ended the step as %s, want %s", name, tc.err, got, tc.result)
		}
		j.holds("main", tc.texts...)
	}
}

// A partial hit says by which key, and what is different.
func TestPartialHit(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		`"npm" | package-lock.json`: `restore key ` + "`" + `"npm"|**` + "`" + ` (partial): it was saved for ` +
			"other contents of package-lock.json; the install step must run",
		`"npm" | "x"`:                     `it was saved for a file and not the text "x"; the`,
		`"npm"`:                           "it was saved for a key with more segments; the",
		`"npm" | "x" | package-lock.json`: `a file and not the text "x", a key without package-lock.json; the`,
	} {
		j := newJob(t).saved("hello").again()
		j.write("work/1/s/package-lock.json", "lock 2\n")
		j.env["INPUT_KEY"] = key
		j.expect("main", "Succeeded", "variable=hit;]partial", want)
	}
	j := newJob(t).saved("hello").again()
	j.expect("main", "Succeeded", "variable=hit;]exact", "!(partial)")
}

// What an entry holds is anybody's: it stays one short line.
func TestDifferencesShowBothTexts(t *testing.T) {
	t.Parallel()
	text := func(value string) entry.Segment { return entry.Segment{Kind: "string", Value: value} }
	for name, tc := range map[string]struct {
		saved entry.Segment
		want  string
	}{
		"quoted":    {text(`"bbb"`), `another text (segment 1 was "bbb" and is "ccc" now)`},
		"bare":      {text("bbb"), `another text (segment 1 was "bbb" and is "ccc" now)`},
		"one quote": {text(`"`), `another text (segment 1 was "\"" and is "ccc" now)`},
		"hostile":   {text("a\n##vso[x]\x1b"), `another text (segment 1 was "a\n##vso[x]\x1b" and is "ccc" now)`},
		"long": {text(strings.Repeat("ä", 61)), `another text (segment 1 was "` + strings.Repeat("ä", 60) +
			`…" and is "ccc" now)`},
		"a file": {entry.Segment{Kind: "file", Value: "x"}, `a file and not the text "ccc"`},
	} {
		key := cachekey.Resolved{{Source: `"ccc"`, Kind: cachekey.Text, Value: `"ccc"`}}
		if got := differences([]entry.Segment{tc.saved}, key); len(got) != 1 || got[0] != tc.want {
			t.Errorf("%s: differences(%q) = %q, want %q", name, tc.saved.Value, got, tc.want)
		}
	}
}

// lostSave says in our own words why there is no entry; only refusals end the step.
func TestLostSave(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err    error
		result string
		texts  []string
	}{
		"nothing":   {nil, "Succeeded", []string{"!type="}},
		"cancelled": {context.Canceled, "Failed", []string{"type=error", "!the cache is not saved"}},
		"refused": {
			&task.UserError{Rule: "x/y", Msg: "no", Hint: "yes"}, "Failed", []string{"type=error;code=x/y", "!the cache is not saved"},
		},
		"changed": {
			fmt.Errorf("reading: %w", archive.ErrChanged), "Succeeded",
			[]string{"code=cache/busy", "somebody wrote to /w/cache while it was being read, twice"},
		},
		"full": {
			&os.PathError{Op: "write", Path: "/store/x", Err: syscall.ENOSPC}, "Succeeded",
			[]string{"code=cache/environment", "there is trouble with the cache directory", "(at /store/x): the disk is full", "make room"},
		},
		"read-only": {
			&store.MakeError{Dir: "/store", Err: &os.PathError{Op: "mkdir", Path: "/store", Err: syscall.EROFS}}, "Succeeded",
			[]string{"code=cache/environment", "cannot be made: the disk is read-only"},
		},
		"tampered": {
			&entry.RejectedError{Entry: "e", Kind: entry.KindTampered, Reason: "somebody keeps writing"}, "Succeeded",
			[]string{"code=cache/rejected", "somebody keeps writing", "find out who writes to the store"},
		},
		"connection": {
			&azure.Error{Connection: "c", Reason: "its secret has ended", Fix: "renew it", Err: errors.New("x")}, "Succeeded",
			[]string{"code=cache/environment", "the cache is not saved", "service connection c: its secret has ended"},
		},
	} {
		j := newJob(t)
		failing := task.Task[Inputs]{Name: "SafeCache", Main: func(_ context.Context, env *task.Env, in Inputs) error {
			return (&step{env: env, in: in, folder: "/w/cache"}).lostSave(tc.err)
		}}
		if got := j.runTask(failing, "main"); got != tc.result {
			t.Errorf("%s: lostSave(%v) ended the step as %s, want %s", name, tc.err, got, tc.result)
		}
		j.holds("main", tc.texts...)
	}
}

// A step that is stopped says so, and blames neither the store nor the folder.
func TestStoppedCommands(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"restore", "save", "verify", "explain", "list", "delete", "gc"} {
		j := lodash(newJob(t)).command(command).download("lodash")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		j.stop = ctx
		j.expect("main", "Failed", "cancelled", "!trouble with", "!cannot be read", "!not saved")
	}
}
