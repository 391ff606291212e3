package content

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// busybox is a small image's base; debian one with a loader and merged folders.
const (
	busybox = "exec bin/busybox AMD64; link bin/sh -> busybox; link bin/env -> busybox; link usr/bin -> ../bin"
	debian  = "exec usr/bin/dash AMD64-GLIBC; link bin -> usr/bin; link usr/bin/sh -> dash; exec usr/bin/env AMD64-GLIBC; " +
		"exec usr/lib/ld.so AMD64; link lib64/ld-linux-x86-64.so.2 -> ../usr/lib/ld.so; exec usr/local/bin/python3 AMD64-GLIBC; " +
		"exec usr/bin/tini AMD64; exec usr/bin/gosu AMD64"
)

// unread ends the chain where a shell's line is more than a plain command.
const unread = "a command line that is not looked into"

type startCase struct {
	image
	chain []string
	want  string
}

func (tc startCase) run(t *testing.T) {
	t.Parallel()
	v, err := tc.check(t, Entrypoint)
	if err != nil {
		t.Fatalf("Check: %v", err)
	}
	if diff := cmp.Diff(tc.want, words(v)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if tc.chain != nil {
		if diff := cmp.Diff(tc.chain, v.Chain); diff != "" {
			t.Errorf("chain (-want +got):\n%s", diff)
		}
	}
	for _, p := range v.Problems {
		if p.Hint == "" || p.Rule == "" || p.Text == "" {
			t.Errorf("%+v says too little", p)
		}
	}
}

// The incident, and its kin: what an image starts is for another machine than the image claims.
func TestWrongMachine(t *testing.T) {
	t.Parallel()
	one := func(text string) string { return "error machine: " + text }
	for name, tc := range map[string]startCase{
		"right": {image{layers: "exec app/server AMD64", entrypoint: []string{"/app/server"}}, []string{"/app/server"}, ""},
		"arm64 in amd64": {image{layers: busybox + " | exec app/server ARM64", entrypoint: []string{"/app/server"}}, []string{"/app/server"},
			one("/app/server is a linux/arm64 program, but the image claims linux/amd64")},
		"amd64 in arm64": {image{on: "linux/arm64", layers: "exec app/server AMD64", entrypoint: []string{"/app/server"}}, nil,
			one("/app/server is a linux/amd64 program, but the image claims linux/arm64")},
		"from a Mac": {image{on: "linux/arm64", layers: "exec app/server MAC", entrypoint: []string{"/app/server"}}, nil,
			one("/app/server is a darwin/arm64 program, but the image claims linux/arm64")},
		"from Windows": {image{layers: "exec app/server WIN64", entrypoint: []string{"/app/server"}}, nil,
			one("/app/server is a windows/amd64 program, but the image claims linux/amd64")},
		"a variant":    {image{on: "linux/amd64/v3", layers: "exec s AMD64", entrypoint: []string{"/s"}}, nil, ""},
		"arm variants": {image{on: "linux/arm/v6", layers: "exec s ARM32", entrypoint: []string{"/s"}}, nil, ""},
		"386 in amd64": {image{layers: "exec s I386", entrypoint: []string{"/s"}}, nil, ""},
		"amd64 in 386": {image{on: "linux/386", layers: "exec s AMD64", entrypoint: []string{"/s"}}, nil,
			one("/s is a linux/amd64 program, but the image claims linux/386")},
		"arm in arm64": {image{on: "linux/arm64", layers: "exec s ARM32", entrypoint: []string{"/s"}}, nil,
			"warning machine: /s is a linux/arm program, but the image claims linux/arm64"},
		"x32 in amd64": {image{layers: "exec s X32", entrypoint: []string{"/s"}}, nil,
			"warning machine: /s is a linux/x32 program, but the image claims linux/amd64"},
		"arm in amd64": {image{layers: "exec s ARM32", entrypoint: []string{"/s"}}, nil,
			one("/s is a linux/arm program, but the image claims linux/amd64")},
		"WebAssembly": {image{on: "wasip1/wasm", layers: "file s.wasm WASM", entrypoint: []string{"/s.wasm"}}, nil, ""},
		"WebAssembly on Linux": {image{layers: "exec s.wasm WASM", entrypoint: []string{"/s.wasm"}}, nil,
			one("/s.wasm is a wasm program, but the image claims linux/amd64")},
		"no entrypoint": {image{layers: "exec bin/busybox ARM64; link bin/sh -> busybox"}, []string{"/bin/sh -> /bin/busybox"},
			one("/bin/busybox is a linux/arm64 program, but the image claims linux/amd64")},
		"no entrypoint, right": {image{layers: busybox}, []string{"/bin/sh -> /bin/busybox"}, ""},
		"no entrypoint, no shell": {image{layers: "exec opt/tool ARM64"}, nil,
			one("/opt/tool is a linux/arm64 program, but the image claims linux/amd64")},
		"no entrypoint, no shell, right": {image{layers: "exec opt/tool AMD64"}, nil, ""},
		"nothing at all": {image{layers: "file etc/passwd x"}, nil,
			"error nothing: the image has no entrypoint, no command, no shell and no program: nothing says what it is built for"},
		"script's interpreter": {image{layers: "exec bin/busybox ARM64; link bin/sh -> busybox | exec run.sh #!/bin/shNL", entrypoint: []string{"/run.sh"}},
			[]string{"/run.sh", "/bin/sh -> /bin/busybox"}, one("/bin/busybox is a linux/arm64 program, but the image claims linux/amd64")},
		"shell": {image{layers: busybox + " | exec app/server ARM64", cmd: []string{"/bin/sh", "-c", "exec /app/server --port 80"}},
			[]string{"/bin/sh -> /bin/busybox", "/app/server"}, one("/app/server is a linux/arm64 program, but the image claims linux/amd64")},
		"wrapper": {image{layers: debian + " | exec app/server ARM64", entrypoint: []string{"tini", "-g", "--", "/app/server"}},
			[]string{"/usr/bin/tini", "/app/server"}, one("/app/server is a linux/arm64 program, but the image claims linux/amd64")},
		"wrapper in wrapper": {image{layers: debian + " | exec app/server ARM64", entrypoint: []string{"tini", "--", "gosu", "app:app", "/app/server"}},
			[]string{"/usr/bin/tini", "/usr/bin/gosu", "/app/server"}, one("/app/server is a linux/arm64 program, but the image claims linux/amd64")},
		"script's arguments": {image{layers: busybox + " | exec entry.sh #!/bin/shNL; exec usr/local/bin/redis ARM64", entrypoint: []string{"/entry.sh"}, cmd: []string{"redis", "--x"}},
			nil, one("/usr/local/bin/redis is a linux/arm64 program, but the image claims linux/amd64")},
		"emulated on purpose": {image{layers: "exec usr/bin/qemu-aarch64-static AMD64; exec s ARM64", entrypoint: []string{"/usr/bin/qemu-aarch64-static", "/s"}}, nil, ""},
		"hidden by a later entry": {image{layers: "exec s AMD64; exec s ARM64", entrypoint: []string{"/s"}}, nil,
			one("/s is a linux/arm64 program, but the image claims linux/amd64")},
		"loader": {image{layers: "exec s AMD64-GLIBC; exec " + glibc[1:] + " ARM64", entrypoint: []string{"/s"}}, nil,
			"error loader: /s is a linux/amd64 program, but its loader " + glibc + " is a linux/arm64 program"},
		"loader of the other width": {image{layers: "exec s AMD64-GLIBC; exec " + glibc[1:] + " I386", entrypoint: []string{"/s"}}, nil,
			"error loader: /s is a linux/amd64 program, but its loader " + glibc + " is a linux/386 program"},
	} {
		t.Run(name, tc.run)
	}
}

func TestCannotStart(t *testing.T) {
	t.Parallel()
	const starts = "error missing: the image starts "
	for name, tc := range map[string]startCase{
		"missing": {image{layers: busybox, entrypoint: []string{"/app/server"}}, nil,
			starts + `"/app/server", which is not there: the runtime would say: exec: "/app/server": no such file or directory`},
		"missing in PATH": {image{layers: busybox, cmd: []string{"node", "x.js"}}, nil,
			starts + `"node", which is not there: the runtime would say: exec: "node": executable file not found in $PATH`},
		"missing in this PATH": {image{layers: busybox, cmd: []string{"sh"}, env: []string{"PATH=/bin", "PATH=/opt"}}, nil,
			starts + `"sh", which is not there: the runtime would say: exec: "sh": executable file not found in $PATH`},
		"empty PATH": {image{layers: "exec sh AMD64", cmd: []string{"sh"}, env: []string{"PATH="}}, nil,
			starts + `"sh", which is not there: the runtime would say: exec: "sh": executable file not found in $PATH`},
		"empty name": {image{layers: busybox, entrypoint: []string{""}}, nil,
			starts + `"", which is not there: the runtime would say: exec: "": executable file not found in $PATH`},
		"dangling link": {image{layers: "link s -> /gone", entrypoint: []string{"/s"}}, nil,
			starts + `"/s", which is not there: the runtime would say: exec: "/s": no such file or directory`},
		"loop": {image{layers: "link s -> s", entrypoint: []string{"/s"}}, nil,
			starts + `"/s", which is not there: the runtime would say: exec: "/s": too many levels of symbolic links`},
		"below a file": {image{layers: "file a x", entrypoint: []string{"/a/s"}}, nil,
			starts + `"/a/s", which is not there: the runtime would say: exec: "/a/s": not a directory`},
		"folder": {image{layers: "dir app", entrypoint: []string{"/app"}}, nil,
			`error broken: /app is a folder, no program: the runtime would say "is a directory"`},
		"long path": {image{layers: busybox, entrypoint: []string{"/" + strings.Repeat("a/", 100) + "server"}}, nil,
			starts + `"/` + strings.Repeat("a/", 19) + `a...` + strings.Repeat("a/", 37) + `server", which is not there: the runtime would say: exec: "/` +
				strings.Repeat("a/", 16) + `...a` + strings.Repeat("/a", 22) + `/server": no such file or directory`},
		"fifo": {image{layers: "fifo app", entrypoint: []string{"/app"}}, nil,
			`error broken: /app is no regular file: the runtime would say "permission denied"`},
		"not executable": {image{layers: "file app AMD64", entrypoint: []string{"/app"}}, nil,
			`error not-executable: /app is not executable: the runtime would say "permission denied"`},
		"not executable in PATH": {image{layers: "file bin/app AMD64", entrypoint: []string{"app"}}, nil,
			`error not-executable: the image starts "app", which is not there: the runtime would say: exec: "app": permission denied`},
		"not executable, but a later one is":     {image{layers: "file usr/bin/app AMD64; exec bin/app AMD64", entrypoint: []string{"app"}}, []string{"/bin/app"}, ""},
		"text":                                   {image{layers: "exec app echo", entrypoint: []string{"/app"}}, nil, `error broken: /app has neither a program's header nor a #! line: the runtime would say "exec format error"`},
		"empty":                                  {image{layers: "exec app", entrypoint: []string{"/app"}}, nil, `error broken: /app cannot be started: it is empty`},
		"cut":                                    {image{layers: "exec app HALF", entrypoint: []string{"/app"}}, nil, `error broken: /app cannot be started: its header is cut`},
		"Git LFS":                                {image{layers: "exec app POINTER", entrypoint: []string{"/app"}}, nil, `error broken: /app cannot be started: it is a Git LFS pointer, not the file itself`},
		"line ends":                              {image{layers: busybox + " | exec app #!/bin/shCRLF", entrypoint: []string{"/app"}}, nil, `error broken: /app cannot be started: its #! line ends with a carriage return, as Windows editors write it`},
		"no interpreter":                         {image{layers: "exec app #!/bin/bashNL", entrypoint: []string{"/app"}}, nil, `error missing: /app needs the interpreter /bin/bash, which is not in the image: the runtime would say "no such file or directory"`},
		"no interpreter's interpreter":           {image{layers: "exec a #!/bNL; exec b #!/cNL", entrypoint: []string{"/a"}}, []string{"/a", "/b"}, `error missing: /b needs the interpreter /c, which is not in the image: the runtime would say "no such file or directory"`},
		"interpreter that is not executable":     {image{layers: "exec a #!/bNL; file b AMD64", entrypoint: []string{"/a"}}, nil, `error not-executable: /b is not executable: the runtime would say "permission denied"`},
		"five scripts":                           {image{layers: "exec a #!/bNL; exec b #!/cNL; exec c #!/dNL; exec d #!/eNL; exec e #!/fNL; exec f AMD64", entrypoint: []string{"/a"}}, []string{"/a", "/b", "/c", "/d", "/e", "/f"}, ""},
		"six scripts":                            {image{layers: "exec a #!/bNL; exec b #!/cNL; exec c #!/dNL; exec d #!/eNL; exec e #!/fNL; exec f #!/gNL; exec g AMD64", entrypoint: []string{"/a"}}, nil, "error broken: /f is a script for a script for a script, more than the kernel follows"},
		"scripts in a circle":                    {image{layers: "exec a #!/aNL", entrypoint: []string{"/a"}}, nil, "error broken: /a is a script for a script for a script, more than the kernel follows"},
		"env":                                    {image{layers: debian + " | exec a #!/usr/bin/envXpython3NL", entrypoint: []string{"/a"}}, nil, `error missing: /a needs the interpreter /usr/bin/envXpython3, which is not in the image: the runtime would say "no such file or directory"`},
		"env's program":                          {image{layers: debian + " | exec a #!/usr/bin/env rubyNL", entrypoint: []string{"/a"}}, []string{"/a", "/usr/bin/env"}, `error missing: /a needs "ruby", which is not in the image's PATH`},
		"env takes one word":                     {image{layers: debian + " | exec a #!/usr/bin/env python3 -uNL", entrypoint: []string{"/a"}}, nil, `error missing: /a needs "python3 -u", which is not in the image's PATH`},
		"no env":                                 {image{layers: "exec a #!/usr/bin/env shNL; exec bin/sh AMD64", entrypoint: []string{"/a"}}, nil, `error missing: the image starts "/usr/bin/env", which is not there: the runtime would say: exec: "/usr/bin/env": no such file or directory`},
		"loader":                                 {image{layers: "exec s AMD64-GLIBC", entrypoint: []string{"/s"}}, nil, `error loader: /s needs the loader /lib64/ld-linux-x86-64.so.2, which is not in the image: the runtime would say "no such file or directory"`},
		"loader of musl":                         {image{layers: debian + " | exec s AMD64-MUSL", entrypoint: []string{"/s"}}, nil, `error loader: /s needs the loader /lib/ld-musl-x86_64.so.1, which is not in the image: the runtime would say "no such file or directory"`},
		"loader that is not executable":          {image{layers: "exec s AMD64-GLIBC; file " + glibc[1:] + " AMD64", entrypoint: []string{"/s"}}, nil, "error loader: /s needs the loader /lib64/ld-linux-x86-64.so.2, which is not executable"},
		"interpreter's loader":                   {image{layers: "exec bin/sh AMD64-GLIBC | exec a #!/bin/shNL", entrypoint: []string{"/a"}}, nil, `error loader: /bin/sh needs the loader /lib64/ld-linux-x86-64.so.2, which is not in the image: the runtime would say "no such file or directory"`},
		"shell's command is missing":             {image{layers: busybox, cmd: []string{"/bin/sh", "-c", "node x.js"}}, nil, `warning missing: the image starts "node", which is not there: the runtime would say: exec: "node": executable file not found in $PATH`},
		"wrapper's program is missing":           {image{layers: debian, cmd: []string{"tini", "--", "/app/server"}}, nil, `warning missing: the image starts "/app/server", which is not there: the runtime would say: exec: "/app/server": no such file or directory`},
		"wrapper's program is not executable":    {image{layers: debian + " | file app/server AMD64", cmd: []string{"tini", "--", "/app/server"}}, nil, `error not-executable: /app/server is not executable: the runtime would say "permission denied"`},
		"wrappers in a circle":                   {image{layers: "exec bin/tini AMD64", cmd: strings.Fields(strings.Repeat("tini ", 40))}, nil, "error broken: /bin/tini is one of many that start each other, and never lead to a program"},
		"env is a script for env":                {image{layers: "exec a #!/env xNL; link env -> a", entrypoint: []string{"/a"}}, nil, "error broken: /a is one of many that start each other, and never lead to a program\nerror missing: /a needs \"x\", which is not in the image's PATH"},
		"escape codes and commands in the names": {image{layers: busybox, entrypoint: []string{"/\x1b[31m\n##vso[task.complete]"}}, nil, starts + `"/?[31m?**vso[task.complete]", which is not there: the runtime would say: exec: "/\x1b[31m\n**vso[task.complete]": no such file or directory`},
	} {
		t.Run(name, tc.run)
	}
}

func TestStarts(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]startCase{
		"working folder":      {image{layers: "exec app/server AMD64", entrypoint: []string{"./server"}, dir: "/app"}, []string{"/app/./server -> /app/server"}, ""},
		"odd working folder":  {image{layers: "exec app/bin/s AMD64", entrypoint: []string{"bin/s"}, dir: "app/"}, []string{"/app/bin/s"}, ""},
		"PATH":                {image{layers: "exec usr/bin/s AMD64; exec opt/s ARM64", entrypoint: []string{"s"}}, []string{"/usr/bin/s"}, ""},
		"PATH of the image":   {image{layers: "exec usr/bin/s ARM64; exec opt/s AMD64", entrypoint: []string{"s"}, env: []string{"A=b", "PATH=/nowhere:/opt:/usr/bin"}}, []string{"/opt/s"}, ""},
		"folder in PATH":      {image{layers: "dir usr/bin/s; exec bin/s AMD64", entrypoint: []string{"s"}}, []string{"/bin/s"}, ""},
		"relative PATH":       {image{layers: "exec app/bin/s AMD64", entrypoint: []string{"s"}, env: []string{"PATH=bin"}, dir: "/app"}, []string{"/app/bin/s"}, ""},
		"dynamic":             {image{layers: debian + " | exec app AMD64-GLIBC", entrypoint: []string{"/app"}}, []string{"/app"}, ""},
		"386 with its loader": {image{layers: "exec lib/ld-linux.so.2 I386; exec app 386-LOADER", entrypoint: []string{"/app"}}, []string{"/app"}, ""},
		"script":              {image{layers: debian + " | exec run.sh #!/bin/sh -eNL", entrypoint: []string{"/run.sh"}}, []string{"/run.sh", "/bin/sh -> /usr/bin/dash"}, ""},
		"env":                 {image{layers: debian + " | exec x #!/usr/bin/env python3NL", entrypoint: []string{"/x"}}, []string{"/x", "/usr/bin/env", "/usr/local/bin/python3"}, ""},
		"env -S":              {image{layers: debian + " | exec x #!/usr/bin/env -S -u Y A=b python3 -uNL", entrypoint: []string{"/x"}}, []string{"/x", "/usr/bin/env", "/usr/local/bin/python3"}, ""},
		"env -Sname":          {image{layers: debian + " | exec x #!/usr/bin/env -Spython3 -uNL", entrypoint: []string{"/x"}}, []string{"/x", "/usr/bin/env", "/usr/local/bin/python3"}, ""},
		"env of a variable":   {image{layers: debian + " | exec x #!/usr/bin/env -S ${PY}NL", entrypoint: []string{"/x"}}, []string{"/x", "/usr/bin/env"}, ""},
		"a shell's script":    {image{layers: debian + " | file run.sh echo", cmd: []string{"sh", "/run.sh"}}, []string{"/usr/bin/sh -> /usr/bin/dash"}, ""},
		"a shell's words":     {image{layers: debian, cmd: []string{"/bin/sh", "-c", "cd /x && ./gone"}}, []string{"/bin/sh -> /usr/bin/dash", unread}, ""},
		"a shell's variable":  {image{layers: debian, cmd: []string{"/bin/sh", "-c", "exec $JAVA -jar"}}, []string{"/bin/sh -> /usr/bin/dash", unread}, ""},
		"a shell's program":   {image{layers: debian, cmd: []string{"/bin/sh", "-ec", "  A=b exec python3 -u x && y"}}, []string{"/bin/sh -> /usr/bin/dash", "/usr/local/bin/python3"}, ""},
		"script's words":      {image{layers: debian + " | exec run.sh #!/bin/shNL", entrypoint: []string{"/run.sh"}, cmd: []string{"start", "--config", "/etc/x"}}, nil, ""},
		"script's program": {image{layers: busybox + " | exec run.sh #!/bin/shNL; exec app AMD64-GLIBC", entrypoint: []string{"/run.sh"}, cmd: []string{"/app"}}, nil,
			`warning loader: /app needs the loader /lib64/ld-linux-x86-64.so.2, which is not in the image: the runtime would say "no such file or directory"`},
		"script's file":   {image{layers: debian + " | exec run.sh #!/bin/shNL; file data ARM64", entrypoint: []string{"/run.sh"}, cmd: []string{"/data"}}, nil, ""},
		"program's words": {image{layers: debian + " | exec data AMD64; file x ARM64; exec y text", entrypoint: []string{"python3", "/data", "/x", "/y", "/z"}}, nil, ""},
		"wrapper":         {image{layers: debian, entrypoint: []string{"tini", "-v", "--", "python3", "x.py"}}, []string{"/usr/bin/tini", "/usr/local/bin/python3"}, ""},
		"wrapper's shell": {image{layers: debian, entrypoint: []string{"gosu", "nobody", "sh", "-c", "python3"}}, []string{"/usr/bin/gosu", "/usr/bin/sh -> /usr/bin/dash", "/usr/local/bin/python3"}, ""},
	} {
		t.Run(name, tc.run)
	}
}

