package guardedpush

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/checkout"
	"github.com/guardrails-ci/guardrails/shared/endpoint"
	"github.com/guardrails-ci/guardrails/shared/git"
	"github.com/guardrails-ci/guardrails/shared/inputs"
	"github.com/guardrails-ci/guardrails/shared/task"
)

// remote is the repository to push to.
type remote struct {
	git.Remote
	who   string // whose credentials, for people
	azure bool   // it is of the run's own organization
	// origin: it is where the checkout comes from.
	origin bool
}

// findRemote says where to push, and with whose credentials.
func (s *step) findRemote(ctx context.Context) (remote, error) {
	origin, persisted, err := checkout.Remote(ctx, s.git, s.sources)
	s.hide(persisted)
	wanted := strings.TrimSpace(s.in.Repository)
	switch {
	case wanted == "" && err != nil:
		return remote{}, &task.UserError{
			Class: task.BadInput, Rule: "push/repository", Err: err,
			Msg: fmt.Sprintf("input \"repository\" is empty, and there is no checkout in %s (workingDirectory)",
				s.shown(s.sources)),
			Hint: "check the repository out in this job (checkout: self), or name it in repository",
		}
	case wanted == "":
		wanted = origin
	}
	address, err := plainAddress(wanted)
	if err != nil {
		if strings.TrimSpace(s.in.Repository) == "" {
			err = fmt.Errorf("it is empty, and the checkout comes from %.100q: %w", origin, err)
		}
		return remote{}, badInput("repository", err.Error(), "write its address as "+
			"https://dev.azure.com/organization/project/_git/name or https://github.com/owner/name, without a password")
	}
	r := remote{Remote: git.Remote{URL: address}}
	if plain, err := plainAddress(origin); err == nil {
		r.origin = sameAddress(address, plain)
	}
	r.azure = s.isOwn(address)
	return s.authorize(r, persisted)
}

// plainAddress drops a user name, as Azure Repos puts one into its addresses, and refuses
// a password.
func plainAddress(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "", errors.New("it is no address of a repository that begins with https")
	}
	if _, secret := u.User.Password(); secret {
		return "", errors.New("it has a password in it, where everybody can read it")
	}
	if !straight(u) {
		return "", errors.New("it has a \".\" or \"..\" in its path")
	}
	u.User = nil
	return u.String(), git.CheckURL(u.String())
}

// straight reports whether an address leads to where it seems to: clients leave "a/../"
// out before they ask.
func straight(u *url.URL) bool {
	return !slices.ContainsFunc(strings.FieldsFunc(u.Path, func(r rune) bool { return r == '/' || r == '\\' }),
		func(part string) bool { return part == "." || part == ".." })
}

func sameAddress(a, b string) bool {
	plain := func(text string) string {
		return strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(text, "/"), ".git"))
	}
	return plain(a) == plain(b)
}

// isOwn reports whether an address is one of the organization that this run belongs to.
// The job's token is for nobody else.
func (s *step) isOwn(address string) bool {
	u, err := url.Parse(address)
	if err != nil || !straight(u) {
		return false
	}
	collection, err := url.Parse(s.env.Var("System.CollectionUri"))
	if err != nil || collection.Host == "" {
		return false
	}
	within := strings.HasPrefix(strings.ToLower(u.Path)+"/",
		strings.ToLower(strings.TrimSuffix(collection.Path, "/")+"/"))
	if u.Scheme == collection.Scheme && strings.EqualFold(u.Host, collection.Host) {
		return within
	}
	// The organization's two names.
	name := strings.ToLower(s.self.organization)
	inNew := strings.EqualFold(u.Host, "dev.azure.com") && strings.HasPrefix(strings.ToLower(u.Path), "/"+name+"/")
	inOld := strings.EqualFold(u.Host, name+".visualstudio.com")
	ours := strings.EqualFold(collection.Host, "dev.azure.com") ||
		strings.EqualFold(collection.Host, name+".visualstudio.com")
	return u.Scheme == "https" && ours && name != "" && (inNew || inOld)
}

// authorize finds credentials that are meant for the repository.
func (s *step) authorize(r remote, persisted inputs.Secret) (remote, error) {
	e := endpoint.New(s.env.Environ())
	switch {
	case s.in.GitHubConnection != "":
		return s.connection(e, r, s.in.GitHubConnection, "gitHubConnection")
	case s.in.GitConnection != "":
		return s.connection(e, r, s.in.GitConnection, "gitConnection")
	case r.azure:
		token, err := e.SystemToken()
		if err != nil {
			return r, &task.UserError{Class: task.Environment, Rule: "push/credentials", Msg: err.Error()}
		}
		r.who, r.Authorization = "the job's token", inputs.NewSecret("bearer "+token.Reveal())
	case r.origin && persisted.Reveal() != "":
		r.who, r.Authorization = "the checkout's credentials", persisted
	default:
		return r, &task.UserError{
			Class: task.BadInput, Rule: "push/credentials",
			Msg: fmt.Sprintf("nothing says who may push to %.200q", r.URL),
			Hint: "name a service connection (gitHubConnection, gitConnection), or check that repository out with " +
				"persistCredentials: true",
		}
	}
	s.hide(r.Authorization)
	return r, nil
}

// connection takes the credentials of a service connection, for its own server alone.
func (s *step) connection(e *endpoint.Env, r remote, id, input string) (remote, error) {
	c, err := e.Connection(id, input)
	if err != nil {
		return r, &task.UserError{ // its words name the input
			Class: task.BadInput, Rule: "push/input", Msg: err.Error(),
			Hint: "name a service connection that this pipeline may use",
		}
	}
	u, _ := url.Parse(r.URL) // plainAddress has parsed it
	own, err := url.Parse(c.URL)
	gitHub := err == nil && (strings.EqualFold(own.Host, "github.com") || strings.EqualFold(own.Host, "api.github.com"))
	if err != nil || !strings.EqualFold(own.Host, u.Host) && !(gitHub && strings.EqualFold(u.Host, "github.com")) {
		return r, badInput(input,
			fmt.Sprintf("the connection is for %.100q, and the repository is on %.100q", c.URL, u.Host),
			"name a connection for that server")
	}
	user, _ := c.Auth("username")
	name := user.Reveal()
	var password inputs.Secret
	for _, parameter := range []string{"accessToken", "apitoken", "password", "IdToken"} {
		if found, ok := c.Auth(parameter); ok {
			password = found
			break
		}
	}
	if password.Reveal() == "" {
		return r, badInput(input, "the connection has neither a token nor a password in it",
			"give it one: Project settings > Service connections")
	}
	if name == "" {
		name = "x-access-token" // any name will do for tokens
	}
	r.who = "the service connection of the input " + input
	r.Authorization = inputs.NewSecret("basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password.Reveal())))
	s.hide(password, r.Authorization)
	return r, nil
}

func (s *step) conceal(secret string) {
	if secret != "" {
		s.env.Secrets.Add(secret)
		s.env.Log.SetSecret(secret)
		s.hidden = append(s.hidden, secret)
	}
}

// hide masks secrets before they are used, and lets nobody push them.
func (s *step) hide(secrets ...inputs.Secret) {
	for _, secret := range secrets {
		text := secret.Reveal()
		scheme, value, ok := strings.Cut(text, " ") // "bearer x"
		if !ok {
			value = text
		}
		s.conceal(value)
		if pair, err := base64.StdEncoding.DecodeString(value); strings.EqualFold(scheme, "basic") && err == nil {
			_, password, _ := strings.Cut(string(pair), ":")
			s.conceal(password)
		}
	}
}
