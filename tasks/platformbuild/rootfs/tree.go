package rootfs

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/machine"
)

// inode is what one or several names of a layer stand for.
type inode struct {
	mode    fs.FileMode
	size    int64
	program *machine.Program // nil if the first bytes say nothing
	link    string           // target of a symbolic link; path of the file that a hard link is for
	hard    bool
	layer   int // of a hard link that was looked up: where to look for its file
}

// folder is what a layer has where it names only what is inside.
var folder = &inode{mode: fs.ModeDir | 0o755}

// node is a name in a layer.
type node struct {
	ino      *inode // nil: only a whiteout
	children map[string]*node
	folded   map[string]string // the children's names by those in lower case, once somebody asks for them
	hides    bool              // what lower layers have here, and below
	given    bool              // somebody knows of it
}

func (n *node) isDir() bool { return n.ino != nil && n.ino.mode.IsDir() }

// child may be asked of any node. Windows takes upper and lower case for the same.
func (n *node) child(name string, fold bool) *node {
	if c, ok := n.children[name]; ok || !fold {
		return c
	}
	if n.folded == nil {
		n.folded = map[string]string{}
		for other := range n.children {
			n.fold(other)
		}
	}
	return n.children[n.folded[strings.ToLower(name)]]
}

// fold notes a child's name. Of several that differ in case only, the first one counts.
func (n *node) fold(name string) {
	lower := strings.ToLower(name)
	if before, ok := n.folded[lower]; !ok || name < before {
		n.folded[lower] = name
	}
}

// walk goes to the node at names, if the layer has one; hides says that lower layers do not matter.
func (n *node) walk(names []string, fold bool) (found *node, hides bool) {
	hides = n.hides
	for i, name := range names {
		n = n.child(name, fold)
		if n == nil {
			return nil, hides
		}
		hides = hides || n.hides || n.ino != nil && !n.isDir()
		if n.ino == nil || i < len(names)-1 && !n.isDir() {
			return nil, hides
		}
	}
	return n, hides
}

// tree is a layer as it would be unpacked into an empty folder.
type tree struct {
	root   node
	budget *budget
}

func newTree(b *budget) *tree { return &tree{root: node{ino: folder}, budget: b} }

func (t *tree) walk(names []string, fold bool) (*node, bool) {
	if t == nil {
		return nil, false
	}
	return t.root.walk(names, fold)
}

// make returns the node with a name in a folder, made if it is not there.
func (t *tree) make(in *node, name string) (*node, error) {
	if n := in.children[name]; n != nil {
		return n, nil
	}
	if err := t.budget.entry(name); err != nil {
		return nil, err
	}
	if in.children == nil {
		in.children = map[string]*node{}
	}
	n := &node{}
	name = strings.Clone(name) // a part of a path would keep all of it
	in.children[name] = n
	if in.folded != nil {
		in.fold(name)
	}
	return n, nil
}

// parent returns the folder that an entry's name goes into. It is made if need be, and links that the
// layer has on the way are followed: not those of lower layers, for a layer is unpacked on its own.
func (t *tree) parent(names []string) (*node, error) {
	at := []*node{&t.root}
	rest := slices.Clone(names)
	for hops := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == ".." {
			at = at[:max(1, len(at)-1)]
			continue
		}
		next, err := t.make(at[len(at)-1], name)
		if err != nil {
			return nil, err
		}
		if next.ino != nil && next.ino.mode&fs.ModeSymlink != 0 && hops < maxLinks {
			hops++
			target, err := split(next.ino.link, false)
			if err != nil || len(target)+len(rest) > maxPath {
				return nil, errTooLong
			}
			if isAbsolute(next.ino.link, false) {
				at = at[:1]
			}
			rest = append(target, rest...)
			continue
		}
		if !next.isDir() { // a runtime fails here if it is a file: what is taken for it does not matter
			if next.given {
				return nil, errTwice
			}
			next.ino = folder
		}
		at = append(at, next)
	}
	return at[len(at)-1], nil
}

// errTwice: what Find has said of a file was wrong, for the layer has another one with that name.
var errTwice = errors.New("two entries with the same name")

// put enters what a layer says of a name.
func (t *tree) put(names []string, ino *inode) error {
	in, err := t.parent(names[:len(names)-1])
	if err != nil {
		return err
	}
	n, err := t.make(in, names[len(names)-1])
	if err != nil {
		return err
	}
	if n.given && !(n.isDir() && ino.mode.IsDir()) {
		return errTwice
	}
	if !ino.mode.IsDir() {
		n.children, n.folded = nil, nil
	}
	n.ino = ino
	return nil
}

// Names of whiteouts: OCI image specification, layer.md.
const (
	whiteout     = ".wh."
	whiteoutMeta = ".wh..wh."
	opaque       = ".wh..wh..opq"
)

// hide enters a whiteout. It never hides what its own layer has.
func (t *tree) hide(names []string) error {
	last := names[len(names)-1]
	in, err := t.parent(names[:len(names)-1])
	switch {
	case err != nil:
		return err
	case last == opaque:
		in.hides = true
		return nil
	case strings.HasPrefix(last, whiteoutMeta):
		return nil // AUFS wrote other notes to itself
	}
	n, err := t.make(in, strings.TrimPrefix(last, whiteout))
	if err == nil {
		n.hides = true
	}
	return err
}
