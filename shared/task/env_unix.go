//go:build !windows

package task

// envKey keeps case: the agent writes connection GUIDs in lower case.
func envKey(name string) string { return name }
