package agent

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path"
	"strings"
	"time"
)

// fileServer stands for the one thing of Azure DevOps that a job cannot do
// without when it uses secure files: their download. It listens on this machine
// only and wants the job's token and the file's ticket.
type fileServer struct {
	url   string
	close func()
}

// locations is how clients find resources: they ask for them by these ids
// first. The second leads to an empty list, which means "all in one place", as
// on Azure DevOps Server.
const locations = `{"count":2,"value":[{"id":"adcfd8bc-b184-43ba-bd84-7c8c6a2ff421",
"area":"distributedtask","resourceName":"securefiles",
"routeTemplate":"{project}/_apis/{area}/{resource}/{secureFileId}",
"resourceVersion":1,"minVersion":"1.0","maxVersion":"7.2","releasedVersion":"0.0"},
{"id":"e81700f7-3be2-46de-8624-2eb35882fcaa",
"area":"Location","resourceName":"ResourceAreas","routeTemplate":"_apis/{resource}/{areaId}",
"resourceVersion":1,"minVersion":"3.2","maxVersion":"7.2","releasedVersion":"0.0"}]}`

func serveFiles(files []SecureFile, token string) (*fileServer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for route, answer := range map[string]string{
		"OPTIONS /local/_apis/{area}":    locations,
		"GET /local/_apis/ResourceAreas": `{"count":0,"value":null}`,
	} {
		mux.HandleFunc(route, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, answer)
		})
	}
	const route = "GET /local/{project}/_apis/distributedtask/securefiles/{id}"
	mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) {
		if status, err := sendFile(w, r, files, token); err != nil {
			http.Error(w, err.Error(), status)
		}
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	return &fileServer{
		url:   "http://" + listener.Addr().String() + "/local/",
		close: func() { _ = server.Close() },
	}, nil
}

func sendFile(w http.ResponseWriter, r *http.Request, files []SecureFile, token string) (status int, err error) {
	if !authorized(r, token) {
		return http.StatusUnauthorized, errors.New("the request does not carry the job's token")
	}
	file, ok := findSecureFile(files, path.Base(r.URL.Path))
	if !ok || !same(r.URL.Query().Get("ticket"), file.Ticket) {
		return http.StatusForbidden, errors.New("no secure file has this id and ticket")
	}
	data, err := os.ReadFile(file.Path)
	if err != nil {
		return http.StatusInternalServerError, fmt.Errorf("reading the secure file %s: %w", file.Name, cause(err))
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(data) // the client is gone
	return http.StatusOK, nil
}

// authorized accepts the token as a bearer and, as old clients send it, as the
// password of basic authentication.
func authorized(r *http.Request, token string) bool {
	if _, password, ok := r.BasicAuth(); ok {
		return same(password, token)
	}
	bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && same(bearer, token)
}

func same(a, b string) bool { return b != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
