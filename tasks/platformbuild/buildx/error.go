package buildx

import "errors"

// Kind is what went wrong.
type Kind string

// The kinds.
const (
	NoDocker     Kind = "docker"
	NoBuildx     Kind = "buildx"
	NoDaemon     Kind = "daemon"
	NoBuilder    Kind = "builder"
	NoEmulation  Kind = "emulation"
	Unsupported  Kind = "driver"
	Step         Kind = "step"       // a step of the build failed
	Dockerfile   Kind = "dockerfile" // the Dockerfile, or what it asks for
	Base         Kind = "base"       // an image that the Dockerfile builds on cannot be read
	NoPlatform   Kind = "platform"   // such an image is not for the platform
	Pull         Kind = "pull"       // the image cannot be read now
	Unauthorized Kind = "unauthorized"
	Denied       Kind = "denied"
	Push         Kind = "push"    // temporary
	Refused      Kind = "refused" // by the registry, for good
	Full         Kind = "full"    // disk
	Other        Kind = "other"
)

// Error is a build that failed.
type Error struct {
	Kind      Kind
	Msg, Hint string // in our words
	Said      string // the tool's words, one line, cleaned
	Path      string // of the Dockerfile, if a place in it is to blame
	Line      int
	vague     bool // more is in the log
	whole     bool // Msg has all that the tool said
}

// Error is what went wrong; without Said, which may be long.
func (e *Error) Error() string { return e.Msg }

// Temporary reports whether the same again may go well: only something with a registry went wrong.
func (e *Error) Temporary() bool { return e.Kind == Push || e.Kind == Pull || e.Kind == Unauthorized }

func isError(err error) bool {
	var e *Error
	return errors.As(err, &e)
}

func noEmulation(msg string) *Error {
	return &Error{
		Kind: NoEmulation, Msg: msg,
		Hint: "compile for the target on the build's own platform (FROM --platform=$BUILDPLATFORM, with TARGETOS and " +
			"TARGETARCH), build on an agent of that platform, or set up emulation " +
			"(docker run --privileged tonistiigi/binfmt --install all)",
	}
}
