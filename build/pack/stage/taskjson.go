package stage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// taskFile is what packing needs of a task.json; build/gentask checks the rest.
type taskFile struct {
	Name    string `json:"name"`
	Version struct {
		Major int `json:"Major"`
		Minor int `json:"Minor"`
		Patch int `json:"Patch"`
	} `json:"version"`
	Pre  map[string]handler `json:"prejobexecution"`
	Main map[string]handler `json:"execution"`
	Post map[string]handler `json:"postjobexecution"`

	text   []byte
	stages []string // "pre", "main", "post": those declared
	// begin and end are the place of the version's value in text.
	begin, end int
}

type handler struct {
	Target string `json:"target"`
}

func parseTask(data []byte) (taskFile, error) {
	f := taskFile{text: data}
	if err := json.Unmarshal(data, &f); err != nil {
		return f, fmt.Errorf("not a readable task.json: %w", err)
	}
	for _, stage := range []struct {
		name, key string
		handlers  map[string]handler
	}{{"pre", "prejobexecution", f.Pre}, {"main", "execution", f.Main}, {"post", "postjobexecution", f.Post}} {
		for _, node := range slices.Sorted(maps.Keys(stage.handlers)) {
			if got, want := stage.handlers[node].Target, stage.name+".js"; got != want {
				return f, fmt.Errorf("%s.%s.target is %q; the file packed for that stage is %q",
					stage.key, node, got, want)
			}
		}
		if len(stage.handlers) > 0 {
			f.stages = append(f.stages, stage.name)
		}
	}
	if len(f.stages) == 0 {
		return f, errors.New("no stage is declared; add execution with Node20_1 and Node24")
	}
	var err error
	f.begin, f.end, err = valueOf(data, "version")
	return f, err
}

// valueOf returns the place of a top-level key's value, so that it can be replaced and all
// other text stays as it was written.
func valueOf(data []byte, wanted string) (begin, end int, err error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if _, err := decoder.Token(); err != nil { // {
		return 0, 0, err
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return 0, 0, err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return 0, 0, err
		}
		if key != wanted {
			continue
		}
		if end != 0 {
			return 0, 0, fmt.Errorf("%q stands in it twice", wanted)
		}
		end = int(decoder.InputOffset())
		begin = end - len(value)
	}
	if end == 0 {
		return 0, 0, fmt.Errorf("%q is missing", wanted)
	}
	return begin, end, nil
}

// stamped returns the text with the version's Minor and Patch set.
func (f taskFile) stamped(minor, patch int) []byte {
	version := `{ "Major": ` + strconv.Itoa(f.Version.Major) +
		`, "Minor": ` + strconv.Itoa(minor) + `, "Patch": ` + strconv.Itoa(patch) + ` }`
	return slices.Concat(f.text[:f.begin], []byte(version), f.text[f.end:])
}
