//go:build unix

package fingerprint

import "io/fs"

func isExecutable(m fs.FileMode) bool { return m&0o111 != 0 }
