package message

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const ours = "Pipeline-Guardrails-Run: acme/shop/12/345\nPipeline-Guardrails-Kind: deployment\n"

var read = Stamp{Pipeline: "acme/shop/12", Run: "345", Kind: "deployment"}

func TestReadFindsOurs(t *testing.T) {
	t.Parallel()
	causedBy := func(causes ...string) Stamp {
		s := read
		s.Causes = causes
		return s
	}
	for name, tc := range map[string]struct {
		message string
		want    Stamp
	}{
		"plain":            {"a\n\n" + ours, read},
		"CRLF":             {strings.ReplaceAll("a\n\n"+ours, "\n", "\r\n"), read},
		"blanks at ends":   {"a\n\n" + strings.ReplaceAll(ours, "\n", " \t\n") + "\n\n", read},
		"no last line end": {"a\n\n" + strings.TrimSpace(ours), read},
		"other case":       {"a\n\n" + strings.ReplaceAll(ours, "Pipeline-Guardrails", "pipeline-guardrails"), read},
		"with others":      {"a\n\nSigned-off-by: A <a@b.c>\n" + ours + "Change-Id:\n  I1\n", read},
		"the first counts": {"a\n\n" + ours + "Pipeline-Guardrails-Run: x/y/1/2\nPipeline-Guardrails-Kind: other\n", read},
		"one to come":      {"a\n\n" + ours + "Pipeline-Guardrails-Later: x\n", read},
		"cherry-picked":    {"a\n\n" + ours + "(cherry picked from commit 0123abc)\n", read},
		"merged by Azure":  {"Merged PR 12: Deploy\n\nDeploy\n\n" + ours + "\nRelated work items: #1, #2\n", read},
		"squashed by GitHub": {
			"Deploy (#12)\n\n* Deploy\n\n" + ours + "\n---------\n\nCo-authored-by: A <a@b.c>\n", read,
		},
		"squashed by git": {
			"Squashed commit of the following:\n\ncommit 0123\nAuthor: A <a@b.c>\nDate:   now\n\n    Deploy\n\n    " +
				strings.ReplaceAll(strings.TrimSpace(ours), "\n", "\n    ") + "\n", read,
		},
		"several": {
			"Deploy (#12)\n\n* One\n\nPipeline-Guardrails-Run: acme/a/1/2\nPipeline-Guardrails-Causes: acme/b/1 acme/shop/12\n\n" +
				"* Two\n\nPipeline-Guardrails-Run: acme/a/1/3\n\n* Three\n\n" + ours + "Pipeline-Guardrails-Causes: acme/c/1\n",
			causedBy("acme/b/1", "acme/a/1", "acme/c/1"),
		},
		"a long one's end": {"a\n\n" + strings.Repeat("x\n\n", most) + ours, read},
		"no escapes":       {"a\n\n" + ours + "Pipeline-Guardrails-Version: 5%zz%\n", func() Stamp { s := read; s.Version = "5%zz%"; return s }()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := Read(tc.message)
			if diff := cmp.Diff(tc.want, got); !ok || diff != "" {
				t.Errorf("Read(%.300q) = _, %v (-want +got):\n%s", tc.message, ok, diff)
			}
		})
	}
}

func TestReadTakesNothingElse(t *testing.T) {
	t.Parallel()
	for name, message := range map[string]string{
		"nothing":         "",
		"no trailers":     "Deploy\n\nbody\n",
		"other trailers":  "Deploy\n\nSigned-off-by: A <a@b.c>\n",
		"the subject":     ours,
		"text after":      "a\n\n" + ours + "\nThis was wrong.\n",
		"text within":     "a\n\n" + ours + "and text\n",
		"text before":     "a\n\nwe had\n" + ours,
		"indented":        "a\n\n    " + strings.ReplaceAll(ours, "\n", "\n    "),
		"quoted":          "a\n\n> " + strings.ReplaceAll(strings.TrimSpace(ours), "\n", "\n> "),
		"a diff":          "a\n\n+" + strings.ReplaceAll(strings.TrimSpace(ours), "\n", "\n+"),
		"no run":          "a\n\nPipeline-Guardrails-Kind: other\n",
		"an empty run":    "a\n\nPipeline-Guardrails-Run:\n",
		"half a run":      "a\n\nPipeline-Guardrails-Run: acme/shop/12/\n",
		"no pipeline":     "a\n\nPipeline-Guardrails-Run: /345\n",
		"no slash":        "a\n\nPipeline-Guardrails-Run: 345\n",
		"another's":       "a\n\nPipeline-Guardrails-Runs: a/b/1/2\n",
		"in another's":    "a\n\nX: Pipeline-Guardrails-Run: a/b/1/2\n",
		"other work item": "a\n\n" + ours + "\nRelated work items: #1\ntext\n",
		"before the end":  "a\n\n" + ours + "\n" + strings.Repeat("x", most),
		"longer than any": "a\n\n" + ours + strings.Repeat("X: y\n", most),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, ok := Read(message); ok {
				t.Errorf("Read(%.200q) = %+v, true; want false", message, got)
			}
		})
	}
}

func FuzzReadIsTheReverseOfCompose(f *testing.F) {
	f.Add("Deploy", "acme/shop/12", "345", "web", "1.2.3", "acme/a/1")
	f.Add("Badge\n\nSigned-off-by: x\n  y", "a b/c%20d/1", "/", "\n", "[skip ci]", "skip-checks:")
	f.Add("Squashed commit of the following:\n\n    a\n\nX: y\n    z", "/", "1", "\xff", "%", "%25")
	f.Add("a\n\nPipeline-Guardrails-Run: a/b/1/2", "a/b/1", "2", "", "", "")
	f.Add("a\n\n---", "a/b/1", "2", "", "", "")
	f.Fuzz(func(t *testing.T, text, pipeline, run, application, version, cause string) {
		s := Stamp{Pipeline: pipeline, Run: run, Kind: "other", Application: application, Version: version}
		if cause != "" {
			s.Causes = []string{cause, "true", cause}
		}
		_, skips := Skips(clean(text))
		for _, skip := range []Skip{SkipNone, SkipCI, NoCI} {
			m, err := Compose(text, s, skip)
			if err != nil {
				return
			}
			back, ok := Read(m)
			if diff := cmp.Diff(s, back); !ok || diff != "" {
				t.Fatalf("Read(%q) = _, %v (-want +got):\n%s", m, ok, diff)
			}
			if token, ok := Skips(m); ok != (skips || skip != SkipNone) {
				t.Errorf("Skips(%q) = %q, %v", m, token, ok)
			}
			if strings.ContainsAny(m, "\x00\r\x1b\u2028\u202e") || !strings.HasSuffix(m, "\n") {
				t.Errorf("Compose(%q) = %q", text, m)
			}
			// Nothing hides what follows, and nothing of it is taken for the end of another.
			if _, ok := Read(m + "\nand text"); ok {
				t.Errorf("Read(%q) is ours", m+"\nand text")
			}
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add("a\n\n" + ours + "\n---------\n\nCo-authored-by: A <a@b.c>\n")
	f.Add("Squashed commit of the following:\n\n    a\n\n    " + ours)
	f.Fuzz(func(t *testing.T, m string) {
		s, ok := Read(m)
		if !ok {
			if diff := cmp.Diff(Stamp{}, s); diff != "" {
				t.Errorf("Read(%q) = %+v, false", m, s)
			}
			return
		}
		if s.Pipeline == "" || s.Run == "" || !strings.Contains(strings.ToLower(m), "pipeline-guardrails-run: ") {
			t.Errorf("Read(%q) = %+v, true", m, s)
		}
	})
}
