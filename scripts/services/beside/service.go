package beside

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Serve answers on a port of this machine until stop is called. The address is without a
// slash at its end.
func Serve(handler http.Handler) (address string, stop func() error, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // until it is closed
	return "http://" + listener.Addr().String(), server.Close, nil
}

// Ask sends a request to a service from within its program, by no proxy. It returns the
// answer; one whose status is not 200 says what is wrong.
func Ask(request *http.Request) (string, error) {
	response, err := (&http.Client{Transport: &http.Transport{}}).Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		return "", errors.New(strings.TrimSpace(string(text)))
	}
	return string(text), err
}
