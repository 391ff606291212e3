package command_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/build/localagent/command"
)

// What the official task library reads of a command in node/test/commandtests.ts
// (microsoft/azure-pipelines-task-lib), and what it writes there: the agent's
// decoder gives back what went in.
func TestTaskLibraryVectors(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]command.Command{
		"##vso[basic.command]messageVal": {Area: "basic", Event: "command", Data: "messageVal"},
		"##vso[basic.command prop1=val1;]messageVal": {
			Area: "basic", Event: "command", Properties: properties{{"prop1", "val1"}}, Data: "messageVal"},
		"##vso[basic.command prop1=val1;prop2=val2]messageVal": {
			Area: "basic", Event: "command", Properties: properties{{"prop1", "val1"}, {"prop2", "val2"}}, Data: "messageVal"},
		"##vso[task.setvariable variable=task variable;]task variable set value": {
			Area: "task", Event: "setvariable", Properties: properties{{"variable", "task variable"}}, Data: "task variable set value"},
		"##vso[basic.command]cr %0D lf %0A crlf %0D%0A eom ] ;": {
			Area: "basic", Event: "command", Data: "cr \r lf \n crlf \r\n eom ] ;"},
		"##vso[basic.command foo=%3B=%0D=%0A%AZP253B;]dog": {
			Area: "basic", Event: "command", Properties: properties{{"foo", ";=\r=\n%3B"}}, Data: "dog"},
		"##vso[some.cmd foo=bar,baz;]a": {
			Area: "some", Event: "cmd", Properties: properties{{"foo", "bar,baz"}}, Data: "a"},
		"##vso[task.setvariable variable=bar;isOutput=true;]dog": {
			Area: "task", Event: "setvariable", Properties: properties{{"variable", "bar"}, {"isOutput", "true"}}, Data: "dog"},
	} {
		got, ok := command.Parse(line, true)
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("Parse(%q) = %v (-want +got):\n%s", line, ok, diff)
		}
	}
}
