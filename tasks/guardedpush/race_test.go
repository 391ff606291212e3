package guardedpush

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/shared/git"
	"github.com/guardrails-ci/guardrails/shared/gittest"
	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/task"
)

// racesVariable is how often the pushers race, and lets all of them race in each way; once
// if it is not set.
const racesVariable = "GUARDRAILS_RACES"

// pushers is how many push to one branch at once.
const pushers = 20

// Pushers that lose come back when they are alone, however long an attempt takes: only
// then is the number of attempts enough for all.
func TestWaitsAfterLostRaces(t *testing.T) {
	t.Parallel()
	for _, took := range []time.Duration{100 * time.Millisecond, time.Second, 5 * time.Second} {
		t.Run(took.String(), func(t *testing.T) {
			t.Parallel()
			const rounds = 5
			failed := 0
			for range rounds {
				synctest.Test(t, func(t *testing.T) { failed += losers(t, took) })
			}
			if failed > 1 { // the waits are random
				t.Errorf("%d of %d pushers have lost %d times", failed, rounds*pushers, attempts)
			}
		})
	}
}

// losers lets pushers race whose attempts take that long, and returns how many give up.
func losers(t *testing.T, took time.Duration) (failed int) {
	var mu sync.Mutex
	var all sync.WaitGroup
	tip := 0
	at := func() int {
		mu.Lock()
		defer mu.Unlock()
		return tip
	}
	for range pushers {
		all.Go(func() {
			s := &step{env: &task.Env{Log: pipeline.New(io.Discard, nil), Now: time.Now}}
			err := s.again(t.Context(), func(context.Context) error {
				fetched := at()
				time.Sleep(took)
				mu.Lock()
				defer mu.Unlock()
				if tip != fetched {
					return &git.RemoteError{Kind: git.Raced}
				}
				tip++
				return nil
			})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed++
			}
		})
	}
	all.Wait()
	if tip+failed != pushers {
		t.Errorf("%d have pushed and %d have given up, of %d", tip, failed, pushers)
	}
	return failed
}

func TestRaceWait(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for name, tc := range map[string]struct {
		lost   int
		took   time.Duration
		random float64
		want   time.Duration
	}{
		"at once":                         {1, s, 0, 1},
		"within twice the attempt's time": {1, 4 * s, 0.5, 4 * s},
		"of a fast attempt":               {1, 0, 0.5, leastRaceWindow / 2},
		"after the third":                 {3, s, 0.5, 4 * s},
		"never long":                      {9, 10 * s, 0.5, maxWait / 2},
		"never long, though it was slow":  {1, 1000 * s, 0.5, maxWait / 2},
		"never more than the policy has":  {9, 10 * s, math.Nextafter(1, 0), maxWait},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := raceWait(tc.lost, tc.took, tc.random)
			if d := got - tc.want; d.Abs() > time.Millisecond || got <= 0 || got > maxWait {
				t.Errorf("raceWait(%d, %v, %v) = %v, want %v", tc.lost, tc.took, tc.random, got, tc.want)
			}
		})
	}
}

// rival is one of the pipelines that push to one branch, on the system's clock.
type rival struct {
	*job
	key string // that it sets
}

// rivals are pipelines of their own, as many teams that deploy to one repository have
// them. Those with files work in a checkout each.
func (j *job) rivals(n int, files func(i int) bool) []rival {
	j.t.Helper()
	all := make([]rival, n)
	for i := range all {
		name := fmt.Sprintf("key%02d", i)
		other := j.another(thisID+1+i).set("SYSTEM_DEFINITIONID", strconv.Itoa(definition+1+i),
			"BUILD_DEFINITIONNAME", "deploy "+name)
		if files(i) {
			other.checkout().write("files/"+name+".txt", "new\n").input("paths", "files/**")
		} else {
			other.input("edits", "values.yaml: keys."+name+" = new")
		}
		all[i] = rival{other, name}
	}
	return all
}

// race lets all push at once, and returns how often they have lost, and the one that has
// lost most.
func race(rivals []rival) (lost, most int) {
	var all sync.WaitGroup
	start := make(chan struct{})
	for _, r := range rivals {
		all.Go(func() {
			<-start
			environ := make([]string, 0, len(r.env))
			for name, value := range r.env {
				environ = append(environ, name+"="+value)
			}
			task.Exec(task.World{
				Args: []string{"main"}, Environ: environ, Stdout: r, Now: time.Now, Stop: r.stop, Grace: time.Minute,
			}, Task)
		})
	}
	close(start)
	all.Wait()
	for _, r := range rivals {
		n := strings.Count(r.log, "somebody else has pushed meanwhile")
		lost, most = lost+n, max(most, n)
	}
	return lost, most
}

