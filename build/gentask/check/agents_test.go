package check

var brokenAgents = map[string]broken{
	"not for agents": {
		change("runsOn", jsonText(`["Server", "ServerGate"]`)),
		[]string{`runsOn: has no "Agent", so no agent ever runs the task; add it, or leave out runsOn [runs-on]`},
	},
	"for nothing": {
		[]edit{{"runsOn", jsonText(`[]`)}, {"visibility", jsonText(`[]`)}},
		[]string{
			`runsOn: has no "Agent", so no agent ever runs the task; add it, or leave out runsOn [runs-on]`,
			`visibility: is empty, so the task is offered nowhere; write ["Build", "Release"], or leave it out [visibility]`,
		},
	},
	"for agents in one place": {
		[]edit{{"runsOn", jsonText(`["DeploymentGroup", "Agent"]`)}, {"visibility", jsonText(`["Release"]`)}}, nil,
	},
	"demands": {
		change("demands", jsonText(`["npm", "Agent.OS -equals Windows NT", "java -gtVersion 1.8", "a=b"]`)), nil,
	},
	"demands that no agent meets": {
		change("demands", jsonText(`["", "npm ", "two words", "x -equals", "x -equals ", "x -like y", "x -gtVersion new", `+
			`"a\nb", "git", "GIT"]`)),
		[]string{
			noDemand(0, `""`), noDemand(1, `"npm "`), noDemand(2, `"two words"`), noDemand(3, `"x -equals"`),
			noDemand(4, `"x -equals "`), noDemand(5, `"x -like y"`), noDemand(6, `"x -gtVersion new"`), noDemand(7, `"a\nb"`),
			`demands[9]: "GIT" stands twice; remove one of them [demands]`,
		},
	},
	"labels in another case and with other blanks": {
		[]edit{{"inputs/file/label", " fOLDER "}, {"inputs/folder/label", "Folder"}, {"inputs/list/label", "LINES"}},
		[]string{
			`inputs[9].label (input "file"): is also that of input "folder", ` +
				"and problems are reported by it; reword one of them [label-unique]",
			`inputs[10].label (input "lines"): is also that of input "list", ` +
				"and problems are reported by it; reword one of them [label-unique]",
		},
	},
}

func noDemand(i int, text string) string {
	return "demands[" + string(rune('0'+i)) + "]: " + text + " is no demand that an agent could meet; " +
		"write a capability's name, or name -equals value, or name -gtVersion 1.2.3 [demands]"
}
