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
	config      cloud.Configuration
	blobSuffix  string
	vaultSuffix string
	vaultScope  string
	hsmSuffix   string
}

// environments are the clouds by their names in service connections, in lower case.
// Who may get a secret of ours is written here, and is not asked of the network.
var environments = map[string]environment{
	"azurecloud": {
		cloud.AzurePublic, "blob.core.windows.net", "vault.azure.net", "https://vault.azure.net" + all,
		"managedhsm.azure.net",
	},
	"azureusgovernment": {
		cloud.AzureGovernment, "blob.core.usgovcloudapi.net",
		"vault.usgovcloudapi.net", "https://vault.usgovcloudapi.net" + all, "managedhsm.usgovcloudapi.net",
	},
	"azurechinacloud": {
		cloud.AzureChina, "blob.core.chinacloudapi.cn", "vault.azure.cn", "https://vault.azure.cn" + all,
		"managedhsm.azure.cn",
	},
}

// all is what a scope has behind the resource: all permissions that the identity has there.
const all = "/.default"

// cloudOf returns the cloud of a connection, or the usual one if it names none. One's own
// (Azure Stack) says where its login is.
func cloudOf(c *endpoint.Connection, usual string) (environment, error) {
	name, ok := c.Data("environment")
	if !ok {
		name = usual
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
	own := environment{config: cloud.Configuration{ActiveDirectoryAuthorityHost: host}}
	own.vaultSuffix, own.vaultScope, err = vaultsOf(c)
	return own, err
}

var hostName = regexp.MustCompile(`^[0-9a-z-]{1,63}(\.[0-9a-z-]{1,63})+$`)

// vaultsOf returns where the key vaults of one's own cloud are, and the scope of their tokens;
// "" for what the connection does not say. The scope's host need not be the vaults'.
func vaultsOf(c *endpoint.Connection) (suffix, scope string, err error) {
	const fix = "correct it in the project settings"
	if text, ok := c.Data("AzureKeyVaultDnsSuffix"); ok {
		suffix = strings.ToLower(strings.Trim(text, "."))
		if !hostName.MatchString(suffix) {
			return "", "", problem("the suffix of its key vaults is not the end of a server's name", fix)
		}
	}
	if text, ok := c.Data("AzureKeyVaultServiceEndpointResourceId"); ok {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" {
			return "", "", problem("the resource of its key vaults is not an address that begins with https://", fix)
		}
		scope = strings.TrimSuffix(text, "/") + all
	}
	return suffix, scope, nil
}

// VaultSuffix is what follows the name of a key vault in the addresses of this cloud; "" if it
// is not known.
func (c *Credential) VaultSuffix() string { return c.cloud.vaultSuffix }

// VaultScope is the scope of a token for the key vaults of this cloud; "" if it is not known.
func (c *Credential) VaultScope() string { return c.cloud.vaultScope }

// HSMSuffix is what follows the name of a managed HSM in the addresses of this cloud; "" if it
// has none.
func (c *Credential) HSMSuffix() string { return c.cloud.hsmSuffix }

// HSMScope is the scope of a token for the managed HSMs of this cloud; "" if it has none.
func (c *Credential) HSMScope() string {
	if c.cloud.hsmSuffix == "" {
		return ""
	}
	return "https://" + c.cloud.hsmSuffix + all
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
