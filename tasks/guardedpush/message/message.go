// Package message writes and reads the messages of our commits: what people wrote, a
// token that keeps pipelines from starting, and trailers by which we know our own.
package message

// Stamp is what our trailers say of a commit.
type Stamp struct {
	Pipeline    string // <organization>/<project>/<definition id>
	Run         string // build id
	Kind        string // deployment or other
	Fingerprint string // see Fingerprint; "" for other
	Application string
	Environment string
	Version     string
	Causes      []string // the pipelines whose commits led to this one, oldest first, without itself
}

// Skip is a token that servers honour.
type Skip string

// The tokens.
const (
	SkipNone Skip = ""
	SkipCI   Skip = "[skip ci]"
	NoCI     Skip = "***NO_CI***" // the only one that Azure DevOps Server 2019 knows
)

// Compose makes a commit message. What the text has of our trailers is refused.
func Compose(text string, s Stamp, skip Skip) (string, error) { panic("skeleton") }

// Read returns what our trailers say; false if the message is not ours.
func Read(message string) (Stamp, bool) { panic("skeleton") }

// Skips returns the first token in a message that keeps pipelines from starting.
func Skips(message string) (token string, ok bool) { panic("skeleton") }

// Fingerprint is the same for the same version of the same application in the same environment: 12 hexadecimal digits.
func Fingerprint(application, environment, version string) string { panic("skeleton") }
