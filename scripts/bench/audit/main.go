// Command audit measures what auditing npm packages costs: our packed AuditDeps, and its
// program alone, against npm audit and osv-scanner (offline), side by side on the same
// projects and the same data.
//
//	go run ./scripts/bench/audit
//	go run ./scripts/bench/audit -real=false   # without downloading packages
//
// The projects are a real one of some 1,400 packages (react-scripts and others, installed
// by npm ci), and two generated ones of 1,400 and 10,000 packages with what is installed
// for them. The data is as large as OSV's for npm: 4,400 vulnerabilities and 213,000
// malicious packages, made up, as OSV publishes them: one zip file, which osv-scanner and
// AuditDeps both read. npm audit asks a registry on this machine that knows the same.
//
// osv-scanner is built from its own module (osvscanner/go.mod), far from the product.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/guardrails-ci/guardrails/scripts/bench/peers"
)

// options is what was asked for.
type options struct {
	pkg, work, node  string
	real             bool
	rounds, peerRuns int
}

func main() {
	peers.Main("audit", func() error {
		o := options{}
		flag.StringVar(&o.pkg, "package", "build/out/demo/guardrails.vsix", "the packed extension")
		flag.StringVar(&o.work, "work", "build/out/bench/audit", "where projects, data and programs are kept")
		flag.StringVar(&o.node, "node", "node", "the node to run the packed task and npm with")
		flag.BoolVar(&o.real, "real", true, "also audit a real project, whose packages are downloaded once")
		flag.IntVar(&o.rounds, "n", 15, "counted rounds of AuditDeps")
		flag.IntVar(&o.peerRuns, "peers", 3,
			"counted rounds of the peers, of the largest project one; 0 leaves them out")
		flag.Parse()
		return bench(o)
	})
}

func bench(o options) error {
	var err error
	if o.work, err = filepath.Abs(o.work); err != nil {
		return err
	}
	if err := os.MkdirAll(o.work, 0o755); err != nil {
		return err
	}
	projects, err := prepare(o)
	if err != nil {
		return err
	}
	data, err := makeData(filepath.Join(o.work, "data"), projects)
	if err != nil {
		return err
	}
	tools, err := build(o)
	if err != nil {
		return err
	}
	if o.peerRuns > 0 {
		server, address := serve(projects, data)
		defer server.Close()
		tools.registry = address
	}
	if err := indexing(o, tools, data, projects[0]); err != nil {
		return err
	}
	for _, p := range projects {
		if err := compare(o, tools, data, p); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// programs are what is measured.
type programs struct {
	bare, packed, osvScanner, npm string
	node, registry                string
}

// build makes the programs that are not there yet. Ours is always made anew.
func build(o options) (p programs, err error) {
	p = programs{
		bare: filepath.Join(o.work, peers.Executable("auditdeps")), node: o.node,
		osvScanner: filepath.Join(o.work, peers.Executable("osv-scanner")),
	}
	if p.npm, err = filepath.Abs("build/npm/node_modules/npm/bin/npm-cli.js"); err != nil {
		return p, err
	}
	if p.packed, err = peers.Unpack(o.pkg, "AuditDeps", filepath.Join(o.work, "packed")); err != nil {
		return p, err
	}
	if err := peers.Compile(".", p.bare, "./tasks/auditdeps/cmd"); err != nil {
		return p, err
	}
	if _, missing := os.Stat(p.osvScanner); missing == nil || o.peerRuns == 0 {
		return p, nil
	}
	fmt.Fprintln(os.Stderr, "Building osv-scanner once; this takes some minutes.")
	return p, peers.Compile("scripts/bench/audit/osvscanner", p.osvScanner,
		"github.com/google/osv-scanner/v2/cmd/osv-scanner")
}
