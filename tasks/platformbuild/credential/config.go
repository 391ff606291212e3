package credential

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	configFile = "config.json"
	maxConfig  = 4 << 20
)

// document is a configuration of Docker's. What we do not know is passed on as it is.
type document map[string]json.RawMessage

// config returns the user's own configuration with our helper for the hosts of the sources.
func (u user) config(sources map[string]*Source, mask func(...string)) ([]byte, error) {
	d, err := readConfig(u.docker)
	if err != nil {
		return nil, err
	}
	wrong := func(field string) error {
		return fmt.Errorf("%s: %q is not as Docker writes it: correct it, or remove the file",
			filepath.Join(u.docker, configFile), field)
	}
	var auths map[string]json.RawMessage
	if !d.get("auths", &auths) {
		return nil, wrong("auths")
	}
	var helpers map[string]string
	if !d.get("credHelpers", &helpers) {
		return nil, wrong("credHelpers")
	}
	var plugins []string
	if !d.get("cliPluginsExtraDirs", &plugins) {
		return nil, wrong("cliPluginsExtraDirs")
	}
	drop(auths, sources)
	maskAuths(auths, mask)
	drop(helpers, sources)
	if helpers == nil {
		helpers = map[string]string{}
	}
	for host := range sources {
		for _, key := range keysOf(host) {
			helpers[key] = helperName
		}
	}
	for _, folder := range []string{u.docker, u.home} { // Docker looks there last, too
		if folder != "" {
			plugins = append(plugins, filepath.Join(folder, "cli-plugins"))
		}
	}
	d.set("credHelpers", helpers)
	d.set("cliPluginsExtraDirs", plugins)
	if auths != nil {
		d.set("auths", auths)
	}
	return json.Marshal(d)
}

// readConfig reads the configuration in a folder; it is empty if there is none.
func readConfig(folder string) (document, error) {
	path := filepath.Join(folder, configFile)
	if folder == "" {
		return document{}, nil
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return document{}, nil
	case err != nil:
		return nil, fmt.Errorf("reading Docker's configuration: %w", err)
	case !info.Mode().IsRegular() || info.Size() > maxConfig:
		return nil, fmt.Errorf("%s is no configuration of Docker's: correct or remove it", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading Docker's configuration: %w", err)
	}
	d := document{}
	if text = bytes.TrimSpace(text); len(text) > 0 && json.Unmarshal(text, &d) != nil || d == nil {
		return nil, fmt.Errorf("%s is not the JSON that Docker writes: correct or remove it", path)
	}
	d.fold()
	return d, nil
}

// fold writes the fields that we change as Docker does, for which their case does not count.
func (d document) fold() {
	for _, name := range []string{"auths", "credHelpers", "cliPluginsExtraDirs"} {
		for key, value := range d {
			if key == name || !strings.EqualFold(key, name) {
				continue
			}
			if _, both := d[name]; !both {
				d[name] = value
			}
			delete(d, key)
		}
	}
}

// get reads a field; false if it is there and not as it should be.
func (d document) get(field string, into any) bool {
	text, ok := d[field]
	return !ok || json.Unmarshal(text, into) == nil
}

// set writes a field of ours: texts, maps and lists of them.
func (d document) set(field string, value any) {
	d[field], _ = json.Marshal(value) // nothing in it can fail
}

// drop removes what a map says of the sources' hosts, however they are written there.
func drop[T any](all map[string]T, sources map[string]*Source) {
	for key := range all {
		if host, err := hostOf(key); err == nil && sources[host] != nil {
			delete(all, key)
		}
	}
}

// keysOf are the names under which Docker looks for the helper of a host.
func keysOf(host string) []string {
	if host == hub {
		return hubKeys
	}
	return []string{host}
}

// maskAuths hides the credentials of the user's own that we pass on.
func maskAuths(auths map[string]json.RawMessage, mask func(...string)) {
	for _, text := range auths {
		var entry struct{ Auth, Password, IdentityToken, RegistryToken string }
		_ = json.Unmarshal(text, &entry) // whatever Docker makes of something else
		mask(entry.Auth, entry.Password, entry.IdentityToken, entry.RegistryToken)
		if plain, err := base64.StdEncoding.DecodeString(entry.Auth); err == nil {
			_, password, _ := strings.Cut(string(plain), ":")
			mask(strings.Trim(password, "\x00"))
		}
	}
}

// withoutHosts is DOCKER_AUTH_CONFIG without the hosts of the sources; Docker overlooks one that it cannot read.
func withoutHosts(text string, sources map[string]*Source, mask func(...string)) string {
	d := document{}
	var auths map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &d) != nil || !d.get("auths", &auths) || len(auths) == 0 {
		return ""
	}
	drop(auths, sources)
	if len(auths) == 0 {
		return ""
	}
	maskAuths(auths, mask)
	d.set("auths", auths)
	out, _ := json.Marshal(d) // it has been read from such a text
	return string(out)
}