// moves notes how the refs of the server have moved.
type moves struct {
	mu    sync.Mutex
	moved []gittest.Update
}

func (m *moves) add(u gittest.Update) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.moved = append(m.moved, u)
}

// line fails the test if the commits of main are not one line of the pushes, each made
// on the one before.
func (m *moves) line(j *job, first string) {
	j.t.Helper()
	next := map[string]string{}
	for _, u := range m.moved {
		if u.Ref != mainBranch {
			j.t.Errorf("a push has moved %s", u.Ref)
			continue
		}
		if next[u.Old] != "" {
			j.t.Errorf("two pushes have moved main from %s", u.Old)
		}
		next[u.Old] = u.New
	}
	want := []string{first + " "}
	for at := first; next[at] != ""; at = next[at] {
		want = append(want, next[at]+" "+at)
	}
	got := strings.Split(j.remote("log", "--reverse", "--format=%H %P", "main"), "\n")
	if diff := cmp.Diff(want, got); diff != "" || len(want) != len(m.moved)+1 {
		j.t.Errorf("the commits of main with their parents, for %d pushes (-pushed +there):\n%s", len(m.moved), diff)
	}
}

// valuesFile has a key for each pusher.
func valuesFile(value string) string {
	text := "# one key for each pipeline\nkeys:\n"
	for i := range pushers {
		text += fmt.Sprintf("  key%02d: %s # its own\n", i, value)
	}
	return text
}

// Many pipelines push to one branch at once: each gets its commit, made on the one before;
// none is lost, none is forced, and no pipeline fails.
func TestManyPushers(t *testing.T) {
	t.Parallel()
	rounds, few := 1, 8
	if text := os.Getenv(racesVariable); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", racesVariable, err)
		}
		few = pushers
	}
	for name, tc := range map[string]struct {
		n     int
		files func(i int) bool
	}{
		"edits of one file": {pushers, func(int) bool { return false }},
		"edits and files":   {few, func(i int) bool { return i%2 == 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range rounds {
				manyPushers(t, tc.n, tc.files)
			}
		})
	}
}

func manyPushers(t *testing.T, n int, files func(i int) bool) {
	t.Helper()
	there := map[string]string{"values.yaml": valuesFile("old")}
	for i := range n {
		there[fmt.Sprintf("files/key%02d.txt", i)] = "old\n"
	}
	j := newJob(t, there)
	j.remote("config", "receive.denyNonFastForwards", "true")
	first := j.remote("rev-parse", "main")
	rivals := j.rivals(n, files)
	m := &moves{}
	j.git.After(m.add)
	began := time.Now()
	lost, most := race(rivals)
	t.Logf("%d pushers, %d lost races, %d by one of them, %v", n, lost, most, time.Since(began).Round(time.Millisecond))
	if lost == 0 {
		t.Error("nobody has lost a race: this shows nothing")
	}
	arrived(t, j, rivals, files)
	m.line(j, first)
	same(t, "complaints of the server", nil, j.git.Wrong())
	refs, err := j.git.Refs(configRepo)
	j.must(err)
	same(t, "refs", map[string]string{mainBranch: j.remote("rev-parse", "main")}, refs)
	j.remote("fsck", "--full", "--strict")
}

// arrived fails the test if a pusher has failed, or its change is not there.
func arrived(t *testing.T, j *job, rivals []rival, files func(i int) bool) {
	t.Helper()
	want := strings.Split(valuesFile("old"), "\n")
	commits := strings.Split(j.remote("log", "--format=%H", "main"), "\n")
	for i, r := range rivals {
		if !strings.Contains(r.log, "##vso[task.complete result=Succeeded;") || r.output("reason") != "pushed" ||
			!slices.Contains(commits, r.output("commit")) {
			t.Errorf("%s: its commit %q has not arrived:\n%s", r.key, r.output("commit"), r.log)
		}
		file := "old"
		if files(i) {
			file = "new"
		} else {
			want[2+i] = strings.Replace(want[2+i], "old", "new", 1)
		}
		same(t, "the file of "+r.key, file, j.file("files/"+r.key+".txt"))
	}
	same(t, "values.yaml", strings.TrimSpace(strings.Join(want, "\n")), j.file("values.yaml"))
	if n := len(commits) - 1; n != len(rivals) {
		t.Errorf("%d commits have landed, want %d", n, len(rivals))
	}
}
