package keyvaultenv

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/guardrails-ci/guardrails/shared/leak"
	"github.com/guardrails-ci/guardrails/shared/task"
	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/export"
)

// post removes what the step has written, and looks for its secrets in all that the
// job has left.
func post(ctx context.Context, env *task.Env, in Inputs) error {
	return errors.Join(removeFile(env), scan(ctx, env, in))
}

func scan(ctx context.Context, env *task.Env, in Inputs) error {
	m, err := recall(env)
	if err != nil {
		return err
	}
	if m == nil {
		env.Log.Print("Nothing to scan for: the step has not run, or its inputs were refused.")
		return nil
	}
	s := &step{env: env, in: in, scan: m.Scan, vars: m.Vars}
	s.in.KeyVaultName, s.in.OnLeak, env.Inputs.Enforcement = m.Vault, m.OnLeak, m.Enforcement
	for _, k := range m.Known {
		s.learn(k.Value)
	}
	if len(m.Scan) == 0 {
		env.Log.Print("Nothing is scanned: scan is none.")
		return nil
	}
	if len(m.Known) == 0 {
		env.Log.Print("This step has fetched no secret (it failed, or was ended early): only the rules are looked for.")
	}
	engine, err := leak.New(leak.Options{Known: asKnown(m.Known), Key: s.fingerprintKey()})
	if err != nil {
		return err
	}
	sc := &scanner{step: s, engine: engine, memory: m}
	if err := sc.scanAll(ctx); err != nil {
		return err
	}
	baseline, err := readBaseline(m.Baseline) // without it nothing is accepted
	return errors.Join(sc.report(baseline), err)
}

// fingerprintKey makes fingerprints those of an organization: the same secret has the
// same one in all of its runs, and another one elsewhere.
func (s *step) fingerprintKey() []byte {
	return []byte("guardrails/keyvaultenv/" + strings.ToLower(s.variable("System.CollectionId")))
}

// removeFile removes the output file.
func removeFile(env *task.Env) error {
	path := env.TaskVar(outputFile)
	if path == "" {
		return nil
	}
	if err := export.Remove(env.TempDir(), path); err != nil {
		return &task.UserError{
			Class: task.Environment, Rule: "keyvault/file", Err: err,
			Msg:  "the file with the secrets cannot be removed: " + path,
			Hint: "remove it by hand, and find what keeps it open or has changed its folder",
		}
	}
	env.Log.Print("Removed " + path + ".")
	return nil
}

func readBaseline(path string) (leak.Baseline, error) {
	if path == "" {
		return leak.Baseline{}, nil
	}
	file, err := os.Open(path)
	if err != nil {
		reason := "it cannot be read"
		if errors.Is(err, fs.ErrNotExist) {
			reason = "there is no such file"
		}
		return leak.Baseline{}, badInput("baseline", reason+": "+path, "correct the path, or remove the input")
	}
	defer file.Close()
	b, err := leak.ReadBaseline(file)
	if err != nil {
		return b, badInput("baseline", err.Error(), "correct the file; the README says its form")
	}
	return b, nil
}

// scanner looks for secrets at the end of a job. Its parts are logs.go and files.go.
type scanner struct {
	step   *step
	engine *leak.Engine
	memory *memory

	mu       sync.Mutex
	findings []leak.Finding
	unread   []string // what could not be looked at, and why
	looked   []string // what was, in words
	bytes    int64
}

// scanOf is how a target is scanned.
type scanOf struct {
	target target
	scan   func(*scanner, context.Context) error
}

// scans are all targets there are, in the order in which they are scanned.
var scans = []scanOf{
	{scanLogs, (*scanner).logs}, {scanPaths, (*scanner).paths}, {scanArtifacts, (*scanner).artifacts},
}

func (sc *scanner) scanAll(ctx context.Context) error {
	for _, s := range scans {
		if !slices.Contains(sc.memory.Scan, s.target) {
			continue
		}
		err := s.scan(sc, ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			sc.cannot("the "+string(s.target), err)
		}
	}
	return nil
}

func (sc *scanner) found(all []leak.Finding) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.findings = append(sc.findings, all...)
}

// cannot records what could not be looked at.
func (sc *scanner) cannot(what string, err error) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.unread = append(sc.unread, what+": "+strings.ReplaceAll(err.Error(), "\n", "; "))
}

// sized counts what is read.
func (sc *scanner) sized(n int64) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.bytes += n
}

// workers is how many logs or files are read at a time.
const workers = 4

// each calls do for every item, some at a time, until ctx ends.
func each[T any](ctx context.Context, items []T, do func(T)) {
	queue := make(chan T)
	var group sync.WaitGroup
	for range min(workers, len(items)) {
		group.Go(func() {
			for item := range queue {
				do(item)
			}
		})
	}
	for _, item := range items {
		if ctx.Err() != nil {
			break
		}
		queue <- item
	}
	close(queue)
	group.Wait()
}

// lookedAt is a line of the log about what was read.
func (sc *scanner) lookedAt(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	sc.looked = append(sc.looked, text)
	sc.step.env.Log.Print("Scanned " + text + ".")
}
