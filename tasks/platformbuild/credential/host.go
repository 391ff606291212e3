package credential

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// hub is how we call Docker Hub, which has many names.
const hub = "docker.io"

var hubNames = []string{
	hub, "index.docker.io", "registry-1.docker.io", "hub.docker.com", "registry.hub.docker.com",
}

// hubKeys are the names under which programs look for the credentials of Docker Hub; the first is Docker's own.
var hubKeys = []string{"https://index.docker.io/v1/", "index.docker.io", hub}

var (
	errNoHost   = errors.New("there is no host in it")
	namePattern = regexp.MustCompile(`^[0-9a-z]([0-9a-z_-]{0,61}[0-9a-z])?(\.[0-9a-z]([0-9a-z_-]{0,61}[0-9a-z])?)*$`)
)

// hostOf returns the host, and the port if it has one, of a registry's address, which may be a host alone. Docker
// looks at nothing but the host either. Whatever could make one reader see another host than the next is refused.
func hostOf(address string) (string, error) {
	text := strings.ToLower(strings.TrimSpace(address))
	for _, scheme := range []string{"https://", "http://"} {
		if rest, ok := strings.CutPrefix(text, scheme); ok {
			text = rest
			break
		}
	}
	if end := strings.IndexAny(text, "/?#"); end >= 0 {
		text = text[:end]
	}
	name, port := text, ""
	if i := strings.LastIndexByte(text, ':'); i > strings.LastIndexByte(text, ']') {
		name, port = text[:i], text[i+1:]
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || port[0] == '0' {
			return "", fmt.Errorf("%.60q is no port", port)
		}
	}
	switch {
	case name == "":
		return "", errNoHost
	case !isName(name):
		return "", fmt.Errorf("%.60q is no host", name)
	case slices.Contains(hubNames, name) && (port == "" || port == "443"):
		return hub, nil
	}
	return text, nil
}

func isName(name string) bool {
	if inside, ok := strings.CutPrefix(name, "["); ok {
		ip, err := netip.ParseAddr(strings.TrimSuffix(inside, "]"))
		return err == nil && strings.HasSuffix(name, "]") && ip.Is6() && ip.Zone() == ""
	}
	return len(name) <= 253 && namePattern.MatchString(name)
}

// isLoopback reports whether a host, which may have a port, is this machine.
func isLoopback(host string) bool {
	name := host
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		name = host[:i]
	}
	ip, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return name == "localhost" || err == nil && ip.IsLoopback()
}
