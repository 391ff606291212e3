package advisory

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// npm audit decides by node-semver and a range, so for npm it is the judge of whether a
// version is affected.
func TestAffectedIsAsInNpmAudit(t *testing.T) {
	t.Parallel()
	module, err := filepath.Abs("../../../build/npm/node_modules/npm/node_modules/semver")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(module); err != nil {
		t.Fatalf("%s is not installed: run `make oracles`", module)
	}
	random := rand.New(rand.NewPCG(3, 4))
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	version := func() string {
		return fmt.Sprintf("%d.%d.%d%s", random.IntN(3), random.IntN(4), random.IntN(12),
			pick("", "", "", "-alpha", "-beta.2", "-beta.11", "-0", "-rc.1", "beta", "-1a", "+build"))
	}
	var questions [][2]string
	var got []bool
	for range 30_000 {
		events, clauses := randomRanges(random, version)
		found, err := Parse(osv(`"affected": [` + about("npm", "a", `"ranges": [`+gitRange+`, {"type": "SEMVER", "events": [`+events+`]}]`) + `]`))
		if err != nil {
			continue // nothing is affected by it
		}
		v := version()
		h, err := found[0].Apply(v)
		if err != nil {
			t.Fatalf("Apply(%q) of %s: %v", v, events, err)
		}
		questions = append(questions, [2]string{v, clauses})
		got = append(got, h != nil)
	}
	input, err := json.Marshal(questions)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "-e", `
		const semver = require(process.argv[1]);
		const input = JSON.parse(require('fs').readFileSync(0, 'utf8'));
		console.log(JSON.stringify(input.map(([v, r]) => semver.satisfies(v, r, {includePrerelease: true, loose: true}))));`, module)
	cmd.Stdin = bytes.NewReader(input)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []bool
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	hits := 0
	for i, q := range questions {
		if got[i] != want[i] {
			t.Errorf("%s in %q: affected %v, node-semver says %v", q[0], q[1], got[i], want[i])
		}
		if want[i] {
			hits++
		}
	}
	if hits < 5_000 || len(want)-hits < 5_000 {
		t.Errorf("%d of %d are affected, too few or too many to mean something", hits, len(want))
	}
}

// randomRanges makes events, in any order, and what they mean in npm's words.
func randomRanges(random *rand.Rand, version func() string) (events, clauses string) {
	var all, words []string
	low := Advisory{Ecosystem: "npm"}
	bounds := low.sort([]string{version(), version(), version(), version()})
	for i := 0; i+1 < len(bounds); i += 2 {
		from, to := bounds[i], bounds[i+1]
		begin := from
		if i == 0 && random.IntN(3) == 0 {
			begin, from = "0", "0.0.0-0"
		}
		all = append(all, fmt.Sprintf(`{"introduced": %q}`, begin))
		switch random.IntN(5) {
		case 0:
			all = append(all, fmt.Sprintf(`{"last_affected": %q}`, to))
			words = append(words, ">="+from+" <="+to)
		case 1:
			words = append(words, ">="+from)
			i = len(bounds)
		default:
			all = append(all, fmt.Sprintf(`{"fixed": %q}`, to))
			words = append(words, ">="+from+" <"+to)
		}
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return strings.Join(all, ", "), strings.Join(words, " || ")
}
