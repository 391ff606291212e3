package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/scripts/bench/peers"
	"github.com/guardrails-ci/guardrails/shared/adotest"
	"github.com/guardrails-ci/guardrails/shared/azuretest"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

// expiring builds for longer than a token of Azure Container Registry is good.
//
// BuildKit asks for credentials when it first needs them, and keeps them for 4 minutes and
// 50 seconds: a base image or a cache in the same registry makes it ask in the beginning.
// That is shorter than what we hand out is good for, unless the registry's tokens are as
// short as here; then it is our second attempt that pushes.
func expiring(o options, usual *lab) error {
	l, err := openLab(usual.path("acr"), usual.tools, containertest.Config{
		ACR: &containertest.ACR{RefreshFor: o.life, AccessFor: o.life},
	})
	if err != nil {
		return err
	}
	defer l.close()
	cloud, err := l.cloud()
	if err != nil {
		return err
	}
	defer cloud.Close()
	shell, err := containertest.Busybox(runtime.GOARCH)
	if err != nil {
		return err
	}
	base, err := l.registry.PushBase("base/busybox", "1", "amd64", "arm64")
	if err := errors.Join(err, os.WriteFile(l.path("s/busybox"), shell, 0o755)); err != nil {
		return err
	}
	fmt.Printf("\nA token of the registry that is good for %s, a build of %s; load %s\n\n"+
		"| | ends as | tokens | it says |\n|---|---|---|---|\n", o.life, o.takes, load())
	for _, c := range l.pushers(cloud) {
		text := "FROM scratch\nCOPY busybox /bin/busybox\n"
		if c.base {
			text = "FROM " + base + "\n"
		}
		// Nobody finds the layers of another.
		text += fmt.Sprintf("ENV BUILD=%s\nRUN [\"/bin/busybox\", \"sleep\", \"%.0f\"]\nCMD [\"/bin/busybox\"]\n",
			c.tag, o.takes.Seconds())
		err := errors.Join(os.WriteFile(l.path("s/Dockerfile"), []byte(text), 0o644), l.commit(), l.fresh())
		if err == nil {
			err = l.tryPush(c, o.takes)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

// pusher is a way to build and push.
type pusher struct {
	name, tag string
	base      bool // the base image is in the registry
	job       func() (job, error)
}

// pushers are Docker@2's way, who gets the token first and writes it into Docker's configuration, and ours.
func (l *lab) pushers(cloud *azuretest.Cloud) []pusher {
	image := func(tag string) string { return l.registry.Host() + "/shop/web:" + tag }
	after := func(j func() job) func() (job, error) {
		return func() (job, error) {
			err := l.exchange()
			return j(), err
		}
	}
	ours := func(tag, cache string) func() (job, error) {
		return func() (job, error) {
			in := l.inputs("repository", "shop/web", "tags", tag, "platforms", platform(), "builder", l.daemons.Builder,
				"cache", cache)
			return l.step([]string{l.tools.bare, "main"}, append(in, l.azure(cloud)...)), nil
		}
	}
	return []pusher{
		{"the token in config.json, docker build, docker push (Docker@2)", "engine", false, after(func() job {
			return l.script("sh", "-euc", `"$1" build --tag "$2" . && "$1" push "$2"`, "sh", l.docker(),
				image("engine"))
		})},
		{"the token in config.json, docker buildx build --push", "buildx", false, after(func() job {
			return l.raw("buildx", "build", "--builder="+l.daemons.Builder, "--push", "--tag="+image("buildx"), ".")
		})},
		{"PlatformBuild, nothing but the image in this registry", "ours", false, ours("ours", "none")},
		{"PlatformBuild, base image and cache in this registry", "based", true, ours("based", "registry")},
	}
}

// tryPush prints how one of them ends.
func (l *lab) tryPush(c pusher, takes time.Duration) error {
	l.registry.Forget()
	j, err := c.job()
	if err != nil {
		return err
	}
	j.Statuses = []int{1} // it may fail
	o, said, err := peers.Run(j)
	if err != nil {
		return err
	}
	ends := "failed"
	if l.registry.Digest("shop/web", c.tag) != "" {
		ends = "pushed"
	}
	if o.Wall < takes {
		return fmt.Errorf("it has not built: %s after %s\n%s", ends, seconds(o.Wall), said)
	}
	fmt.Printf("| %s | %s | %d | %s |\n", c.name, ends+" after "+seconds(o.Wall), l.registry.Count("exchange", 200),
		complaint(said))
	return nil
}

// complaint is the last line that says what is wrong.
func complaint(said string) (found string) {
	for line := range strings.Lines(said) {
		if strings.Contains(line, "401") || strings.Contains(line, "authentication required") {
			found = strings.TrimSpace(line)
		}
	}
	return strings.ReplaceAll(found, "|", `\|`)
}

// exchange gets a token before the build, as Docker@2 does, and leaves it where Docker finds it.
func (l *lab) exchange() error {
	answer, err := l.registry.Client().PostForm(l.registry.URL()+"/oauth2/exchange", url.Values{
		"grant_type": {"access_token"}, "service": {l.registry.Host()},
		"access_token": {l.registry.EntraToken(time.Hour)},
	})
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var token struct {
		Token string `json:"refresh_token"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&token); err != nil || token.Token == "" {
		return fmt.Errorf("the registry gives no token: %s, %w", http.StatusText(answer.StatusCode), err)
	}
	return l.logIn("00000000-0000-0000-0000-000000000000", token.Token)
}

const (
	organization = "https://dev.azure.com/contoso/"
	appID        = "c1a0f5d4-2b6e-4c39-8d57-90ab12cd34ef"
)

// cloud is Entra, and Azure DevOps under its real name.
func (l *lab) cloud() (*azuretest.Cloud, error) {
	return azuretest.StartCloud(azuretest.Config{
		Apps: []azuretest.App{{ID: appID, Trust: []azuretest.Trust{{}}}},
		DevOps: adotest.New(adotest.Config{Organization: "contoso", Token: jobToken, Project: adotest.Project{
			ID: projectID, Name: "Shop", Hub: "build", Plan: planID, Job: jobID,
			Connections: map[string]string{connection: "contoso"},
		}}),
	})
}

// azure is a service connection with workload identity federation.
func (l *lab) azure(cloud *azuretest.Cloud) []string {
	parameter := "ENDPOINT_AUTH_PARAMETER_" + connection + "_"
	return append(cloud.AgentEnv(), `AGENT_PROXYBYPASSLIST=["127\\.0\\.0\\.1"]`,
		"ENDPOINT_URL_"+connection+"=https://"+l.registry.Host(),
		"ENDPOINT_AUTH_SCHEME_"+connection+"=WorkloadIdentityFederation",
		parameter+"LOGINSERVER="+l.registry.Host(), parameter+"TENANTID="+cloud.Tenant(),
		parameter+"SERVICEPRINCIPALID="+appID, "ENDPOINT_DATA_"+connection+"_REGISTRYTYPE=ACR",
		"ENDPOINT_URL_SYSTEMVSSCONNECTION="+organization, "SYSTEM_COLLECTIONURI="+organization,
		"SYSTEM_OIDCREQUESTURI="+organization+projectID+"/_apis/distributedtask/hubs/build/plans/"+planID+"/jobs/"+
			jobID+"/oidctoken")
}
