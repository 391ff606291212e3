package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/adotest"
	"github.com/guardrails-ci/guardrails/shared/azuretest"
)

const (
	vaultName  = "contoso-kv"
	connection = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
	projectID  = "5d9a8a3e-1111-4c52-9c55-6c2e0a6f7b10"
	planID     = "5d9a8a3e-2222-4c52-9c55-6c2e0a6f7b10"
	jobID      = "5d9a8a3e-3333-4c52-9c55-6c2e0a6f7b10"
	jobToken   = "token-of-the-job"
	server     = "https://dev.azure.com/contoso/"
)

// startCloud starts a cloud with a vault and an organization.
func startCloud(latency time.Duration) (*azuretest.Cloud, error) {
	organization := adotest.New(adotest.Config{
		Organization: "contoso", Token: jobToken,
		Project: adotest.Project{
			ID: projectID, Name: "shop", Hub: "build", Plan: planID, Job: jobID,
			Connections: map[string]string{connection: "azure"},
		},
	})
	cloud, err := azuretest.StartCloud(azuretest.Config{
		Latency: latency, DevOps: organization,
		Apps: []azuretest.App{{ID: "c1a0f5d4-2b6e-4c39-8d57-90ab12cd34ef", Trust: []azuretest.Trust{{}}}},
	})
	if err != nil {
		return nil, err
	}
	vault := cloud.Vault(vaultName)
	for i := range 60 {
		vault.Set(secretName(i), rand.Text())
	}
	return cloud, nil
}

func secretName(i int) string { return fmt.Sprintf("service-%02d-password", i) }

// agent makes the folders and the environment of a step that fetches n secrets.
func agent(work string, cloud *azuretest.Cloud, n int) ([]string, error) {
	for _, dir := range []string{"s", "a", "temp"} {
		if err := os.MkdirAll(filepath.Join(work, dir), 0o755); err != nil {
			return nil, err
		}
	}
	names := make([]string, n)
	for i := range names {
		names[i] = secretName(i)
	}
	of := func(kind string) string { return "ENDPOINT_" + kind + "_" + connection }
	env := append(cloud.AgentEnv(),
		"NODE_EXTRA_CA_CERTS="+cloud.CAFile(), "PATH="+os.Getenv("PATH"), "HOME="+work,
		"INPUT_CONNECTEDSERVICENAME="+connection, "INPUT_KEYVAULTNAME="+vaultName,
		"INPUT_SECRETSFILTER="+strings.Join(names, ","), "INPUT_RUNASPREJOB=false",
		of("URL")+"=https://management.azure.com/", of("AUTH_SCHEME")+"=WorkloadIdentityFederation",
		of("AUTH_PARAMETER")+"_SERVICEPRINCIPALID="+cloud.App().ID, of("AUTH_PARAMETER")+"_TENANTID="+cloud.Tenant(),
		fmt.Sprintf(`%s={"scheme":"WorkloadIdentityFederation","parameters":{"serviceprincipalid":%q,"tenantid":%q}}`,
			of("AUTH"), cloud.App().ID, cloud.Tenant()),
		of("DATA")+"_SUBSCRIPTIONID=5d9a8a3e-4444-4c52-9c55-6c2e0a6f7b10", of("DATA")+"_ENVIRONMENT=AzureCloud",
		of("DATA")+"_ACTIVEDIRECTORYAUTHORITY=https://login.microsoftonline.com/",
		of("DATA")+"_ENVIRONMENTAUTHORITYURL=https://login.windows.net/",
		of("DATA")+"_AZUREKEYVAULTDNSSUFFIX=vault.azure.net",
		of("DATA")+"_AZUREKEYVAULTSERVICEENDPOINTRESOURCEID=https://vault.azure.net",
		"ENDPOINT_URL_SYSTEMVSSCONNECTION="+server, "ENDPOINT_AUTH_SCHEME_SYSTEMVSSCONNECTION=OAuth",
		"ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN="+jobToken,
		`ENDPOINT_AUTH_SYSTEMVSSCONNECTION={"scheme":"OAuth","parameters":{"AccessToken":"`+jobToken+`"}}`,
		"SYSTEM_OIDCREQUESTURI="+server+projectID+"/_apis/distributedtask/hubs/build/plans/"+planID+
			"/jobs/"+jobID+"/oidctoken",
	)
	return append(env, variables(work)...), nil
}

// variables are those of any job.
func variables(work string) []string {
	return []string{
		"AGENT_TEMPDIRECTORY=" + filepath.Join(work, "temp"), "AGENT_OS=Linux", "AGENT_VERSION=4.275.0",
		"AGENT_BUILDDIRECTORY=" + work, "AGENT_JOBSTATUS=Succeeded", "TF_BUILD=True",
		"PIPELINE_WORKSPACE=" + work, "BUILD_SOURCESDIRECTORY=" + filepath.Join(work, "s"), "BUILD_BUILDID=1",
		"BUILD_ARTIFACTSTAGINGDIRECTORY=" + filepath.Join(work, "a"),
		"SYSTEM_DEFAULTWORKINGDIRECTORY=" + filepath.Join(work, "s"), "SYSTEM_HOSTTYPE=build",
		"SYSTEM_TASKINSTANCEID=00000000-0000-0000-0000-000000000001", "SYSTEM_JOBID=" + jobID,
		"SYSTEM_PLANID=" + planID,
		"SYSTEM_TEAMPROJECT=shop", "SYSTEM_TEAMPROJECTID=" + projectID, "SYSTEM_DEFINITIONID=1",
		"SYSTEM_COLLECTIONURI=" + server, "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI=" + server,
		"VSTS_PUBLIC_VARIABLES=[]", "VSTS_SECRET_VARIABLES=[]",
	}
}
