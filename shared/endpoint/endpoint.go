// Package endpoint reads what an Azure Pipelines agent entrusts to a task: service
// connections, the job's own token, secure files, and which values are secret.
//
// It knows how the agent spells the names (Handler.cs, VarUtil.cs): the id of a
// connection keeps its lower case and its hyphens, a parameter is in upper case
// with "_" for "." and " ". Secrets come as [inputs.Secret], so that they cannot
// be printed by accident; errors name the input and the way out, never a value.
//
// It makes no connection and reads no environment but the one it is given. Proxy and
// certificates are httpx.FromAgent's, so that a task without a network does not carry
// an HTTP client.
package endpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/inputs"
)

// Env is the environment that an agent gave to a task.
type Env struct {
	// A function, because fmt prints what is in a map, also in an unexported field.
	lookup func(key string) string
}

// New returns the Env for environ (KEY=value, the last one counts). Names are
// compared as the operating system does.
func New(environ []string) *Env { return newEnv(environ, foldNames) }

func newEnv(environ []string, fold bool) *Env {
	name := func(key string) string { return key }
	if fold {
		name = strings.ToUpper
	}
	vars := make(map[string]string, len(environ))
	for _, kv := range environ {
		if key, value, ok := strings.Cut(kv, "="); ok {
			vars[name(key)] = value
		}
	}
	return &Env{func(key string) string { return vars[name(key)] }}
}

// get returns the value of key; empty counts as absent, as everywhere with the
// agent.
func (e *Env) get(key string) (string, bool) {
	value := e.lookup(key)
	return value, value != ""
}

// envName turns a parameter's name into what stands in environment names
// (VarUtil.ConvertToEnvVariableFormat).
func envName(name string) string {
	return strings.ToUpper(strings.NewReplacer(".", "_", " ", "_").Replace(name))
}

// Connection is a service connection that a task may use.
type Connection struct {
	ID     string // lower case
	URL    string
	Scheme string // as the agent writes it, such as "WorkloadIdentityFederation"; compare without case

	auth, data func(parameter string) string // functions, see Env
}

// Auth returns an authorization parameter, such as "servicePrincipalKey", in any
// case; ok is false if it is absent or empty.
func (c *Connection) Auth(parameter string) (value inputs.Secret, ok bool) {
	v := c.auth(envName(parameter))
	return inputs.NewSecret(v), v != ""
}

// Data returns a data parameter, such as "subscriptionId", in any case; ok is
// false if it is absent or empty.
func (c *Connection) Data(parameter string) (value string, ok bool) {
	v := c.data(envName(parameter))
	return v, v != ""
}

var idPattern = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// parseID checks the id that the input labelled input holds; kind is what it should
// be the id of.
func parseID(id, input, kind string) (string, error) {
	id = strings.ToLower(strings.TrimSpace(id))
	switch {
	case id == "":
		return "", fmt.Errorf("input %q is required: choose a %s", input, kind)
	case strings.Contains(id, "$("):
		return "", fmt.Errorf("input %q holds a variable that is not set: a %s must be known when the run starts, "+
			"so name it directly or in a variable of the pipeline file", input, kind)
	case strings.Contains(id, ","):
		return "", fmt.Errorf("input %q names several %ss: give one", input, kind)
	case !idPattern.MatchString(id):
		return "", fmt.Errorf("input %q holds no id of a %s: "+
			"give the name of one that exists in this project, the server turns it into the id", input, kind)
	}
	return id, nil
}

// Connection returns the service connection with the given id, which is the value
// of the input labelled input.
func (e *Env) Connection(id, input string) (*Connection, error) {
	id, err := parseID(id, input, "service connection")
	if err != nil {
		return nil, err
	}
	url, ok := e.get("ENDPOINT_URL_" + id)
	if !ok {
		return nil, fmt.Errorf("input %q: the agent did not hand over service connection %s: "+
			"check that it exists and that this pipeline is permitted to use it", input, id)
	}
	c, err := e.connection(id, url)
	if err != nil {
		return nil, fmt.Errorf("input %q: service connection %s: %w", input, id, err)
	}
	return c, nil
}

