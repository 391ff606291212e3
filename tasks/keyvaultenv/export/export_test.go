package export_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/keyvaultenv/export"
)

// randomValues are values that the format holds, the same in every run.
func randomValues(t *testing.T, format export.Format, count int) []export.Pair {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	alphabet := []string{"a", "Z", "0", " ", "\n", "'", `"`, "`", "$", "{", "(", ")", "}", `\`, "#", "=", "n", "!", "~", "*", ";",
		"&", "\t", "é", "export ", "A=", "-", ",", ":", "/"}
	var values []export.Pair
	for tries := 0; len(values) < count; tries++ {
		if tries > 100*count {
			t.Fatalf("the format %s holds only %d of %d random texts", format, len(values), tries)
		}
		var b strings.Builder
		for range random.IntN(12) {
			b.WriteString(alphabet[random.IntN(len(alphabet))])
		}
		v := export.Pair{Name: fmt.Sprintf("R%d", len(values)), Value: b.String()}
		if _, err := export.Render(format, []export.Pair{v}); err == nil {
			values = append(values, v)
		}
	}
	return values
}

func TestRender(t *testing.T) {
	t.Parallel()
	values := []export.Pair{
		{"DB_URL", "postgres://u:p@h:5432/db?x=y"}, {"PASSWORD", "a b;c"}, {"NOTE", "it's"}, {"EMPTY", ""},
	}
	for format, want := range map[export.Format]string{
		export.Dotenv: "DB_URL=postgres://u:p@h:5432/db?x=y\nPASSWORD='a b;c'\nNOTE=\"it's\"\nEMPTY=\n",
		export.Docker: "DB_URL=postgres://u:p@h:5432/db?x=y\nPASSWORD=a b;c\nNOTE=it's\nEMPTY=\n",
		export.JSON:   "{\n  \"DB_URL\": \"postgres://u:p@h:5432/db?x=y\",\n  \"EMPTY\": \"\",\n  \"NOTE\": \"it's\",\n  \"PASSWORD\": \"a b;c\"\n}\n",
	} {
		got, err := export.Render(format, values)
		if err != nil {
			t.Errorf("Render(%s): %v", format, err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("Render(%s) (-want +got):\n%s", format, diff)
		}
	}
	for _, text := range []string{"", "x", "\xff\x00\r\n", "no line end added"} {
		got, err := export.Render(export.Raw, []export.Pair{{"any-name", text}})
		if err != nil || string(got) != text {
			t.Errorf("Render(raw, %q) = %q, %v", text, got, err)
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		format export.Format
		values []export.Pair
		want   []string // parts of the error
	}{
		"hyphen":         {export.Dotenv, []export.Pair{{"db-url", "x"}}, []string{`"db-url" is no name`, "dotenv"}},
		"hyphen, docker": {export.Docker, []export.Pair{{"db-url", "x"}}, []string{`"db-url" is no name`}},
		"injection":      {export.Dotenv, []export.Pair{{"A=b\nPATH", "x"}}, []string{`"A=b\nPATH" is no name`}},
		"no name":        {export.Dotenv, []export.Pair{{"", "x"}}, []string{`"" is no name`}},
		"bash's own":     {export.Dotenv, []export.Pair{{"UID", "x"}}, []string{`"UID" is no name`}},
		"twice":          {export.JSON, []export.Pair{{"A", "x"}, {"A", "y"}}, []string{"A: two values have this name"}},
		"name not UTF-8": {export.JSON, []export.Pair{{"\xff", "x"}}, []string{`"\xff"`, "UTF-8"}},
		"several raw":    {export.Raw, []export.Pair{{"A", "x"}, {"B", "y"}}, []string{"one value, and there are 2"}},
		"no raw":         {export.Raw, nil, []string{"one value, and there are 0"}},
		"no such format": {"yaml", []export.Pair{{"A", "x"}}, []string{`no format "yaml"`}},
		"long line":      {export.Docker, []export.Pair{{"A", strings.Repeat("x", 1<<16-3)}}, []string{"A: ", "64 KB"}},
		"all at once":    {export.Docker, []export.Pair{{"A", "x\ny"}, {"B", "x"}, {"c-d", ""}}, []string{"A: ", `"c-d"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := export.Render(tc.format, tc.values)
			if err == nil || got != nil {
				t.Fatalf("Render(%s) = %q, %v; want an error and no data", tc.format, got, err)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Render(%s): %v; want %q in it", tc.format, err, want)
				}
			}
		})
	}
}

// The longest line that is not refused is one that docker reads.
func TestDockerReadsTheLongestLine(t *testing.T) {
	t.Parallel()
	values := []export.Pair{{"A", strings.Repeat("x", 1<<16-4)}, {"B", "y"}}
	checkReader(t, export.Docker, docker, values)
}