func TestWindows(t *testing.T) {
	t.Parallel()
	const on = "windows/amd64"
	for name, tc := range map[string]startCase{
		"right":             {image{on: on, layers: "file Files/app/app.exe WIN64", entrypoint: []string{`C:\app\app.exe`}}, []string{`C:\app\app.exe`}, ""},
		"slashes":           {image{on: on, layers: "file Files/app/app.exe WIN64", entrypoint: []string{`C:/app/app.exe`}}, []string{`C:\app\app.exe`}, ""},
		"no extension":      {image{on: on, layers: "file Files/app/app.exe WIN64", entrypoint: []string{`C:\app\app`}}, []string{`C:\app\app.exe`}, ""},
		"working folder":    {image{on: on, layers: "file Files/app/app.exe WIN64", entrypoint: []string{`app`}, dir: `C:\app`}, []string{`C:\app\app.exe`}, ""},
		"relative":          {image{on: on, layers: "file Files/app/x/app.exe WIN64", entrypoint: []string{`x\app.exe`}, dir: `/app`}, []string{`C:\app\x\app.exe`}, ""},
		"system":            {image{on: on, layers: "file Files/Windows/System32/cmd.exe WIN64", cmd: []string{`cmd /S /C echo`}}, []string{`C:\Windows\System32\cmd.exe`, unread}, ""},
		"PATH":              {image{on: on, layers: "file Files/opt/x.exe WIN64", cmd: []string{`x.exe`}, env: []string{`Path=C:\no;C:\opt\`}}, []string{`C:\opt\x.exe`}, ""},
		"quoted":            {image{on: on, layers: "file Files/a/b.exe WIN64", cmd: []string{`"C:\a\b.exe" -x`}}, []string{`C:\a\b.exe`}, ""},
		"batch":             {image{on: on, layers: "file Files/run.cmd echo", cmd: []string{`C:\run.cmd`}}, []string{`C:\run.cmd`}, ""},
		"batch, by name":    {image{on: on, layers: "file Files/a/run.cmd echo", cmd: []string{`run`}, dir: `C:\a`}, []string{`C:\a\run.cmd`}, ""},
		"drive's root":      {image{on: on, layers: "file Files/a.exe WIN64", cmd: []string{`\a.exe`}, dir: `C:\a`}, []string{`C:\a.exe`}, ""},
		"no entrypoint":     {image{on: on, layers: "file Files/windows/system32/CMD.exe WIN64"}, nil, ""},
		"arm64":             {image{on: on, layers: "file Files/a.exe WINARM", cmd: []string{`C:\a.exe`}}, nil, `error machine: C:\a.exe is a windows/arm64 program, but the image claims windows/amd64`},
		"amd64 in arm64":    {image{on: "windows/arm64", layers: "file Files/a.exe WIN64", cmd: []string{`C:\a.exe`}}, nil, `warning machine: C:\a.exe is a windows/amd64 program, but the image claims windows/arm64`},
		"from Linux":        {image{on: on, layers: "exec Files/a.exe AMD64", cmd: []string{`C:\a.exe`}}, nil, `error machine: C:\a.exe is a linux/amd64 program, but the image claims windows/amd64`},
		"library":           {image{on: on, layers: "file Files/a.dll DLL", cmd: []string{`C:\a.dll`}}, nil, `error broken: C:\a.dll is a library, no program`},
		"missing":           {image{on: on, layers: "file Files/a WIN64", cmd: []string{`C:\b.exe`}}, nil, `error missing: the image starts "C:\\b.exe", which is not there: the runtime would say: exec: "C:\\b.exe": The system cannot find the file specified`},
		"missing by name":   {image{on: on, layers: "file Files/a WIN64", cmd: []string{`b`}}, nil, `warning missing: the image starts "b", which is not there: the runtime would say: exec: "b": The system cannot find the file specified`},
		"a folder's spaces": {image{on: on, layers: "file Files/a WIN64", cmd: []string{`C:\Program Files\b.exe`}}, nil, `error missing: the image starts "C:\\Program Files\\b.exe", which is not there: the runtime would say: exec: "C:\\Program Files\\b.exe": The system cannot find the file specified`},
	} {
		t.Run(name, tc.run)
	}
}
