package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		code   string
		date   string
		want   string // part of the error
		token  string // the same, for who asks with a token; "" if it is no other
	}{
		"no container":       {404, "ContainerNotFound", "", "create it (az storage container create)", ""},
		"being deleted":      {409, "ContainerBeingDeleted", "", "the container is being deleted", ""},
		"no role":            {403, "AuthorizationPermissionMismatch", "", "permissions rcwdl", "Storage Blob Data Contributor"},
		"firewall":           {403, "AuthorizationFailure", "", "under Networking of the storage account", ""},
		"wrong address":      {403, "AuthorizationSourceIPMismatch", "", "for the addresses of your agents", ""},
		"wrong kind of SAS":  {403, "AuthorizationResourceTypeMismatch", "", "make one for the container", ""},
		"bad signature":      {403, "AuthenticationFailed", "", "make a new shared access signature", "is of the tenant"},
		"ended":              {403, "AuthenticationFailed", "Sun, 01 Mar 2026 12:00:00 GMT", "ended at 2026-03-01T12:00:00Z", "is of the tenant"},
		"not ended":          {403, "AuthenticationFailed", "Sun, 01 Mar 2026 11:59:59 GMT", "does not accept who asks", ""},
		"token not accepted": {401, "InvalidAuthenticationInfo", "", "the tenant and the cloud", ""},
		"no keys":            {403, "KeyBasedAuthenticationNotPermitted", "", "use a service connection", ""},
		"anonymous":          {409, "PublicAccessNotPermitted", "", "give a service connection", ""},
		"disabled":           {403, "AccountIsDisabled", "", "the storage account is disabled", ""},
		"old appliance":      {400, "InvalidHeaderValue", "", "does not know version 2025-11-05", ""},
		"another refusal":    {403, "SomethingNew", "", "(SomethingNew); look the code up", ""},
		"a proxy's":          {403, "", "", "something on the way", ""},
		"a web server":       {404, "", "", "there is no blob service at this address", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := service(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
				w.Header()["Date"] = []string{tc.date}
				refuse(w, tc.status, tc.code)
			})
			check := func(want string) {
				t.Helper()
				for call, do := range calls(t.Context(), c) {
					err := do()
					var access *AccessError
					if !errors.As(err, &access) || access.Code != tc.code || !strings.Contains(err.Error(), want) {
						t.Errorf("%s: error %v, want an *AccessError with %q", call, err, want)
					}
					if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
						t.Errorf("%s: error %v says something about the object", call, err)
					}
					if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "\n")) {
						t.Errorf("%s: error %v holds the signature, or is not one line", call, err)
					}
				}
			}
			check(tc.want)
			if tc.token == "" {
				tc.token = tc.want
			}
			c.query, c.asker = "", asker{credential: token(secret)}
			check(tc.token)
		})
	}
}

// The same answers mean different things to different requests.
func TestObjectIsThereOrNot(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		code   string
		want   map[string]error // nil: no error; calls that are not named: another error
	}{
		"not found": {404, "BlobNotFound", map[string]error{"Get": fs.ErrNotExist, "Delete": nil}},
		"exists":    {409, "BlobAlreadyExists", map[string]error{"Put": fs.ErrExist, "blocks": fs.ErrExist}},
		"condition": {412, "ConditionNotMet", map[string]error{"Put": fs.ErrExist, "blocks": fs.ErrExist}},
		"immutable": {409, "BlobImmutableDueToPolicy", map[string]error{"Put": fs.ErrExist, "blocks": fs.ErrExist}},
		"leased":    {412, "LeaseIdMissing", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := service(t, func(w http.ResponseWriter, r *http.Request, _ int) {
				if r.Method != http.MethodHead && r.URL.Query().Get("comp") != "block" {
					refuse(w, tc.status, tc.code)
				}
			})
			for call, do := range calls(t.Context(), c) {
				if call == "List" || name == "not found" && (call == "Put" || call == "blocks") {
					continue
				}
				err := do()
				want, known := tc.want[call]
				switch {
				case known && want == nil && err != nil, known && want != nil && !errors.Is(err, want):
					t.Errorf("%s: error %v, want %v", call, err, want)
				case !known && (err == nil || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist)):
					t.Errorf("%s: error %v, want one that says nothing about the object being there", call, err)
				}
			}
		})
	}
}

