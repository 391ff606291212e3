package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/guardrails-ci/guardrails/scripts/bench/peers"
)

// programs are what is measured, and what is put into images.
type programs struct {
	bare   string // our program
	packed string // the script that the agent starts; "" if the package has none
	node   string
	server string // a static program for linux/amd64
	self   string // this program
	layers []*layer
}

const server = `package main

import "net/http"

func main() { _ = http.ListenAndServe(":8080", http.NotFoundHandler()) }
`

// build makes them.
func build(o options) (p programs, err error) {
	p = programs{bare: filepath.Join(o.work, "platformbuild"), server: filepath.Join(o.work, "server"), node: o.node}
	source := filepath.Join(o.work, "server.go")
	if err := os.WriteFile(source, []byte(server), 0o644); err != nil {
		return p, err
	}
	err = errors.Join(peers.Compile(".", p.bare, "./tasks/platformbuild/cmd"),
		peers.Compile(".", p.server, source, "GOOS=linux", "GOARCH=amd64"))
	if err != nil {
		return p, err
	}
	if p.packed, err = unpack(o.pkg, filepath.Join(o.work, "packed")); err != nil {
		return p, err
	}
	if p.self, err = os.Executable(); err != nil {
		return p, err
	}
	p.layers, err = makeLayers(o.work, p.server)
	return p, err
}

// unpack returns the script of the packed task's stage; "" if there is none.
func unpack(pkg, dir string) (script string, err error) {
	script, err = peers.Unpack(pkg, "PlatformBuild", dir)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintln(os.Stderr, "The packed task is not measured:", err)
		return "", nil
	}
	return script, err
}
