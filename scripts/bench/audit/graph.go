package main

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
)

// graph is a generated project: what each package requires is there, where Node.js would
// find it, in a version that fits.
type graph struct {
	packages []*node
	roots    []edge
}

// node is one package in one place.
type node struct {
	name, version, location string
	major                   int
	integrity               string
	dev                     bool
	requires                []edge
}

type edge struct {
	to     *node
	wanted string
	dev    bool
}

// As real lock files have them: the requirements of a project, how many of its packages are
// nested in others, and how many are scoped.
const (
	rootRequires = 45
	rootDev      = 15
	nestedShare  = 8 // percent
	scopedShare  = 25
)

// newGraph makes a graph of so many packages, the same each time.
func newGraph(size int) graph {
	random := rand.New(rand.NewPCG(7, 11))
	g := graph{}
	top := size - size*nestedShare/100
	for i := range top {
		n := &node{name: nameOf(random, i), dev: true, integrity: integrity(random)}
		n.major = random.IntN(6)
		n.version = fmt.Sprintf("%d.%d.%d", n.major, random.IntN(20), random.IntN(12))
		n.location = "node_modules/" + n.name
		g.packages = append(g.packages, n)
	}
	for i, n := range g.packages {
		if i < rootRequires {
			g.roots = append(g.roots, edge{n, caret(n), i >= rootRequires-rootDev})
		} else {
			g.require(i/8+random.IntN(i/2-i/8+1), i)
		}
		for range random.IntN(3) { // only ever of later ones: there are no cycles
			if i+1 < top {
				g.require(i, i+1+random.IntN(top-i-1))
			}
		}
	}
	for len(g.packages) < size {
		g.nest(random, g.packages[random.IntN(top)], g.packages[random.IntN(top)])
	}
	for _, r := range g.roots {
		if !r.dev {
			r.to.release()
		}
	}
	return g
}

// caret is the range that packages usually ask for.
func caret(n *node) string { return "^" + n.version }

func (g *graph) require(from, to int) {
	for _, r := range g.packages[from].requires {
		if r.to == g.packages[to] {
			return
		}
	}
	n := g.packages[from]
	n.requires = append(n.requires, edge{to: g.packages[to], wanted: caret(g.packages[to])})
}

// nest gives a package an older version of another for itself.
func (g *graph) nest(random *rand.Rand, in, of *node) {
	for _, r := range in.requires {
		if r.to.name == of.name {
			return
		}
	}
	if of.major < 2 || in == of {
		return
	}
	old := &node{
		name: of.name, major: of.major - 1, location: in.location + "/node_modules/" + of.name, dev: true,
		version:   fmt.Sprintf("%d.%d.%d", of.major-1, random.IntN(20), random.IntN(12)),
		integrity: integrity(random),
	}
	in.requires = append(in.requires, edge{to: old, wanted: caret(old)})
	g.packages = append(g.packages, old)
}

// release says that not only development needs a package, nor what it requires.
func (n *node) release() {
	if !n.dev {
		return
	}
	n.dev = false
	for _, r := range n.requires {
		r.to.release()
	}
}

var words = strings.Fields(`is has to array object string stream buffer path file read write parse format color
	style loader plugin preset babel webpack rollup test mock assert deep merge clone copy glob match regex url query
	cookie session token hash crypto random uuid date time zone locale number math big int float dom css html svg icon`)

func nameOf(random *rand.Rand, i int) string {
	name := fmt.Sprintf("%s-%s-%d", words[random.IntN(len(words))], words[random.IntN(len(words))], i)
	if random.IntN(100) < scopedShare {
		name = "@" + words[random.IntN(len(words))] + "/" + name
	}
	return name
}

func integrity(random *rand.Rand) string {
	sum := make([]byte, 64)
	for i := range sum {
		sum[i] = byte(random.Uint32())
	}
	return "sha512-" + base64.StdEncoding.EncodeToString(sum)
}
