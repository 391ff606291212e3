// Package gittest is a server of git repositories over HTTP: the real git http-backend,
// with the tokens, rules, races and faults of Azure Repos and others in front of it.
package gittest
