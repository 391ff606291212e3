package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// commands are those whose output is the real part of the corpus: what builds
// of Go and npm projects print when they are asked to be talkative, and lists of files,
// hashes and packages, which have more random-looking words than any build. Nothing
// here prints the environment, or the content of this repository, whose tests are full
// of look-alikes.
var commands = []struct{ name, script string }{
	{"go-build-n", "go build -n -a ./..."},
	{"go-test-n", "go test -n -a ./build/... | head -c 20000000"},
	{"go-build-x", "go build -x -a -o /dev/null ./build/gentask"},
	{"go-escape", "go build -gcflags=-m net/http crypto/tls encoding/json go/types go/parser " +
		"text/template compress/flate ./shared/... ./build/..."},
	{"go-escape-2", "go build -gcflags=-m=2 strconv strings encoding/xml net/url mime/multipart database/sql"},
	{"go-test-v", "go test -v -short strings bytes encoding/json encoding/base64 net/url net/mail regexp go/scanner " +
		"text/template mime crypto/x509 encoding/pem go/types ./shared/safepath ./shared/inputs ./shared/archive"},
	{"go-test-json", "go test -json -v -short strconv path/filepath archive/tar archive/zip html/template " +
		"./build/launcher"},
	{"go-list", "go list -deps -json ./..."},
	{"go-mod-graph", "go mod graph; go list -m -json all; go mod verify; cat go.sum"},
	{"go-vet", "go vet -n ./shared/... | head -c 10000000"},
	{"npm-ci", "rm -rf $WORK/npm && mkdir $WORK/npm && cp build/npm/package*.json $WORK/npm/ && cd $WORK/npm && " +
		"npm ci --ignore-scripts --loglevel silly --timing; rm -rf $WORK/npm"},
	{"npm-ls", "cd build/npm && npm ls --all; npm ls --all --long; npm ls --all --json; " +
		"npm query '*' | head -c 15000000"},
	{"npm-lock", "cat build/npm/package-lock.json scripts/bench/vault/peer/package-lock.json"},
	{"git-log", "git log --stat --format=fuller; git log --name-status; git log --raw --no-abbrev; " +
		"git rev-list --objects --all"},
	{"files-go", "ls -lR --full-time $(go env GOROOT)"},
	{"files-modules", "find $(go env GOMODCACHE) -type f -printf '%s %TY-%Tm-%Td %p\\n' | head -c 30000000"},
	{"hashes", "find $(go env GOROOT)/src -type f -name '*.go' -print0 | xargs -0 sha256sum; " +
		"find $(go env GOROOT)/pkg build/npm/node_modules -type f -size -200k -print0 | " +
		"xargs -0 sha512sum | head -c 20000000"},
	{"tar", "tar -cvf /dev/null $(go env GOROOT)/src build/npm/node_modules 2>&1"},
	{"packages", "dpkg -l; dpkg-query -W -f '${Package} ${Version} ${Architecture} ${Homepage}\\n${Description}\\n'; " +
		"cat /var/lib/dpkg/info/*.md5sums | head -c 20000000"},
	{"packages-known", "apt-cache dumpavail | head -c 20000000"},
	{"go-doc", "for p in $(go list std | grep -v -e internal -e vendor); do go doc -all $p; done"},
	{"certificates", "cat /etc/ssl/certs/ca-certificates.crt; " +
		"for f in /etc/ssl/certs/*.pem; do openssl x509 -in $f -text; done"},
}

// collect runs the commands, unless their output is there, and returns the names of
// the files. A command that is not on this machine leaves an empty file.
func collect(root, dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var names []string
	for _, s := range commands {
		name := filepath.Join(dir, s.name+".log")
		names = append(names, name)
		if _, err := os.Stat(name); err == nil {
			continue
		}
		fmt.Fprintln(os.Stderr, "Collecting", s.name)
		out, err := os.Create(name + ".part")
		if err != nil {
			return nil, err
		}
		cmd := exec.Command("bash", "-c", s.script)
		cmd.Dir, cmd.Stdout, cmd.Stderr = root, out, out
		cmd.Env = append(os.Environ(), "WORK="+dir, "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "LC_ALL=C")
		if err := cmd.Run(); err != nil && runtime.GOOS == "linux" {
			fmt.Fprintf(os.Stderr, "  %s: %v (its output is used)\n", s.name, err) // a failed test is a log, too
		}
		if err := out.Close(); err != nil {
			return nil, err
		}
		if err := os.Rename(name+".part", name); err != nil {
			return nil, err
		}
	}
	return names, nil
}
