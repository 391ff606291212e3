package cachekey

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	// The first three are FingerprintCreatorTests.cs of the agent.
	for name, tc := range map[string]struct {
		in   Input
		want Spec
	}{
		"one line with restore keys": {
			Input{
				Key:         "$(Agent.OS) | Gemfile.lock | **/*.gemspec,!./junk/**",
				RestoreKeys: "$(Agent.OS) | Gemfile.lock\n$(Agent.OS)",
			},
			Spec{
				Key:         []string{"$(Agent.OS)", "Gemfile.lock", "**/*.gemspec,!./junk/**"},
				RestoreKeys: [][]string{{"$(Agent.OS)", "Gemfile.lock"}, {"$(Agent.OS)"}},
			},
		},
		"several lines": {
			Input{Key: "gems\n$(Agent.OS)\n$(Build.SourcesDirectory)/my.gemspec"},
			Spec{Key: []string{"gems", "$(Agent.OS)", "$(Build.SourcesDirectory)/my.gemspec"}, OldFormat: true},
		},
		"one segment":           {Input{Key: "$(Agent.OS)"}, Spec{Key: []string{"$(Agent.OS)"}}},
		"empty ones dropped":    {Input{Key: "a||b"}, Spec{Key: []string{"a", "b"}}},
		"bars at the ends":      {Input{Key: "|a|"}, Spec{Key: []string{"a"}}},
		"quotes do not protect": {Input{Key: `"a|b"|c`}, Spec{Key: []string{`"a`, `b"`, "c"}}},
		"salt": {
			Input{Key: "a", RestoreKeys: "b\r\n\r\nc | d", Salt: "7"},
			Spec{
				Key:         []string{"AZP_CACHING_SALT=7", "a"},
				RestoreKeys: [][]string{{"AZP_CACHING_SALT=7", "b"}, {"AZP_CACHING_SALT=7", "c", "d"}},
			},
		},
		"no salt in the old format": {Input{Key: "a\r\nb", Salt: "7"}, Spec{Key: []string{"a", "b"}, OldFormat: true}},
		"blank salt":                {Input{Key: "a", Salt: " "}, Spec{Key: []string{"a"}}},
		"bars in the old format":    {Input{Key: "a | b\nc"}, Spec{Key: []string{"a | b", "c"}, OldFormat: true}},
		"blank restore keys":        {Input{Key: "a", RestoreKeys: " \n "}, Spec{Key: []string{"a"}}},
		"blank line between restore keys": {
			Input{Key: "a", RestoreKeys: "b\n \nc"},
			Spec{Key: []string{"a"}, RestoreKeys: [][]string{{"b"}, nil, {"c"}}},
		},
		".NET white space": {Input{Key: "\u00a0a\u3000|\u200bb"}, Spec{Key: []string{"a", "\u200bb"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Parse(tc.in)
			if err != nil {
				t.Fatalf("Parse(%+v): %v", tc.in, err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Parse(%+v) (-want +got):\n%s", tc.in, diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		in   Input
		want []string
	}{
		"old format with restore keys": {Input{Key: "a\nb", RestoreKeys: "a"}, []string{"one segment per line"}},
		"no segment":                   {Input{Key: "||"}, []string{"no segments"}},
		"blank segment":                {Input{Key: "a| |b"}, []string{"segment 2 of the key: it is blank"}},
		"star":                         {Input{Key: "*"}, []string{"`*` is a reserved key segment", "`./*`"}},
		"two stars":                    {Input{Key: "a|**"}, []string{"`**` is a reserved key segment"}},
		"single quote":                 {Input{Key: "'a'"}, []string{"single quote"}},
		"backtick":                     {Input{Key: "`a"}, []string{"backtick"}},
		"all at once": {
			Input{Key: "*|'a", RestoreKeys: "b\n`c | d"},
			[]string{"segment 1 of the key", "segment 2 of the key", "segment 1 of the restore key \"`c | d\""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec, err := Parse(tc.in)
			if err == nil {
				t.Fatalf("Parse(%+v) = %+v, want an error with %q", tc.in, spec, tc.want)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Parse(%+v): error %q, want it to hold %q", tc.in, err, want)
				}
			}
		})
	}
}

func TestIsPath(t *testing.T) {
	t.Parallel()
	// The first block is IsPathyTests.cs of the agent, which runs on every system.
	for segment, want := range map[string]map[system]bool{
		`''`:                       {linux: false, windows: false, "darwin": false},
		`Windows_NT`:               {linux: false, windows: false, "darwin": false},
		`README.md`:                {linux: true, windows: true, "darwin": true},
		`This is a sentence.`:      {linux: false, windows: false},
		`http://xkcd.com.`:         {linux: false, windows: false},
		`"D:\README.md"`:           {linux: false, windows: false},
		`D:\README.md`:             {linux: true, windows: true},
		`D:\_work\2\s/README.md`:   {linux: true, windows: true},
		`D:\_work\2\s/**/README.m`: {linux: true, windows: true},
		`/**/README.md,!./junk/**;./azure-pipelines.yml`: {linux: true, windows: true},
		`./**,!./.git/**`:                {linux: true, windows: true},
		`/src/foo`:                       {linux: true, windows: true},
		`src/foo`:                        {linux: true, windows: true},
		`We should go to the store/mall`: {linux: true, windows: true},
		`KEY_SALT=5-macos-10.13-stable-x86_64-darwin`: {linux: true, windows: true},
		`ruby:2.6.2`: {linux: true, windows: true},

		`v1.0`:            {linux: true, windows: true, "darwin": true},
		`"v1.0"`:          {linux: false, windows: false},
		`refs/heads/main`: {linux: true, windows: true},
		`src\foo`:         {linux: false, windows: true},
		`a.b"c`:           {linux: true, windows: false},
		`a<b.c`:           {linux: true, windows: false},
		"a\tb.c":          {linux: true, windows: false},
		`"`:               {linux: false, windows: false},
		`..`:              {linux: false, windows: false},
	} {
		for os, want := range want {
			if got := os.isPath(segment); got != want {
				t.Errorf("%s: isPath(%q) = %v, want %v", os, segment, got, want)
			}
		}
	}
}
