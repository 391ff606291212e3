// Package npmtest is a registry of npm packages, as an http.Handler, and projects that
// real package managers install from it, for tests.
package npmtest
