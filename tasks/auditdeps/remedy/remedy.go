// Package remedy says how to get rid of a vulnerable package: by which chain it came,
// whether the lock file is merely stale, and which command mends it. It is pure.
package remedy
