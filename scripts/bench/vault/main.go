// Command vault measures what fetching secrets costs a step: our packed KeyVaultEnv
// against AzureKeyVault@2, side by side, on the same node, from the same fake cloud
// (shared/azuretest), which takes its time to answer each request.
//
//	go run ./scripts/bench/vault
//	go run ./scripts/bench/vault -peer ~/agent/_work/_tasks/AzureKeyVault_1e244d32-.../2.276.0
//
// AzureKeyVault@2 is not in any registry. Without -peer, which names its folder on an
// agent, peer/main.js stands in for it: the same packages, the same order of requests.
// Both sign in with workload identity federation, the scheme that new service
// connections have; both are given the secrets' names.
//
// Runs are interleaved, and the ratio is taken pair by pair. What the tasks ask the
// cloud for is counted in a run of its own.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/scripts/bench/peers"
	"github.com/guardrails-ci/guardrails/shared/azuretest"
)

func main() {
	peers.Main("vault", func() error {
		pkg := flag.String("package", "build/out/demo/guardrails.vsix", "the packed extension")
		node := flag.String("node", "node", "the node to run both with")
		peer := flag.String("peer", "", "the folder of the real AzureKeyVault@2, with its run.js")
		runs := flag.Int("n", 11, "counted pairs")
		latency := flag.Duration("latency", 30*time.Millisecond, "how long the cloud takes to answer a request")
		flag.Parse()
		return bench(*pkg, *node, *peer, *runs, *latency)
	})
}

// contender is a task that can be started.
type contender struct {
	name, node, script string
	env                []string
	out                string // file for what it prints
}

func bench(pkg, node, peer string, runs int, latency time.Duration) error {
	work, err := os.MkdirTemp("", "vault-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	script, err := peers.Unpack(pkg, "KeyVaultEnv", filepath.Join(work, "ours"))
	if err != nil {
		return err
	}
	ours := contender{name: "KeyVaultEnv", node: node, script: script}
	theirs, err := theOther(node, peer)
	if err != nil {
		return err
	}
	cloud, err := startCloud(latency)
	if err != nil {
		return err
	}
	defer cloud.Close()

	fmt.Printf("%v a request, medians of %d pairs.\n\n", latency, runs)
	fmt.Println("| secrets | | KeyVaultEnv | AzureKeyVault@2 | ratio |\n|---|---|---|---|---|")
	for _, n := range []int{1, 3, 60} {
		env, err := agent(work, cloud, n)
		if err != nil {
			return err
		}
		ours.env, theirs.env = env, env
		ours.out, theirs.out = filepath.Join(work, "out"), filepath.Join(work, "out")
		if err := compare(cloud, n, ours, theirs, runs); err != nil {
			return err
		}
	}
	return nil
}

// theOther is AzureKeyVault@2, or what stands in for it.
func theOther(node, folder string) (contender, error) {
	if folder != "" {
		script, err := filepath.Abs(filepath.Join(folder, "run.js"))
		return contender{name: "AzureKeyVault@2", node: node, script: script}, err
	}
	script, err := filepath.Abs("scripts/bench/vault/peer/main.js")
	if err != nil {
		return contender{}, err
	}
	dir := filepath.Dir(script)
	if _, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json")); err != nil {
		fmt.Fprintln(os.Stderr, "Installing the packages of AzureKeyVault@2 once.")
		cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return contender{}, fmt.Errorf("npm ci in %s: %w: %s", dir, err, out)
		}
	}
	return contender{name: "AzureKeyVault@2", node: node, script: script}, nil
}

func (c contender) run() (peers.Outcome, error) {
	o, said, err := peers.Run(peers.Job{Args: []string{c.node, c.script}, Env: c.env, Out: c.out})
	// A failure is quick: it must not be measured as a success.
	if err == nil && !strings.Contains(said, "result=Succeeded") {
		err = fmt.Errorf("%s does not succeed\n%s", c.name, said)
	}
	return o, err
}

// compare prints the rows of n secrets.
func compare(cloud *azuretest.Cloud, n int, ours, theirs contender, runs int) error {
	both := []contender{ours, theirs}
	found, err := peers.Race(peers.Rounds{Warm: 1, Counted: runs}, len(both), func(_, i int) (peers.Outcome, error) {
		return both[i].run()
	})
	if err != nil {
		return err
	}
	wall := func(o peers.Outcome) float64 { return o.Wall.Seconds() * 1000 }
	cpu := func(o peers.Outcome) float64 { return o.CPU.Seconds() * 1000 }
	row := func(what, unit string, of func(peers.Outcome) float64) {
		a, b := peers.Of(found[0], of), peers.Of(found[1], of)
		fmt.Printf("| %d | %s | %.0f %s | %.0f %s | %.2f |\n", n, what, peers.Median(a), unit,
			peers.Median(b), unit, peers.Median(peers.Ratios(a, b)))
	}
	row("wall", "ms", wall)
	row("CPU", "ms", cpu)
	x, err := steps(cloud, ours)
	if err != nil {
		return err
	}
	y, err := steps(cloud, theirs)
	if err != nil {
		return err
	}
	fmt.Printf("| %d | requests: all, one after another | %s | %s | |\n", n, x, y)
	return nil
}

// steps says how many requests a run makes, and how many of them wait for another.
func steps(cloud *azuretest.Cloud, c contender) (string, error) {
	before := len(cloud.Requests())
	if _, err := c.run(); err != nil {
		return "", err
	}
	requests := cloud.Requests()[before:]
	if len(requests) == 0 {
		return "", errors.New(c.name + " asks for nothing")
	}
	slices.SortFunc(requests, func(a, b azuretest.Request) int { return a.Start.Compare(b.Start) })
	// A request that begins after another has ended may have waited for it. The
	// longest chain of such is what latency multiplies with.
	chain, end := 0, time.Time{}
	for _, r := range requests {
		if !r.Start.Before(end) {
			chain, end = chain+1, r.End
		} else if r.End.Before(end) {
			end = r.End
		}
	}
	return fmt.Sprintf("%d, %d", len(requests), chain), nil
}
