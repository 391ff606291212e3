package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		doc  string
		want []Violation
	}{
		"nothing is required at the top": {`{}`, nil},
		"not an object":                  {`[]`, []Violation{{[]string{}, "got array, want object"}}},
		"unknown field": {
			`{"inputs": [{"name": "a", "label": "A", "type": "string", "secret": true}]}`,
			[]Violation{{[]string{"inputs", "0", "secret"}, "is not a field that belongs here"}},
		},
		"missing fields": {
			`{"inputs": [{"name": "a"}]}`,
			[]Violation{
				{[]string{"inputs", "0", "label"}, "is missing"}, {[]string{"inputs", "0", "type"}, "is missing"},
			},
		},
		"plain string version": {
			`{"version": "1.0.0"}`,
			[]Violation{{[]string{"version"}, "got string, want object"}},
		},
		"a connected service is a type": {
			`{"inputs": [{"name": "a", "label": "A", "type": "connectedService:AzureRM"}]}`, nil,
		},
		"anyOf is one reason, order is by place": {
			`{"name": "a b", "inputs": [{"name": "a", "label": "A", "type": "password"}]}`,
			[]Violation{
				{
					[]string{"inputs", "0", "type"},
					"value must be one of 'boolean', 'filePath', 'multiLine', 'pickList', 'radio', 'secureFile', " +
						"'string', 'int', 'identities', 'querycontrol', or " +
						`'password' does not match pattern '^connectedService\\:.+$'`,
				},
				{[]string{"name"}, `'a b' does not match pattern '^[A-Za-z0-9\\-]+$'`},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Validate([]byte(tc.doc))
			if err != nil {
				t.Fatalf("Validate(%s): %v", tc.doc, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Validate(%s) (-want +got):\n%s", tc.doc, diff)
			}
		})
	}
}

func TestValidateNoJSON(t *testing.T) {
	t.Parallel()
	if got, err := Validate([]byte(`{"a": }`)); err == nil {
		t.Errorf("Validate of broken JSON = %v, nil; want an error", got)
	}
}

func TestSourceNamesThisFile(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("SOURCE.md")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	if want := hex.EncodeToString(sum[:]); !strings.Contains(string(page), want) {
		t.Errorf("SOURCE.md has not the SHA-256 of tasks.schema.json, %s: "+
			"correct its commit and sum, or restore the file", want)
	}
}

func TestOffline(t *testing.T) {
	t.Parallel()
	if doc, err := (offline{}).Load("https://example.invalid/x.json"); err == nil {
		t.Errorf("Load = %v, nil; want an error, nothing is fetched", doc)
	}
}
