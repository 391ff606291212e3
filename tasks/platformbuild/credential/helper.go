package credential

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"time"
)

// errUnknown is the text by which Docker knows that there are no credentials
// (docker-credential-helpers, credentials/error.go).
var errUnknown = errors.New("credentials not found in native keychain")

// Helper is our program when Docker starts it as docker-credential-guardrails; ok is false if this is not that. It
// belongs at the beginning of main.
func Helper(args, environ []string, stdin io.Reader, stdout io.Writer) (exit int, ok bool) {
	if len(args) == 0 || !isHelper(args[0]) {
		return 0, false
	}
	action := ""
	if len(args) == 2 {
		action = args[1]
	}
	if err := help(action, environ, stdin, stdout); err != nil {
		_, _ = fmt.Fprintln(stdout, err) // Docker looks for it there
		return 1, true
	}
	return 0, true
}

func isHelper(arg string) bool {
	name := filepath.Base(arg)
	if exe != "" {
		name = strings.TrimSuffix(strings.ToLower(name), exe)
	}
	return name == program
}

// help does what a helper does (docker-credential-helpers, credentials/credentials.go).
func help(action string, environ []string, stdin io.Reader, stdout io.Writer) error {
	switch action {
	case "get", "list", "store", "erase":
	case "version":
		_, err := fmt.Fprintln(stdout, program)
		return err
	default:
		return fmt.Errorf("usage: %s get|list|version", program)
	}
	asked := request{Action: action}
	if action == "get" {
		server, err := io.ReadAll(io.LimitReader(stdin, maxRequest/2))
		if err != nil {
			return fmt.Errorf("reading which registry is asked for: %w", err)
		}
		if asked.Server = strings.TrimSpace(string(server)); asked.Server == "" {
			return errors.New("no credentials server URL") // Docker knows this text, too
		}
	}
	said, err := ask(asked, environ)
	switch {
	case err != nil:
		return err
	case said.Error != "":
		return errors.New(said.Error)
	case said.Unknown:
		return errUnknown
	}
	var out any = said.List
	switch {
	case action == "get":
		out = struct{ ServerURL, Username, Secret string }{asked.Server, said.User, said.Secret}
	case said.List == nil:
		out = struct{}{}
	}
	return json.NewEncoder(stdout).Encode(out)
}

// ask asks the task.
func ask(asked request, environ []string) (said reply, err error) {
	place := ""
	for _, kv := range environ {
		if key, value, _ := strings.Cut(kv, "="); sameName(key, socketVariable) {
			place = value
		}
	}
	word, path, ok := strings.Cut(place, ":")
	if !ok {
		return said, fmt.Errorf("%s works only for a Docker that the task PlatformBuild has started", program)
	}
	asked.Word = word
	conn, err := net.DialTimeout("unix", path, patience)
	if err != nil {
		return said, errors.New("the task that has the credentials has ended, or cannot be reached")
	}
	defer func() { _ = conn.Close() }()
	defer time.AfterFunc(wait, func() { _ = conn.Close() }).Stop()
	line, _ := json.Marshal(asked) // texts only
	if _, err := conn.Write(append(line, '\n')); err != nil {
		return said, errors.New("the task that has the credentials does not listen")
	}
	line, err = bufio.NewReader(io.LimitReader(conn, maxAnswer)).ReadBytes('\n')
	if err != nil || json.Unmarshal(line, &said) != nil {
		return said, errors.New("the task that has the credentials does not answer")
	}
	return said, nil
}
