package attack_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/safecache/entry"
	"github.com/guardrails-ci/guardrails/tasks/safecache/store"
)

// child is what this test binary does as a process of its own.
func child(what string, args []string) int {
	switch {
	case what == "restore" && len(args) == 2:
		return restoreChild(args[0], args[1])
	case what == "save" && len(args) == 2:
		return saveChild(args[0], args[1])
	}
	fmt.Printf("unknown: %s %q\n", what, args)
	return 2
}

// refusedStatus is a child's exit status if it has restored nothing, for a reason.
const refusedStatus = 3

// restoreChild restores the entry k, and says how much memory that took.
func restoreChild(dir, dst string) int {
	r := entry.Repository{Store: store.NewDir(dir), Now: func() time.Time { return today }}
	err := restoreTo(r, dst, mainScope, entry.RestoreOptions{}, []string{"k"})
	fmt.Println(err)
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		fmt.Println(string(status))
	}
	if err != nil {
		return refusedStatus
	}
	return 0
}

// What a child that saves prints: when it can begin, and what it came to.
const (
	readyLine  = "ready"
	savedLine  = "saved"
	sameLine   = "exists, with the same contents"
	othersLine = "exists, with other contents"
)

// saveChild saves the folder root as the entry k, when its standard input ends.
func saveChild(root, dir string) int {
	r := entry.Repository{Store: store.NewDir(dir), Now: time.Now}
	d := draft(mainScope, "k")
	d.Producer.BuildID, d.Expires = strconv.Itoa(os.Getpid()), time.Now().Add(7*day)
	fmt.Println(readyLine)
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		fmt.Println(err)
		return 1
	}
	_, err := r.Save(context.Background(), root, d)
	var exists *entry.ExistsError
	switch {
	case err == nil:
		fmt.Println(savedLine)
	case errors.As(err, &exists) && exists.SameContent:
		fmt.Println(sameLine)
	case errors.As(err, &exists):
		fmt.Println(othersLine)
	default:
		fmt.Println(err)
		return 1
	}
	return 0
}
