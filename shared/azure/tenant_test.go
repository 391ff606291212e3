package azure

import (
	"errors"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

var _ azcore.TokenCredential = (*Credential)(nil)

// A service says in its challenge of which tenant it is; the SDK asks for a token of that one.
func TestTenants(t *testing.T) {
	t.Parallel()
	const other = "99999999-2222-4333-8444-555555555555"
	for name, tc := range map[string]struct {
		scheme, asked string
		parameters    []string
		want          string // in the error
	}{
		"none":    {"ServicePrincipal", "", nil, ""},
		"its own": {"ServicePrincipal", tenant, nil, ""},
		"its own, in capitals": {
			"ServicePrincipal", "AAAAAAAA-2222-4333-8444-555555555555",
			[]string{"auth TENANTID=aaaaaaaa-2222-4333-8444-555555555555"}, "",
		},
		"another":            {"ServicePrincipal", other, nil, "it is of the tenant " + tenant + ", and the service of the tenant " + other},
		"another, federated": {"WorkloadIdentityFederation", other, nil, "the service of the tenant " + other},
		"a name":             {"ServicePrincipal", "contoso.onmicrosoft.com", nil, ""},
		"garbage":            {"ServicePrincipal", "../evil", nil, ""},
		"a name for an id":   {"ServicePrincipal", other, []string{"auth TENANTID=contoso.onmicrosoft.com"}, ""},
		"a managed identity": {"ManagedServiceIdentity", other, []string{"data MSICLIENTID=tenants"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := network(t, nil)
			parameters := append([]string{"auth SERVICEPRINCIPALKEY=" + clientSecret}, tc.parameters...)
			c, err := New(connect(t, tc.scheme, parameters...), w.job())
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.GetToken(t.Context(), policy.TokenRequestOptions{
				Scopes: []string{c.VaultScope()}, TenantID: tc.asked, EnableCAE: true,
			})
			if tc.want == "" {
				if err != nil || got.Token != accessToken {
					t.Errorf("GetToken for the tenant %q = %q, %v, want the token", tc.asked, got.Token, err)
				}
				for _, request := range w.seen { // whatever was asked for, it is the connection's own
					if strings.Contains(request, "/oauth2/") && strings.Contains(request, "evil") {
						t.Errorf("request %s", request)
					}
				}
				return
			}
			checkError(t, err, tc.want, "")
			if !errors.Is(err, ErrTenant) || len(w.seen) > 0 {
				t.Errorf("GetToken for the tenant %q: error %v after the requests %q, want ErrTenant and none", tc.asked, err, w.seen)
			}
		})
	}
}

func TestVaults(t *testing.T) {
	t.Parallel()
	const stack = "data ENVIRONMENT=AzureStack"
	for name, tc := range map[string]struct {
		parameters          []string
		suffix, scope, want string
	}{
		"public":     {nil, "vault.azure.net", "https://vault.azure.net/.default", ""},
		"government": {[]string{"data ENVIRONMENT=AzureUSGovernment"}, "vault.usgovcloudapi.net", "https://vault.usgovcloudapi.net/.default", ""},
		"China":      {[]string{"data ENVIRONMENT=AzureChinaCloud"}, "vault.azure.cn", "https://vault.azure.cn/.default", ""},
		"the cloud's vaults are not the connection's to choose": {
			[]string{"data AZUREKEYVAULTDNSSUFFIX=evil.example", "data AZUREKEYVAULTSERVICEENDPOINTRESOURCEID=https://evil.example"},
			"vault.azure.net", "https://vault.azure.net/.default", "",
		},
		"Stack": {
			[]string{stack, "data AZUREKEYVAULTDNSSUFFIX=.vault.Local.example", "data AZUREKEYVAULTSERVICEENDPOINTRESOURCEID=https://vault.adfs.example/1/"},
			"vault.local.example", "https://vault.adfs.example/1/.default", "",
		},
		"Stack that says nothing":   {[]string{stack}, "", "", ""},
		"Stack with an address":     {[]string{stack, "data AZUREKEYVAULTDNSSUFFIX=https://x.example/"}, "", "", "the suffix of its key vaults"},
		"Stack with one label":      {[]string{stack, "data AZUREKEYVAULTDNSSUFFIX=example"}, "", "", "the suffix of its key vaults"},
		"Stack with http":           {[]string{stack, "data AZUREKEYVAULTSERVICEENDPOINTRESOURCEID=http://x.example"}, "", "", "the resource of its key vaults"},
		"Stack with a user in it":   {[]string{stack, "data AZUREKEYVAULTSERVICEENDPOINTRESOURCEID=https://hunter2@x.example"}, "", "", "the resource of its key vaults"},
		"Stack with no address":     {[]string{stack, "data AZUREKEYVAULTSERVICEENDPOINTRESOURCEID=hunter2"}, "", "", "the resource of its key vaults"},
		"Stack with a query in it ": {[]string{stack, "data AZUREKEYVAULTSERVICEENDPOINTRESOURCEID=https://x.example?hunter2"}, "", "", "the resource of its key vaults"},
	} {
		parameters := append([]string{"auth SERVICEPRINCIPALKEY=x", "data ACTIVEDIRECTORYAUTHORITY=https://login.stack.example/"}, tc.parameters...)
		c, err := New(connect(t, "ServicePrincipal", parameters...), network(t, nil).job())
		if tc.want != "" {
			checkError(t, err, tc.want, "")
			continue
		}
		if err != nil || c.VaultSuffix() != tc.suffix || c.VaultScope() != tc.scope {
			t.Errorf("%s: New = %+v, %v, want one with the suffix %q and the scope %q", name, c, err, tc.suffix, tc.scope)
		}
	}
}
