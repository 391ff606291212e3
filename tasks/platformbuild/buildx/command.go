package buildx

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// arguments are those of "docker buildx build" that say what to build and where it goes. Values stand behind their
// option's "=", so that none can be taken for another option, and the context behind "--".
func (b Build) arguments(secrets map[int]string) []string {
	args := b.source()
	for _, key := range slices.Sorted(maps.Keys(b.Labels)) {
		args = append(args, "--label="+key+"="+b.Labels[key])
	}
	level := b.levels()
	for _, key := range slices.Sorted(maps.Keys(b.Annotations)) {
		args = append(args, "--annotation="+level+":"+key+"="+b.Annotations[key])
	}
	for i, s := range b.Secrets {
		path := s.File
		if path == "" {
			path = secrets[i]
		}
		args = append(args, "--secret="+fields("id="+s.ID, "src="+path))
	}
	args = each(args, "--ssh=", b.SSH)
	args = each(args, "--cache-from=", b.CacheFrom)
	args = each(args, "--cache-to=", b.CacheTo)
	args = append(args, b.attestations()...)
	if b.Tag != "" {
		args = append(args, "--tag="+b.Repository+":"+b.Tag, "--push")
	} else {
		args = append(args, "--output="+fields("type=image", "name="+b.Repository, "push-by-digest=true", "push=true",
			"oci-mediatypes=true"))
	}
	return append(args, "--", b.Context)
}

// source are the arguments that say what is built, and by whom.
func (b Build) source() []string {
	var args, platforms []string
	if b.Builder.Name != "" {
		args = append(args, "--builder="+b.Builder.Name)
	}
	for _, p := range b.Platforms {
		platforms = append(platforms, p.String())
	}
	args = append(args, "--platform="+strings.Join(platforms, ","))
	if b.Dockerfile != "" {
		args = append(args, "--file="+b.Dockerfile)
	}
	if b.Target != "" {
		args = append(args, "--target="+b.Target)
	}
	args = each(args, "--build-arg=", b.Args)
	for _, name := range slices.Sorted(maps.Keys(b.Contexts)) {
		args = append(args, "--build-context="+name+"="+b.Contexts[name])
	}
	args = append(args, b.Options...)
	if b.NoCache {
		args = append(args, "--no-cache")
	}
	if b.Pull {
		args = append(args, "--pull")
	}
	return args
}

// attested reports whether something is attached to the image, which makes an index of it.
func (b Build) attested() bool { return b.SBOM || b.Provenance == "min" || b.Provenance == "max" }

// levels are where annotations go. BuildKit refuses those of an index if there is none.
func (b Build) levels() string {
	if len(b.Platforms) > 1 || b.attested() {
		return "index,manifest"
	}
	return "manifest"
}

// attestations says what to attach. Without the option, what buildx attaches depends on the builder.
func (b Build) attestations() []string {
	args := []string{"--provenance=false"}
	if b.Provenance == "min" || b.Provenance == "max" {
		args[0] = "--provenance=mode=" + b.Provenance
	}
	switch {
	case b.SBOM && b.Scanner != "":
		args = append(args, "--sbom="+fields("generator="+b.Scanner))
	case b.SBOM:
		args = append(args, "--sbom=true")
	}
	return args
}

func each(args []string, option string, values []string) []string {
	for _, v := range values {
		args = append(args, option+v)
	}
	return args
}

// fields writes an option that has fields, as CSV: so does buildx read it.
func fields(all ...string) string {
	for i, f := range all {
		all[i] = field(f)
	}
	return strings.Join(all, ",")
}

func field(text string) string {
	if !strings.ContainsAny(text, ",\"\r\n") && strings.TrimSpace(text) == text {
		return text
	}
	return `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
}

// host is the registry of the build, for messages.
func (b Build) host() string {
	host, _, _ := strings.Cut(b.Repository, "/")
	return fmt.Sprintf("%q", host)
}
