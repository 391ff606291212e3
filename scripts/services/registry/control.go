package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

// commands are what a program can run from within, with how many words each has.
var commands = map[string]int{
	"tags": 2, "digest": 3, "manifest": 3, "requests": 1, "forget": 1, "fail": 2, "heal": 1, "entra": 1,
}

// command asks the registry that we are run beside.
func (w world) command() int {
	address := ""
	for _, variable := range w.environ {
		if value, ok := strings.CutPrefix(variable, "REGISTRY_CONTROL="); ok {
			address = value
		}
	}
	text, err := ask(address, w.args)
	_, _ = io.WriteString(w.stdout, text)
	if err != nil {
		fmt.Fprintf(w.stderr, "registry: %v\n", err)
		return 1
	}
	return 0
}

func ask(address string, args []string) (string, error) {
	if len(args) != commands[args[0]] {
		return "", fmt.Errorf("%s", usage)
	}
	if address == "" {
		return "", fmt.Errorf("there is no REGISTRY_CONTROL: %s works only in a program that registry runs", args[0])
	}
	client := &http.Client{Transport: &http.Transport{}} // no proxy
	response, err := client.PostForm(address, url.Values{"": args})
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s", strings.TrimSpace(string(text)))
	}
	return string(text), err
}

// serveControl answers commands.
func serveControl(r *containertest.Registry) (address string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(
		func(w http.ResponseWriter, q *http.Request) {
			text := ""
			err := q.ParseForm()
			if err == nil {
				text, err = answer(r, q.PostForm[""])
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusConflict)
				return
			}
			_, _ = io.WriteString(w, text)
		})}
	go func() { _ = server.Serve(listener) }() // until it is closed
	return "http://" + listener.Addr().String() + "/", func() { _ = server.Close() }, nil
}

func lines(texts []string) string {
	var all strings.Builder
	for _, text := range texts {
		all.WriteString(text + "\n")
	}
	return all.String()
}

func answer(r *containertest.Registry, args []string) (string, error) {
	if len(args) == 0 || commands[args[0]] != len(args) {
		return "", fmt.Errorf("%s", usage)
	}
	switch args[0] {
	case "tags":
		return lines(r.Tags(args[1])), nil
	case "digest":
		digest := r.Digest(args[1], args[2])
		if digest == "" {
			return "", fmt.Errorf("the repository %s has no %s", args[1], args[2])
		}
		return digest + "\n", nil
	case "manifest":
		var manifest json.RawMessage
		err := r.Manifest(args[1], args[2], &manifest)
		return string(manifest) + "\n", err
	case "requests":
		return r.Log(), nil
	case "forget":
		r.Forget()
	case "fail":
		fault, err := parseFault(args[1])
		if err == nil {
			r.Fail(fault)
		}
		return "", err
	case "heal":
		r.Heal()
	case "entra":
		return r.EntraToken(time.Hour) + "\n", nil
	}
	return "", nil
}
