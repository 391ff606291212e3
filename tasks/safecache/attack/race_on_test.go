//go:build race

package attack_test

// The race detector takes several times the memory.
const memoryFactor = 10