// authorization is the document in ENDPOINT_AUTH_<id>.
type authorization struct {
	Parameters map[string]any `json:"parameters"`
	Scheme     string         `json:"scheme"`
}

func (e *Env) connection(key, url string) (*Connection, error) {
	c := &Connection{ID: strings.ToLower(key), URL: url}
	var auth authorization
	if document, ok := e.get("ENDPOINT_AUTH_" + key); ok && json.Unmarshal([]byte(document), &auth) != nil {
		return nil, errors.New("its authorization is not readable: save the connection again in the project settings")
	}
	var data map[string]any
	if document, ok := e.get("ENDPOINT_DATA_" + key); ok && json.Unmarshal([]byte(document), &data) != nil {
		return nil, errors.New("its data is not readable: save the connection again in the project settings")
	}
	c.Scheme = auth.Scheme
	if scheme, ok := e.get("ENDPOINT_AUTH_SCHEME_" + key); ok {
		c.Scheme = scheme
	}
	c.auth = e.parameters("ENDPOINT_AUTH_PARAMETER_"+key+"_", auth.Parameters)
	c.data = e.parameters("ENDPOINT_DATA_"+key+"_", data)
	return c, nil
}

// parameters returns a lookup in the variables that begin with prefix, and then in
// the document, by environment name.
func (e *Env) parameters(prefix string, document map[string]any) func(string) string {
	return func(parameter string) string {
		if value, ok := e.get(prefix + parameter); ok {
			return value
		}
		for key, value := range document {
			if text, ok := value.(string); ok && envName(key) == parameter {
				return text
			}
		}
		return ""
	}
}

// systemConnection is the key of the job's connection to its own server.
const systemConnection = "SYSTEMVSSCONNECTION"

// SystemURL returns the address of the organization or collection that runs the
// job.
func (e *Env) SystemURL() (string, error) {
	for _, key := range []string{
		"ENDPOINT_URL_" + systemConnection, "SYSTEM_COLLECTIONURI", "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI",
	} {
		if url, ok := e.get(key); ok {
			return url, nil
		}
	}
	return "", errors.New("the agent gave no address of the Azure DevOps server: run this task in a pipeline job")
}

// SystemToken returns the job's own token. The agent gives it to every task in
// the system connection, whether or not scripts may see it; SYSTEM_ACCESSTOKEN is
// the second choice.
func (e *Env) SystemToken() (inputs.Secret, error) {
	if c, err := e.connection(systemConnection, ""); err == nil {
		if token, ok := c.Auth("AccessToken"); ok {
			return token, nil
		}
	}
	if token, ok := e.get("SYSTEM_ACCESSTOKEN"); ok {
		return inputs.NewSecret(token), nil
	}
	return inputs.Secret{}, errors.New("the agent gave no token of the job: " +
		"add to the step  env: { SYSTEM_ACCESSTOKEN: $(System.AccessToken) }")
}

// SecureFile is a file of the library that a task may fetch.
type SecureFile struct {
	ID     string // lower case
	Name   string
	Ticket inputs.Secret // lets the job's token download the file
}

// SecureFile returns the secure file with the given id, which is the value of the
// input labelled input.
func (e *Env) SecureFile(id, input string) (*SecureFile, error) {
	id, err := parseID(id, input, "secure file")
	if err != nil {
		return nil, err
	}
	ticket, ok := e.get("SECUREFILE_TICKET_" + id)
	if !ok {
		return nil, fmt.Errorf("input %q: the agent did not hand over secure file %s: "+
			"check that it exists and that this pipeline is permitted to use it", input, id)
	}
	name, _ := e.get("SECUREFILE_NAME_" + id)
	return &SecureFile{ID: id, Name: name, Ticket: inputs.NewSecret(ticket)}, nil
}
