package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/guardrails-ci/guardrails/scripts/services/beside"
	"github.com/guardrails-ci/guardrails/shared/adotest"
	"github.com/guardrails-ci/guardrails/shared/gittest"
)

// organization is what the program finds.
type organization struct {
	config document
	world  beside.World
	logs   string // folder; "" for our own output
	dir    string // ours
	host   string // http://127.0.0.1:4711
	token  string
	rest   *adotest.Server
	git    *gittest.Server
	stop   func() error // of the server that serves them
	hooks  receivers
	runs   queue

	mu  sync.Mutex
	log []string // the requests, in JSON
}

// open starts it.
func open(c document, w beside.World, logs string) (o *organization, err error) {
	// The token looks like one of Azure DevOps, so that a step that leaks it is found.
	o = &organization{config: c, world: w, logs: logs, token: "token" + strings.ToLower(rand.Text()+rand.Text())}
	if o.dir, err = os.MkdirTemp("", "fakedevops-"); err != nil {
		return nil, err
	}
	if err := o.start(); err != nil {
		return nil, errors.Join(err, o.close())
	}
	return o, nil
}

func (o *organization) start() (err error) {
	o.rest = adotest.New(adotest.Config{Organization: "local", Token: o.token, Project: o.config.data(time.Now())})
	repositories := filepath.Join(o.dir, "repositories")
	if err := os.Mkdir(repositories, 0o700); err != nil {
		return err
	}
	o.git, err = gittest.New(gittest.Config{
		Dir: repositories, Token: o.token, V0: o.config.NoVersion2, Lacks: o.config.Lacks,
	})
	if err != nil {
		return err
	}
	for _, r := range o.config.Repositories {
		if err := o.git.CreateRepo(o.path(r.Name), r.Files); err != nil {
			return err
		}
	}
	o.git.Reject(o.policy)
	o.git.After(o.pushed)
	o.config.plan(o.rest, o.git)
	o.runs.init(o)
	if o.logs != "" {
		if o.logs, err = filepath.Abs(o.logs); err != nil {
			return err
		}
		if err := os.MkdirAll(o.logs, 0o700); err != nil {
			return err
		}
	}
	if o.host, o.stop, err = beside.Serve(o); err != nil {
		return err
	}
	return o.writeFiles()
}

// writeFiles writes what lets others in.
func (o *organization) writeFiles() error {
	endpoint, err := json.Marshal(map[string]any{
		"name": "SystemVssConnection", "url": o.host + "/local/",
		"auth": map[string]any{"scheme": "OAuth", "parameters": map[string]string{"AccessToken": o.token}},
	})
	if err != nil {
		return err
	}
	gitConfig := fmt.Sprintf("[http %q]\n\textraheader = Authorization: bearer %s\n"+
		"[user]\n\tname = Dana Developer\n\temail = dana@example.com\n[init]\n\tdefaultBranch = main\n"+
		"[commit]\n\tgpgSign = false\n[credential]\n\thelper =\n",
		o.host+"/local/", o.token)
	return errors.Join(
		os.WriteFile(o.file("endpoint.json"), endpoint, 0o600),
		os.WriteFile(o.file("gitconfig"), []byte(gitConfig), 0o600),
	)
}

func (o *organization) file(name string) string { return filepath.Join(o.dir, name) }

func (o *organization) close() error {
	var errs []error
	if o.stop != nil {
		errs = append(errs, o.stop())
	}
	if o.git != nil {
		errs = append(errs, o.git.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(o.dir))...)
}

// path is what the git server calls a repository.
func (o *organization) path(name string) string { return "local/" + o.config.Project + "/_git/" + name }

func (o *organization) url(name string) string { return o.host + "/" + o.path(name) }

// policy keeps protected branches.
func (o *organization) policy(u gittest.Update) gittest.Refusal {
	for _, r := range o.config.Repositories {
		branch, _ := strings.CutPrefix(u.Ref, "refs/heads/")
		if o.path(r.Name) == u.Repo && slices.Contains(r.Protected, branch) {
			return gittest.NeedsPullRequest
		}
	}
	return ""
}

// environ is that of the program: ours, and how to find the organization.
func (o *organization) environ() []string {
	kept := slices.DeleteFunc(slices.Clone(o.world.Environ), func(variable string) bool {
		return strings.HasPrefix(strings.ToUpper(variable), "DEVOPS_")
	})
	kept = append(kept,
		"DEVOPS_URL="+o.host+"/local/", "DEVOPS_TOKEN="+o.token, "DEVOPS_HOOKS="+o.host+"/hooks/",
		"DEVOPS_ENDPOINT="+o.file("endpoint.json"), "DEVOPS_GITCONFIG="+o.file("gitconfig"))
	for i, r := range o.config.Repositories {
		if i == 0 {
			kept = append(kept, "DEVOPS_REPO="+o.url(r.Name))
		}
		kept = append(kept, "DEVOPS_REPO_"+strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(r.Name))+
			"="+o.url(r.Name))
	}
	return kept
}

// ServeHTTP hands a request to whom it is for.
func (o *organization) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasPrefix(r.URL.Path, controlPath):
		o.control(w, r)
	case strings.HasPrefix(r.URL.Path, "/hooks/"):
		o.noting(&o.hooks, w, r)
	case strings.Contains(r.URL.Path, "/_git/"):
		o.noting(o.git, w, r)
	default:
		o.noting(o.rest, w, r)
	}
}

// noting lets a request be answered, and writes it down.
func (o *organization) noting(who http.Handler, w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	seen := &watcher{ResponseWriter: w, status: http.StatusOK}
	defer func() {
		line, _ := json.Marshal(struct { // texts and numbers only
			Start  time.Time `json:"start"`
			Method string    `json:"method"`
			Path   string    `json:"path"`
			Status int       `json:"status"`
		}{start, r.Method, r.URL.RequestURI(), seen.status})
		o.mu.Lock()
		defer o.mu.Unlock()
		o.log = append(o.log, string(line)+"\n")
	}()
	who.ServeHTTP(seen, r)
}

// watcher notes the status of an answer.
type watcher struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes it.
func (w *watcher) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *watcher) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (o *organization) requests() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.log)
}

// verdict is what others did wrong.
func (o *organization) verdict() error {
	var errs []error
	for _, wrong := range o.git.Wrong() {
		errs = append(errs, errors.New(wrong))
	}
	return errors.Join(append(errs, o.hooks.verdict()...)...)
}
