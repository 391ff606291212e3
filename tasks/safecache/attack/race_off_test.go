//go:build !race

package attack_test

const memoryFactor = 1
