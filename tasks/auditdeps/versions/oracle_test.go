package versions

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// askNode runs a script that has node-semver, the one in npm itself, as semver and our
// question as input, and answers with JSON.
func askNode(t *testing.T, script string, question, answer any) {
	t.Helper()
	module, err := filepath.Abs("../../../build/npm/node_modules/npm/node_modules/semver")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(module); err != nil {
		t.Fatalf("%s is not installed: run `make oracles`", module)
	}
	input, err := json.Marshal(question)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "-e", `
		const semver = require(process.argv[1]);
		const input = JSON.parse(require('fs').readFileSync(0, 'utf8'));
		console.log(JSON.stringify((()=>{`+script+`})()));`, module)
	cmd.Stdin = bytes.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, stderr.String())
	}
	if err := json.Unmarshal(out, answer); err != nil {
		t.Fatal(err)
	}
}

// maker makes versions and ranges out of few parts, so that many of them meet.
type maker struct{ *rand.Rand }

func newMaker() maker { return maker{rand.New(rand.NewPCG(5, 7))} }

func (m maker) of(list ...string) string { return list[m.IntN(len(list))] }

func (m maker) number() string { return m.of("0", "0", "0", "1", "1", "1", "2", "10", "01") }

func (m maker) tail() string {
	return m.of("", "", "", "", "-alpha", "-beta.2", "-0", "-rc.1", "-1", "-alpha.1", "-alpha.01", "-10",
		"-9", "-a-b",
		"--", "beta", "rc1.0", "-beta.11", "-Beta", "-1a") + m.of("", "", "", "+b1", "+01.x-y")
}

func (m maker) version() string {
	return m.of("", "", "", "v", "=", " ", "=v") + m.number() + "." + m.number() + "." + m.number() + m.tail()
}

func (m maker) partial() string {
	switch m.IntN(8) {
	case 0:
		return m.of("*", "x", "X", "")
	case 1:
		return m.number()
	case 2:
		return m.number() + "." + m.of("*", "x", "X")
	case 3:
		return m.number() + "." + m.number()
	case 4:
		return m.number() + "." + m.number() + "." + m.of("*", "x")
	case 5:
		if m.IntN(5) == 0 {
			return m.number() + "." + m.of("*", "x") + "." + m.number()
		}
	}
	return m.version()
}

func (m maker) wanted() string {
	var clauses []string
	for range 1 + m.IntN(4)/3 {
		if m.IntN(8) == 0 {
			clauses = append(clauses, m.of("*", "1", m.version())+" - "+m.of("x", "1.2", m.version()))
			continue
		}
		var all []string
		for range 1 + m.IntN(4)/2 {
			all = append(all, m.of("", "", "^", "^", "~", "~>", ">", ">=", "<", "<=", "=", "~ ", "^ ", ">= ",
				"< ")+m.partial())
		}
		clauses = append(clauses, strings.Join(all, m.of(" ", " ", "  ")))
	}
	return strings.Join(clauses, m.of("||", " || ", "|| "))
}

// npm decides by node-semver, so it is the judge. Where it calls a version or a range
// invalid and drops it, we say so with an error.
func TestNPMIsAsNodeSemver(t *testing.T) {
	t.Parallel()
	const count = 40_000
	m := newMaker()
	var pairs [][2]string
	for range count {
		pairs = append(pairs, [2]string{m.version(), m.wanted()})
	}
	var answers []string
	askNode(t, `return input.map(([v, r]) =>
		!semver.valid(v, {loose: true}) ? 'bad version' : semver.validRange(r, {loose: true}) === null ? 'bad range' :
		String(semver.satisfies(v, r, {loose: true})))`, pairs, &answers)
	seen := map[string]int{}
	for i, p := range pairs {
		got := "bad version"
		if yes, err := Satisfies("npm", p[0], p[1]); err == nil {
			got = fmt.Sprint(yes)
		} else if strings.Contains(err.Error(), ErrNoRange.Error()) {
			got = "bad range"
		}
		seen[answers[i]]++
		if got != answers[i] && !stricter(got, answers[i], p[1]) {
			t.Errorf("Satisfies(npm, %q, %q) = %s, node-semver says %s", p[0], p[1], got, answers[i])
		}
	}
	if seen["true"] < count/20 || seen["false"] < count/20 {
		t.Errorf("the pairs are too much alike: %v", seen)
	}
}

// stricter is the one known difference: of several conditions node-semver drops those
// that it does not understand ("1.x.3", or an operator without a version), and we take none.
func stricter(got, node, wanted string) bool {
	return got == "bad range" && node != "bad range" && behindWildcard.MatchString(wanted)
}

var behindWildcard = regexp.MustCompile(`[xX*]\.[0-9]|[~^<>=]( |$|\|)`)

func TestNPMOrderIsNodeSemvers(t *testing.T) {
	t.Parallel()
	m := newMaker()
	var pairs [][2]string
	for range 40_000 {
		pairs = append(pairs, [2]string{m.version(), m.version()})
	}
	var answers []int
	askNode(t, `return input.map(([a, b]) => semver.compare(a, b, {loose: true}))`, pairs, &answers)
	for i, p := range pairs {
		got, err := Compare("npm", p[0], p[1])
		if err != nil || got != answers[i] {
			t.Errorf("Compare(npm, %q, %q) = %d, %v, node-semver says %d", p[0], p[1], got, err, answers[i])
		}
	}
}
