package lockfile

import "testing"

// What is shown as the host must be what others take for it (RFC 3986, 3.2; the URL standard
// of browsers and Node.js ends it at a backslash as well).
func TestWithoutUserKeepsTheHost(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://user:secret@x.test/a":             "https://x.test/a",
		"https://user:s@cret@x.test/a@1":           "https://x.test/a@1",
		"https://user@x.test":                      "https://x.test",
		"git+ssh://git@x.test:a/b.git#v1@2":        "git+ssh://x.test:a/b.git#v1@2",
		"https://x.test/@scope/a":                  "https://x.test/@scope/a",
		"@scope/a":                                 "@scope/a",
		"https://evil.test?@x.test/a/-/a-1.tgz":    "https://evil.test?@x.test/a/-/a-1.tgz",
		"https://evil.test#@x.test/a/-/a-1.tgz":    "https://evil.test#@x.test/a/-/a-1.tgz",
		`https://evil.test\@x.test/a/-/a-1.tgz`:    `https://evil.test\@x.test/a/-/a-1.tgz`,
		"https://u:p@evil.test?@x.test/a/-/a1.tgz": "https://evil.test?@x.test/a/-/a1.tgz",
	} {
		if got := withoutUser(address); got != want {
			t.Errorf("withoutUser(%q): got %q, want %q", address, got, want)
		}
	}
}
