// Command startup measures what starting a task costs: our packed SafeCache
// against a task that does the same on the official azure-pipelines-task-lib,
// side by side, on the same node.
//
//	go run ./scripts/bench/startup -package build/out/demo/guardrails.vsix
//
// Runs are interleaved, ours and theirs in turn, so that a slow moment of the
// machine falls on both; the ratio is taken pair by pair. Wall time and memory
// are measured in separate runs, as looking at memory costs time. Memory is the
// largest sum of resident sizes over all processes of a run (Linux only).
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/scripts/bench/peers"
)

func main() {
	peers.Main("startup", func() error {
		pkg := flag.String("package", "build/out/demo/guardrails.vsix", "the packed extension")
		node := flag.String("node", "node", "the node to run both with")
		runs := flag.Int("n", 20, "counted pairs")
		flag.Parse()
		return bench(*pkg, *node, *runs)
	})
}

// contender is a task that can be started.
type contender struct {
	name   string
	script string
	env    []string
	fresh  func() error // before each run; nil for nothing
}

func bench(pkg, node string, runs int) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "startup-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	taskDir := filepath.Join(work, "ours")
	script, err := peers.Unpack(pkg, "SafeCache", taskDir)
	if err != nil {
		return err
	}
	env, err := agent(work)
	if err != nil {
		return err
	}
	modules := filepath.Join(root, "build/npm/node_modules")
	if _, err := os.Stat(filepath.Join(modules, "azure-pipelines-task-lib")); err != nil {
		return errors.New("the task library is missing; run `make oracles`")
	}
	ours := contender{"packed SafeCache", script, env, nil}
	first := ours
	first.name = "packed SafeCache, first start (unpacks)"
	first.fresh = func() error { return os.RemoveAll(filepath.Join(taskDir, ".run")) }
	theirs := contender{
		"azure-pipelines-task-lib", filepath.Join(root, "scripts/bench/startup/peer/main.js"),
		append(slices.Clone(env), "NODE_PATH="+modules), nil,
	}
	for _, c := range []contender{ours, theirs} {
		if err := works(node, c); err != nil {
			return err
		}
	}
	fmt.Printf("%-42s %10s %10s %8s\n", "", "ours", "task-lib", "ratio")
	for _, c := range []contender{ours, first} {
		if err := compare(node, c, theirs, runs); err != nil {
			return err
		}
	}
	return nil
}

// compare prints the medians of wall time and memory, and the median ratio of
// the pairs.
func compare(node string, ours, theirs contender, runs int) error {
	both := []contender{ours, theirs}
	for _, m := range []struct {
		what, unit string
		measure    func(node string, c contender) (float64, error)
	}{{"wall", "ms", wall}, {"peak memory", "MiB", memory}} {
		all, err := peers.Race(peers.Rounds{Warm: 1, Counted: runs}, len(both), func(_, i int) (float64, error) {
			if both[i].fresh != nil {
				if err := both[i].fresh(); err != nil {
					return 0, err
				}
			}
			return m.measure(node, both[i])
		})
		if err != nil {
			return err
		}
		fmt.Printf("%-42s %6.1f %-3s %6.1f %-3s %8.2f\n", ours.name+", "+m.what, peers.Median(all[0]), m.unit,
			peers.Median(all[1]), m.unit, peers.Median(peers.Ratios(all[0], all[1])))
	}
	return nil
}

func start(node string, c contender, out io.Writer) (*exec.Cmd, error) {
	cmd := exec.Command(node, c.script)
	cmd.Env, cmd.Stdout, cmd.Stderr = c.env, out, out
	return cmd, cmd.Start()
}

// works makes sure that what is measured is a success and not a quick failure.
func works(node string, c contender) error {
	var out bytes.Buffer
	cmd, err := start(node, c, &out)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil || !strings.Contains(out.String(), "result=Succeeded") {
		return fmt.Errorf("%s does not succeed: %v\n%s", c.name, err, out.String())
	}
	return nil
}

func wall(node string, c contender) (float64, error) {
	begin := time.Now()
	cmd, err := start(node, c, io.Discard)
	if err != nil {
		return 0, err
	}
	err = cmd.Wait()
	return float64(time.Since(begin).Microseconds()) / 1000, err
}

func memory(node string, c contender) (float64, error) {
	cmd, err := start(node, c, io.Discard)
	if err != nil {
		return 0, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	peak := 0.0
	for {
		select {
		case err := <-done:
			return peak, err
		case <-time.After(200 * time.Microsecond):
			peak = max(peak, treeMiB(cmd.Process.Pid))
		}
	}
}

// treeMiB is the resident size of a process and its children.
func treeMiB(pid int) float64 {
	sum := residentMiB(pid)
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, child := range strings.Fields(string(text)) {
			var id int
			if _, err := fmt.Sscan(child, &id); err == nil {
				sum += treeMiB(id)
			}
		}
	}
	return sum
}

func residentMiB(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	var size, resident float64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		return 0
	}
	return resident * float64(os.Getpagesize()) / (1 << 20)
}

// agent makes the environment and the folders of a step.
func agent(work string) ([]string, error) {
	sources := filepath.Join(work, "s")
	for _, dir := range []string{"s", "temp", "store"} {
		if err := os.MkdirAll(filepath.Join(work, dir), 0o755); err != nil {
			return nil, err
		}
	}
	lock := bytes.Repeat([]byte("{}\n"), 100_000)
	if err := os.WriteFile(filepath.Join(sources, "package-lock.json"), lock, 0o644); err != nil {
		return nil, err
	}
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + work,
		"INPUT_KEY=\"npm\" | package-lock.json", "INPUT_PATH=" + filepath.Join(work, "npm"), "INPUT_RESTOREKEYS=",
		"INPUT_CACHEHITVAR=CACHE_RESTORED", "INPUT_DIRECTORY=" + filepath.Join(work, "store"),
		"INPUT_ENFORCEMENT=enforce", "INPUT_ECOSYSTEM=generic", // the same work as the peer: a key and a look
		"AGENT_TEMPDIRECTORY=" + filepath.Join(work, "temp"), "AGENT_OS=Linux", "AGENT_VERSION=4.275.0",
		"SYSTEM_DEFAULTWORKINGDIRECTORY=" + sources, "BUILD_SOURCESDIRECTORY=" + sources, "PIPELINE_WORKSPACE=" + work,
		"SYSTEM_TASKINSTANCEID=00000000-0000-0000-0000-000000000001", "SYSTEM_TEAMPROJECT=p", "SYSTEM_DEFINITIONID=1",
		"SYSTEM_COLLECTIONURI=https://dev.azure.com/o/", "VSTS_PUBLIC_VARIABLES=[]", "VSTS_SECRET_VARIABLES=[]",
		"AGENT_JOBSTATUS=Succeeded", "TF_BUILD=True",
	}, nil
}
