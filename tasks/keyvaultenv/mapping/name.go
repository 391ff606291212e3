package mapping

import (
	"regexp"
	"slices"
	"strings"
)

var (
	// Key Vault's own rules (learn.microsoft.com, "Azure Key Vault keys, secrets and
	// certificates overview", Object identifiers).
	secretName    = regexp.MustCompile(`^[0-9A-Za-z-]{1,127}$`)
	secretVersion = regexp.MustCompile(`^[0-9A-Fa-f]{32}$`)
	patternName   = regexp.MustCompile(`^[0-9A-Za-z-]{0,127}\*[0-9A-Za-z*-]{0,127}$`)

	// Dots and dashes are for tasks that replace values in files by the variable's name.
	variableName = regexp.MustCompile(`^[A-Za-z_][0-9A-Za-z_.-]{0,254}$`)
	envName      = regexp.MustCompile(`^[A-Za-z_][0-9A-Za-z_]*$`)
)

// UpperSnake returns a secret's name as one of an environment variable: db-url becomes DB_URL,
// and 1st becomes _1ST.
func UpperSnake(name string) string {
	upper := strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	if upper != "" && upper[0] >= '0' && upper[0] <= '9' {
		upper = "_" + upper
	}
	return upper
}

// reservedPrefixes begin the names of variables by which the agent and its server work
// (azure-pipelines-agent, src/Microsoft.VisualStudio.Services.Agent/Constants.cs and
// src/Agent.Sdk/Knob/AgentKnobs.cs), in lower case. With a dot they are the server's alone.
var reservedPrefixes = []string{
	"agent.", "build.", "checks.", "common.", "environment.", "maintenance.", "pipeline.", "release.", "resources.",
	"strategy.", "system.", "task.",
	"agent_", "azp_", "endpoint_", "guardrails_", "input_", "securefile_", "system_", "vsts_", "vstsagent_", "vso_",
	"bash_func_", "dotnet_startup_", "dyld_", "ld_",
}

// reservedNames are the agent's own variables in the form that programs see, where a prefix
// would say too much, and those that decide which code a program runs, or where it looks for
// its own: a secret there would break the rest of the job, or be run.
var reservedNames = strings.Fields(`
build_artifactstagingdirectory build_binariesdirectory build_buildid build_buildnumber build_buildreason build_builduri
build_clean build_containerid build_cronschedule_displayname build_definitionname build_definitionversion build_queuedby
build_queuedbyid build_reason build_repository_clean build_repository_git_submodulecheckout build_repository_id
build_repository_localpath build_repository_name build_repository_provider build_repository_uri build_requestedfor
build_requestedforemail build_requestedforid build_sourcebranch build_sourcebranchname build_sourcesdirectory
build_sourceversion build_sourceversionauthor build_sourceversionmessage build_stagingdirectory
build_sourcetfvcshelveset build_triggeredby_buildid common_testresultsdirectory pipeline_workspace
release_artifacts_download release_attemptnumber release_definitionid release_definitionname release_environmentid
release_environmentname release_releaseid release_releasename release_releaseuri release_releaseweburl
tf_build fix_possible_git_out_of_memory_problem use_git_long_paths use_git_single_thread

allusersprofile appdata bash_env bashopts cdpath classpath comspec cor_enable_profiling cor_profiler
cor_profiler_path coreclr_enable_profiling coreclr_profiler coreclr_profiler_path dotnet_root editor env fpath
git_askpass git_config git_config_global git_config_parameters git_config_system git_dir git_editor git_exec_path
git_external_diff git_pager git_proxy_command git_ssh git_ssh_command git_template_dir git_work_tree globignore
home homedrive homepath ifs java_home _java_options java_tool_options jdk_java_options lessopen localappdata
manpager node_extra_ca_certs node_options node_path node_tls_reject_unauthorized openssl_conf pager path pathext
perl5db perl5lib perl5opt posixly_correct programdata programfiles prompt_command ps1 ps2 ps3 ps4 psmodulepath pwd
pythonhome pythonpath pythonstartup rubylib rubyopt rustc rustc_wrapper shell shellopts ssh_askpass systemdrive
systemroot temp tmp tmpdir userprofile windir zdotdir
`)

// reserved reports whether no secret may become a variable of this name.
func reserved(name string) bool {
	name = strings.ToLower(name)
	return slices.Contains(reservedNames, name) ||
		slices.ContainsFunc(reservedPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}
