package content

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// image whose server is for another machine, and that has whatever could start it; "node" is both a
// program and the name of a user.
const wrapping = busybox + "; exec usr/local/bin/node AMD64; exec usr/local/bin/start AMD64; exec usr/local/bin/server ARM64; " +
	"exec app/server ARM64; exec my%20app/server ARM64; exec app/entry #!/bin/shNL; file app/data text; exec lib/ld-linux-x86-64.so.2 AMD64; " +
	"exec lib/ld-musl-x86_64.so.1 AMD64; exec cnb/lifecycle/launcher AMD64; link cnb/process/web -> ../lifecycle/launcher; link tini2 -> bin/tini"

var startersInTests = strings.Fields("su-exec gosu tini dumb-init catatonit nice timeout setpriv s6-setuidgid chpst sudo su runuser " +
	"chroot nohup stdbuf ionice capsh s6-svscan flock bash xvfb-run time setarch")

func wrappingImage(t *testing.T, command string) image {
	t.Helper()
	layers := wrapping
	for _, name := range startersInTests {
		layers += "; exec bin/" + name + " AMD64"
	}
	return image{layers: layers, entrypoint: strings.Split(command, "|")}
}

// Whatever stands before it, a program of another machine is found.
func TestBehindWrappers(t *testing.T) {
	t.Parallel()
	for _, command := range []string{
		"su-exec|node|/app/server", "gosu|node:node|/app/server", "gosu|node|server", "tini|--|gosu|node|server|--x", "tini|-p|SIGTERM|--|server",
		"dumb-init|--rewrite|15:3|server", "catatonit|-P|server", "nice|-n|5|server", "nice|-n5|server", "timeout|-k|5s|10|server", "nohup|server",
		"timeout|--signal=KILL|10|server", "setpriv|--reuid|node|--clear-groups|server", "s6-setuidgid|node|server", "chpst|-u|node:node|server",
		"sudo|-u|node|A=b|server", "sudo|-Eu|node|server", "su|node|-c|server --x", "su|--command=server|node", "runuser|-u|node|--|server", "ionice|-c|3|server",
		"capsh|--user=node|--|-c|server", "flock|/run/lock|server", "xvfb-run|-s|-screen 0|server", "time|-f|%e|server", "setarch|x86_64|server",
		"stdbuf|-oL|-e|L|server", "setpriv|--new-option|node|server", "/tini2|server",
		"env|-S|A=b server --x", "env|-Sserver", "env|-i|--split-string=-u X server", "env|-C|/app|./server", "env|-iC|/app|./server", "env|--chdir=/app|./server",
		"env|--chdir|/app|./server", "env|PATH=/app|server", "env|-u|node|server", "env|-|server", "env|-i|PATH=/none|-u|PATH|server", "env|--|A=b|server",
		"busybox|sh|-c|server", "busybox|env|server", "busybox|timeout|5|server", "/bin/busybox|nice|-n|5|busybox|nohup|server",
		"/lib/ld-linux-x86-64.so.2|--library-path|/lib|/app/server", "/lib/ld-musl-x86_64.so.1|/app/server",
		"bash|-o|pipefail|-c|server --port 80", "bash|-e|-u|-x|-o|errexit|-c|server", "bash|-euo|pipefail|-c|exec server", "bash|-c|-e|server", "bash|+o|posix|-c|server",
		"bash|--rcfile|x|-lc|server", "bash|-exo|pipefail|-O|extglob|-c|--|server", "sh|-c|set -eu; cd /tmp && exec server", "sh|-c|exec -a node server",
		"sh|-c|node; server", "sh|-c|node && /app/server", "sh|-c|exec '/app/server'", "sh|-c|exec \"$@\"|sh|node|/app/server", "sh|-c|exec \"$@\"|sh|server",
		"sh|-c|cd /x && ( server & )", "sh|/app/server", "sh|/app/data|/app/server", "sh|-c|A=b export B=c\nserver",
		"/app/entry|node|/app/server", "/app/entry|start|server", "start|/app/server", "start|--x|/app/server", "start|node|app/server", "start|/my app/server",
		"su-exec|node" + strings.Repeat("|word", 30) + "|/app/server", "chroot|/|/app/server",
	} {
		v, err := wrappingImage(t, command).check(t, Entrypoint)
		if got := words(v); err != nil || !strings.Contains(got, "error machine: ") {
			t.Errorf("Check of %q: %v\n%s\nchain %q\nwant an error for the program of another machine", command, err, got, v.Chain)
		}
	}
}