func blobXML(name, more string) string {
	return fmt.Sprintf("<Blob><Name>%s</Name><Properties><Last-Modified>Sun, 01 Mar 2026 12:00:00 GMT</Last-Modified>"+
		"<Content-Length>5</Content-Length>%s</Properties></Blob>", name, more)
}

func TestList(t *testing.T) {
	t.Parallel()
	markers := []string{"", "two&amp;=", "three"}
	var asked []string
	c := service(t, func(w http.ResponseWriter, r *http.Request, n int) {
		asked = append(asked, r.URL.Query().Get("marker"))
		page := []string{
			blobXML("v1/b", "") + blobXML("v1/dir", "<ResourceType>directory</ResourceType>") + blobXML("V1/Foreign", ""),
			"", // a page may be empty, and not be the last
			blobXML("v1/a", "<ResourceType>file</ResourceType>") + blobXML("other/x", "") + blobXML("v1/../x", ""),
		}[n]
		next := ""
		if n < 2 {
			next = markers[n+1]
		}
		_, _ = fmt.Fprintf(w, "\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Blobs>%s</Blobs>"+
			"<NextMarker>%s</NextMarker></EnumerationResults>", page, next)
	})
	objects, err := c.List(t.Context(), "v1/")
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	var got []string
	for _, o := range objects {
		got = append(got, fmt.Sprintf("%s %d %s", o.Name, o.Size, o.Modified.UTC().Format("15:04")))
	}
	if diff := cmp.Diff([]string{"v1/a 5 12:00", "v1/b 5 12:00"}, got); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"", "two&=", "three"}, asked); diff != "" {
		t.Errorf("markers (-want +got):\n%s", diff)
	}
}

func TestListsThatAreWrong(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"not XML":      "{}",
		"cut":          "<EnumerationResults><Blobs>",
		"no time":      "<EnumerationResults><Blobs><Blob><Name>v1/a</Name></Blob></Blobs></EnumerationResults>",
		"without end":  "<EnumerationResults><NextMarker>again</NextMarker></EnumerationResults>",
		"size no size": strings.Replace("<EnumerationResults><Blobs>"+blobXML("v1/a", "")+"</Blobs></EnumerationResults>", ">5<", ">x<", 1),
	} {
		c := service(t, func(w http.ResponseWriter, _ *http.Request, _ int) { _, _ = io.WriteString(w, answer) })
		if objects, err := c.List(t.Context(), "v1/"); err == nil {
			t.Errorf("%s: List = %v, want an error", name, objects)
		}
	}
}

