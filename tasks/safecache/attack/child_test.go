package attack_test

import (
	"fmt"
	"time"
)

func nowToday() time.Time { return today }

// child does one thing, and returns the process's exit status.
func child(what string, args []string) int {
	switch what {
	case "restore":
		return restoreChild(args[0], args[1])
	}
	fmt.Println("unknown:", what)
	return 2
}
