package fingerprint

import "io/fs"

// isExecutable is nothing that files have here: BuildKit makes all of them executable.
func isExecutable(fs.FileMode) bool { return false }
