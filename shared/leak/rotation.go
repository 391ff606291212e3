package leak

import "slices"

// Recipe is how a secret that has leaked is made worthless without breaking what
// uses it.
type Recipe struct {
	Title string // what it is, such as "Azure storage account key"
	Owner string // who can do it, and where to ask
	// Steps are to be done in this order, each one line of plain text. A word in angle
	// brackets stands for something of the reader's; there is never a value.
	Steps []string
}

// Rotation returns the recipe for a kind of secret; that for a password if there is
// no better one.
//
// Each has the same order: first another secret next to the old one - the second
// key, where there are two -, then Key Vault, then the programs that use it, and
// only then the end of the old one. What is left is copies of something worthless:
// deleting them comes last, and rotating never waits for it.
func Rotation(k Kind) Recipe {
	r, known := rotations[k]
	if !known {
		r = rotations[Password]
	}
	steps := slices.Concat(r.fresh, vaultSteps, useSteps, r.revoke, oldSteps, accessSteps, copySteps)
	if r.unstored {
		steps = slices.Concat(r.fresh, useSteps, r.revoke, accessSteps, copySteps)
	}
	return Recipe{Title: r.title, Owner: r.owner, Steps: steps}
}

// rotation is what recipes differ in.
type rotation struct {
	title    string
	owner    string
	fresh    []string // up to a new secret that works next to the old one
	revoke   []string // the end of the old one
	unstored bool     // it lives too short to be kept in a vault
}

var vaultSteps = []string{
	"Put the new value into Key Vault from a file of yours alone, without a line end: az keyvault secret set" +
		" --vault-name <vault> --name <secret> --file <file> --output none; then delete the file",
	"Where a pipeline, variable group or release has it as a plain variable, delete the variable" +
		" and let KeyVaultEnv fetch the secret",
}

var useSteps = []string{
	"Run the pipelines and restart the programs that use it, and see that each works without the old one",
}

var oldSteps = []string{
	"Disable the old version in the vault: az keyvault secret set-attributes --vault-name <vault> --name <secret>" +
		" --version <old version> --enabled false --output none",
}

var accessSteps = []string{
	"Look into the access log of what it opens for uses since the first run that printed it, and keep what you find",
}

// copySteps are where Azure Pipelines keeps copies. Making a variable secret changes
// none of them.
var copySteps = []string{
	"List the runs that printed it, of all branches and pull requests: the logs of each keep it until the run is" +
		" deleted",
	"See what retains them: az rest --method get --resource " + azureDevOps +
		" --url \"" + devAzure + "/_apis/build/builds/<run>/leases?api-version=7.1\"",
	"Delete those leases: az rest --method delete --resource " + azureDevOps +
		" --url \"" + devAzure + "/_apis/build/retention/leases?ids=<leases>&api-version=7.1\"",
	"Delete those runs, and with them their logs, artifacts and the variables they were queued with: az rest" +
		" --method delete --resource " + azureDevOps +
		" --url \"" + devAzure + "/_apis/build/builds/<run>?api-version=7.1\"",
	"Delete the classic releases that had it: each keeps its own copy of the variables, and its logs",
	"A plain variable stays in the pipeline's history (Edit > History), where no revision can be deleted:" +
		" make a new pipeline from the YAML file and delete the old one, or write down that the value is dead",
	"Delete what was published with it and is not part of a run: packages, images, symbols, files in storage",
	"On self-hosted agents delete _diag/pages and the folders of those runs below _work",
	"If it is in Git, it stays in the history, forks and clones: removing it there (git filter-repo)" +
		" does not replace rotation",
	"Think of copies elsewhere: mails and service hooks of the run, log collectors, tickets, chats, downloads",
}

const (
	// azureDevOps is the application ID of Azure DevOps in Microsoft Entra.
	azureDevOps = "499b84ac-1321-427f-aa17-267ca6975798"
	devAzure    = "https://dev.azure.com/<organization>/<project>"
)
