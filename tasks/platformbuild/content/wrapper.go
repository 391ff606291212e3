package content

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// wrapper is a program that starts the one that its arguments name.
type wrapper struct {
	valued   string // its options that take the next word as their value
	operands int    // how many words are before the program's name
	sets     bool   // of those may set variables
}

// wrappers are those whose arguments we know. Options without a value need not be named.
var wrappers = map[string]wrapper{
	"catatonit": {}, "docker-init": {valued: "-p -e"}, "tini": {valued: "-p -e"}, "tini-static": {valued: "-p -e"},
	"dumb-init": {valued: "-r --rewrite"}, "pid1": {}, buildpacks: {}, "aws-lambda-rie": {}, "with-contenv": {},
	"gosu": {operands: 1}, "su-exec": {operands: 1}, "setuidgid": {operands: 1}, "s6-setuidgid": {operands: 1},
	"envuidgid": {operands: 1}, "s6-envuidgid": {operands: 1}, "envdir": {operands: 1}, "s6-envdir": {operands: 1},
	"s6-setlock": {valued: "-t -d", operands: 1}, "s6-applyuidgid": {valued: "-u -g -G"},
	"s6-softlimit": {valued: "-a -c -d -f -l -m -n -o -p -r -s -t"},
	"softlimit":    {valued: "-a -c -d -f -l -m -n -o -p -r -s -t"},
	"chpst":        {valued: "-u -U -b -e -d -n -l -L -m -o -p -f -c -r -t"},
	"sudo": {
		valued: "-u -g -C -h -p -D -R -T -U -r -t --user --group --host --prompt --chdir", sets: true,
	},
	"doas": {valued: "-u -C"}, "authbind": {}, "setarch": {operands: 1}, "linux32": {}, "linux64": {},
	"nice": {valued: "-n --adjustment"}, "ionice": {valued: "-c -n -p -P -u --class --classdata"},
	"chrt": {valued: "-T -P -D", operands: 1}, "taskset": {operands: 1}, "numactl": {valued: "-i -m -N -C -p -l"},
	"nohup": {}, "setsid": {}, "stdbuf": {valued: "-i -o -e --input --output --error"}, "eatmydata": {}, "unbuffer": {},
	"timeout": {valued: "-s -k --signal --kill-after", operands: 1}, "time": {valued: "-f -o --format --output"},
	"flock":   {valued: "-w -E --timeout --wait --conflict-exit-code", operands: 1},
	"strace":  {valued: "-a -b -e -E -I -o -O -p -P -s -S -u -U -X"},
	"ltrace":  {valued: "-a -A -e -l -n -o -p -s -u -x"},
	"prlimit": {}, "valgrind": {}, "unshare": {valued: "-S -G -w --setuid --setgid --wd"},
	"fakeroot": {valued: "-l -f -i -s -b"}, "dbus-run-session": {},
	"xvfb-run": {valued: "-e -f -n -p -s -w --error-file --auth-file --server-num --server-args --wait"},
	"setpriv": {
		valued: "--reuid --regid --ruid --euid --rgid --egid --groups --inh-caps --ambient-caps --bounding-set " +
			"--securebits --pdeathsig --ptracer --selinux-label --apparmor-profile --landlock-access " +
			"--landlock-rule --seccomp-filter",
	},
}

// loaders start a program, too, if somebody calls them.
var (
	loaders = regexp.MustCompile(`^ld(64|-linux|-musl)?[-\w.]*\.so(\.\d+)?$`)
	loading = wrapper{
		valued: "--library-path --inhibit-rpath --preload --audit --argv0 --glibc-hwcaps-prepend --glibc-hwcaps-mask",
	}
)

// buildpacks is what the launcher of Cloud Native Buildpacks is called here: its own name is a common one.
const buildpacks = "/cnb/lifecycle/launcher"

// behind are a wrapper's arguments from the program's name on.
func (w wrapper) behind(words []string) []string {
	options, left := true, w.operands
	for ; len(words) > 0; words = words[1:] {
		switch word := words[0]; {
		case options && word == "--":
			options = false
		case options && len(word) > 1 && word[0] == '-':
			if w.takesNext(word) && len(words) > 1 {
				words = words[1:]
			}
		case w.sets && assigns(word):
		case left > 0:
			left--
		default:
			return words
		}
	}
	return nil
}

