// Package targets is the list of platforms a task is built for: which there are
// (build/targets.json), which one this machine is, and which of them a command asks for.
package targets

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Target is one platform, as Go and as Node name it.
type Target struct {
	GOOS   string `json:"goos"`
	GOARCH string `json:"goarch"`
	// Node is process.platform + "-" + process.arch: the key by which the launcher finds its program.
	Node string `json:"node"`
}

// String returns the name used on the command line, such as "linux/amd64".
func (t Target) String() string { return t.GOOS + "/" + t.GOARCH }

// Program returns the file name of the program called name on this platform.
func (t Target) Program(name string) string {
	if t.GOOS == "windows" {
		return name + ".exe"
	}
	return name
}

var (
	goName   = regexp.MustCompile(`^[a-z0-9]+$`)
	nodeName = regexp.MustCompile(`^[a-z0-9]+-[a-z0-9]+$`)
)

// Load reads the list of platforms. Their order is kept: it is the order inside an archive.
func Load(path string) ([]Target, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the list of platforms: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var all []Target
	if err := decoder.Decode(&all); err != nil {
		return nil, fmt.Errorf("%s is not a list of platforms: %w", path, err)
	}
	if err := check(all); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return all, nil
}

func check(all []Target) error {
	if len(all) == 0 {
		return fmt.Errorf("there is no platform in it; add one, such as linux/amd64")
	}
	seen := map[string]bool{}
	for i, t := range all {
		if !goName.MatchString(t.GOOS) || !goName.MatchString(t.GOARCH) || !nodeName.MatchString(t.Node) {
			return fmt.Errorf("entry %d (%q, %q, %q) is not a platform; want goos, goarch and node such as "+
				`"linux", "amd64", "linux-x64"`, i+1, t.GOOS, t.GOARCH, t.Node)
		}
		if seen[t.String()] || seen[t.Node] {
			return fmt.Errorf("%s (%s) stands in it twice; remove one", t, t.Node)
		}
		seen[t.String()], seen[t.Node] = true, true
	}
	return nil
}

// Select returns the platforms that spec names, in the order of all: "all", "host" (which is
// host, an os/arch pair), or a list such as "linux/amd64,windows/arm64".
func Select(all []Target, spec, host string) ([]Target, error) {
	if spec == "all" {
		return slices.Clone(all), nil
	}
	wanted := map[string]bool{}
	for name := range strings.SplitSeq(spec, ",") {
		name = strings.TrimSpace(name)
		if name == "host" {
			name = host
		}
		if !slices.ContainsFunc(all, func(t Target) bool { return t.String() == name }) {
			return nil, fmt.Errorf("platform %q is not supported; choose host, all or from %s", name, names(all))
		}
		wanted[name] = true
	}
	return slices.DeleteFunc(slices.Clone(all), func(t Target) bool { return !wanted[t.String()] }), nil
}

func names(all []Target) string {
	list := make([]string, len(all))
	for i, t := range all {
		list[i] = t.String()
	}
	return strings.Join(list, ", ")
}
