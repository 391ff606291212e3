package message

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var web = Stamp{
	Pipeline: "acme/My Shop/12", Run: "345", Kind: "deployment", Fingerprint: "0123456789ab",
	Application: "web", Environment: "prod", Version: "1.2.3", Causes: []string{"acme/My Shop/7", "acme/lib/8"},
}

var badge = Stamp{Pipeline: "acme/shop/12", Run: "345", Kind: "other"}

const badgeTrailers = "Pipeline-Guardrails-Run: acme/shop/12/345\nPipeline-Guardrails-Kind: other\n"

func TestComposeWritesWhatIsReadBack(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text  string
		stamp Stamp
		skip  Skip
		want  string
	}{
		"a deployment": {"Deploy web 1.2.3", web, SkipNone, `Deploy web 1.2.3

Pipeline-Guardrails-Run: acme/My%20Shop/12/345
Pipeline-Guardrails-Kind: deployment
Pipeline-Guardrails-Fingerprint: 0123456789ab
Pipeline-Guardrails-Application: web
Pipeline-Guardrails-Environment: prod
Pipeline-Guardrails-Version: 1.2.3
Pipeline-Guardrails-Causes: acme/My%20Shop/7 acme/lib/8
`},
		"a token":           {"Update badge", badge, SkipCI, "Update badge\n\n[skip ci]\n\n" + badgeTrailers},
		"the old token":     {"Update badge", badge, NoCI, "Update badge\n\n***NO_CI***\n\n" + badgeTrailers},
		"a token, once":     {"Badge [skip ci]", badge, SkipCI, "Badge [skip ci]\n\n" + badgeTrailers},
		"its other order":   {"Badge [ci skip]", badge, SkipCI, "Badge [ci skip]\n\n" + badgeTrailers},
		"the old one, once": {"***NO_CI*** x", badge, NoCI, "***NO_CI*** x\n\n" + badgeTrailers},
		"not enough for others": {
			"Badge [skip azp]", badge, SkipCI, "Badge [skip azp]\n\n[skip ci]\n\n" + badgeTrailers,
		},
		"not enough for 2019": {
			"Badge [skip ci]", badge, NoCI, "Badge [skip ci]\n\n***NO_CI***\n\n" + badgeTrailers,
		},
		"case may count": {"Badge [Skip CI]", badge, SkipCI, "Badge [Skip CI]\n\n[skip ci]\n\n" + badgeTrailers},
		"people's own":   {"Badge [skip ci]", badge, SkipNone, "Badge [skip ci]\n\n" + badgeTrailers},
		"sign-off stays a trailer": {
			"Badge\n\nWhy.\n\nSigned-off-by: A <a@b.c>\nCo-authored-by: B <b@b.c>", badge, SkipCI,
			"Badge\n\nWhy.\n\n[skip ci]\n\nSigned-off-by: A <a@b.c>\nCo-authored-by: B <b@b.c>\n" + badgeTrailers,
		},
		"a subject is none":  {"Fix: it", badge, SkipNone, "Fix: it\n\n" + badgeTrailers},
		"an address is none": {"a\n\nhttps://b", badge, SkipNone, "a\n\nhttps://b\n\n" + badgeTrailers},
		"line ends":          {"a \r\nb\t\rc\u2028d\n\n", badge, SkipNone, "a\nb\nc\nd\n\n" + badgeTrailers},
		"only blanks before": {" \n\n\t a", badge, SkipNone, "a\n\n" + badgeTrailers},
		"control characters": {"a\x00b\x1b[1mc\u0085d\u202Ee\x7F", badge, SkipNone, "ab[1mcde\n\n" + badgeTrailers},
		"not UTF-8":          {"a\xffb", badge, SkipNone, "a\uFFFDb\n\n" + badgeTrailers},
		"not a command here": {"##vso[x]y", badge, SkipNone, "##vso[x]y\n\n" + badgeTrailers},
		"quoted":             {"a\n\n> Pipeline-Guardrails-Run: x", badge, SkipNone, "a\n\n> Pipeline-Guardrails-Run: x\n\n" + badgeTrailers},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Compose(tc.text, tc.stamp, tc.skip)
			if err != nil {
				t.Fatalf("Compose(%q): %v", tc.text, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Compose(%q) (-want +got):\n%s", tc.text, diff)
			}
			back, ok := Read(got)
			if diff := cmp.Diff(tc.stamp, back); !ok || diff != "" {
				t.Errorf("Read(%q) = _, %v (-want +got):\n%s", got, ok, diff)
			}
		})
	}
}

