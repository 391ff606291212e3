package buildx

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/progress"
)

// facts are what is known besides what was said.
type facts struct {
	build   *Build // nil: it was no build
	builder bool   // it was about reaching a builder
	foreign bool   // the step that failed ran a program for another machine
	last    string // what that step printed last
}

// prefixes are what docker, buildx and BuildKit put before an error.
var prefixes = regexp.MustCompile(`^(?:ERROR: |failed to build: |failed to solve: |docker: |` +
	`failed to initialize builder \S+ \([^)]*\): |rpc error: code = \w+ desc = |` +
	`failed to solve with frontend dockerfile\.v0: |failed to create LLB definition: )+`)

// classify says what went wrong. A text that a build's step can choose decides nothing unless that step failed.
func (d *Docker) classify(sum progress.Summary, f facts) *Error {
	text := prefixes.ReplaceAllString(sum.Error, "")
	e := f.step(sum, text)
	if e == nil {
		e = f.known(text)
	}
	if e == nil && f.build != nil {
		e = f.transfer(sum, text)
	}
	if e == nil && f.builder {
		e = &Error{
			Kind: NoBuilder, Msg: "the builder cannot be reached or started",
			Hint: "look at it with: docker buildx inspect --bootstrap",
		}
	}
	if e == nil {
		e = &Error{Kind: Other, Msg: "docker buildx failed", Hint: "the lines above say more", vague: true}
	}
	switch {
	case stepFailed.MatchString(text):
		e.Said = d.say(f.last) // the command stands in the step's name
	case !e.whole:
		e.Said = d.say(text)
	}
	if f.build != nil && sum.Line > 0 && e.Kind != Push && e.Path == "" {
		e.Path, e.Line = f.build.Dockerfile, sum.Line
	}
	return e
}

// say makes the tool's words fit for a message.
func (d *Docker) say(text string) string {
	return redact.Line(ends(strings.Join(strings.Fields(d.Secrets.String(text)), " ")))
}

// ends are the beginning and the end of a text that is too long for a message: at the end of an error is its cause.
func ends(text string) string {
	const first, last = 60, 130
	runes := []rune(text)
	if len(runes) <= first+last {
		return text
	}
	return string(runes[:first]) + " ... " + string(runes[len(runes)-last:])
}

// stepFailed is how BuildKit, now and in the engine 20.10, says that a program has failed.
var stepFailed = regexp.MustCompile(`^(?:process "|executor failed running \[)`)

// exitCode is how such an error ends.
var exitCode = regexp.MustCompile(`exit code: ([0-9]{1,3})$`)

// step says why a step of the Dockerfile failed; nil if none did.
func (f facts) step(sum progress.Summary, text string) *Error {
	if !stepFailed.MatchString(text) {
		return nil
	}
	name := "a step"
	if sum.Failed != nil {
		name = fmt.Sprintf("the step %q", short(sum.Failed.Name))
	}
	switch {
	case f.foreign:
		return noEmulation(name + " runs a program for another processor (exec format error)")
	case strings.HasSuffix(text, "network bridge not found"):
		return &Error{
			Kind: Unsupported, Msg: name + " has no network: the engine has no bridge",
			Hint: "start the engine with one",
		}
	}
	e := &Error{Kind: Step, Msg: name + " failed", Hint: "its output is in the log"}
	if match := exitCode.FindStringSubmatch(text); match != nil {
		e.Msg += " with exit code " + match[1]
	} else if i := strings.LastIndex(text, ": "); i >= 0 {
		e.Msg += ": " + short(text[i+2:])
	}
	if f.last == "" {
		e.Hint = "it printed nothing: let it say what it does, such as with set -x"
	}
	return e
}

// short is the beginning of a text that stands in the log, too.
func short(text string) string {
	const most = 80
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "..."
	}
	return redact.Line(text)
}