// What cannot be followed is said; what can, and is right, is not.
func TestWhatIsNotLookedInto(t *testing.T) {
	t.Parallel()
	unlooked := func(base, why string) string {
		return "warning unread: what " + base + " starts was not looked at: " + why
	}
	const none = "its arguments name no program"
	many := "start" + strings.Repeat("|word", 4096)
	for command, want := range map[string]string{
		"chroot|/x|node": unlooked("chroot", "its root folder is another one"), "tini|--": unlooked("tini", none), "env|A=b": unlooked("env", none),
		"su|node": unlooked("su", none), "capsh|--print": unlooked("capsh", none), "timeout|5": unlooked("timeout", none),
		"/cnb/process/web": unlooked("/cnb/lifecycle/launcher", none), "s6-svscan|/x": unlooked("s6-svscan", "its configuration names the programs"),
		"env|-S" + strings.Repeat(" -S", 40): unlooked("env", none), many: unlooked("the end of the command line", "it is too long"),
		"gosu|node|gone|--x": `warning missing: the image starts "gone", which is not there: the runtime would say: exec: "gone": executable file not found in $PATH`,
		"tini|/app/data":     `warning not-executable: /app/data is not executable: the runtime would say "permission denied"`,
		"gosu|root|node":     "", "tini|-g|node": "", "env|-S|A=b node x": "", "busybox": "", "busybox|--list": "", "busybox|sh": "", "sh": "", "bash|-o": "", "sh|-c|cd / && node": "",
		"bash|-o|pipefail|-c|node x.js": "", "env|-C|/usr/local/bin|./node": "", "timeout|5|node|/etc/x": "",
	} {
		v, err := wrappingImage(t, command).check(t, Entrypoint)
		if diff := cmp.Diff(want, words(v)); err != nil || diff != "" {
			t.Errorf("Check of %.60q: %v, problems (-want +got):\n%s", command, err, diff)
		}
		v, err = wrappingImage(t, command).check(t, All)
		if got := words(v); err != nil || strings.Contains(got, "was not looked at") {
			t.Errorf("Check of %.60q, all: %v\n%s\nwant nothing of what is not looked at", command, err, got)
		}
	}
}

// What is started is looked at as a whole, not only for its machine.
func TestWhatIsFollowed(t *testing.T) {
	t.Parallel()
	for _, command := range []string{
		"bash|-o|pipefail|-c|start x", "bash|-euo|pipefail|-c|start", "bash|--rcfile|x|-c|start", "sh|-c|exec -a x start", "sh|-c|set -e; umask 022 && start",
		"sudo|A=b|start", "/lib/ld-linux-x86-64.so.2|--argv0|x|/usr/local/bin/start", "busybox|nice|-n|5|start", "env|-S|-u X A=b start x", "gosu|node|start",
	} {
		v, err := wrappingImage(t, command).check(t, Entrypoint)
		if err != nil || len(v.Problems) > 0 || v.Chain[len(v.Chain)-1] != "/usr/local/bin/start" {
			t.Errorf("Check of %q: %v, chain %q\n%s\nwant it to end at /usr/local/bin/start", command, err, v.Chain, words(v))
		}
	}
}