// takesNext reports whether an option's value is the next word: as of -u, --user and -iu, but not of
// --user=x and -ux.
func (w wrapper) takesNext(option string) bool {
	valued := strings.Fields(w.valued)
	if strings.HasPrefix(option, "--") {
		return slices.Contains(valued, option)
	}
	for i, letter := range option[1:] {
		if slices.Contains(valued, "-"+string(letter)) {
			return i == len(option)-2
		}
	}
	return false
}

func assigns(word string) bool {
	name, _, found := strings.Cut(word, "=")
	return found && name != "" && !strings.Contains(name, "/")
}

// emulator reports whether a program starts those that are for another machine.
func emulator(base string) bool {
	return strings.HasPrefix(base, "qemu-") ||
		slices.Contains([]string{"box64", "box86", "FEXInterpreter", "wine", "wine64"}, base)
}

// passed looks at what a program, known by its base name, is told to start.
func (c *check) passed(base string, rest []string, script bool) error {
	w, known := wrappers[base]
	switch {
	case emulator(base):
		c.emulated = true
		return nil
	case slices.Contains(shells, base):
		c.byName = true
		return c.shell(rest)
	case c.windows:
		return c.windowsShell(base, rest)
	case known:
		return c.wrapped(base, w.behind(rest))
	case loaders.MatchString(base):
		return c.wrapped(base, loading.behind(rest))
	}
	if done, err := c.unlikeOthers(base, rest); done || !script {
		return err
	}
	c.byName = true
	return c.among(rest, maybe)
}

// unlikeOthers is for the programs that have their own ways to be told what to start.
func (c *check) unlikeOthers(base string, rest []string) (done bool, err error) {
	switch base {
	case "busybox", "toybox":
		if len(rest) == 0 || strings.HasPrefix(rest[0], "-") {
			return true, nil // it tells of itself
		}
		return true, c.passed(path.Base(rest[0]), rest[1:], false)
	case "env":
		return true, c.wrapped(base, c.underEnv(rest))
	case "su", "runuser":
		return true, c.switched(base, rest)
	case "capsh":
		if i := slices.Index(rest, "--"); i >= 0 {
			return true, c.passed("sh", rest[i+1:], false)
		}
		c.unlooked(base, "its arguments name no program")
		return true, nil
	case "chroot":
		c.unlooked(base, "its root folder is another one")
		return true, nil
	case "s6-svscan", "runsvdir", "runit", "supervisord", "systemd":
		c.unlooked(base, "its configuration names the programs")
		return true, nil
	}
	return false, nil
}

// wrapped looks at what a wrapper starts: the first of the words, if its options are what we take them
// for, and another one if that cannot be.
func (c *check) wrapped(base string, words []string) error {
	c.byName = true
	if len(words) == 0 {
		c.unlooked(base, "its arguments name no program")
		return nil
	}
	return c.among(words, wrapped)
}

// switched is for su and runuser, which start a shell with the command after -c, wherever that is.
func (c *check) switched(base string, rest []string) error {
	c.byName = true
	for i, word := range rest {
		if line, ok := strings.CutPrefix(word, "--command="); ok {
			return c.line(line, nil)
		}
		if (word == "-c" || word == "--command") && i+1 < len(rest) {
			return c.line(rest[i+1], nil)
		}
	}
	valued := "-u -g -G -s -w --user --group --supp-group --shell --whitelist-environment"
	if users := slices.ContainsFunc(rest, func(w string) bool {
		return strings.HasPrefix(w, "-u") || strings.HasPrefix(w, "--user")
	}); users {
		return c.wrapped(base, wrapper{valued: valued}.behind(rest))
	}
	c.unlooked(base, "its arguments name no program")
	return nil
}

// unlooked says that the look ends here, unless every program of the image is looked at anyway.
func (c *check) unlooked(base, why string) {
	if c.depth == All {
		return
	}
	c.add(Problem{
		Rule: "platform/unread", Path: base, Warn: true,
		Text: fmt.Sprintf("what %s starts was not looked at: %s", shown(base), why),
		Hint: "start the program without it, or set verifyContent: all",
	})
}
