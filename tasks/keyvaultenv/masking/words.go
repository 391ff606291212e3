package masking

import (
	"slices"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/redact"
)

// wellKnown are words that are stored as secrets and stand in logs for other reasons.
// Masking one ruins the log, and tells everybody what the secret is.
var wellKnown = []string{
	"admin", "administrator", "root", "guest", "user", "username", "test", "default", "example", "demo", "anonymous",
	"postgres", "postgresql", "mysql", "mariadb", "mssql", "oracle", "redis", "mongodb", "rabbitmq", "kafka",
	"localhost", "127.0.0.1", "0.0.0.0", "host.docker.internal",
	"password", "passwd", "secret", "token", "bearer", "basic", "https", "http", "amqp", "amqps",
	"production", "prod", "staging", "stage", "development", "local", "master", "main", "develop", "latest", "release",
	"info", "debug", "error", "warning", "trace", "enabled", "disabled", "undefined", "require", "disable",
	"linux", "windows", "azure", "docker", "node", "ubuntu",
}

// isPublic is why a word is not masked that Decide was given, or that stands in a
// public place of the same secret.
const isPublic = "it is also a name that logs must show"

// portLength is the most digits that a port or a year has.
const portLength = 5

// refusal says why text must not be masked; "" if it may.
func (p *pieces) refusal(text string) string {
	text = strings.TrimSpace(text)
	word := strings.ToLower(text) // which may be longer
	switch {
	case text == "":
		return "it is empty"
	case len(text) < redact.MinLength:
		return "it has fewer than 4 characters"
	case redact.TooShort(text), slices.Contains(wellKnown, word):
		return "it is a word that every log is full of"
	case len(word) <= portLength && strings.Trim(word, "0123456789") == "":
		return "it is a number such as a port or a year"
	case p.names[word], p.own[text]:
		return isPublic
	}
	return ""
}
