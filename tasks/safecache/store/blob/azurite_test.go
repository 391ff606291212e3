package blob

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/azuretest"
	"github.com/guardrails-ci/guardrails/shared/httpx"
	"github.com/guardrails-ci/guardrails/tasks/safecache/store"
	"github.com/guardrails-ci/guardrails/tasks/safecache/store/storetest"
)

const all = "rcwdl"

func inAnHour() time.Time { return time.Now().Add(time.Hour) }

func open(t *testing.T, c Config) *Container {
	t.Helper()
	container, err := New(c)
	if err != nil {
		t.Fatalf("New(%s, %s): %v", c.Account, c.Container, err)
	}
	return container
}

func TestContainerIsAStore(t *testing.T) {
	t.Parallel()
	account := azuretest.Azurite(t)
	storetest.Run(t, func(t *testing.T) store.Store {
		name := account.Container(t)
		c := open(t, Config{Account: account.URL, Container: name, SAS: account.SAS(name, all, inAnHour())})
		c.page = 50 // so that a listing has several pages
		return c
	})
}

// token is a Credential.
type token string

func (k token) Token(context.Context) (string, error) { return string(k), nil }

func TestContainerWithATokenIsAStore(t *testing.T) {
	t.Parallel()
	account := azuretest.AzuriteTLS(t)
	storetest.Run(t, func(t *testing.T) store.Store {
		return open(t, Config{
			Account: account.URL, Container: account.Container(t), Credential: token(account.Token(inAnHour())),
			HTTP: httpx.Config{RootCAs: account.CA},
		})
	})
}

// What Azurite says to those who may not.
func TestAzuriteRefuses(t *testing.T) {
	t.Parallel()
	account := azuretest.Azurite(t)
	name := account.Container(t)
	for title, tc := range map[string]struct {
		container, sas string
		want           string // part of the error
	}{
		"no such container": {"none", account.SAS("none", all, inAnHour()), "there is no such container (ContainerNotFound)"},
		"expired":           {name, account.SAS(name, all, time.Now().Add(-time.Minute)), "the shared access signature ended at "},
		"of another one":    {name, account.SAS("other", all, inAnHour()), "make a new shared access signature for the container"},
		"may do nothing":    {name, account.SAS(name, "t", inAnHour()), "permissions rcwdl"},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			c := open(t, Config{Account: account.URL, Container: tc.container, SAS: tc.sas})
			_, getErr := c.Get(t.Context(), "v1/x", nil)
			_, listErr := c.List(t.Context(), "")
			for call, err := range map[string]error{
				"Get": getErr, "List": listErr, "Put": c.Put(t.Context(), "v1/x", nil), "Delete": c.Delete(t.Context(), "v1/x"),
			} {
				var access *AccessError
				if !errors.As(err, &access) || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("%s: error %v, want an *AccessError with %q", call, err, tc.want)
				}
				if err != nil && strings.Contains(err.Error(), "sig=") {
					t.Errorf("%s: error %v holds the signature", call, err)
				}
			}
		})
	}
}

// Blocks without a list are not there for anybody.
func TestUncommittedBlocksAreInvisible(t *testing.T) {
	t.Parallel()
	account := azuretest.Azurite(t)
	name := account.Container(t)
	c := open(t, Config{Account: account.URL, Container: name, SAS: account.SAS(name, all, inAnHour())})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	blocks := 0
	id := c.random()
	err := c.each(ctx, 0, 3, func(ctx context.Context, offset int64) error {
		blocks++
		query := "comp=block&blockid=" + blockQuery.Replace(blockID(id, offset))
		_, err := c.do(ctx, request{method: "PUT", name: "v1/x", query: query, body: []byte("part")})
		return err
	})
	if err != nil || blocks == 0 {
		t.Fatalf("putting blocks: %v", err)
	}
	if objects, err := c.List(t.Context(), ""); err != nil || len(objects) != 0 {
		t.Errorf("List beside blocks = %v, %v, want nothing", objects, err)
	}
	if err := c.Put(t.Context(), "v1/x", make([]byte, onePut+1)); err != nil {
		t.Errorf("Put beside another saver's blocks: %v", err)
	}
}
