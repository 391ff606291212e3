// Package command reads what a task prints the way the Azure Pipelines agent
// does: it splits output into lines and decodes logging commands from them.
//
// It is written from the agent's decoder (Microsoft.VisualStudio.Services.Agent/Command.cs
// and Agent.Sdk/CommandStringConvertor.cs) and shares no code with the encoder that
// the tasks use, so that each checks the other. It executes nothing.
package command

import (
	"regexp"
	"strings"

	"github.com/guardrails-ci/guardrails/build/localagent/ordinal"
)

const (
	prefix  = "##vso["
	keyword = "##vso"
)

// Command is one decoded logging command: ##vso[area.event key=value;]data.
type Command struct {
	Area, Event string
	Properties  Properties
	Data        string
}

// Property is one key and its decoded value. The key is not trimmed: the agent
// does not know "; issecret=true" (with the space) as issecret.
type Property struct {
	Key, Value string
}

// Properties are a command's properties in the order of their first appearance.
type Properties []Property

// Get returns the value of key, ignoring case.
func (p Properties) Get(key string) (string, bool) {
	for _, prop := range p {
		if ordinal.Equal(prop.Key, key) {
			return prop.Value, true
		}
	}
	return "", false
}

// Parse decodes the logging command in line and reports whether there is one.
// The command may stand anywhere in the line; text before it is dropped, and
// everything after the first "]" is data. decodePercent is the agent's
// DECODE_PERCENTS setting, which is on by default.
func Parse(line string, decodePercent bool) (Command, bool) {
	_, rest, found := strings.Cut(line, prefix)
	if !found {
		return Command{}, false
	}
	header, data, found := strings.Cut(rest, "]")
	if !found {
		return Command{}, false
	}
	name, properties, _ := strings.Cut(header, " ")
	parts := split(name, ".")
	if len(parts) != 2 {
		return Command{}, false
	}
	cmd := Command{Area: parts[0], Event: parts[1], Data: Unescape(data, decodePercent)}
	place := make(map[string]int) // of each key in cmd.Properties
	for _, pair := range split(properties, ";") {
		// Leading and repeated "=" count as empty parts, which the agent drops:
		// "k==v" is k=v, and "k=" is nothing at all.
		key, value, _ := strings.Cut(strings.TrimLeft(pair, "="), "=")
		if value = strings.TrimLeft(value, "="); value == "" {
			continue
		}
		i, again := place[ordinal.Upper(key)]
		if !again {
			i = len(cmd.Properties)
			place[ordinal.Upper(key)] = i
			cmd.Properties = append(cmd.Properties, Property{Key: key})
		}
		cmd.Properties[i].Value = Unescape(value, decodePercent) // the last of two equal keys wins
	}
	return cmd, true
}

// Keyword reports whether line looks like a logging command but is none. The
// agent warns about such a line and logs it as text.
func Keyword(line string) bool {
	if !strings.Contains(line, keyword) {
		return false
	}
	_, ok := Parse(line, true)
	return !ok
}

var anyKeyword = regexp.MustCompile(`(?i)##vso`)

// Deactivate makes sure that text holds no logging command, by turning ##vso in any
// case into **vso. The agent does this to variables that outsiders may fill, such
// as Build.SourceVersionMessage (StringUtil.cs DeactivateVsoCommands).
func Deactivate(text string) string {
	return anyKeyword.ReplaceAllString(text, "**vso")
}

// split is strings.Split without the empty parts.
func split(s, sep string) []string {
	var parts []string
	for part := range strings.SplitSeq(s, sep) {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// Unescape undoes the escapes in the agent's order: the percent sign comes last,
// so that %AZP253B stays the text %3B. Lower-case escapes and %25 are none.
func Unescape(s string, decodePercent bool) string {
	for _, escape := range [...][2]string{{"%3B", ";"}, {"%0D", "\r"}, {"%0A", "\n"}, {"%5D", "]"}} {
		s = strings.ReplaceAll(s, escape[0], escape[1])
	}
	if decodePercent {
		s = strings.ReplaceAll(s, "%AZP25", "%")
	}
	return s
}