// A service that always knows of another page, with nothing on it.
func TestListWithoutEnd(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c := service(t, func(w http.ResponseWriter, _ *http.Request, n int) {
		if n > maxPages {
			cancel()
		}
		_, _ = fmt.Fprintf(w, "<EnumerationResults><NextMarker>%d</NextMarker></EnumerationResults>", n)
	})
	if objects, err := c.List(ctx, "v1/"); err == nil || ctx.Err() != nil {
		t.Errorf("List = %v, %v, want an error of its own", objects, err)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	good := Config{Account: "buildcache", Container: "cache", SAS: sas}
	with := func(change func(*Config)) Config {
		c := good
		change(&c)
		return c
	}
	for name, tc := range map[string]struct {
		config Config
		base   string // "" if it is refused
		want   string // part of the error
	}{
		"name":            {good, "https://buildcache.blob.core.windows.net/cache", ""},
		"cloud":           {with(func(c *Config) { c.Suffix = "blob.core.usgovcloudapi.net" }), "https://buildcache.blob.core.usgovcloudapi.net/cache", ""},
		"address":         {with(func(c *Config) { c.Account = "https://Blobs.example.org/" }), "https://Blobs.example.org/cache", ""},
		"emulator":        {with(func(c *Config) { c.Account = "http://127.0.0.1:10000/devstoreaccount1" }), "http://127.0.0.1:10000/devstoreaccount1/cache", ""},
		"localhost":       {with(func(c *Config) { c.Account = "http://localhost:1/a" }), "http://localhost:1/a/cache", ""},
		"SAS with ?":      {with(func(c *Config) { c.SAS = " ?" + sas + "\n" }), "https://buildcache.blob.core.windows.net/cache", ""},
		"SAS as address":  {with(func(c *Config) { c.SAS = "https://x.blob.core.windows.net/cache?" + sas }), "https://buildcache.blob.core.windows.net/cache", ""},
		"token":           {with(func(c *Config) { c.SAS, c.Credential = "", token("t") }), "https://buildcache.blob.core.windows.net/cache", ""},
		"no https":        {with(func(c *Config) { c.Account = "http://blobs.example.org" }), "", "must begin with https://"},
		"not loopback":    {with(func(c *Config) { c.Account = "http://127.0.0.1.example.org" }), "", "must begin with https://"},
		"user":            {with(func(c *Config) { c.Account = "https://u:" + secret + "@host" }), "", "not one of a blob service"},
		"SAS in address":  {with(func(c *Config) { c.Account = "https://host/?" + sas }), "", "not one of a blob service"},
		"bad address":     {with(func(c *Config) { c.Account = "https://%zz" + secret }), "", "not one of a blob service"},
		"capital letters": {with(func(c *Config) { c.Account = "BuildCache" }), "", "storage account"},
		"host, no scheme": {with(func(c *Config) { c.Account = "a.blob.core.windows.net" }), "", "storage account"},
		"no account":      {with(func(c *Config) { c.Account = "" }), "", "storage account"},
		"evil suffix":     {with(func(c *Config) { c.Suffix = "evil/x?" }), "", "storage account"},
		"short container": {with(func(c *Config) { c.Container = "ab" }), "", "is not the name of a container"},
		"root container":  {with(func(c *Config) { c.Container = "$web" }), "", "is not the name of a container"},
		"two hyphens":     {with(func(c *Config) { c.Container = "a--b" }), "", "is not the name of a container"},
		"path":            {with(func(c *Config) { c.Container = "a/b?" }), "", "is not the name of a container"},
		"nobody asks":     {with(func(c *Config) { c.SAS = "" }), "", "neither"},
		"both ask":        {with(func(c *Config) { c.Credential = token("t") }), "", "both"},
		"no signature":    {with(func(c *Config) { c.SAS = "sv=1&sp=" + secret }), "", "is not one"},
		"a key":           {with(func(c *Config) { c.SAS = secret + "==" }), "", "is not one"},
		"quotes":          {with(func(c *Config) { c.SAS = `"` + sas + `"` }), "", "is not one"},
		"cut":             {with(func(c *Config) { c.SAS = "?" }), "", "is not one"},
		"two lines":       {with(func(c *Config) { c.SAS = sas + "\nX: y" }), "", "is not one"},
		"not expanded":    {with(func(c *Config) { c.SAS = "$(sas)" }), "", "is not one"},
		"everything":      {Config{Account: "A", Container: "B"}, "", "neither"},
	} {
		c, err := New(tc.config)
		switch {
		case tc.base != "" && (err != nil || c.base != tc.base):
			t.Errorf("%s: New = %v, %v, want the address %s", name, c, err, tc.base)
		case tc.base == "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s: New: error %v, want one with %q", name, err, tc.want)
		case err != nil && strings.Contains(err.Error(), secret):
			t.Errorf("%s: error %v holds the signature", name, err)
		}
	}
}
