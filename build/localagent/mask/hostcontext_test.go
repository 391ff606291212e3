package mask_test

import (
	"strings"
	"testing"
)

// The vectors of src/Test/L0/HostContextL0.cs for the masker that agents use by
// default (AZP_ENABLE_NEW_MASKER_AND_REGEXES is off): UrlSecrets, EscapedSecrets,
// NonSecrets and SecretsRequiringNewMasker. An empty want means nothing is masked.
func TestHostContextVectors(t *testing.T) {
	t.Parallel()
	escaped := []string{`Mask\This`, `Mask This`, `Mask\tThis`}
	dead := func(n int) string { return strings.Repeat("dead", n) }
	azure := dead(8) + "de/dead+" + dead(10)
	for name, tc := range map[string]struct {
		values     []string
		line, want string
	}{
		"https":             {nil, "https://user:pass@example.com/path", "https://user:***@example.com/path"},
		"http":              {nil, "http://user:pass@example.com/path", "http://user:***@example.com/path"},
		"ftp":               {nil, "ftp://user:pass@example.com/path", "ftp://user:***@example.com/path"},
		"ssh":               {nil, "ssh://user:pass@example.com/path", "ssh://user:***@example.com/path"},
		"no scheme":         {nil, "//user:pass@example.com/path", "//user:***@example.com/path"},
		"weird path":        {nil, "https://user:pass@example.com/weird:thing@path", "https://user:***@example.com/weird:thing@path"},
		"port":              {nil, "https://user:pass@example.com:8080/path", "https://user:***@example.com:8080/path"},
		"two lines, both":   {nil, "https://u:p@e.com:80/p\nhttps://u2:p2@e.com:80/p", "https://u:***@e.com:80/p\nhttps://u2:***@e.com:80/p"},
		"two lines, second": {nil, "https://u@e.com:80/p\nhttps://u2:p2@e.com:80/p", "https://u@e.com:80/p\nhttps://u2:***@e.com:80/p"},
		"two lines, first":  {nil, "https://u:p@e.com:80/p\nhttps://u2@e.com:80/p", "https://u:***@e.com:80/p\nhttps://u2@e.com:80/p"},

		"https, none":      {nil, "https://example.com/path", ""},
		"http, none":       {nil, "http://example.com/path", ""},
		"ftp, none":        {nil, "ftp://example.com/path", ""},
		"ssh, none":        {nil, "ssh://example.com/path", ""},
		"at sign in path":  {nil, "https://example.com/@path", ""},
		"weird path, none": {nil, "https://example.com/weird:thing@path", ""},
		"port, none":       {nil, "https://example.com:8080/path", ""},

		"backslash":         {escaped, `before Mask\This after`, "before *** after"},
		"backslash, twice":  {escaped, `before Mask\\This after`, "before *** after"},
		"URI escape":        {escaped, "before Mask%20This after", "before *** after"},
		"space":             {escaped, "before Mask This after", "before *** after"},
		"tab":               {escaped, "before Mask\tThis after", "before *** after"},
		"tab, JSON escaped": {escaped, `before Mask\tThis after`, "before *** after"},

		"base64 of no secret": {nil, "SSdtIGEgY29tcGxldGVseSBpbm5vY3VvdXMgc3RyaW5nLg==", ""},
		"text of no secret":   {nil, "The password is knock knock knock", ""},

		// Only the new masker knows these by their looks; one registered is hidden.
		"Azure key, unregistered": {nil, azure + "+AS" + "taCQW6A==", ""},
		"npm token, unregistered": {nil, "np" + "m_" + dead(9), ""},
		"client, unregistered":    {nil, "xxx8" + "Q~dead.dead.DEAD-DEAD-dead~deadxxxxx", ""},
		"npm token, registered":   {[]string{"np" + "m_" + dead(9)}, "is 'np" + "m_" + dead(9) + "', mask", "is '***', mask"},
		"Azure key, registered":   {[]string{azure + "+AS" + "taCQW6A=="}, "is '" + azure + "+AS" + "taCQW6A==', mask", "is '***', mask"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := tc.want
			if want == "" {
				want = tc.line
			}
			if got := masker(tc.values...).Mask(tc.line); got != want {
				t.Errorf("Mask(%q) with secrets %q = %q, want %q", tc.line, tc.values, got, want)
			}
		})
	}
}
