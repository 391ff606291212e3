package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/build/localagent/ordinal"
)

// systemConnection is the connection every job has, to the server itself.
const systemConnection = "SystemVssConnection"

// Endpoint is a service connection. This is also how an endpoint file is
// written, one object or an array of them:
//
//	{
//	  "id": "6f1c...", "name": "my-azure", "url": "https://management.azure.com/",
//	  "auth": {"scheme": "ServicePrincipal", "parameters": {"tenantid": "...", "serviceprincipalkey": "..."}},
//	  "data": {"subscriptionId": "..."}
//	}
//
// id is a GUID and may be left out for the name SystemVssConnection only.
type Endpoint struct {
	ID   string            `json:"id"`
	Name string            `json:"name"`
	URL  string            `json:"url"`
	Auth Authorization     `json:"auth"`
	Data map[string]string `json:"data"`
}

// Authorization is how an endpoint is signed in to. Tasks get it in this form.
type Authorization struct {
	Parameters map[string]string `json:"parameters"`
	Scheme     string            `json:"scheme"`
}

// SecureFile is a file of the library that tasks may ask for by name.
type SecureFile struct {
	ID, Name, Path string
	// Ticket is what a task must show to download the file.
	Ticket string
}

var guidPattern = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

const emptyGUID = "00000000-0000-0000-0000-000000000000"

// ReadEndpoints reads an endpoint file. Errors never quote its content, which
// is secret.
func ReadEndpoints(name string) ([]Endpoint, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("reading endpoint file %s: %w", name, cause(err))
	}
	var all []Endpoint
	into := any(&all)
	if data = bytes.TrimSpace(data); !bytes.HasPrefix(data, []byte("[")) {
		all = make([]Endpoint, 1)
		into = &all[0]
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return nil, fmt.Errorf("endpoint file %s: %s: want id, name, url, auth with scheme and parameters, and data",
			name, jsonProblem(err))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("endpoint file %s: text after the end of the JSON: put several into an array", name)
	}
	for i := range all {
		if err := all[i].check(); err != nil {
			return nil, fmt.Errorf("endpoint file %s: endpoint %d: %w", name, i+1, err)
		}
	}
	return all, nil
}

// jsonProblem says what is wrong without the offending text.
func jsonProblem(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("not valid JSON at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Sprintf("field %q must be a %s", kind.Field, kind.Type)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the JSON ends too early"
	default: // an unknown field: its name only
		return strings.TrimPrefix(err.Error(), "json: ")
	}
}

func (e *Endpoint) check() error {
	e.ID = strings.ToLower(e.ID)
	if e.system() {
		e.ID = ""
		return nil
	}
	switch {
	case e.Name == "":
		return errors.New("name is missing")
	case !guidPattern.MatchString(e.ID) || e.ID == emptyGUID:
		return fmt.Errorf("id of %q is not a GUID", e.Name)
	}
	return nil
}

func (e *Endpoint) system() bool { return ordinal.Equal(e.Name, systemConnection) }

// key is what stands for the endpoint in the names of environment variables.
func (e *Endpoint) key() string {
	if e.system() {
		return strings.ToUpper(systemConnection)
	}
	return e.ID
}

// checkEndpoints refuses ids and names that are given twice: which one a task
// gets would be a matter of luck.
func checkEndpoints(all []Endpoint) error {
	for i, e := range all {
		for _, other := range all[:i] {
			if e.key() == other.key() || ordinal.Equal(e.Name, other.Name) {
				return fmt.Errorf("endpoint %q is given twice, or its id is", e.Name)
			}
		}
	}
	return nil
}

// systemEndpoint is the job's own connection.
func systemEndpoint(all []Endpoint) Endpoint {
	for _, e := range all {
		if e.system() {
			return e
		}
	}
	return Endpoint{}
}

// findEndpoint finds an endpoint by id or by name, as the server does when it
// reads a pipeline.
func findEndpoint(all []Endpoint, ref string) (Endpoint, bool) {
	for _, e := range all {
		if !e.system() && (e.ID == strings.ToLower(ref) || ordinal.Equal(e.Name, ref)) {
			return e, true
		}
	}
	return Endpoint{}, false
}

func findSecureFile(all []SecureFile, ref string) (SecureFile, bool) {
	for _, f := range all {
		if f.ID == strings.ToLower(ref) || f.Name == ref {
			return f, true
		}
	}
	return SecureFile{}, false
}

// references lists the ids in the value of a connectedService or secureFile
// input, which may be a list.
func references(value string) []string {
	var refs []string
	for ref := range strings.SplitSeq(value, ",") {
		if ref = strings.TrimSpace(ref); ref != "" {
			refs = append(refs, ref)
		}
	}
	return refs
}

// sorted returns the keys of m in order: the environment of a step must not
// depend on chance.
func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// toJSON writes what the agent's serialiser writes: compact, and with <, > and &
// as they are.
func toJSON(v any) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	// Strings, lists and maps of them can always be written.
	_ = e.Encode(v)
	return strings.TrimSuffix(out.String(), "\n")
}

// cause drops the operation and path that Go puts before a file error: our
// messages name them already.
func cause(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
