package azure

import (
	"strings"
	"testing"
)

// The job's cloud is that of connections which name none, and of no others.
func TestCloudOfTheJob(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cloud      string
		parameters []string
		login      string
		want       string // the error, if there is one
	}{
		"none":       {"", nil, "login.microsoftonline.com", ""},
		"the job's":  {"AzureUSGovernment", nil, "login.microsoftonline.us", ""},
		"any case":   {"azurechinacloud", nil, "login.chinacloudapi.cn", ""},
		"its own":    {"AzureChinaCloud", []string{"data ENVIRONMENT=AzureCloud"}, "login.microsoftonline.com", ""},
		"of neither": {"Moon", nil, "", `it is of the cloud "Moon"`},
	} {
		w := network(t, nil)
		job := w.job()
		job.Cloud = tc.cloud
		c, err := New(connect(t, "ServicePrincipal", append(tc.parameters, "auth SERVICEPRINCIPALKEY="+clientSecret)...), job)
		if tc.want != "" {
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: New: %v, want %q", name, err, tc.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: New: %v", name, err)
			continue
		}
		if _, err := c.Token(t.Context(), StorageScope); err != nil || !strings.Contains(strings.Join(w.seen, " "), "POST "+tc.login+"/") {
			t.Errorf("%s: Token: %v, asked %q, want %s", name, err, w.seen, tc.login)
		}
	}
}
