// Command etcd is the store of the API server that policies are tested against: etcd's
// own command cannot be built as a dependency, for its go.mod replaces modules.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
