package content

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// windowsPath is where the base images of Microsoft have programs. The real PATH is in the registry's file.
const windowsPath = `C:\Windows\System32;C:\Windows;C:\Windows\System32\WindowsPowerShell\v1.0;` +
	`C:\Program Files\PowerShell;C:\Program Files\PowerShell\latest;C:\Program Files\dotnet;C:\Windows\System32\inetsrv;C:\`

// byExtension reports whether the name's end says that another program reads the file.
func byExtension(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".bat", ".cmd", ".ps1", ".vbs", ".js":
		return true
	}
	return false
}

// commandLine takes the first word out of a whole command line, which is what the shell form of CMD is
// on Windows.
func commandLine(argv []string) []string {
	line := strings.TrimSpace(argv[0])
	if rest, ok := strings.CutPrefix(line, `"`); ok {
		if name, rest, ok := strings.Cut(rest, `"`); ok {
			return append(append([]string{name}, strings.Fields(rest)...), argv[1:]...)
		}
	}
	name, rest, _ := strings.Cut(line, " ")
	if rest == "" || strings.ContainsAny(name, `\/`) {
		return argv // a path may have spaces
	}
	return append(append([]string{name}, strings.Fields(rest)...), argv[1:]...)
}

// windowsShell looks at what the shells of Windows are told to start, as far as it is plain.
func (c *check) windowsShell(base string, rest []string) error {
	options := map[string][]string{
		"cmd": {"/c", "/k"}, "powershell": {"-command", "-c"}, "pwsh": {"-command", "-c"},
	}[strings.ToLower(base)]
	at := slices.IndexFunc(rest, func(w string) bool { return slices.Contains(options, strings.ToLower(w)) })
	if at < 0 {
		return nil
	}
	line := strings.TrimSpace(strings.Join(rest[at+1:], " "))
	if inner, ok := strings.CutPrefix(line, `"`); ok && strings.Count(line, `"`) != 2 {
		line = strings.TrimSuffix(inner, `"`) // as cmd /S does
	}
	name, _, _ := strings.Cut(line, " ")
	if inner, ok := strings.CutPrefix(line, `"`); ok {
		name, _, _ = strings.Cut(inner, `"`)
	}
	_, args, _ := strings.Cut(line, name)
	words := append([]string{name}, strings.Fields(strings.TrimPrefix(args, `"`))...)
	found, err := c.locateWindows(name)
	var missing *missingError
	switch {
	case err == nil:
		return c.follow(words, name, found)
	case !errors.As(err, &missing):
		return c.unread(name, err)
	case strings.Contains(name, `\`) && !strings.ContainsAny(name, "%$"):
		defer c.mildly()()
		return c.notFound(name, err)
	case len(c.verdict.Chain) < maxSteps: // as good as always a word of the shell itself
		c.verdict.Chain = append(c.verdict.Chain, "a command line that is not looked into")
	}
	return nil
}

// locateWindows searches as CreateProcess does: with .exe added to a name that has no extension.
func (c *check) locateWindows(name string) (string, error) {
	name = strings.ReplaceAll(name, "/", `\`)
	dirs := []string{""}
	if !strings.Contains(name, `\`) {
		dirs = append(dirs, strings.Split(c.env("PATH", windowsPath), ";")...)
		dirs = dirs[:min(len(dirs), 64)]
	}
	endings := []string{"", ".exe"}
	if path.Ext(name) == "" {
		endings = []string{".exe", ".cmd", ".bat", ""}
	}
	for _, dir := range dirs {
		for _, ending := range endings {
			at := c.absoluteWindows(dir, name+ending)
			f, err := c.files.Find(c.ctx, at)
			switch {
			case err == nil && !f.Mode.IsDir():
				return at, nil
			case err != nil && !errors.Is(err, fs.ErrNotExist):
				return "", err
			}
		}
	}
	says := fmt.Sprintf("exec: %q: The system cannot find the file specified", name)
	return "", &missingError{"platform/missing", says}
}

// absoluteWindows puts a name behind a folder, and both behind the working folder, unless they have a
// place already.
func (c *check) absoluteWindows(dir, name string) string {
	full := name
	if dir != "" {
		full = strings.TrimSuffix(strings.ReplaceAll(dir, "/", `\`), `\`) + `\` + name
	}
	switch {
	case len(full) > 1 && full[1] == ':':
		return full
	case strings.HasPrefix(full, `\`):
		return `C:` + full
	}
	work := strings.TrimSuffix(strings.ReplaceAll(c.image.WorkingDir, "/", `\`), `\`)
	if len(work) < 2 || work[1] != ':' {
		work = `C:\` + strings.Trim(work, `\`)
	}
	return strings.TrimSuffix(work, `\`) + `\` + full
}
