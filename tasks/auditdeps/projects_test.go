package auditdeps

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"path"
	"strings"
)

// record is an OSV record in the making.
type record map[string]any

// about is a record of high severity about a package of an ecosystem; all versions below
// 2.0.0 are affected.
func about(ecosystem, name, id string) record {
	return record{
		"schema_version": "1.6.0", "id": id, "modified": days(0), "published": days(30), "summary": "Bad things in " + name,
		"database_specific": map[string]any{"severity": "HIGH"},
		"affected":          affected(ecosystem, name, map[string]any{"introduced": "0"}, map[string]any{"fixed": "2.0.0"}),
	}
}

func affected(ecosystem, name string, events ...map[string]any) []any {
	kind := "SEMVER"
	if ecosystem == "PyPI" || ecosystem == "NuGet" || ecosystem == "Maven" {
		kind = "ECOSYSTEM"
	}
	return []any{map[string]any{
		"package": map[string]any{"ecosystem": ecosystem, "name": name},
		"ranges":  []any{map[string]any{"type": kind, "events": events}},
	}}
}

// with sets a field of the record.
func (r record) with(key string, value any) record {
	r[key] = value
	return r
}

// severity rates the record; "" takes its rating away.
func (r record) severity(label string) record {
	delete(r, "database_specific")
	if label != "" {
		r["database_specific"] = map[string]any{"severity": label}
	}
	return r
}

// fixed says which version of the package mends it; "" is none.
func (r record) fixed(version string) record {
	of := r["affected"].([]any)[0].(map[string]any)["package"].(map[string]any)
	events := []map[string]any{{"introduced": "0"}}
	if version != "" {
		events = append(events, map[string]any{"fixed": version})
	}
	r["affected"] = affected(of["ecosystem"].(string), of["name"].(string), events...)
	return r
}

// String is the record as JSON.
func (r record) String() string { return indented(map[string]any(r)) }

func indented(value any) string {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		panic(err)
	}
	return string(data) + "\n"
}

// minimist is the record of the vulnerability that this task was made for.
func minimist() record {
	return about("npm", "minimist", "GHSA-xvch-5gv4-984h").fixed("1.2.6").severity("CRITICAL").
		with("aliases", []string{"CVE-2021-44906"}).with("summary", "Prototype Pollution in minimist")
}

// pkg is an npm package: "minimist@1.2.5", and what it needs: "minimist@^1.2.5 other@1".
// One whose name begins with "dev:" is marked so in the lock file.
type pkg struct{ spec, needs string }

func requirements(list string) map[string]string {
	all := map[string]string{}
	for _, item := range strings.Fields(list) {
		name, wanted := cutVersion(item)
		all[name] = wanted
	}
	return all
}

// npm writes a project of npm packages into a folder of the sources: manifest, lock file,
// and node_modules. wants is what the manifest asks for; after a word "dev" it is for
// development.
func (j *job) npm(dir, wants string, packages ...pkg) *job {
	j.t.Helper()
	prod, dev, _ := strings.Cut(wants, "dev ")
	root := map[string]any{"name": "shop", "version": "1.0.0"}
	if prod != "" {
		root["dependencies"] = requirements(prod)
	}
	if dev != "" {
		root["devDependencies"] = requirements(dev)
	}
	all := map[string]any{"": root}
	for _, p := range packages {
		spec, isDev := strings.CutPrefix(p.spec, "dev:")
		name, version := cutVersion(spec)
		hash := sha512.Sum512([]byte(spec))
		entry := map[string]any{
			"version": version, "integrity": "sha512-" + base64.StdEncoding.EncodeToString(hash[:]),
			"resolved": "https://registry.npmjs.org/" + name + "/-/" + path.Base(name) + "-" + version + ".tgz",
		}
		if isDev {
			entry["dev"] = true
		}
		if p.needs != "" {
			entry["dependencies"] = requirements(p.needs)
		}
		all["node_modules/"+name] = entry
		j.install(dir, spec, p.needs)
	}
	lock := map[string]any{"name": "shop", "version": "1.0.0", "lockfileVersion": 3, "requires": true, "packages": all}
	j.write(dir+"/package.json", indented(root))
	j.write(dir+"/package-lock.json", indented(lock))
	delete(all, "")
	j.write(dir+"/node_modules/.package-lock.json", indented(lock))
	return j
}

// install puts a package into the node_modules of a folder.
func (j *job) install(dir, spec, needs string) *job {
	j.t.Helper()
	name, version := cutVersion(spec)
	manifest := map[string]any{"name": name, "version": version}
	if needs != "" {
		manifest["dependencies"] = requirements(needs)
	}
	return j.write(dir+"/node_modules/"+name+"/package.json", indented(manifest))
}

// postMortem is the project whose lock file was stale.
func (j *job) postMortem() *job {
	j.t.Helper()
	return j.npm(".", "mkdirp@^0.5.5", pkg{"mkdirp@0.5.5", "minimist@^1.2.5"}, pkg{"minimist@1.2.5", ""})
}

// mended is that project after `npm update minimist`.
func (j *job) mended() *job {
	j.t.Helper()
	return j.npm(".", "mkdirp@^0.5.5", pkg{"mkdirp@0.5.5", "minimist@^1.2.5"}, pkg{"minimist@1.2.8", ""})
}

// victim is a project with one package, which about("npm", "victim", ...) is about.
func (j *job) victim() *job {
	j.t.Helper()
	return j.npm(".", "victim@^1.0.0", pkg{"victim@1.0.0", ""})
}

// bad is the record about victim.
func bad() record { return about("npm", "victim", "GHSA-1111-1111-1111") }