// Programs for other machines that nobody starts by themselves.
func TestWordsThatAreNotStarted(t *testing.T) {
	t.Parallel()
	layers := debian + "; exec x/app.dll NET; exec x/lib.dylib DYLIB; exec x/m.wasm WASM; file x/data ARM64; exec x/half HALF; exec x/arm ARM64; " +
		"exec etc/arm ARM64; exec usr/bin/qemu-aarch64 AMD64; exec usr/bin/wine AMD64; exec x/app.exe WIN64"
	for _, command := range []string{
		"python3|/x/app.dll", "python3|/x/lib.dylib", "python3|/x/m.wasm", "python3|/x/data", "python3|/x/half", "python3|--x=/x/arm", "python3|http://x/arm",
		"qemu-aarch64|/x/arm", "tini|qemu-aarch64|/x/arm", "wine|/x/app.exe", "python3|/etc/arm", "python3|arm", "python3|/x",
	} {
		v, err := image{layers: layers, entrypoint: strings.Split(command, "|"), env: []string{"PATH=/usr/bin:/usr/local/bin:/x"}}.check(t, Entrypoint)
		if got := words(v); err != nil || got != "" {
			t.Errorf("Check of %q: %v\n%s\nwant no problem", command, err, got)
		}
	}
}

func TestWindowsShells(t *testing.T) {
	t.Parallel()
	const layers = "file Files/Windows/System32/cmd.exe WIN64; file Files/Windows/System32/WindowsPowerShell/v1.0/powershell.exe WIN64; " +
		"file Files/app/server.exe WINARM; file Files/app/right.exe WIN64; file Files/my%20app/server.exe WINARM"
	arm := func(at string) string {
		return "error machine: " + at + ` is a windows/arm64 program, but the image claims windows/amd64`
	}
	for command, want := range map[string]string{
		`cmd|/S|/C|C:\app\server.exe --x`: arm(`C:\app\server.exe`), `CMD.EXE|/s|/c|C:\app\server`: arm(`C:\app\server.exe`),
		`cmd /S /C C:\app\server.exe`: arm(`C:\app\server.exe`), `cmd|/S|/C|"C:\my app\server.exe" -x`: arm(`C:\my app\server.exe`),
		`cmd|/S|/C|""C:\my app\server.exe" "x""`: arm(`C:\my app\server.exe`), `powershell|-Command|C:\app\server.exe`: arm(`C:\app\server.exe`),
		`cmd|/C|echo x & C:\app\server.exe`: arm(`C:\app\server.exe`), `cmd|/C|server`: arm(`C:\app\server.exe`),
		`cmd|/C|cmd /c server`: arm(`C:\app\server.exe`), `C:\app\right.exe|C:\app\server.exe`: arm(`C:\app\server.exe`), `C:\app\right.exe|C:\my app\server.exe`: arm(`C:\my app\server.exe`),
		`cmd|/S|/C|C:\app\right.exe`: "", `cmd|/C|echo|hello`: "", `powershell|-Command|$x = 1; Start-Service x`: "", `cmd`: "", `cmd|/C|%X%\a.exe`: "",
		`cmd|/C|C:\gone.exe x`: `warning missing: the image starts "C:\\gone.exe", which is not there: the runtime would say: exec: "C:\\gone.exe": ` +
			`The system cannot find the file specified`,
	} {
		im := image{on: "windows/amd64", layers: layers, entrypoint: strings.Split(command, "|"), dir: `C:\app`}
		v, err := im.check(t, Entrypoint)
		if diff := cmp.Diff(want, words(v)); err != nil || diff != "" {
			t.Errorf("Check of %s: %v, problems (-want +got):\n%s\nchain %q", command, err, diff, v.Chain)
		}
	}
}

// The advice is right for what was copied and for what came with a base image.
func TestAdviceForAnotherMachine(t *testing.T) {
	t.Parallel()
	v, err := image{layers: "exec s ARM64", entrypoint: []string{"/s"}}.check(t, Entrypoint)
	want := "rebuild it for linux/amd64, or if it came with the base image, use one for linux/amd64 and no constant --platform in FROM"
	if err != nil || len(v.Problems) != 1 || v.Problems[0].Hint != want {
		t.Errorf("Check = %+v, %v, want one problem with the hint %q", v, err, want)
	}
}
