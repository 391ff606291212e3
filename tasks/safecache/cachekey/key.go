// Package cachekey is the key language of the Azure Pipelines task Cache@2: it
// takes a key apart, looks up the files it names and makes the fingerprint that
// names a cache entry.
//
// It promises the same result as the agent's own code for the same files, on
// Linux, macOS and Windows: which segment is a text and which a path, which
// files a pattern finds, their order, and every byte of the hash. The rules of
// each operating system are data ([Place].OS), so all of them run anywhere. The
// source of truth is src/Agent.Plugins/PipelineCache/FingerprintCreator.cs and
// PipelineCacheTaskPluginBase.cs of github.com/microsoft/azure-pipelines-agent.
//
// It does not know about caches, stores or variables.
package cachekey

import (
	"errors"
	"fmt"
	"strings"
)

// Wildcard is the last segment of a resolved restore key: any further segments.
const Wildcard = "**"

// saltName stands before the salt in the segment that carries it.
const saltName = "AZP_CACHING_SALT"

// OldFormatWarning is what Cache@2 says about a key with one segment per line.
const OldFormatWarning = "'key' format is changing to a single line: https://aka.ms/pipeline-caching-docs"

// Input is what a step gives: the texts of its inputs, after the agent expanded
// variables, and the job variable AZP_CACHING_SALT.
type Input struct {
	Key, RestoreKeys, Salt string
}

// Spec is a key taken apart. Every element of Key and RestoreKeys is a segment
// that has not been looked up yet.
type Spec struct {
	Key         []string
	RestoreKeys [][]string
	OldFormat   bool // one segment per line; warn with OldFormatWarning
}

// Parse takes the key and the restore keys apart and checks every segment. The
// error joins everything that is wrong.
func Parse(in Input) (Spec, error) {
	spec := Spec{OldFormat: strings.Contains(in.Key, "\n")}
	hasRestoreKeys := strings.TrimSpace(in.RestoreKeys) != ""
	if spec.OldFormat && hasRestoreKeys {
		return Spec{}, errors.New("a key with one segment per line cannot have restore keys; " +
			"write the key in one line, with | between the segments")
	}
	if spec.OldFormat {
		spec.Key = lines(in.Key)
	} else {
		spec.Key = segments(in.Key, in.Salt)
	}
	problems := []error{check("key", spec.Key)}
	if len(spec.Key) == 0 {
		problems = append(problems, errors.New("the key has no segments"))
	}
	if hasRestoreKeys {
		for _, line := range lines(in.RestoreKeys) {
			key := segments(line, in.Salt)
			spec.RestoreKeys = append(spec.RestoreKeys, key)
			problems = append(problems, check(fmt.Sprintf("restore key %q", line), key))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return Spec{}, err
	}
	return spec, nil
}

// segments splits at every |; quotes do not protect one. Only what is empty
// before it is trimmed is dropped.
func segments(key, salt string) []string {
	var found []string
	if strings.TrimSpace(salt) != "" {
		found = append(found, saltName+"="+salt)
	}
	return append(found, split(key, "|")...)
}

func lines(block string) []string {
	return split(strings.ReplaceAll(block, "\r\n", "\n"), "\n")
}

func split(text, separator string) []string {
	var parts []string
	for part := range strings.SplitSeq(text, separator) {
		if part != "" {
			parts = append(parts, strings.TrimSpace(part))
		}
	}
	return parts
}

func check(where string, key []string) error {
	var problems []error
	for i, segment := range key {
		if reason := refuse(segment); reason != "" {
			problems = append(problems, fmt.Errorf("segment %d of the %s: %s", i+1, where, reason))
		}
	}
	return errors.Join(problems...)
}

func refuse(segment string) string {
	switch {
	case segment == "":
		return "it is blank; remove one of the | around it"
	case segment == "*":
		return "`*` is a reserved key segment; for a path glob, use `./*`"
	case segment == Wildcard:
		return "`**` is a reserved key segment; for a path glob, use `./**`"
	case segment[0] == '\'':
		return "a key segment cannot start with a single quote; use double quotes"
	case segment[0] == '`':
		return "a key segment cannot start with a backtick"
	}
	return ""
}

// isPath reports whether a segment names files. Everything else stands for
// itself. On Linux and macOS nearly every character may be part of a path, so a
// version such as v1.0 is a path unless it is in double quotes.
func (o system) isPath(segment string) bool {
	if segment == "" || strings.HasPrefix(segment, `"`) && strings.HasSuffix(segment, `"`) {
		return false
	}
	for _, r := range segment {
		if !o.inPath(r) {
			return false
		}
	}
	hasSeparator := strings.ContainsFunc(segment, func(r rune) bool { return r < 0x80 && o.isSeparator(byte(r)) })
	return (hasSeparator || strings.Contains(segment, ".")) && !strings.HasSuffix(segment, ".")
}
