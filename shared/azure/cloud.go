package azure

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"

	"github.com/guardrails-ci/guardrails/shared/endpoint"
)

// environment is one of Azure's clouds.
type environment struct {
	config     cloud.Configuration
	blobSuffix string
}

// environments are the clouds by their names in service connections, in lower case.
// Who may get a secret of ours is written here, and is not asked of the network.
var environments = map[string]environment{
	"azurecloud":        {cloud.AzurePublic, "blob.core.windows.net"},
	"azureusgovernment": {cloud.AzureGovernment, "blob.core.usgovcloudapi.net"},
	"azurechinacloud":   {cloud.AzureChina, "blob.core.chinacloudapi.cn"},
}

// cloudOf returns the cloud of a connection; one that says nothing is of the public
// cloud. One's own (Azure Stack) says where its login is.
func cloudOf(c *endpoint.Connection) (environment, error) {
	name, ok := c.Data("environment")
	if !ok {
		name = "AzureCloud"
	}
	if known, ok := environments[strings.ToLower(name)]; ok {
		return known, nil
	}
	authority, ok := c.Data("activeDirectoryAuthority")
	if !ok {
		authority, ok = c.Data("environmentAuthorityUrl")
	}
	if !ok {
		return environment{}, problem(
			"it is of the cloud "+quote(name)+", and does not say where that cloud's login is",
			"save it again in the project settings, with the authority's address")
	}
	u, err := url.Parse(authority)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return environment{}, problem("the address of its login is not one that begins with https://",
			"correct the authority's address in the project settings")
	}
	// azidentity appends the tenant, which for AD FS is in the address, too.
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/adfs") + "/"
	host := u.Scheme + "://" + u.Host + u.Path
	return environment{config: cloud.Configuration{ActiveDirectoryAuthorityHost: host}}, nil
}

// isOfServer reports whether an address is one of the server that runs the job.
func isOfServer(address, server string) bool {
	a, err := url.Parse(address)
	if err != nil || a.User != nil || a.Host == "" {
		return false
	}
	s, err := url.Parse(server)
	if err != nil || s.Host == "" || a.Scheme != s.Scheme {
		return false
	}
	if a.Scheme != "https" && !isLoopback(a.Hostname()) {
		return false
	}
	return strings.EqualFold(a.Host, s.Host) || a.Scheme == "https" && isService(a) && isService(s)
}

// serviceHost is a name of Azure DevOps Services: dev.azure.com, its parts, and an
// organization's old names. Others below visualstudio.com were given to users, such
// as the tunnels of app.online.visualstudio.com.
var serviceHost = regexp.MustCompile(`^(?:(?:[0-9a-z-]+\.)?dev\.azure\.com|[0-9a-z-]+(?:\.vsrm)?\.visualstudio\.com)$`)

func isService(u *url.URL) bool { return serviceHost.MatchString(strings.ToLower(u.Host)) }

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// quote shows a text of the connection in one short line.
func quote(text string) string { return fmt.Sprintf("%.40q", text) }