func TestComposeKeepsAnyValueOnItsLine(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"1.2.3", "sha256:0a1b", "release/1", "Zürich", "日本", "a b", "a\nPipeline-Guardrails-Run: x/9", "\r", "\x00", "%", "%41",
		"[skip", "ci]", "\xff\xfe", "\u202E", "\u2028", "\u00a0", "[skip ci]", "[SKIP AZP]", "***NO_CI***", "skip-checks:true",
		"skip-checks: true", "Skip-Checks:", "true", " ", "##vso[task.complete]",
	} {
		s := Stamp{
			Pipeline: value + "/p/1", Run: value, Kind: "deployment", Fingerprint: value, Application: value,
			Environment: value, Version: value, Causes: []string{"[skip", value, "true", value, "ci]", "[ci", value, "skip]"},
		}
		m, err := Compose("x", s, SkipNone)
		if err != nil {
			t.Errorf("Compose with %q: %v", value, err)
			continue
		}
		if n := strings.Count(m, "\n"); n != 9 {
			t.Errorf("Compose with %q has %d lines, want 9:\n%s", value, n, m)
		}
		if token, ok := Skips(m); ok {
			t.Errorf("Compose with %q: the message has the token %q", value, token)
		}
		back, ok := Read(m)
		if diff := cmp.Diff(s, back); !ok || diff != "" {
			t.Errorf("Read(Compose with %q) = _, %v (-want +got):\n%s", value, ok, diff)
		}
	}
}

func TestComposeRefuses(t *testing.T) {
	t.Parallel()
	with := func(change func(*Stamp)) Stamp {
		s := badge
		change(&s)
		return s
	}
	for name, tc := range map[string]struct {
		text  string
		stamp Stamp
		skip  Skip
		want  string
	}{
		"nothing":      {"", badge, SkipCI, "nothing is left"},
		"blanks":       {" \n\t\r\n\x00\u2028", badge, SkipCI, "nothing is left"},
		"a forged run": {"a\n\nPipeline-Guardrails-Run: a/b/1/2", badge, SkipCI, "line 3: it begins with"},
		"in capitals":  {"a\n\nPIPELINE-GUARDRAILS-RUN: a/b/1/2", badge, SkipCI, "line 3"},
		"indented":     {"a\n\n  \t Pipeline-Guardrails-Run: a/b/1/2", badge, SkipCI, "line 3"},
		"with a NUL":   {"a\n\nPipeline\x00-Guardrails-Run: a/b/1/2", badge, SkipCI, "line 3"},
		"as a subject": {"Pipeline-Guardrails-Kind: other", badge, SkipCI, "line 1"},
		"by a CR":      {"a\rPipeline-Guardrails-Kind: other", badge, SkipCI, "line 2"},
		"one to come":  {"a\n\nPipeline-Guardrails-Later: x", badge, SkipCI, "line 3"},
		"too long":     {strings.Repeat("a", most), badge, SkipNone, "more than 65536"},
		"no pipeline":  {"a", with(func(s *Stamp) { s.Pipeline = "" }), SkipCI, "needs the pipeline"},
		"no run":       {"a", with(func(s *Stamp) { s.Run = "" }), SkipCI, "needs the pipeline"},
		"its kind":     {"a", with(func(s *Stamp) { s.Kind = "" }), SkipCI, `of kind ""`},
		"its token":    {"a", badge, "[skip]", "is not a token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Compose(tc.text, tc.stamp, tc.skip)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.ContainsAny(err.Error(), "\n\r\x00") {
				t.Errorf("Compose(%.40q) = %.40q, %v; want an error with %q in one line", tc.text, got, err, tc.want)
			}
		})
	}
}

func TestComposeMayBeAsLongAsRead(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("a", most-len("\n\n"+badgeTrailers))
	m, err := Compose(text, badge, SkipNone)
	if err != nil || len(m) != most {
		t.Fatalf("Compose of the longest text: %d bytes, %v; want %d", len(m), err, most)
	}
	if s, ok := Read(m); !ok || s.Run != "345" {
		t.Errorf("Read of the longest message = %v, %v", s, ok)
	}
	if _, err := Compose(text+"a", badge, SkipNone); err == nil {
		t.Error("Compose of one byte more: no error")
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	seen := map[string][3]string{}
	for _, v := range [][3]string{
		{"web", "prod", "1"}, {"web", "prod", "2"}, {"web", "test", "1"}, {"api", "prod", "1"}, {"", "prod", "1"},
		{"webprod", "", "1"}, {"web", "prod1", "1"}, {"web", "prod", "11"}, {"Web", "prod", "1"}, {"web4:prod", "", "1"},
	} {
		got := Fingerprint(v[0], v[1], v[2])
		if len(got) != 12 || strings.Trim(got, "0123456789abcdef") != "" {
			t.Errorf("Fingerprint(%q) = %q, want 12 hexadecimal digits", v, got)
		}
		if other, ok := seen[got]; ok {
			t.Errorf("Fingerprint(%q) = %q, the same as of %q", v, got, other)
		}
		seen[got] = v
	}
	// It is compared with that of commits of other versions of the task: it never changes.
	if got, want := Fingerprint("web", "prod", "1.2.3"), "7b86ecad39e3"; got != want {
		t.Errorf("Fingerprint = %q, want %q", got, want)
	}
	if got := Fingerprint("web", "prod", ""); got != "" {
		t.Errorf("Fingerprint without a version = %q, want none", got)
	}
}
