// Command shop stands for the service of the post-mortem: it has dependencies,
// and a lock file (go.sum) that says which bytes they are.
package main

import (
	"fmt"
	"strings"

	"github.com/andybalholm/brotli"
	"go.yaml.in/yaml/v3"
)

func main() {
	var order struct{ Item string }
	if err := yaml.NewDecoder(strings.NewReader("item: guardrail")).Decode(&order); err != nil {
		panic(err)
	}
	fmt.Println("shop is open, selling", order.Item, "at compression level", brotli.BestCompression)
}
