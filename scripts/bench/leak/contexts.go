package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// surrounding is how a log or a file comes to hold a value.
type surrounding struct {
	name string
	fits []shape
	line func(d dice, setting, value string) string
}

var surroundings = []surrounding{
	{"NAME=value", []shape{token, text}, func(_ dice, s, v string) string { return s + "=" + v }},
	{"export, quoted", []shape{token, text}, func(_ dice, s, v string) string {
		return "+ export " + s + "='" + v +
			"'"
	}},
	{"YAML, quoted", []shape{token, text}, func(_ dice, s, v string) string { return "    " + s + `: "` + v + `"` }},
	{"JSON", []shape{token, text}, func(d dice, s, v string) string {
		return `{"level":"info","app":"` + d.noun() + `","settings":{"` + s + `":` + quote(v) + `}}`
	}},
	{"coloured", []shape{token, text}, func(_ dice, s, v string) string {
		return "\x1b[36m" + s + "\x1b[0m=\x1b[33;1m" + v + "\x1b[0m"
	}},
	{"table", []shape{token, text}, func(_ dice, s, v string) string { return "| " + s + " | " + v + " | plain |" }},
	{"URL, encoded", []shape{token}, func(d dice, s, v string) string {
		return "GET https://" + d.host() + "/api/v1/" + d.noun() + "?" + s + "=" + url.QueryEscape(v) + "&page=2 200 OK"
	}},
	{"message", []shape{text}, func(d dice, _, v string) string {
		return "ERROR: cannot connect to " + v + " after 3 attempts (" + d.noun() + ")"
	}},
	{"option", []shape{token, text}, func(d dice, s, v string) string {
		return "deploy " + d.noun() + " --" + strings.ToLower(strings.ReplaceAll(s, "_", "-")) + ` "` + v +
			`" --verbose`
	}},
	{"curl -H", []shape{header}, func(d dice, _, v string) string {
		return "+ curl -sS -H '" + v + "' https://" + d.host() + "/api"
	}},
	{"curl -v", []shape{header}, func(_ dice, _, v string) string { return "> " + v }},
	{"coloured header", []shape{header}, func(_ dice, _, v string) string {
		name, value, _ := strings.Cut(v, ": ")
		return "\x1b[32m" + name + "\x1b[0m: \x1b[33m" + value + "\x1b[0m"
	}},
	{"JSON header", []shape{header}, func(_ dice, _, v string) string {
		name, value, _ := strings.Cut(v, ": ")
		return `{"headers":{` + quote(name) + ":" + quote(value) + `}}`
	}},
	{"as it is", []shape{block, whole}, func(_ dice, _, v string) string { return v }},
}

// whole is a line that has its context already.
const whole shape = 100

func quote(v string) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // a string
	}
	return string(data)
}

// plant is a secret to be put into the corpus.
type plant struct {
	Set     set    `json:"set"`
	Kind    string `json:"kind"`
	Context string `json:"context"`
	Border  bool   `json:"border,omitempty"` // across the end of a block of 1 MiB
	Text    string `json:"text"`             // one line or more, without time stamps
	First   int    `json:"first"`            // its lines in the corpus, from 1
	Last    int    `json:"last"`
}

// plants makes n secrets of each kind, in contexts that take turns.
func plants(d dice, n int) []plant {
	var out []plant
	for _, k := range append(append([]kind(nil), kinds...), unseenKinds...) {
		var fitting []surrounding
		for _, c := range surroundings {
			for _, s := range c.fits {
				if s == k.shape {
					fitting = append(fitting, c)
				}
			}
		}
		if len(fitting) == 0 {
			panic(fmt.Sprintf("no context fits %s", k.name))
		}
		for i := range n {
			c := fitting[i%len(fitting)]
			out = append(out, plant{
				Set: k.set, Kind: k.name, Context: c.name, Border: i%5 == 4 && k.shape != block, Text: c.line(d,
					k.setting, k.make(d)),
			})
		}
	}
	return append(out, knownPlants(d)...)
}
