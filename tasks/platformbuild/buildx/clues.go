package buildx

import (
	"regexp"
	"strings"
)

// clues are the errors of docker, buildx and BuildKit that say by themselves what is wrong; the first that fits counts.
// Each is anchored: a text in the middle could be somebody else's.
var clues = []clue{
	{re(`^unknown command: docker buildx|^'buildx' is not a docker command|^unknown flag: --(?:progress|bootstrap)`), NoBuildx,
		"docker on this agent has no buildx", "install the package docker-buildx-plugin; hosted Ubuntu agents have it"},
	{re(`^permission denied while trying to connect to the [Dd]ocker`), NoDaemon,
		"the agent's user may not use the Docker daemon", "add the user that the agent runs as to the group docker"},
	{re(`^(?:failed to connect to the docker API|Cannot connect to the Docker daemon|error during connect|` +
		`Error response from daemon: (?:client version|Client)|dial unix )`), NoDaemon,
		"the Docker daemon cannot be reached",
		"start it, or set DOCKER_HOST; with a builder of the driver remote none is needed"},
	{re(`^(?:unable to resolve docker endpoint|Failed to initialize: unable to resolve docker endpoint)`), NoDaemon,
		"the Docker context of this agent does not exist", "correct DOCKER_CONTEXT, or the input builder"},
	{re(`^(?:failed to remove \S+: )?no builder "(.{0,200}?)" found`), NoBuilder,
		"there is no builder %s",
		"make it before this step (docker buildx create --name ...), or leave the input builder empty"},
	{re(`^(?:failed to list workers|failed to connect to builder|context deadline exceeded)`), NoBuilder,
		"the builder does not answer", "check its address and that buildkitd runs"},
	{re(`^(.{0,60}?) is not supported for the docker driver`), Unsupported,
		"the docker driver cannot do this: %s",
		"leave the input builder empty, or name a builder with the driver docker-container"},
	{re(`^push-by-digest is currently not implemented for docker driver`), Unsupported,
		"the docker driver cannot push without a tag", "name a builder with the driver docker-container"},
	{re(`^granting entitlement (\S{1,40}) is not allowed`), Unsupported,
		"the builder does not allow %s", "name a builder that does (docker buildx create " +
			"--buildkitd-flags '--allow-insecure-entitlement %s'), or leave the option out of the input arguments"},
	{re(`^(?:unknown entitlement|invalid argument|unexpected key|unknown flag|unknown shorthand)`), Unsupported,
		"buildx does not take an option of this build",
		"correct the input arguments, secrets or cacheTo; or update buildx"},
	{re(`^unable to prepare context: path`), Dockerfile,
		"the build's context is not there", "correct the input buildContext: a folder, from the sources folder"},
	{re(`^failed to get build context (\S{1,100}?):? `), Dockerfile,
		"the context %s is not there", "correct the input buildContexts"},
	{re(`^failed to read dockerfile`), Dockerfile,
		"there is no such Dockerfile", "correct the input Dockerfile: a file, from the sources folder"},
	{re(`^(?:[Dd]ockerfile parse error|failed to parse|failed to process)`), Dockerfile,
		"the Dockerfile has an error", "correct it"},
	{re(`^target stage "?([^" ]{1,100})"? (?:could not be|not) found`), Dockerfile,
		"the Dockerfile has no stage %s", "correct the input target"},
	{re(`^lint violation found for rules: ([\w, ]{1,200})`), Dockerfile,
		"the Dockerfile breaks rules: %s", "correct it, or look at the input lint"},
	{re(`^failed to compute cache key: failed to calculate checksum of ref \S+: "?(.{1,200}?)"?: not found`), Dockerfile,
		"%s is to be copied, and is not there", "check the path from the build's context, and .dockerignore"},
	{re(`^failed to compute cache key: "?(/.{1,200}?)"? not found: not found`), Dockerfile,
		"%s is to be copied, and is not there", "check the path from the build's context, and .dockerignore"},
	{re(`^secret (\S{1,100}): not found`), Dockerfile,
		"the Dockerfile needs the secret %s", "give it in the input secrets"},
	{re(`^failed to stat (.{1,200}?): stat`), Dockerfile,
		"the file %s of a secret is not there", "correct the input secrets"},
	{re(`^(?:failed to convert agent config .*)?invalid empty ssh agent socket`), Other,
		"there is no SSH agent", "start one before this step (InstallSSHKey@0), or name a key file in the input ssh"},
	{re(`^failed to convert agent config`), Other, badKey.Msg, badKey.Hint},
	{re(`(?:^|: )no space left on device$`), Full,
		"the builder's disk is full", "make room (docker buildx prune), or use an agent with more of it"},
	{re(`^scanner (\S{1,200}) does not have cmd`), Other,
		"the image %s is no SBOM scanner: it starts nothing", "correct the input sbomGenerator"},
	{re(`^index annotations not supported`), Unsupported,
		"BuildKit cannot annotate an index that is not there", "update BuildKit"},
}

// badKey is what is wrong with a build's SSH keys. buildx 0.20 says no more of them than bareKey.
var (
	badKey  = Error{Kind: Other, Msg: "an SSH key cannot be used", Hint: "correct the input ssh"}
	bareKey = re(`^(?:stat .|failed to (?:open|read|parse) (?:/|[A-Za-z]:\\))`)
)

// namesKey reports whether a text has the path of one of the build's SSH keys in it.
func (b *Build) namesKey(text string) bool {
	for _, line := range b.SSH {
		_, list, _ := strings.Cut(line, "=")
		for path := range strings.SplitSeq(list, ",") {
			if path != "" && strings.Contains(text, path) {
				return true
			}
		}
	}
	return false
}

func re(text string) *regexp.Regexp { return regexp.MustCompile(text) }
