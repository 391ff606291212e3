package agent

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

const oldestNode = 20

// nodeVersion is the last line of what node --version prints.
var nodeVersion = regexp.MustCompile(`(?m)^v(\d+)\.(\d+)\.\d+`)

// findNode finds the program that runs tasks: the one asked for, or the one in
// PATH. The agent brings its own; here it must be there and new enough.
func findNode(asked string, environ []string) (string, error) {
	file := asked
	if file == "" {
		found, err := lookPath("node", environ)
		if err != nil {
			return "", errors.New("node is not in PATH: install Node.js 20 or newer, or name it with --node")
		}
		file = found
	}
	file, err := filepath.Abs(file)
	if err != nil {
		return "", fmt.Errorf("finding node %s: %w", asked, err)
	}
	cmd := exec.Command(file, "--version")
	cmd.Env = environ
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("running %s --version: %w: name a Node.js 20 or newer with --node", file, cause(err))
	}
	m := nodeVersion.FindStringSubmatch(string(out))
	if m == nil {
		return "", fmt.Errorf("%s is not node: --version printed %.60q", file, strings.TrimSpace(string(out)))
	}
	if major, err := strconv.Atoi(m[1]); err != nil || major < oldestNode {
		return "", fmt.Errorf("%s is Node.js %s.%s, tasks need %d or newer: install it, or name another with --node",
			file, m[1], m[2], oldestNode)
	}
	return file, nil
}

// lookPath is exec.LookPath in the PATH of environ instead of our own.
func lookPath(name string, environ []string) (string, error) {
	list, _ := lookupEnv(environ, "PATH")
	for _, dir := range filepath.SplitList(list) {
		if dir == "" {
			continue // never the current folder
		}
		if found, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("%s is not in PATH", name)
}
