package reference

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	d256 = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	d512 = "sha512:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" +
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Reference{
		"nginx":                         {Registry: "docker.io", Repository: "library/nginx", Implicit: true},
		"nginx:1.27":                    {Registry: "docker.io", Repository: "library/nginx", Tag: "1.27", Implicit: true},
		"team/app":                      {Registry: "docker.io", Repository: "team/app", Implicit: true},
		"localhost":                     {Registry: "docker.io", Repository: "library/localhost", Implicit: true},
		"docker.io/nginx":               {Registry: "docker.io", Repository: "library/nginx"},
		"docker.io/library/nginx":       {Registry: "docker.io", Repository: "library/nginx"},
		"index.docker.io/team/app":      {Registry: "docker.io", Repository: "team/app"},
		"Docker.IO/nginx":               {Registry: "docker.io", Repository: "library/nginx"},
		"docker.io:443/nginx":           {Registry: "docker.io:443", Repository: "nginx"},
		"localhost/app":                 {Registry: "localhost", Repository: "app"},
		"LOCALHOST/app":                 {Registry: "localhost", Repository: "app"},
		"localhost:5000/app:5000":       {Registry: "localhost:5000", Repository: "app", Tag: "5000"},
		"foo:5000/app":                  {Registry: "foo:5000", Repository: "app"},
		"foo:5000":                      {Registry: "docker.io", Repository: "library/foo", Tag: "5000", Implicit: true},
		"127.0.0.1:5000/a/b":            {Registry: "127.0.0.1:5000", Repository: "a/b"},
		"[::1]:5000/a":                  {Registry: "[::1]:5000", Repository: "a"},
		"[2001:db8::1]/a":               {Registry: "[2001:db8::1]", Repository: "a"},
		"PRODACR.azurecr.io/app":        {Registry: "prodacr.azurecr.io", Repository: "app"},
		"prodacr.azurecr.io/a_b/c__d:_": {Registry: "prodacr.azurecr.io", Repository: "a_b/c__d", Tag: "_"},
		"prodacr.azurecr.io/a---b.c":    {Registry: "prodacr.azurecr.io", Repository: "a---b.c"},
		"a.io/x@" + d256:                {Registry: "a.io", Repository: "x", Digest: d256},
		"a.io/x:1.0@" + d512:            {Registry: "a.io", Repository: "x", Tag: "1.0", Digest: d512},
		"xn--7o8h.com/app":              {Registry: "xn--7o8h.com", Repository: "app"},
	} {
		got, err := Parse(text)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("Parse(%q): %v (-want +got):\n%s", text, err, diff)
		}
		again, err := Parse(got.String())
		want.Implicit = false
		if diff := cmp.Diff(want, again); diff != "" || err != nil {
			t.Errorf("Parse(%q), the String of %q: %v (-want +got):\n%s", got, text, err, diff)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                       "empty",
		" nginx":                                 "space",
		"nginx\n":                                "space",
		"ngınx":                                  "character that no image name has",
		"prodacr.azurecr.iо/app":                 "character that no image name has", // the last letter is Cyrillic
		"https://a.io/x":                         "without the scheme",
		"NGINX":                                  "lower case",
		"a.io/Team/app":                          "lower case",
		"Foo/bar":                                "lower case", // or else it would be another image when read again
		"a.io/":                                  "the repository must be made of",
		"a.io//x":                                "the repository must be made of",
		"a.io/x/":                                "the repository must be made of",
		"a.io/../x":                              "the repository must be made of",
		"a.io/a___b":                             "the repository must be made of",
		"a.io/a..b":                              "the repository must be made of",
		"a.io/-a":                                "the repository must be made of",
		"/a":                                     "the repository must be made of",
		"a.io/x:":                                "the tag",
		"a.io/x:.1":                              "the tag",
		"a.io/x:-1":                              "the tag",
		"a.io/x:1+2":                             "the tag",
		"a.io/x:" + strings.Repeat("1", 129):     "the tag",
		"a.io/x@sha256:12":                       "the digest",
		"a.io/x@":                                "the digest",
		"a.io/x@" + strings.ToUpper(d256):        "the digest",
		"a.io/x@md5:" + strings.Repeat("0", 32):  "the digest",
		"a.io/x@" + d256 + "@" + d256:            "the digest",
		"prodacr.azurecr.io@evil.com/app":        "the digest",
		"user:pass@prodacr.azurecr.io/app":       "the digest",
		"a.io.:443/x":                            "not a host's name",
		"a.io./x":                                "not a host's name",
		".a.io/x":                                "not a host's name",
		"-a.io/x":                                "not a host's name",
		"a_b.io/x":                               "not a host's name",
		"a.io:/x":                                "port",
		"a.io:0/x":                               "port",
		"a.io:0443/x":                            "port",
		"a.io:+443/x":                            "port",
		"a.io:65536/x":                           "port",
		"a.io:443:443/x":                         "not a host's name",
		"[::1/x":                                 "brackets",
		"[fe80::1%eth0]:5000/x":                  "brackets",
		"[127.0.0.1]/x":                          "brackets",
		strings.TrimPrefix(d256, "sha256:"):      "identifier",
		"a.io/" + strings.Repeat("a", 251):       "255",
		strings.Repeat("a.", 600) + "io/x":       "1024",
		"##vso[task.setvariable variable=a]b/c:": "",
	} {
		got, err := Parse(text)
		if err == nil {
			t.Errorf("Parse(%q) = %#v, want an error", text, got)
			continue
		}
		if message := err.Error(); !strings.Contains(message, want) || len(message) > 400 ||
			strings.ContainsAny(message, "\n\r") || strings.Contains(message, "##vso[") {
			t.Errorf("Parse(%q): %q, want one short line about %q", text, message, want)
		}
	}
}

