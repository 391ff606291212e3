// Package reference reads the names of images as Docker and Kubernetes do.
//
// The grammar is that of github.com/distribution/reference. Where that leaves a door open, this package is
// stricter: a host is compared in lower case, digests are sha256 or sha512 in full, and a host that would be taken
// for a part of the path when the name is read again is refused.
package reference

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/guardrails-ci/guardrails/shared/redact"
)

const (
	hub     = "docker.io"
	maxText = 1024 // 255 for the name, 128 for the tag, 135 for the digest; the host has no limit of its own
	maxName = 255
	maxShow = 100 // characters of a bad name that an error repeats
)

// Reference is an image's name. Registry and Repository are always set: "nginx" is docker.io and library/nginx.
type Reference struct {
	Registry   string // host in lower case, with the port if it has one
	Repository string
	Tag        string // "" if the name has none; never "latest" by itself
	Digest     string // "sha256:..." or ""
	Implicit   bool   // the name has no registry of its own
}

const segment = `[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*`

var (
	repositoryForm = regexp.MustCompile(`^` + segment + `(?:/` + segment + `)*$`)
	tagForm        = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
	digestForm     = regexp.MustCompile(`^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$`)
	identifierForm = regexp.MustCompile(`^[0-9a-f]{64}$`)
	hostForm       = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$`)
)

// Parse reads an image's name.
func Parse(text string) (Reference, error) {
	r, err := parse(text)
	if err != nil {
		return Reference{}, fmt.Errorf("image name %s: %w", show(text), err)
	}
	return r, nil
}

func parse(text string) (Reference, error) {
	if err := plausible(text); err != nil {
		return Reference{}, err
	}
	name, digest, ok := strings.Cut(text, "@")
	if ok {
		if err := CheckDigest(digest); err != nil {
			return Reference{}, err
		}
	}
	r := Reference{Digest: digest}
	// A colon after the last slash begins the tag; before it, the port.
	if at := strings.LastIndexByte(name, ':'); at > strings.LastIndexByte(name, '/') {
		if r.Tag = name[at+1:]; CheckTag(r.Tag) != nil {
			return Reference{}, CheckTag(r.Tag)
		}
		name = name[:at]
	}
	host, path := split(name)
	if err := r.setName(host, path); err != nil {
		return Reference{}, err
	}
	return r, nil
}

// plausible refuses, in words that help, what is no name at all.
func plausible(text string) error {
	switch {
	case text == "":
		return errors.New("it is empty; write registry/repository:tag")
	case len(text) > maxText:
		return fmt.Errorf("it is longer than %d characters", maxText)
	case strings.Contains(text, "://"):
		return errors.New("it is an address; write it without the scheme, such as contoso.azurecr.io/app:1")
	case strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c >= 0x7f }):
		return errors.New("it holds a space or another character that no image name has")
	}
	return nil
}

// split finds the host as Docker does: the first segment is one if it could not be a part of a path on Docker Hub.
func split(name string) (host, path string) {
	first, rest, ok := strings.Cut(name, "/")
	if ok && (strings.ContainsAny(first, ".:[") || strings.EqualFold(first, "localhost")) {
		return first, rest
	}
	return "", name
}

func (r *Reference) setName(host, path string) error {
	r.Registry, r.Implicit = hub, host == ""
	if host != "" {
		var err error
		if r.Registry, err = registry(host); err != nil {
			return err
		}
	}
	switch {
	case repositoryForm.MatchString(path):
	case repositoryForm.MatchString(strings.ToLower(path)):
		return errors.New("the repository must be lower case")
	default:
		return errors.New("the repository must be made of a-z, 0-9 and single separators (. _ __ - /) between them")
	}
	if r.Implicit && identifierForm.MatchString(path) {
		return errors.New("it is an image's identifier, not its name; write repository@sha256:" + path[:8] + "...")
	}
	r.Repository = path
	if r.Registry == hub && !strings.Contains(path, "/") {
		r.Repository = "library/" + path
	}
	if len(r.Name()) > maxName {
		return fmt.Errorf("registry and repository have more than %d characters", maxName)
	}
	return nil
}

// registry is the normal form of a host with or without a port.
func registry(text string) (string, error) {
	host, port := strings.ToLower(text), ""
	if at := strings.LastIndexByte(host, ':'); at > strings.LastIndexByte(host, ']') {
		host, port = host[:at], host[at:]
		number, err := strconv.ParseUint(port[1:], 10, 16)
		if err != nil || number == 0 || strconv.FormatUint(number, 10) != port[1:] {
			return "", errors.New("the registry's port must be a number from 1 to 65535")
		}
	}
	if v6, ok := strings.CutPrefix(host, "["); ok {
		v6, ok = strings.CutSuffix(v6, "]")
		if ip, err := netip.ParseAddr(v6); !ok || err != nil || !ip.Is6() || ip.Zone() != "" {
			return "", errors.New("what stands in brackets must be an IPv6 address")
		}
	} else if !hostForm.MatchString(host) {
		return "", fmt.Errorf("the registry %s is not a host's name", show(text))
	}
	if host == "index.docker.io" && port == "" {
		host = hub
	}
	return host + port, nil
}

// CheckTag says why text cannot be a tag.
func CheckTag(text string) error {
	if tagForm.MatchString(text) {
		return nil
	}
	return fmt.Errorf("the tag %s must be 1 to 128 letters, digits, _, . or -, and not begin with . or -", show(text))
}

// CheckDigest says why text cannot be a digest.
func CheckDigest(text string) error {
	if digestForm.MatchString(text) {
		return nil
	}
	return fmt.Errorf("the digest %s must be sha256: and 64 hexadecimal digits in lower case (or sha512: and 128)",
		show(text))
}

// Name is registry/repository.
func (r Reference) Name() string { return r.Registry + "/" + r.Repository }

// String is the whole name, with tag and digest.
func (r Reference) String() string {
	text := r.Name()
	if r.Tag != "" {
		text += ":" + r.Tag
	}
	if r.Digest != "" {
		text += "@" + r.Digest
	}
	return text
}

// Place is the normal form of an allowed place, a registry or a registry with a path ("prodacr.azurecr.io",
// "prodacr.azurecr.io/team/"): with a slash at its end, so that comparing beginnings compares whole segments.
func Place(text string) (string, error) {
	place, err := placeOf(text)
	if err != nil {
		return "", fmt.Errorf("allowed place %s: %w", show(text), err)
	}
	return place, nil
}

func placeOf(text string) (string, error) {
	if err := plausible(text); err != nil {
		return "", err
	}
	text = strings.TrimSuffix(text, "/")
	host, path, _ := strings.Cut(text, "/")
	if !strings.ContainsAny(host, ".:") && !strings.EqualFold(host, "localhost") {
		return "", errors.New("it must begin with a registry's host, such as contoso.azurecr.io/")
	}
	host, err := registry(host)
	switch {
	case err != nil:
		return "", err
	case path == "" && !strings.Contains(text, "/"):
		return host + "/", nil
	case !repositoryForm.MatchString(path):
		return "", errors.New("what follows the host must be the first segments of a repository, in lower case")
	}
	return host + "/" + path + "/", nil
}

// Allowed reports whether the image is in one of the allowed places (see Place): compared by whole path segments,
// so that prodacr.azurecr.io.evil.com is not in prodacr.azurecr.io. What is no place allows nothing.
func (r Reference) Allowed(places []string) bool {
	for _, text := range places {
		place, err := Place(text)
		if err == nil && r.Registry != "" && strings.HasPrefix(r.Name()+"/", place) {
			return true
		}
	}
	return false
}

// show quotes untrusted text for an error.
func show(text string) string {
	if utf8.RuneCountInString(text) > maxShow {
		text = string([]rune(text)[:maxShow]) + "..."
	}
	return redact.Defuse(strconv.QuoteToASCII(text))
}