// clue is what an error's text tells.
type clue struct {
	text      *regexp.Regexp // of the whole text, without prefixes
	kind      Kind
	msg, hint string // %s in msg is the first group
}

func (f facts) known(text string) *Error {
	if f.build != nil && bareKey.MatchString(text) && f.build.namesKey(text) {
		e := badKey
		return &e
	}
	for _, c := range clues {
		match := c.text.FindStringSubmatch(text)
		if match == nil {
			continue
		}
		e := &Error{Kind: c.kind, Msg: c.msg, Hint: c.hint}
		if strings.Contains(c.msg, "%s") {
			e.Msg, e.whole = fmt.Sprintf(c.msg, redact.Line(match[1])), match[0] == text
		}
		if strings.Contains(c.hint, "%s") {
			e.Hint = fmt.Sprintf(c.hint, redact.Line(match[1]))
		}
		return e
	}
	return nil
}

// pushing reports whether it was the push that failed.
func pushing(sum progress.Summary, text string) bool {
	if strings.HasPrefix(text, "failed to push ") {
		return true
	}
	return sum.Failed != nil && (strings.HasPrefix(sum.Failed.Name, "exporting ") ||
		strings.HasPrefix(sum.Failed.Name, "pushing "))
}

// pulling matches what is said about an image that is built on.
var pulling = regexp.MustCompile(`^(?:[^ ]+: )?failed to (?:resolve source metadata for|copy|load cache key|fetch (?:oauth|anonymous) token|` +
	`authorize|do request)|^pull access denied|: not found$|httpReadSeeker|` +
	`^failed to compute cache key: failed to copy`)

// transfer says what went wrong with a registry; nil if nothing did.
func (f facts) transfer(sum progress.Summary, text string) *Error {
	said := []string{text}
	if sum.Failed != nil {
		said = append(said, sum.Failed.Error)
	}
	if pushing(sum, text) {
		// The end of the error can be the registry's own text, without a status: the lines of the push have that.
		for i := len(sum.Pushing) - 1; i >= 0; i-- {
			said = append(said, sum.Pushing[i])
		}
		e := f.pushFailed(said)
		if status := lastStatus(sum.Pushing); e.Kind == Push && !strings.Contains(text, status) {
			e.Msg += ": " + status
		}
		return e
	}
	if pulling.MatchString(text) {
		e := f.pullFailed(said)
		f.explainPull(e, sum, text)
		return e
	}
	return nil
}

// What registries and networks say, see registry/remote/errors of containerd and net of Go.
var (
	temporary = regexp.MustCompile(`(?i)unexpected (?:http )?status[^\n]*: (?:408|429|5[0-9][0-9]) |toomanyrequests|^unavailable|: unavailable: |` +
		`\bEOF$|\bEOF:|connection reset|connection refused|broken pipe|i/o timeout|TLS handshake timeout|deadline exceeded|` +
		`temporary failure in name resolution|server misbehaving|use of closed network connection|http2: |request canceled|` +
		`network is unreachable|no route to host|: 408 Request Timeout|: 429 Too Many Requests|: 50[0-9] [A-Z]`)
	unauthorized = regexp.MustCompile(`(?i)\b401 Unauthorized|\bunauthorized: |authentication required|no basic auth credentials|` +
		`failed to fetch (?:oauth|anonymous) token|failed to authorize`)
	denied  = regexp.MustCompile(`(?i)\b403 Forbidden|\bdenied\b|insufficient[ _]scope`)
	unfound = regexp.MustCompile(`(?i)no such host|certificate|x509|server gave HTTP response to HTTPS client`)
)

// statusLine is a line that BuildKit's push prints before it tries a request again.
var statusLine = regexp.MustCompile(`^error: unexpected status from [^\n]*: ((?:408|429|5[0-9][0-9])(?: [A-Z][a-z]{1,20}){1,4})`)

