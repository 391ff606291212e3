package task

import "strings"

// envKey folds case: so do environment variables on Windows.
func envKey(name string) string { return strings.ToUpper(name) }
