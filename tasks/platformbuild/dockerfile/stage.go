package dockerfile

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// add takes an instruction of a stage in.
func (s *Stage) add(in instruction, escape rune) error {
	switch in.keyword {
	case "ARG":
		for _, word := range quotedWords(in.rest, escape) {
			name, _, _ := strings.Cut(word, "=")
			s.Args = append(s.Args, name)
		}
	case "COPY":
		return s.copies(in)
	case "ADD":
		return s.downloads(in)
	case "RUN":
		for _, flag := range in.flags {
			if value, ok := strings.CutPrefix(flag, "--mount="); ok {
				if err := s.mount(in.line, value); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (s *Stage) copies(in instruction) error {
	seen := false
	for _, flag := range in.flags {
		from, ok := strings.CutPrefix(flag, "--from=")
		if !ok {
			continue
		}
		if seen {
			return errors.New("COPY has --from twice")
		}
		seen = true
		if err := s.source(in.line, from); err != nil {
			return err
		}
	}
	return nil
}

// source notes an image or a stage that files come from.
func (s *Stage) source(line int, from string) error {
	if strings.ContainsAny(from, `$'"\`) {
		return fmt.Errorf("from=%s: variables cannot stand there; make it a stage, with FROM", show(from))
	}
	if from != "" {
		s.Copies, s.copyLines = append(s.Copies, from), append(s.copyLines, line)
	}
	return nil
}

// downloads notes what ADD gets from the network.
func (s *Stage) downloads(in instruction) error {
	for _, flag := range in.flags {
		if strings.HasPrefix(flag, "--checksum=") {
			return nil
		}
	}
	words, isList, err := in.list()
	if err != nil {
		return err
	}
	if !isList {
		words = strings.Fields(in.rest)
	}
	for i, word := range words {
		if i+1 < len(words) && isRemote(strings.Trim(word, `"'`)) {
			s.Downloads = append(s.Downloads, word)
		}
	}
	return nil
}

// isRemote reports whether the source of an ADD is, or may be, something of the network.
func isRemote(word string) bool {
	scheme, _, hasScheme := strings.Cut(word, "://")
	return hasScheme && !strings.ContainsAny(scheme, "/.") || strings.HasPrefix(word, "$") ||
		strings.HasPrefix(word, "git@") || strings.HasPrefix(word, "github.com/")
}

// mount reads a RUN --mount.
func (s *Stage) mount(line int, text string) error {
	if strings.Contains(text, `"`) {
		return fmt.Errorf("--mount=%s: quotes are not understood there", show(text))
	}
	fields := map[string]string{"type": "bind"}
	for _, field := range strings.Split(text, ",") {
		name, value, ok := strings.Cut(field, "=")
		if !ok {
			value = "true"
		}
		fields[strings.ToLower(name)] = value
	}
	if err := s.source(line, fields["from"]); err != nil {
		return err
	}
	m := Mount{Line: line, ID: fields["id"]}
	if required, ok := fields["required"]; ok && !strings.Contains(required, "$") {
		var err error
		if m.Required, err = strconv.ParseBool(required); err != nil {
			return fmt.Errorf("--mount: required is true or false, not %s", show(required))
		}
	}
	switch strings.ToLower(fields["type"]) {
	case "secret":
		m.ID = secretID(fields)
		if m.ID == "" {
			return errors.New("--mount=type=secret needs an id")
		}
		s.Secrets = wanted(s.Secrets, m)
	case "ssh":
		if m.ID == "" {
			m.ID = "default"
		}
		s.SSH = wanted(s.SSH, m)
	}
	return nil
}

// secretID finds the name as BuildKit does: source stands for id, and a target's last part names a secret without one.
func secretID(fields map[string]string) string {
	for _, name := range []string{"source", "src", "id"} {
		if fields[name] != "" {
			return fields[name]
		}
	}
	for _, name := range []string{"target", "dst", "destination"} {
		if fields[name] != "" {
			return path.Base(fields[name])
		}
	}
	return ""
}

// wanted adds what is wanted, unless its name is only known when the step runs.
func wanted(all []Mount, m Mount) []Mount {
	if strings.Contains(m.ID, "$") {
		return all
	}
	return append(all, m)
}
