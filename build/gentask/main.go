// Command gentask makes what follows from the task.json files of this
// repository: tasks/<name>/inputs_gen.go and the tables in tasks/<name>/README.md.
// It refuses a task.json that the agent, the server or the classic editor would
// misread, and says all that is wrong at once (docs/task-json.md has the rules).
//
//	go run ./build/gentask          # write what is stale
//	go run ./build/gentask -check   # only say what is stale
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/guardrails-ci/guardrails/build/gentask/plan"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status: 0 done, 1 stale or wrong, 2 wrongly called.
func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("gentask", flag.ContinueOnError)
	flags.SetOutput(stderr)
	root := flags.String("root", ".", "the repository's root")
	check := flags.Bool("check", false, "write nothing; fail when a file is stale")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if _, err := os.Stat(filepath.Join(*root, "tasks")); err != nil || flags.NArg() > 0 {
		fmt.Fprintln(stderr, "gentask: no folder tasks here, or unknown arguments; "+
			"run it without arguments in the repository's root, or name the root with -root")
		return 2
	}
	stale, err := plan.Stale(os.DirFS(*root))
	status := 0
	if err != nil {
		fmt.Fprintln(stderr, err)
		status = 1
	}
	for _, file := range stale {
		if *check {
			fmt.Fprintf(stderr, "%s is not what task.json makes of it; run `make generate`\n", file.Path)
			status = 1
			continue
		}
		if err := os.WriteFile(filepath.Join(*root, filepath.FromSlash(file.Path)), file.Want, 0o644); err != nil {
			fmt.Fprintln(stderr, "gentask:", err)
			return 1
		}
		fmt.Fprintln(stdout, "wrote", file.Path)
	}
	return status
}
