package policy

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// files fills in texts: pairs of the name to write and the name of the text.
func (v values) files(pairs ...string) []File {
	var files []File
	for i := 0; i < len(pairs); i += 2 {
		files = append(files, File{pairs[i], []byte(v.fill(pairs[i+1]))})
	}
	return files
}

// fill is a text with the values for its @words@. Lists are written as JSON, which YAML reads as what it is.
func (v values) fill(text string) string {
	data, err := texts.ReadFile("files/" + text)
	if err != nil {
		panic(err) // a name in this package is wrong
	}
	exempt := map[string]any{}
	if len(v.namespaces) > 0 {
		resources := map[string]any{"resources": map[string]any{"namespaces": v.namespaces}}
		exempt["any"] = []any{resources}
	}
	return strings.NewReplacer(
		"@name@", name,
		"@prefixes@", list(v.prefixes),
		"@prefix lines@", strings.Join(v.prefixes, "\n    "),
		"@patterns@", list(strings.Join(suffixed(v.prefixes, "*"), " | ")),
		"@images@", list(suffixed(v.prefixes, "*")),
		"@namespaces@", list(v.namespaces),
		"@exclude@", list(exempt),
		"@selector@", list(v.selector()),
		"@digest@", strconv.FormatBool(v.digest),
		"@key@", strings.ReplaceAll(strings.TrimSpace(v.key), "\n", "\n"+strings.Repeat(" ", 22)),
		"@mutate@", strconv.FormatBool(v.enforce), // Kyverno refuses policies that audit and change images
		"@deny or warn@", v.either("deny", "warn"),
		"@deny or warn and audit@", v.either(`["Deny"]`, `["Warn", "Audit"]`),
		"@Enforce or Audit@", v.either("Enforce", "Audit"),
	).Replace(string(data))
}

func (v values) either(enforced, otherwise string) string {
	if v.enforce {
		return enforced
	}
	return otherwise
}

// selector leaves out namespaces by the label that each has with its name.
func (v values) selector() []any {
	if len(v.namespaces) == 0 {
		return []any{}
	}
	return []any{map[string]any{
		"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": v.namespaces,
	}}
}

// list is a value as JSON in one line.
func list(value any) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // texts, lists and maps of them only
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func suffixed(texts []string, suffix string) []string {
	var all []string
	for _, text := range texts {
		all = append(all, text+suffix)
	}
	return all
}

// kyverno is a policy with a rule for each thing that is asked for.
func (v values) kyverno() string {
	text := v.fill("kyverno.yaml")
	if v.digest {
		text += v.fill("kyverno-digest.yaml")
	}
	if v.key != "" {
		text += v.fill("kyverno-key.yaml")
	}
	return text
}

// azurePolicy is the parameters of an assignment.
func (v values) azurePolicy() []byte {
	var places []string
	for _, prefix := range v.prefixes {
		place := regexp.QuoteMeta(prefix)
		switch pinned := `sha256:[0-9a-f]{64}`; {
		case !v.digest:
			place += ".+"
		case strings.HasSuffix(prefix, "@"):
			place += pinned
		default:
			place += "[^@]*@" + pinned
		}
		places = append(places, place)
	}
	expression := "^(" + strings.Join(places, "|") + ")$"
	parameters := map[string]any{
		"allowedContainerImagesRegex": map[string]any{"value": expression},
		"effect":                      map[string]any{"value": v.either("Deny", "Audit")},
		"excludedNamespaces":          map[string]any{"value": v.namespaces},
	}
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(list(parameters)), "", "  "); err != nil {
		panic(err) // it has just been made
	}
	b.WriteByte('\n')
	return b.Bytes()
}
