package message

import (
	"regexp"
	"strings"
)

// Skip is a token that servers honour.
type Skip string

// The tokens.
const (
	SkipNone Skip = ""
	SkipCI   Skip = "[skip ci]"
	NoCI     Skip = "***NO_CI***" // the only one that Azure DevOps Server 2019 knows
)

// skips finds the tokens that Azure Pipelines documents under "Skip CI for individual
// pushes". GitHub's own ([no ci], [skip actions]) do not stop it.
var skips = regexp.MustCompile(`(?i)\[skip (?:ci|azurepipelines|azpipelines|azp)\]|` +
	`\[(?:ci|azurepipelines|azpipelines|azp) skip\]|` +
	`skip-checks: ?true|\*\*\*NO_CI\*\*\*`)

// Skips returns the first token in a message that keeps pipelines from starting, as it is
// written there. Azure DevOps looks for them anywhere, so does Skips; and as no
// documentation says that case counts, one in another case is a token, too.
func Skips(message string) (token string, ok bool) {
	token = skips.FindString(message)
	return token, token != ""
}

// in reports whether a text has the token already, so that a server is sure to honour it:
// in the spelling of the documentation. What stops Azure Pipelines alone is not enough
// where [skip ci] is asked for, which others honour, too.
func (s Skip) in(text string) bool {
	return strings.Contains(text, string(s)) || s == SkipCI && strings.Contains(text, "[ci skip]")
}
