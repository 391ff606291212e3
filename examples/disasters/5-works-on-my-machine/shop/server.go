// Command server stands for each of the twelve services, and says which.
package main

import "os"

func main() {
	if len(os.Args) == 2 {
		println(os.Args[1], "serves")
	}
}
