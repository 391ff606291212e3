package alert

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// PagerDuty's limits.
const (
	maxSummary = 1024
	maxKey     = 255
)

// pagerDuty is an event of the Events API v2. All events of a pipeline are of one
// incident; a reset resolves it, also one that an override has opened.
func (n news) pagerDuty(routingKey string) any {
	event := object{"routing_key": routingKey, "event_action": "resolve", "dedup_key": n.Key}
	if n.Kind == Reset {
		return event
	}
	details := object{}
	for _, f := range n.facts() {
		details[strings.ToLower(f.name)] = f.value
	}
	if actions := n.actions(); len(actions) > 0 {
		details["actions"] = actions
	}
	for name, text := range map[string]string{"reason": n.Reason, "fix": n.Fix} {
		if text = plain(text, maxReason); text != "" {
			details[name] = text
		}
	}
	payload := object{
		"summary": plain(n.summary(), maxSummary), "source": plain(n.Key, maxFact), "custom_details": details,
		"severity": map[Kind]string{Tripped: "critical", Overridden: "warning"}[n.Kind], "class": "circuit breaker",
	}
	if when := n.when(); when != "" {
		payload["timestamp"] = when
	}
	if name := plain(n.Pipeline, maxFact); name != "" {
		payload["component"] = name
	}
	event["event_action"], event["payload"], event["client"] = "trigger", payload, "Guardrails GuardedPush"
	if address := webAddress(n.RunURL); address != "" {
		event["client_url"] = address
		event["links"] = []object{{"href": address, "text": "The run"}}
	}
	return event
}

// shortKey shortens a key so that two keys stay two.
func shortKey(key string) string {
	whole := plain(key, len(key))
	if len(whole) <= maxKey {
		return whole
	}
	sum := sha256.Sum256([]byte(whole))
	return plain(whole, 100) + " " + hex.EncodeToString(sum[:])
}
