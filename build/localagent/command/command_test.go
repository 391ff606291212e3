package command_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/build/localagent/command"
)

type properties = command.Properties

// parsed holds the vectors of src/Test/L0/Worker/LoggingCommandL0.cs, marked
// LoggingCommandL0, and the rules of Command.cs that they leave out.
var parsed = map[string]struct {
	line    string
	literal bool // DECODE_PERCENTS=false
	want    command.Command
}{
	"LoggingCommandL0: property and data": {
		line: "##vso[area.event k1=v1;]msg",
		want: command.Command{Area: "area", Event: "event", Properties: properties{{"k1", "v1"}}, Data: "msg"},
	},
	"LoggingCommandL0: bare": {
		line: "##vso[area.event]",
		want: command.Command{Area: "area", Event: "event"},
	},
	"LoggingCommandL0: escapes, percent kept": {
		line: "##vso[area.event k1=%3B=%0D=%0A=%5D%AZP25;]%3B-%0D-%0A-%5D%AZP253B", literal: true,
		want: command.Command{
			Area: "area", Event: "event",
			Properties: properties{{"k1", ";=\r=\n=]%AZP25"}}, Data: ";-\r-\n-]%AZP253B",
		},
	},
	"LoggingCommandL0: escapes, percent decoded": {
		line: "##vso[area.event k1=%3B=%0D=%0A=%5D%AZP25;]%3B-%0D-%0A-%5D%AZP253B",
		want: command.Command{
			Area: "area", Event: "event",
			Properties: properties{{"k1", ";=\r=\n=]%"}}, Data: ";-\r-\n-]%3B",
		},
	},
	"LoggingCommandL0: empty values are no properties": {
		line: "##vso[area.event k1=;k2=;]",
		want: command.Command{Area: "area", Event: "event"},
	},
	"LoggingCommandL0: text before the command": {
		line: ">>>   ##vso[area.event k1=v1;]msg",
		want: command.Command{Area: "area", Event: "event", Properties: properties{{"k1", "v1"}}, Data: "msg"},
	},
	"data keeps brackets and a second command": {
		line: "##vso[a.b]x]y ##vso[c.d]z",
		want: command.Command{Area: "a", Event: "b", Data: "x]y ##vso[c.d]z"},
	},
	"the value may hold =": {
		line: "##vso[a.b k=b=c]",
		want: command.Command{Area: "a", Event: "b", Properties: properties{{"k", "b=c"}}},
	},
	"repeated = is dropped": {
		line: "##vso[a.b =k==v=]",
		want: command.Command{Area: "a", Event: "b", Properties: properties{{"k", "v="}}},
	},
	"a key alone is no property": {
		line: "##vso[a.b k;k2==;;]",
		want: command.Command{Area: "a", Event: "b"},
	},
	"keys are not trimmed": {
		line: "##vso[task.setvariable variable=x; issecret=true]v",
		want: command.Command{
			Area: "task", Event: "setvariable",
			Properties: properties{{"variable", "x"}, {" issecret", "true"}}, Data: "v",
		},
	},
	"last duplicate wins, first place and spelling stay": {
		line: "##vso[a.b K=1;x=2;k=3]",
		want: command.Command{Area: "a", Event: "b", Properties: properties{{"K", "3"}, {"x", "2"}}},
	},
	"empty parts of the name are dropped": {
		line: "##vso[.a..b.]",
		want: command.Command{Area: "a", Event: "b"},
	},
	"the name ends at the first space": {
		line: "##vso[a.b  k=v]",
		want: command.Command{Area: "a", Event: "b", Properties: properties{{" k", "v"}}},
	},
	"lower-case escapes and %25 are text": {
		line: "##vso[a.b]%0a%0d%3b%5d%25%azp25",
		want: command.Command{Area: "a", Event: "b", Data: "%0a%0d%3b%5d%25%azp25"},
	},
	"an escape made by decoding percent is not decoded again": {
		line: "##vso[a.b]%AZP250A",
		want: command.Command{Area: "a", Event: "b", Data: "%0A"},
	},
	"escaped bracket in a property": {
		line: "##vso[a.b k=x%5Dy]d",
		want: command.Command{Area: "a", Event: "b", Properties: properties{{"k", "x]y"}}, Data: "d"},
	},
}

func TestParse(t *testing.T) {
	t.Parallel()
	for name, tc := range parsed {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := command.Parse(tc.line, !tc.literal)
			if !ok {
				t.Fatalf("Parse(%q, %v) found no command", tc.line, !tc.literal)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("Parse(%q, %v) (-want +got):\n%s", tc.line, !tc.literal, diff)
			}
		})
	}
}

