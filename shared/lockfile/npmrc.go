package lockfile

import (
	"encoding/json"
	"io/fs"
	"path"
	"strings"
)

// npmIndexes adds the registries that are configured beside a lock file of npm, Yarn or pnpm:
// of packages without an address these decide where they are from, and npm asks them for
// those of the public registry, too. Whether a file of YAML can be read, who compares it
// with the lock file says (see Stale).
func npmIndexes(tree fs.FS, lock *Lock) {
	beside := func(name string) string { return path.Join(path.Dir(lock.Path), name) }
	switch lock.Format {
	case NPM:
		lock.rcIndexes(tree, beside(".npmrc"), npmrcSetting)
	case PNPM:
		lock.rcIndexes(tree, beside(".npmrc"), npmrcSetting)
		lock.pnpmIndexes(tree, beside("pnpm-workspace.yaml"))
	case Yarn1:
		lock.rcIndexes(tree, beside(".npmrc"), npmrcSetting)
		lock.rcIndexes(tree, beside(".yarnrc"), yarnrcSetting)
	case Berry:
		lock.berryIndexes(tree, beside(".yarnrc.yml"))
	}
}

// rcIndexes reads a file with a setting in each line.
func (l *Lock) rcIndexes(tree fs.FS, name string, cut func(line string) (key, value string)) {
	data, err := manifest(tree, name)
	if err != nil {
		l.addIndexes(name, 0, []Index{{Option: "registry"}}) // which is one that nobody knows
		return
	}
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(string(data), utf8BOM))
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		key, value := cut(strings.TrimSpace(line))
		l.npmIndex(name, number, key, value)
	}
}

// npmIndex adds the value of a setting if that is a registry for all packages, or for those
// of a scope.
func (l *Lock) npmIndex(name string, line int, key, value string) {
	if value != "" && (key == "registry" || strings.HasPrefix(key, "@") && strings.HasSuffix(key, ":registry")) {
		l.addIndexes(name, line, []Index{{Option: shownText(key), URL: shownText(withoutUser(value))}})
	}
}

// npmrcSetting cuts a line of an .npmrc, as the npm package ini does.
func npmrcSetting(line string) (key, value string) {
	if line == "" || line[0] == ';' || line[0] == '#' {
		return "", ""
	}
	key, value, _ = strings.Cut(line, "=")
	return strings.TrimSuffix(unquoted(key), "[]"), unquoted(value)
}

// yarnrcSetting cuts a line of a .yarnrc, which is written like a lock file of Yarn 1.
func yarnrcSetting(line string) (key, value string) {
	key, value, _ = strings.Cut(line, " ")
	if strings.HasPrefix(line, `"`) {
		if before, after, ok := strings.Cut(line[1:], `"`); ok {
			key, value = `"`+before+`"`, after
		}
	}
	return unquoted(strings.TrimSuffix(key, ":")), unquoted(strings.TrimPrefix(strings.TrimSpace(value), ":"))
}

// unquoted is a text without quotes, or up to a comment if it has none.
func unquoted(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > 1 && (text[0] == '"' || text[0] == '\'') && text[len(text)-1] == text[0] {
		plain := ""
		if text[0] == '"' && json.Unmarshal([]byte(text), &plain) == nil {
			return plain
		}
		return text[1 : len(text)-1]
	}
	if end := strings.IndexAny(text, ";#"); end >= 0 {
		text = text[:end]
	}
	return strings.TrimSpace(text)
}

// pnpmIndexes reads pnpm's settings.
func (l *Lock) pnpmIndexes(tree fs.FS, name string) {
	config, err := yamlManifest(tree, name)
	if err != nil || config.problem == nil {
		return
	}
	l.npmIndex(name, config.line("registry"), "registry", config.text("registry"))
	registries := config.fields("registries")
	for _, scope := range registries.names() {
		key := "registry"
		if scope != "default" {
			key = "@" + strings.TrimPrefix(scope, "@") + ":registry"
		}
		l.npmIndex(name, registries.line(scope), key, registries.text(scope))
	}
}

// berryIndexes reads Yarn's settings.
func (l *Lock) berryIndexes(tree fs.FS, name string) {
	config, err := yamlManifest(tree, name)
	if err != nil || config.problem == nil {
		return
	}
	const setting = "npmRegistryServer"
	l.npmIndex(name, config.line(setting), "registry", config.text(setting))
	scopes := config.fields("npmScopes")
	for _, scope := range scopes.names() {
		of := scopes.fields(scope)
		l.npmIndex(name, of.line(setting), "@"+scope+":registry", of.text(setting))
	}
}
