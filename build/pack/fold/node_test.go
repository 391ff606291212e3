package fold

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/build/pack/oracle"
)

// agree unfolds the parts of a file with the launcher's code, and prints a hash of each.
const agree = `
const fs = require('fs'), crypto = require('crypto');
const [launcher, data, maps] = process.argv.slice(1);
const { unfold } = require(launcher);
const all = fs.readFileSync(data);
let at = 0;
for (const { size, map } of JSON.parse(fs.readFileSync(maps))) {
  let says;
  try {
    says = crypto.createHash('sha256').update(unfold(Buffer.from(all.subarray(at, at + size)), map)).digest('hex');
  } catch (err) { says = 'error'; }
  console.log(says);
  at += size;
}`

type part struct {
	Size int `json:"size"`
	Map  Map `json:"map"`
}

// Programs, damaged programs, and noise with maps that are in bounds: Go and JavaScript say the same about all.
func TestNodeUnfoldsTheSame(t *testing.T) {
	t.Parallel()
	var all []byte
	var parts []part
	var want []string
	add := func(data []byte, m Map) {
		all = append(all, data...)
		parts = append(parts, part{len(data), m})
		says := "error"
		if program, err := Unfold(data, m); err == nil {
			sum := sha256.Sum256(program)
			says = hex.EncodeToString(sum[:])
		}
		want = append(want, says)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, programs := range built(t) {
		for _, f := range Programs(programs...) {
			damaged := append([]byte{}, f.Data...)
			for range 50 {
				damaged[random.IntN(4*f.Map.Labels+f.Map.Text[1])]++
			}
			add(f.Data, *f.Map)
			add(damaged, *f.Map)
		}
	}
	for range 2000 {
		data, m := noise(random)
		add(data, m)
	}
	if diff := cmp.Diff(want, says(t, all, parts)); diff != "" {
		t.Errorf("what Node unfolds (-Go +Node):\n%s", diff)
	}
	if errors := strings.Count(strings.Join(want, " "), "error"); errors < 100 || errors > 1500 {
		t.Errorf("%d of %d parts are errors, want some of both", errors, len(want))
	}
}

// noise returns bytes that look like code and records here and there.
func noise(random *rand.Rand) ([]byte, Map) {
	m := Map{Code: "amd64", Labels: random.IntN(40), Page: random.IntN(pageSize)}
	if random.IntN(2) == 0 {
		m.Code = "arm64"
	}
	size := 100 + random.IntN(1000)
	data := make([]byte, 4*m.Labels+size)
	for i := range data {
		if random.IntN(3) == 0 {
			data[i] = byte(random.Uint32())
		}
	}
	if m.Labels > 0 && random.IntN(2) == 0 { // the end of what a word can say
		le.PutUint32(data, 0xffffffff-random.Uint32N(pageSize))
	}
	program := data[4*m.Labels:]
	for range 40 {
		word := []uint32{0x058d48e8, 0x94000000, 0x97ffff00, 0x90800000, 0xb0800021, 0xf9400000, 0x91000000, 0x3dc00000}[random.IntN(8)]
		le.PutUint32(program[4*random.IntN(size/4):], word+random.Uint32N(40))
	}
	m.Text[0] = random.IntN(size)
	m.Text[1] = m.Text[0] + random.IntN(size-m.Text[0])
	m.Funcs = [2]int{random.IntN(size), random.IntN(2)}
	if m.Funcs[1] > (size-m.Funcs[0])/8 {
		m.Funcs[1] = 0
	}
	if place := m.Funcs[0] + align(8*m.Funcs[1]+4); place+44 < size && random.IntN(2) == 0 {
		le.PutUint32(program[place+4*countWord:], random.Uint32N(6))
		program[place+countByte] = byte(random.IntN(6))
		for k := range 2 * random.IntN(6) {
			program[place+4*k+3] = 0
		}
	}
	return data, m
}

func says(t *testing.T, all []byte, parts []part) []string {
	t.Helper()
	launcher, err := filepath.Abs("../../launcher/unpack.js")
	if err == nil {
		_, err = os.ReadFile(launcher) // so that go test knows that the result depends on it
	}
	if err != nil {
		t.Fatal(err)
	}
	maps, err := json.Marshal(parts)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := []string{filepath.Join(dir, "data"), filepath.Join(dir, "maps")}
	for i, data := range [][]byte{all, maps} {
		if err := os.WriteFile(files[i], data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := append([]string{"-e", agree, launcher}, files...)
	out, err := exec.CommandContext(t.Context(), oracle.Node(t), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, out)
	}
	return strings.Fields(string(out))
}
