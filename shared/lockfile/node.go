package lockfile

import "iter"

// node is a value of a document. Numbers and truth values are texts, as they are
// written. In an object it has a key, and the line that the key is in.
type node struct {
	key, text string
	inner     *object // of an object or list that is not empty
	line      int32
	kind      nodeKind
}

type nodeKind uint8

const (
	isNull nodeKind = iota
	isText
	isObject
	isList
	isAlias // of YAML; it is not expanded, and of a wrong type for everything
)

// object is what an object or list has in it, in the order of the file; nil is empty.
type object struct {
	nodes []node
	index map[string]int32 // of the nodes by key, if there are many
}

// manyKeys is from how many keys on a map finds one faster than looking at all.
const manyKeys = 16

func newObject(nodes []node) *object {
	if len(nodes) == 0 {
		return nil
	}
	o := &object{nodes: nodes}
	if len(nodes) > manyKeys {
		o.index = make(map[string]int32, len(nodes))
		for i := range nodes {
			o.index[nodes[i].key] = int32(i)
		}
	}
	return o
}

func (o *object) all() []node {
	if o == nil {
		return nil
	}
	return o.nodes
}

// get returns the value of a key; null if there is none.
func (o *object) get(key string) node {
	if i := o.find(key); i >= 0 {
		return o.nodes[i]
	}
	return node{}
}

func (o *object) find(key string) int {
	if o == nil {
		return -1
	}
	if o.index != nil {
		if i, ok := o.index[key]; ok {
			return int(i)
		}
		return -1
	}
	return findKey(o.nodes, key)
}

func findKey(nodes []node, key string) int {
	for i := range nodes {
		if nodes[i].key == key {
			return i
		}
	}
	return -1
}

// pairs ranges over the values of an object.
func (o *object) pairs() iter.Seq[*node] {
	return func(yield func(*node) bool) {
		for i := range o.all() {
			if !yield(&o.nodes[i]) {
				return
			}
		}
	}
}
