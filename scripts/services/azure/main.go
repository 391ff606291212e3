// Command azure runs a program in a fake of Azure: Entra, Key Vault and the metadata
// service at their real names, see shared/azuretest.
//
//	azure [-config FILE] [-agent] [-port-file FILE] [-requests FILE] [--] PROGRAM [ARGUMENT ...]
//
// The program, which does not have to know of it, finds the fake by its environment:
// HTTPS_PROXY, HTTP_PROXY and NO_PROXY, SSL_CERT_FILE and NODE_EXTRA_CA_CERTS. With
// -agent it is told what an agent tells its tasks instead: AGENT_PROXYURL and
// AGENT_CAINFO. FAKEAZURE_ADDRESS (host and port) and FAKEAZURE_CA (a PEM file) are
// there always. Nothing but the fake and this machine can be reached through the proxy.
//
// It ends with the status of the program (128 and the number of the signal that has
// ended it; 127 if it could not be started, 2 if the arguments or FILE are wrong), and
// leaves nothing. SIGTERM and SIGHUP are passed on; SIGINT is, too, where there is no
// terminal, which sends it to both.
//
// The -port-file holds host and port of the proxy while the program runs. The file of
// -requests gets a line of JSON for each request, in the order of the answers:
//
//	{"start":"2026-01-02T03:04:05.678Z","milliseconds":1.5,"method":"GET","host":"contoso-kv.vault.azure.net",
//	 "path":"/secrets/db-url/","status":200,"app":"<who the token is of>","proxied":true}
//
// # Configuration
//
// FILE is one JSON object. Everything may be left out; what is not named here is an
// error. Files in it are looked for beside FILE. Durations are texts such as "1.5s".
// A time is a date, a time as in RFC 3339, or a duration from now such as "-24h".
//
//	{
//	  "environment": "AzureCloud",       also AzureUSGovernment, AzureChinaCloud, AzureStack
//	  "tenant": "<id>",                  where everything is that names no other
//	  "latency": "30ms",                 before each answer
//	  "proxyUser": "", "proxyPassword": "",   what the proxy wants
//	  "devOps": "http://127.0.0.1:4711", answers dev.azure.com; on this machine
//	  "identities": ["<client id>"],     managed identities of the machine
//	  "clients": [{
//	    "id": "<client id>",
//	    "secret": "...", "secretExpired": false,
//	    "certificate": "app.pem",        its assertions are signed with that key
//	    "trust": [{                      federated credentials; {} takes every issuer with
//	      "issuer": "", "subject": "",   https or on this machine, and every subject
//	      "audience": ""                 api://AzureADTokenExchange if left out
//	    }],
//	    "tenants": ["<id>"]
//	  }],
//	  "vaults": {"contoso-kv": {
//	    "tenant": "<id>", "suffix": "vault.azure.net", "resource": "https://vault.azure.net",
//	    "permissions": ["get", "list"], "accessPolicies": false,
//	    "emptyPages": false, "apiVersions": ["7.4"],
//	    "secrets": {
//	      "one": "its value",
//	      "two": {
//	        "value": "...",              or "file": "value.txt", which may be binary text
//	        "version": "<32 hexadecimal digits>", "contentType": "", "enabled": true,
//	        "notBefore": "2026-01-01", "expires": "240h", "managed": false,
//	        "tags": {"owner": "team"}, "deleted": false
//	      },
//	      "three": [{"value": "old"}, "current"]   versions, the current one last
//	    },
//	    "keys": {"images": "key.pem"}    private keys: PKCS #8; all may get them and sign
//	  }},
//	  "faults": [{                       see Fault and Kind in shared/azuretest
//	    "kind": "throttled",
//	    "vault": "contoso-kv",           or "host": "login.microsoftonline.com"
//	    "method": "GET", "path": "/secrets/*",
//	    "after": 0, "times": 2, "wait": "2s",
//	    "status": 418, "header": {"X-Name": "value"}, "body": ""
//	  }]
//	}
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/guardrails-ci/guardrails/scripts/services/beside"
	"github.com/guardrails-ci/guardrails/shared/azuretest"
)

func main() { beside.Main("azure", run) }

// settings are the arguments.
type settings struct {
	config, portFile, requests string
	agent                      bool
	program                    []string
}

func run(w beside.World) (status int, err error) {
	s, err := parse(w.Args)
	if err != nil {
		return beside.ExitUsage, err
	}
	cloud, err := start(s.config)
	if err != nil {
		return beside.ExitUsage, err
	}
	defer cloud.Close()
	return inside(w, cloud, s)
}

const usage = "usage: azure [-config FILE] [-agent] [-port-file FILE] [-requests FILE] [--] PROGRAM [ARGUMENT ...]"

func parse(args []string) (s settings, err error) {
	flags := flag.NewFlagSet("azure", flag.ContinueOnError)
	flags.StringVar(&s.config, "config", "", "")
	flags.StringVar(&s.portFile, "port-file", "", "")
	flags.StringVar(&s.requests, "requests", "", "")
	flags.BoolVar(&s.agent, "agent", false, "")
	s.program, err = beside.Parse(flags, args, usage)
	return s, err
}

func start(file string) (*azuretest.Cloud, error) {
	if file == "" {
		return azuretest.StartCloud(azuretest.Config{})
	}
	config, faults, err := readConfig(file, time.Now)
	if err != nil {
		return nil, err
	}
	cloud, err := azuretest.StartCloud(config)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for _, f := range faults {
		if f.vault != "" {
			cloud.Vault(f.vault).Fail(f.Fault)
		} else {
			cloud.Fail(f.Fault)
		}
	}
	return cloud, nil
}

// inside runs the program in the cloud.
func inside(w beside.World, cloud *azuretest.Cloud, s settings) (status int, err error) {
	if s.portFile != "" {
		if err := os.WriteFile(s.portFile, []byte(cloud.Address()+"\n"), 0o600); err != nil {
			return beside.ExitUsage, err
		}
		defer func() { _ = os.Remove(s.portFile) }()
	}
	status, _, err = w.Program(s.program, environment(w.Environ, cloud, s.agent))
	if s.requests != "" {
		if failed := writeRequests(s.requests, cloud.Requests()); failed != nil {
			return max(status, 1), errors.Join(err, failed)
		}
	}
	return status, err
}

// environment is that of the program: ours, with the cloud's in place of what says
// how to reach the world.
func environment(environ []string, cloud *azuretest.Cloud, agent bool) []string {
	added := cloud.Env()
	if agent {
		added = cloud.AgentEnv()
	}
	added = append(added, "FAKEAZURE_ADDRESS="+cloud.Address(), "FAKEAZURE_CA="+cloud.CAFile())
	return append(beside.Without(environ, slices.Concat(cloud.Env(), cloud.AgentEnv(), added)), added...)
}

func writeRequests(name string, requests []azuretest.Request) (err error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	encoder := json.NewEncoder(file)
	for _, r := range requests {
		err := encoder.Encode(struct {
			Start        time.Time `json:"start"`
			Milliseconds float64   `json:"milliseconds"`
			Method       string    `json:"method"`
			Host         string    `json:"host"`
			Path         string    `json:"path"`
			Status       int       `json:"status"`
			App          string    `json:"app,omitempty"`
			Proxied      bool      `json:"proxied"`
		}{
			r.Start, float64(r.End.Sub(r.Start).Microseconds()) / 1000,
			r.Method, r.Host, r.Path, r.Status, r.App, r.Proxied,
		})
		if err != nil {
			return err
		}
	}
	return nil
}