func TestNoCommand(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		line    string
		keyword bool // the agent warns about it
	}{
		"text":                  {"hello", false},
		"nothing":               {"", false},
		"no bracket at the end": {"##vso[task.debug", true},
		"one part":              {"##vso[task]x", true},
		"three parts":           {"##vso[task.set.variable]x", true},
		"no name":               {"##vso[]x", true},
		"space first":           {"##vso[ task.debug]x", true},
		"other case":            {"##VSO[task.debug]x", false},
		"keyword alone":         {"see ##vso in the docs", true},
		"space in the prefix":   {"##vso [task.debug]x", true},
		"zero-width character":  {"##v\u200bso[task.debug]x", false},
		"bracket before prefix": {"]##vso[task.debug", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, ok := command.Parse(tc.line, true); ok {
				t.Errorf("Parse(%q) = %+v, want no command", tc.line, got)
			}
			if got := command.Keyword(tc.line); got != tc.keyword {
				t.Errorf("Keyword(%q) = %v, want %v", tc.line, got, tc.keyword)
			}
		})
	}
	if line := "##vso[task.debug]x"; command.Keyword(line) {
		t.Errorf("Keyword(%q) = true, want false for a proper command", line)
	}
}

// A task's output must not be able to stop the agent.
func TestParseManyProperties(t *testing.T) {
	t.Parallel()
	var line strings.Builder
	line.WriteString("##vso[a.b ")
	const count = 200_000
	for i := range count {
		fmt.Fprintf(&line, "k%d=v;", i)
	}
	if cmd, ok := command.Parse(line.String()+"]", true); !ok || len(cmd.Properties) != count {
		t.Errorf("Parse gave %d properties, %v, want %d", len(cmd.Properties), ok, count)
	}
}

func TestPropertiesGet(t *testing.T) {
	t.Parallel()
	p := properties{{"isSecret", "true"}, {" isoutput", "true"}}
	for key, want := range map[string]string{
		"issecret": "true", "ISSECRET": "true", "isoutput": "", " isOutput": "true", "i\u017Fsecret": "",
	} {
		if got, ok := p.Get(key); got != want || ok != (want != "") {
			t.Errorf("Get(%q) = %q, %v, want %q, %v", key, got, ok, want, want != "")
		}
	}
}

// The vectors of src/Test/L0/Util/StringUtilL0.cs, DeactivateVsoCommandsFromStringTest.
func TestDeactivate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "test": "test", "gA==": "gA==",
		"##vso[task.setvariable variable=testVar]a":        "**vso[task.setvariable variable=testVar]a",
		`echo "##vso[task.setvariable variable=testVar]a"`: `echo "**vso[task.setvariable variable=testVar]a"`,
		"##vso a": "**vso a", "##vso[] a": "**vso[] a", "## vso": "## vso", "#vso": "#vso", "##vs": "##vs",
		"##VsO": "**vso", " ": " ",
		// Letters that take more, or fewer, bytes in lower case.
		"\u023a\u023a\u023a##vso[a.b]": "\u023a\u023a\u023a**vso[a.b]", "\u023a##vso": "\u023a**vso",
		"\u212a\u212a##vso[a.b]x":           "\u212a\u212a**vso[a.b]x",
		"##vso[a.b]x ##VSO[c.d]":            "**vso[a.b]x **vso[c.d]",
		"##[section] is no logging command": "##[section] is no logging command",
	} {
		if got := command.Deactivate(text); got != want {
			t.Errorf("Deactivate(%q) = %q, want %q", text, got, want)
		}
	}
}

// encode is what an emitter must do: percent first, then the rest.
func encode(s string, property bool) string {
	pairs := []string{"%", "%AZP25", "\r", "%0D", "\n", "%0A"}
	if property {
		pairs = append(pairs, "]", "%5D", ";", "%3B")
	}
	return strings.NewReplacer(pairs...).Replace(s)
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "plain", "%", "%0A", "%AZP25", "%AZP250A", "a;b]c\r\nd",
		"##vso[x.y]", "==", "=a", "\x00\xff"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, value, data string) {
		line := "##vso[area.event key=" + encode(value, true) + ";]" + encode(data, false)
		cmd, ok := command.Parse(line, true)
		if !ok || strings.ContainsAny(line, "\r\n") {
			t.Fatalf("Parse(%q) = %+v, %v, want one command in one line", line, cmd, ok)
		}
		if cmd.Data != data {
			t.Errorf("data of %q is %q, want %q", line, cmd.Data, data)
		}
		// The agent takes leading "=" for empty parts; nothing can carry them.
		want := strings.TrimLeft(value, "=")
		if got, _ := cmd.Properties.Get("key"); got != want {
			t.Errorf("key of %q is %q, want %q", line, got, want)
		}
	})
}
