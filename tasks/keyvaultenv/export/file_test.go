package export_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/export"
)

// agent is a folder as an agent has it: _temp with a sub-folder, links into it and
// out of it, and the sources next to it.
func agent(t *testing.T) (base, temp string) {
	t.Helper()
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	temp = filepath.Join(base, "_temp")
	err = errors.Join(os.MkdirAll(filepath.Join(temp, "sub"), 0o755), os.Mkdir(filepath.Join(base, "s"), 0o755),
		os.WriteFile(filepath.Join(temp, "plain"), nil, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{
		"_temp/out": "../s", "_temp/up": "..", "_temp/in": "sub", "tmp": "_temp", "s/temp": "../_temp", "_temp/gone": "../nothing",
	} {
		if err := os.Symlink(filepath.FromSlash(target), filepath.Join(base, filepath.FromSlash(link))); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	return base, temp
}

func TestPlace(t *testing.T) {
	t.Parallel()
	base, temp := agent(t)
	for name, tc := range map[string]struct{ temp, path, want string }{
		"in it":                   {"_temp", "BASE/_temp/a.env", "_temp/a.env"},
		"relative":                {"_temp", "a.env", "_temp/a.env"},
		"below it":                {"_temp", "BASE/_temp/sub/a.env", "_temp/sub/a.env"},
		"by a link inside":        {"_temp", "BASE/_temp/in/a.env", "_temp/sub/a.env"},
		"by a link from outside":  {"_temp", "BASE/s/temp/a.env", "_temp/a.env"},
		"the folder is a link":    {"tmp", "BASE/tmp/a.env", "_temp/a.env"},
		"link and its target":     {"tmp", "BASE/_temp/a.env", "_temp/a.env"},
		"dots that stay":          {"_temp", "BASE/_temp/sub/../a.env", "_temp/a.env"},
		"by links there and back": {"_temp", "BASE/_temp/up/_temp/a.env", "_temp/a.env"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := strings.ReplaceAll(filepath.FromSlash(tc.path), "BASE", base)
			got, err := export.Place(filepath.Join(base, tc.temp), path)
			if want := filepath.Join(base, filepath.FromSlash(tc.want)); err != nil || got != want {
				t.Errorf("Place(%s, %q) = %q, %v; want %q", tc.temp, path, got, err, want)
			}
		})
	}
	for name, tc := range map[string]struct{ temp, path, want string }{
		"sources":             {temp, "BASE/s/a.env", "not below Agent.TempDirectory"},
		"parent":              {temp, "BASE/a.env", "not below"},
		"dots":                {temp, "BASE/_temp/../s/a.env", "not below"},
		"relative dots":       {temp, "../s/a.env", "not below"},
		"link that leaves":    {temp, "BASE/_temp/out/a.env", "not below"},
		"link to the parent":  {temp, "BASE/_temp/up/a.env", "not below"},
		"same beginning":      {filepath.Join(base, "_te"), "BASE/_temp/a.env", "Agent.TempDirectory"},
		"the folder itself":   {temp, "BASE/_temp", "not below"},
		"itself by a link":    {temp, "BASE/_temp/up/_temp", "not below"},
		"a folder":            {temp, "BASE/_temp/sub/", "not the name of a file"},
		"empty":               {temp, "", "not the name of a file"},
		"dot":                 {temp, ".", "not below"},
		"missing folder":      {temp, "BASE/_temp/no/a.env", "looking for its folder"},
		"dangling link":       {temp, "BASE/_temp/gone/a.env", "looking for its folder"},
		"below a file":        {temp, "BASE/_temp/plain/a.env", "plain"},
		"device of Windows":   {temp, "BASE/_temp/NUL.env", "device"},
		"stream of Windows":   {temp, "BASE/_temp/a:b", "Windows"},
		"control character":   {temp, "BASE/_temp/a\x1b[2J", "control character"},
		"temp is not known":   {"", "a.env", "not known"},
		"temp is relative":    {"_temp", "a.env", "not known"},
		"temp does not exist": {filepath.Join(base, "nothing"), "a.env", "Agent.TempDirectory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := strings.ReplaceAll(filepath.FromSlash(tc.path), "BASE", base)
			err := export.Write(tc.temp, path, []byte("secret"))
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("Write(%q, %q) = %v; want one line with %q", tc.temp, path, err, tc.want)
			}
			if err := export.Remove(tc.temp, path); err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Remove(%q, %q) = %v", tc.temp, path, err)
			}
		})
	}
}

func TestWriteAndRemove(t *testing.T) {
	t.Parallel()
	_, temp := agent(t)
	placed := filepath.Join(temp, "sub", "a.env")
	if err := export.Write(temp, filepath.Join("in", "a.env"), []byte("A=secret\n")); err != nil {
		t.Fatalf("Write: %v", err)
	}
	info, err := os.Lstat(placed)
	if err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("the file has the mode %v, %v; want -rw-------", info.Mode(), err)
	}
	if err := export.Write(temp, placed, []byte("other")); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("Write over a file = %v, want an error", err)
	}
	if got, err := os.ReadFile(placed); err != nil || string(got) != "A=secret\n" {
		t.Errorf("the file holds %q, %v", got, err)
	}
	for range 2 { // the second time there is nothing
		if err := export.Remove(temp, placed); err != nil {
			t.Errorf("Remove: %v", err)
		}
	}
	if left, err := os.ReadDir(filepath.Join(temp, "sub")); err != nil || len(left) > 0 {
		t.Errorf("Remove left %v, %v", left, err)
	}
}

// Post-job, somebody has put other things where the file was.
func TestRemoveTouchesNothingElse(t *testing.T) {
	t.Parallel()
	base, temp := agent(t)
	precious := filepath.Join(base, "s", "precious")
	full := filepath.Join(temp, "full")
	err := errors.Join(os.WriteFile(precious, []byte("x"), 0o600), os.Symlink(precious, filepath.Join(temp, "a.env")),
		os.MkdirAll(filepath.Join(full, "x"), 0o755))
	if err != nil {
		t.Fatal(err)
	}
	if err := export.Remove(temp, "a.env"); err != nil {
		t.Errorf("Remove of a link: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(temp, "a.env")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the link is still there: %v", err)
	}
	if err := export.Remove(temp, full); err == nil || !strings.Contains(err.Error(), "could not be removed") {
		t.Errorf("Remove of a folder = %v, want an error", err)
	}
	for _, path := range []string{precious, filepath.Join(temp, "out", "precious")} {
		if err := export.Remove(temp, path); err == nil {
			t.Errorf("Remove(%q) removes what is outside", path)
		}
	}
	if got, err := os.ReadFile(precious); err != nil || string(got) != "x" {
		t.Errorf("the file outside is %q, %v", got, err)
	}
	if err := export.Remove(filepath.Join(base, "nothing"), "a.env"); err != nil {
		t.Errorf("Remove when the agent's folder is gone: %v", err)
	}
}
