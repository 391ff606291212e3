// Package launcher holds launch.js, the JavaScript that starts a task's Go program on the agent, and the tests that
// hold it to its promises on every Node version an agent may choose. It has no Go API; see README.md.
package launcher