// lastStatus is what the registry answered last to a push; "" if it did not.
func lastStatus(lines []string) string {
	for i := len(lines) - 1; i >= 0; i-- {
		if strings.HasPrefix(lines[i], "error: ") {
			if match := statusLine.FindStringSubmatch(lines[i]); match != nil {
				return match[1]
			}
			return ""
		}
	}
	return ""
}

// verdict is the kind of the first text that has one.
func verdict(said []string) Kind {
	for _, text := range said {
		switch {
		case unfound.MatchString(text):
			return Refused
		case denied.MatchString(text):
			return Denied
		case temporary.MatchString(text):
			return Push
		case unauthorized.MatchString(text):
			return Unauthorized
		}
	}
	return Other
}

func (f facts) pushFailed(said []string) *Error {
	host := f.build.host()
	e := &Error{Kind: verdict(said)}
	switch e.Kind {
	case Push:
		e.Msg = "the registry " + host + " did not take the image"
		e.Hint = "it was busy or not reachable; run the job again later"
	case Unauthorized:
		e.Msg = "the registry " + host + " does not accept the credentials"
		e.Hint = "check the service connection, and that its identity has the role AcrPush"
	case Denied:
		e.Msg = fmt.Sprintf("the identity may not push to %q", f.build.Repository)
		e.Hint = "give it the role AcrPush on the registry (where that has permissions for repositories: " +
			"Container Registry Repository Writer)"
	case Refused:
		e.Msg = "the registry " + host + " cannot be reached"
		e.Hint = "check its name, and that the builder trusts its certificate: BuildKit has to know a proxy's too"
	default:
		e.Kind, e.Msg = Refused, "the registry "+host+" refuses the image"
		e.Hint = "the registry's words say why"
	}
	return e
}

func (f facts) pullFailed(said []string) *Error {
	e := &Error{Kind: Base}
	switch verdict(said) {
	case Push:
		e.Kind, e.Msg = Pull, "the registry of a base image did not answer as it should"
		e.Hint = "it was busy or not reachable; run the job again later, or keep a copy of the image in your registry"
	case Unauthorized, Denied:
		e.Msg = "a base image may not be read, or is not there"
		e.Hint = "check its name; if it is in another registry, log in there before this step (Docker@2, command login)"
	case Refused:
		e.Msg = "the registry of a base image cannot be reached"
		e.Hint = "check the image's name and the builder's network; a line \"# syntax=\" in the Dockerfile needs an " +
			"image too"
	default:
		e.Msg = "a base image cannot be read"
		e.Hint = "check its name and tag"
	}
	return e
}

// explainPull says more about an image that is none of a FROM, or that is in the registry which is pushed to.
func (f facts) explainPull(e *Error, sum progress.Summary, text string) {
	const helper = "resolve image config for docker-image://"
	host, _, _ := strings.Cut(f.build.Repository, "/")
	scanner := cmp.Or(f.build.Scanner, "docker/buildkit-syft-scanner")
	switch {
	case strings.Contains(text, scanner) && f.build.SBOM:
		e.Msg = fmt.Sprintf("the image of the SBOM scanner, %.200s, cannot be read", scanner)
		e.Hint = "let sbomGenerator name a copy of docker/buildkit-syft-scanner that the builder can reach, such as " +
			"in your own registry, or set sbom: false"
	case sum.Failed != nil && strings.HasPrefix(sum.Failed.Name, helper):
		e.Msg = "the image of the line \"# syntax=\" cannot be read"
		e.Hint = "let the builder reach it, name a copy in your own registry, or remove the line: BuildKit has a " +
			"reader of its own"
	case noPlatform.MatchString(text):
		f.lacksPlatform(e, sum, text)
	case strings.HasPrefix(text, host+"/") && verdict([]string{text}) == Unauthorized:
		e.Msg = "a base image may not be read: the registry " + f.build.host() + " does not accept the credentials"
		e.Hint = "check the service connection of containerRegistry, and that its identity has the role AcrPull"
	}
}
