//go:build !windows

package endpoint

// foldNames says whether variable names that differ by case only are the same.
const foldNames = false
