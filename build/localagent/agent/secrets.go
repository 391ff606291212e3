package agent

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"io"
	"os"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/redact"
)

const (
	// shortest is the length from which a secret is looked for in files and
	// logs, and shortestPart that for one line of a secret that has several.
	// What is shorter stands there by chance.
	shortest     = 6
	shortestPart = 12
)

// public is what the agent masks and nobody looks for.
const public = ""

// addSecret registers a secret for masking. what says in messages where it came
// from; the first to bring a value gives it the name.
func (j *job) addSecret(what, value string) {
	j.mask.Add(value)
	j.nameSecrets(what)
}

// nameSecrets gives the name to all secrets that have none yet.
func (j *job) nameSecrets(what string) {
	for _, value := range j.mask.Values() {
		if _, known := j.secrets[value]; !known {
			j.secrets[value] = what
		}
	}
}

// search looks for secrets in files: for what the agent masks, and for the forms
// in which a secret usually turns up (see package redact), which it does not.
type search struct {
	needles []needle
	all     redact.Set
	short   int
}

// needle is one secret to look for.
type needle struct {
	what, value string
	forms       redact.Set
}

func (j *job) newSearch() *search {
	s := &search{}
	for _, value := range j.mask.Values() {
		if j.secrets[value] == public {
			continue
		}
		if len(value) < shortest {
			s.short++
			continue
		}
		s.needles = append(s.needles, needle{what: j.secrets[value], value: value})
	}
	for i := range s.needles {
		n := &s.needles[i]
		for _, set := range []*redact.Set{&n.forms, &s.all} {
			set.Add(parts(n.value)...)
		}
	}
	return s
}

// parts are what to derive forms from: the secret or, when it has several lines,
// those of its forms that cannot stand in a file by chance.
func parts(secret string) []string {
	if !strings.ContainsAny(strings.TrimSpace(secret), "\r\n") {
		return []string{secret}
	}
	var long []string
	for _, form := range redact.Forms(secret) {
		if len(form) >= shortestPart {
			long = append(long, form)
		}
	}
	return long
}

// file says which secret stands in a file, or nothing.
func (s *search) file(name string) (what string, err error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return s.in(f)
}

// in says which secret stands in what r holds, or nothing.
func (s *search) in(r io.ReadSeeker) (what string, err error) {
	if len(s.needles) == 0 {
		return "", nil
	}
	values := make([]string, len(s.needles))
	for i := range s.needles {
		values[i] = s.needles[i].value
	}
	if i := findSecret(r, values); i >= 0 {
		return s.needles[i].what, nil
	}
	if found, err := holds(r, &s.all); err != nil || !found {
		return "", err
	}
	for i := range s.needles {
		if found, err := holds(r, &s.needles[i].forms); err != nil || found {
			return s.needles[i].what, err
		}
	}
	return "", nil
}

// holds reports whether there is anything in r that set hides: then what it
// passes on is not what it was given.
func holds(r io.ReadSeeker, set *redact.Set) (bool, error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	seed := maphash.MakeSeed()
	var before, after maphash.Hash
	before.SetSeed(seed)
	after.SetSeed(seed)
	hide := set.Writer(&after)
	if _, err := io.Copy(io.MultiWriter(&before, hide), r); err != nil {
		return false, err
	}
	err := hide.Close()
	return before.Sum64() != after.Sum64(), err
}

// findSecret returns the index of the first needle found in what r holds, or -1.
// It reads in pieces that overlap, so that a needle on a border is found.
func findSecret(r io.Reader, needles []string) int {
	longest := 0
	for _, n := range needles {
		longest = max(longest, len(n))
	}
	if longest == 0 {
		return -1
	}
	buf := make([]byte, 0, 1<<20+longest)
	for {
		n, err := io.ReadFull(r, buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		for i, needle := range needles {
			if bytes.Contains(buf, []byte(needle)) {
				return i
			}
		}
		if err != nil {
			return -1
		}
		keep := min(longest-1, len(buf))
		buf = append(buf[:0], buf[len(buf)-keep:]...)
	}
}

// found is the message for a secret that stands where it must not.
func found(where, what string) string { return fmt.Sprintf("a secret stands in %s: %s", where, what) }
