package alert_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/guardrails-ci/guardrails/tasks/guardedpush/alert"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/alert/alerttest"
)

// reader is what Microsoft's package for showing Adaptive Cards finds wrong in each of the
// cards on stdin: what it does not know, what does not fit the version, what is missing.
const reader = `
const ac = require(process.argv[1]);
const found = JSON.parse(require('fs').readFileSync(0, 'utf8')).map(json => {
	const context = new ac.SerializationContext(ac.Versions.v1_4), card = new ac.AdaptiveCard(), problems = [];
	card.parse(json, context);
	for (let i = 0; i < context.eventCount; i++) problems.push(context.getEventAt(i).message);
	for (const e of card.validateProperties().validationEvents) problems.push(e.message);
	const again = card.toJSON(new ac.SerializationContext(ac.Versions.v1_4));
	const count = v => v && typeof v === 'object' ? Object.values(v).reduce((n, x) => n + count(x), 0) : 1;
	return {problems, kept: again ? JSON.stringify(again.body).length === JSON.stringify(json.body).length : false};
});
console.log(JSON.stringify(found));`

type read struct {
	Problems []string
	Kept     bool // all of the body was understood: written again it is as long
}

func readCards(t *testing.T, cards []any) []read {
	t.Helper()
	module, err := filepath.Abs("../../../build/npm/node_modules/adaptivecards/dist/adaptivecards.js")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(module); err != nil {
		t.Fatalf("%s is not installed: run `make oracles`", module)
	}
	input, err := json.Marshal(cards)
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "-e", reader, module)
	node.Stdin, node.Stderr = bytes.NewReader(input), os.Stderr
	out, err := node.Output()
	if err != nil {
		t.Fatal(err)
	}
	var found []read
	if err := json.Unmarshal(out, &found); err != nil || len(found) != len(cards) {
		t.Fatalf("the reader says %s: %v", out, err)
	}
	return found
}

// cardOf is the card in a message, as it comes from the wire.
func cardOf(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var message struct {
		Attachments []struct{ Content map[string]any }
	}
	if err := json.Unmarshal(body, &message); err != nil || len(message.Attachments) != 1 {
		t.Fatalf("%.300s is no message with a card: %v", body, err)
	}
	return message.Attachments[0].Content
}

// TestCardsAreAsTheirReaderWantsThem: every card, whatever the texts are, is understood
// whole by the package that shows cards; and the package says no where it should.
func TestCardsAreAsTheirReaderWantsThem(t *testing.T) {
	t.Parallel()
	var names []string
	var cards []any
	add := func(name string, e alert.Event) {
		for _, e.Kind = range kinds {
			names, cards = append(names, name+", "+string(e.Kind)), append(cards, cardOf(t, payload(t, alert.Teams, e)))
		}
	}
	add("whole", event())
	add("bare", alert.Event{Key: "k"})
	for name, text := range nasty {
		add(name, filled(text))
	}
	for i, r := range readCards(t, cards) {
		if len(r.Problems) > 0 || !r.Kept {
			card, _ := json.Marshal(cards[i])
			t.Errorf("%s: the card is understood whole: %v, its reader says %q\n%.500s", names[i], r.Kept, r.Problems, card)
		}
	}
}

// TestBrokenCards: what the reader of cards refuses, our receiver does, too.
func TestBrokenCards(t *testing.T) {
	t.Parallel()
	broken := map[string]func(card map[string]any){
		"unknown element": func(c map[string]any) { first(c)["type"] = "RichTextBlok" },
		"unknown color":   func(c map[string]any) { firstRun(c)["color"] = "Red" },
		"unknown size":    func(c map[string]any) { firstRun(c)["size"] = "Huge" },
		"no address": func(c map[string]any) {
			delete(c["actions"].([]any)[0].(map[string]any), "url")
		},
		"unknown action": func(c map[string]any) {
			c["actions"].([]any)[0].(map[string]any)["type"] = "Action.Run"
		},
		"of version 1.5": func(c map[string]any) {
			c["body"] = []any{map[string]any{"type": "TextBlock", "text": "x", "style": "heading"}}
		},
	}
	var names []string
	var cards []any
	for name, breakIt := range broken {
		var message map[string]any
		if err := json.Unmarshal(payload(t, alert.Teams, event()), &message); err != nil {
			t.Fatal(err)
		}
		card := message["attachments"].([]any)[0].(map[string]any)["content"].(map[string]any)
		breakIt(card)
		names, cards = append(names, name), append(cards, card)
		body, err := json.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		if err := alerttest.Validate("teams", body); err == nil {
			t.Errorf("%s: our receiver takes it: %s", name, body)
		}
	}
	for i, r := range readCards(t, cards) {
		if len(r.Problems) == 0 {
			t.Errorf("%s: the reader of cards finds nothing wrong", names[i])
		}
	}
}

func first(card map[string]any) map[string]any { return card["body"].([]any)[0].(map[string]any) }

func firstRun(card map[string]any) map[string]any {
	return first(card)["inlines"].([]any)[0].(map[string]any)
}
