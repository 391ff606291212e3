package azuretest

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Vault is a key vault of a [Cloud].
type Vault struct {
	cloud *Cloud
	name  string

	config  atomic.Pointer[VaultConfig]
	lock    sync.Mutex
	secrets map[string][]*entry // by name in lower case; the last version is the current one
	keys    map[string][]*keyEntry
}

// Secret is what a vault keeps. The zero value is enabled and does not expire.
type Secret struct {
	Value       string
	Version     string // 32 hexadecimal digits; made up if empty
	ContentType string
	Disabled    bool
	// NotBefore and Expires bound its time, as the vault tells; it does not mind.
	NotBefore, Expires time.Time
	// Managed says that it belongs to a certificate.
	Managed bool
	Tags    map[string]string
	// Deleted says that it has been deleted and may be recovered.
	Deleted bool
}

// entry is one version of a secret.
type entry struct {
	Secret
	name    string
	created time.Time
}

// Configure changes how the vault is set up, and adds its secrets.
func (v *Vault) Configure(config VaultConfig) {
	v.configure(config)
	for _, name := range slices.Sorted(maps.Keys(config.Secrets)) {
		for _, version := range config.Secrets[name] {
			v.Put(name, version)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(config.Keys)) {
		for _, version := range config.Keys[name] {
			v.PutKey(name, version)
		}
	}
}

func (v *Vault) configure(config VaultConfig) {
	config.Tenant = cmp.Or(config.Tenant, v.cloud.config.Tenant)
	config.Suffix = cmp.Or(config.Suffix, v.cloud.environment.suffix)
	config.Resource = cmp.Or(config.Resource, v.cloud.environment.resource)
	v.config.Store(&config)
}

func (v *Vault) settings() *VaultConfig { return v.config.Load() }

// URL is where the vault is.
func (v *Vault) URL() string { return "https://" + v.host() + "/" }

// Set sets a secret, and returns the version.
func (v *Vault) Set(name, value string) (version string) { return v.Put(name, Secret{Value: value}) }

// Put adds a version of a secret, which is the current one from now on. It panics
// if a vault could not have it.
func (v *Vault) Put(name string, s Secret) (version string) {
	if !secretName.MatchString(name) {
		panic(fmt.Sprintf("a vault can have no secret %q", name))
	}
	if s.Version == "" {
		s.Version = strings.ReplaceAll(guid(), "-", "")
	}
	v.lock.Lock()
	defer v.lock.Unlock()
	key := strings.ToLower(name)
	v.secrets[key] = append(v.secrets[key], &entry{s, name, v.cloud.config.Now()})
	return s.Version
}

// Fail lets something go wrong at this vault, see [Cloud.Fail].
func (v *Vault) Fail(f Fault) {
	f.Host = v.host()
	v.cloud.Fail(f)
}

// Requests returns what this vault was asked.
func (v *Vault) Requests() []Request {
	return slices.DeleteFunc(v.cloud.Requests(), func(r Request) bool { return r.Host != v.host() })
}

// get answers with a secret.
func (v *Vault) get(name, version string) answer {
	v.lock.Lock()
	defer v.lock.Unlock()
	versions := v.secrets[strings.ToLower(name)]
	id := name
	at := len(versions) - 1
	if version != "" {
		id += "/" + version
		at = slices.IndexFunc(versions, func(e *entry) bool { return strings.EqualFold(e.Version, version) })
	}
	if at < 0 || versions[len(versions)-1].Deleted {
		return notFound("secret", id)
	}
	if versions[at].Disabled {
		return disabled("secret", "get")
	}
	bundle := v.item(versions[at], versions[at].Version)
	bundle["value"] = versions[at].Value
	if at > 0 {
		bundle["previousVersion"] = versions[at-1].Version
	}
	return reply(http.StatusOK, bundle)
}

// deleted answers with a deleted secret.
func (v *Vault) deleted(name string) answer {
	v.lock.Lock()
	defer v.lock.Unlock()
	versions := v.secrets[strings.ToLower(name)]
	if len(versions) == 0 || !versions[len(versions)-1].Deleted {
		return problem(http.StatusNotFound, "SecretNotFound", "Deleted Secret not found: "+name, "")
	}
	last := versions[len(versions)-1]
	bundle := v.item(last, last.Version)
	bundle["recoveryId"] = v.URL() + "deletedsecrets/" + last.name
	bundle["deletedDate"] = last.created.Unix()
	bundle["scheduledPurgeDate"] = last.created.Add(90 * 24 * time.Hour).Unix()
	return reply(http.StatusOK, bundle)
}

// item is a secret without its value, as
// https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret has it.
func (v *Vault) item(e *entry, version string) map[string]any {
	attributes := map[string]any{
		"enabled": !e.Disabled, "created": e.created.Unix(), "updated": e.created.Unix(),
		"recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90,
	}
	if !e.NotBefore.IsZero() {
		attributes["nbf"] = e.NotBefore.Unix()
	}
	if !e.Expires.IsZero() {
		attributes["exp"] = e.Expires.Unix()
	}
	id := v.URL() + "secrets/" + e.name
	if version != "" {
		id += "/" + version
	}
	item := map[string]any{"id": id, "attributes": attributes, "tags": map[string]string{}}
	if e.Tags != nil {
		item["tags"] = e.Tags
	}
	if e.ContentType != "" {
		item["contentType"] = e.ContentType
	}
	if e.Managed {
		item["managed"] = true
		item["kid"] = v.URL() + "keys/" + e.name + "/" + e.Version
	}
	return item
}

const maxPage = 25

// list answers with a page of the secrets, or of the versions of one.
func (v *Vault) list(seen *Request, name string) answer {
	v.lock.Lock()
	defer v.lock.Unlock()
	var items []map[string]any
	if name == "" {
		for _, key := range v.sortedNames() {
			if last := v.secrets[key][len(v.secrets[key])-1]; !last.Deleted {
				items = append(items, v.item(last, ""))
			}
		}
	} else {
		for _, e := range v.secrets[strings.ToLower(name)] {
			items = append(items, v.item(e, e.Version))
		}
	}
	size := maxPage
	if text := seen.Query.Get("maxresults"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxPage {
			return problem(http.StatusBadRequest, "BadParameter", "maxresults must be between 1 and 25", "")
		}
		size = n
	}
	from, empty, ok := v.marker(seen.Query.Get("$skiptoken"), len(items))
	if !ok {
		return problem(http.StatusBadRequest, "BadParameter", "The skiptoken is not one of this vault", "")
	}
	next := func(marker string) string {
		token := base64.RawURLEncoding.EncodeToString([]byte(marker))
		// The port is there in the recordings, too.
		return fmt.Sprintf("https://%s:443%s?api-version=%s&$skiptoken=%s&maxresults=%d", v.host(),
			strings.TrimSuffix(seen.Path, "/"), seen.Query.Get("api-version"), token, size)
	}
	answer := map[string]any{"value": []any{}, "nextLink": nil}
	if empty {
		answer["nextLink"] = next(fmt.Sprintf("items %d", from))
		return reply(http.StatusOK, answer)
	}
	to := min(from+size, len(items))
	if from < to {
		answer["value"] = items[from:to]
	}
	if to < len(items) {
		answer["nextLink"] = next(fmt.Sprintf("page %d", to))
	}
	return reply(http.StatusOK, answer)
}

// marker reads a skiptoken: where a page begins, and whether an empty one comes first.
func (v *Vault) marker(token string, items int) (from int, empty, ok bool) {
	if token == "" {
		return 0, v.settings().EmptyPages, true
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return 0, false, false
	}
	kind, number, _ := strings.Cut(string(text), " ")
	from, err = strconv.Atoi(number)
	if err != nil || from < 0 || from > items || kind != "page" && kind != "items" {
		return 0, false, false
	}
	return from, kind == "page" && v.settings().EmptyPages, true
}
