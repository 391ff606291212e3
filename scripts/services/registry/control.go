package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/scripts/services/beside"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

// commands are what a program can run from within, with how many words each has.
var commands = map[string]int{
	"tags": 2, "digest": 3, "manifest": 3, "requests": 1, "forget": 1, "fail": 2, "heal": 1, "entra": 1,
}

// within asks the registry that we are run beside.
func within(w beside.World) (status int, err error) {
	text, err := ask(w.Lookup("REGISTRY_CONTROL"), w.Args)
	if err != nil {
		return 1, err
	}
	_, err = io.WriteString(w.Stdout, text)
	return 0, err
}

func ask(address string, args []string) (string, error) {
	if len(args) != commands[args[0]] {
		return "", errors.New(usage)
	}
	if address == "" {
		return "", fmt.Errorf("there is no REGISTRY_CONTROL: %s works only in a program that registry runs", args[0])
	}
	request, err := http.NewRequest(http.MethodPost, address, strings.NewReader(url.Values{"": args}.Encode()))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return beside.Ask(request)
}

// control answers commands.
type control struct{ registry *containertest.Registry }

// ServeHTTP answers one.
func (c control) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text := ""
	err := r.ParseForm()
	if err == nil {
		text, err = answer(c.registry, r.PostForm[""])
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	_, _ = io.WriteString(w, text)
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
		return "", errors.New(usage)
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