func TestAllowed(t *testing.T) {
	t.Parallel()
	prod := []string{"prodacr.azurecr.io"}
	for name, tc := range map[string]struct {
		image  string
		places []string
		want   bool
	}{
		"in the registry":         {"prodacr.azurecr.io/app:1", prod, true},
		"slash":                   {"prodacr.azurecr.io/app", []string{"prodacr.azurecr.io/"}, true},
		"upper case is the same":  {"ProdACR.azurecr.io/app", []string{"PRODACR.AZURECR.IO"}, true},
		"look-alike":              {"prodacr.azurecr.io.evil.com/app", prod, false},
		"look-alike, slash":       {"prodacr.azurecr.io.evil.com/app", []string{"prodacr.azurecr.io/"}, false},
		"other port":              {"prodacr.azurecr.io:444/app", prod, false},
		"the port in so many":     {"prodacr.azurecr.io:443/app", prod, false},
		"path of another":         {"evil.com/prodacr.azurecr.io/app", prod, false},
		"on Docker Hub":           {"prodacr/app", prod, false},
		"below":                   {"a.io/team/app/sub", []string{"b.io", "a.io/team"}, true},
		"the repository itself":   {"a.io/team:1", []string{"a.io/team/"}, true},
		"half a segment":          {"a.io/teamwork/app", []string{"a.io/team"}, false},
		"above":                   {"a.io/app", []string{"a.io/team"}, false},
		"Docker Hub":              {"nginx", []string{"docker.io"}, true},
		"Docker Hub, library":     {"nginx", []string{"index.docker.io/library/"}, true},
		"Docker Hub, not library": {"evil/nginx", []string{"docker.io/library"}, false},
		"none":                    {"nginx", nil, false},
		"empty place":             {"nginx", []string{"", "/", "//"}, false},
		"place without a host":    {"nginx", []string{"library", "docker"}, false},
		"place with a star":       {"nginx", []string{"*", "*.io", "docker.io/*"}, false},
		"place with two slashes":  {"a.io/x", []string{"a.io//"}, false},
	} {
		r, err := Parse(tc.image)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Allowed(tc.places); got != tc.want {
			t.Errorf("%s: Parse(%q).Allowed(%q) = %v, want %v", name, tc.image, tc.places, got, tc.want)
		}
	}
	if (Reference{}).Allowed(prod) {
		t.Error("the zero Reference is allowed")
	}
}

func TestPlace(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"prodacr.azurecr.io": "prodacr.azurecr.io/", "A.io/team/": "a.io/team/", "localhost:5000": "localhost:5000/",
		"docker.io": "docker.io/", "localhost": "localhost/", "prodacr": "", "a.io//": "", "a.io/Team": "",
		"a.io/team:1": "", "a.io/x@y": "", "": "", "https://a.io": "", "a.io\n/": "",
	} {
		got, err := Place(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("Place(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
}

// FuzzParse: whatever is accepted means the same when it is read again, and is a host and a path that no other
// reader takes for something else.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"nginx", "a.io:1/b/c:d@" + d256, "[::1]:1/a", "Foo/bar", "localhost/a", "a@b", "::", "a.b/c:d/e"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Parse(text)
		if err != nil {
			if r != (Reference{}) {
				t.Errorf("Parse(%q) = %#v beside an error", text, r)
			}
			return
		}
		again, err := Parse(r.String())
		r.Implicit = false
		if err != nil || again != r {
			t.Errorf("Parse(%q) = %#v, but its String gives %#v, %v", text, r, again, err)
		}
		if r.Registry != strings.ToLower(r.Registry) || strings.ContainsAny(r.Registry, "/@ ") ||
			strings.ContainsAny(r.Repository, ":@ ") || !strings.HasPrefix(r.String(), r.Name()) {
			t.Errorf("Parse(%q) = %#v", text, r)
		}
		if !r.Allowed([]string{r.Registry}) || !r.Allowed([]string{r.Name()}) || r.Allowed([]string{"x" + r.Registry}) {
			t.Errorf("%#v is not exactly where it is", r)
		}
	})
}
