package osvtest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/auditdeps/osvtest"
)

const record = `{"id":"A-1","modified":"2026-01-02T03:04:05.5Z","affected":[
	{"package":{"ecosystem":"npm","name":"minimist"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.2.6"}]}]}]}`

// ask sends a request, and returns the status and the body.
func ask(t *testing.T, h http.Handler, method, path, body string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	text, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(text)
}

func queries(n int) string {
	one := `{"package":{"ecosystem":"npm","name":"a"},"version":"1.0.0"}`
	return `{"queries":[` + strings.Repeat(one+",", n-1) + one + `]}`
}

func TestServer(t *testing.T) {
	t.Parallel()
	s := osvtest.New(record)
	query := func(version string) string {
		return fmt.Sprintf(`{"queries":[{"package":{"ecosystem":"npm","name":"minimist"},"version":%q}]}`, version)
	}
	for name, tc := range map[string]struct {
		method, path, body string
		status             int
		want               string
	}{
		"record of the bucket":  {"GET", "/npm/A-1.json", "", 200, record},
		"record of the API":     {"GET", "/v1/vulns/A-1", "", 200, record},
		"changes":               {"GET", "/npm/modified_id.csv", "", 200, "2026-01-02T03:04:05.5Z,A-1\n"},
		"changes of the bucket": {"GET", "/modified_id.csv", "", 200, "2026-01-02T03:04:05.5Z,npm/A-1\n"},
		"zip":                   {"GET", "/npm/all.zip", "", 200, string(s.Zip("npm"))},
		"no such ecosystem":     {"GET", "/PyPI/all.zip", "", 404, "NoSuchKey"},
		"no such record":        {"GET", "/npm/A-2.json", "", 404, "NoSuchKey"},
		"no such vulnerability": {"GET", "/v1/vulns/A-2", "", 404, "Bug not found"},
		"affected":              {"POST", "/v1/querybatch", query("1.2.5"), 200, `{"results":[{"vulns":[{"id":"A-1",`},
		"not affected":          {"POST", "/v1/querybatch", query("1.2.6"), 200, `{"results":[{}]}`},
		"1000 queries":          {"POST", "/v1/querybatch", queries(1000), 200, `{"results":[{},`},
	} {
		status, body := ask(t, s, tc.method, tc.path, tc.body)
		if status != tc.status || !strings.HasPrefix(body, tc.want) && !strings.Contains(body, "<Code>"+tc.want) &&
			!strings.Contains(body, `"message":"`+tc.want) {
			t.Errorf("%s: %s %s: %d %.100q, want %d %.100q", name, tc.method, tc.path, status, body, tc.status, tc.want)
		}
	}
	if problems := s.Problems(); problems != nil {
		t.Errorf("Problems: %q, want none", problems)
	}
}

// A client that does one of these would fail at the real API.
func TestServerIsStrict(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ method, path, body string }{
		"1001 queries":       {"POST", "/v1/querybatch", queries(1001)},
		"no query":           {"POST", "/v1/querybatch", `{}`},
		"no JSON":            {"POST", "/v1/querybatch", `queries`},
		"an unknown field":   {"POST", "/v1/querybatch", `{"queries":[{"packages":{}}]}`},
		"no package":         {"POST", "/v1/querybatch", `{"queries":[{"version":"1"}]}`},
		"no ecosystem":       {"POST", "/v1/querybatch", `{"queries":[{"package":{"name":"a"}}]}`},
		"purl and version":   {"POST", "/v1/querybatch", `{"queries":[{"package":{"purl":"pkg:npm/a@1"},"version":"1"}]}`},
		"a foreign token":    {"POST", "/v1/querybatch", strings.Replace(queries(1), `"version"`, `"page_token":"x","version"`, 1)},
		"another method":     {"GET", "/v1/querybatch", ""},
		"another API":        {"POST", "/v1/query", "{}"},
		"a write":            {"PUT", "/npm/all.zip", ""},
		"a record by a POST": {"POST", "/v1/vulns/A-1", ""},
	} {
		s := osvtest.New(record)
		status, body := ask(t, s, tc.method, tc.path, tc.body)
		if status < 400 || len(s.Problems()) != 1 {
			t.Errorf("%s: %s %s: %d %.100q, problems %q, want it refused", name, tc.method, tc.path, status, body, s.Problems())
		}
	}
}
