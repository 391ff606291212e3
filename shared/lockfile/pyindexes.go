package lockfile

import (
	"io/fs"
	"path"
)

// pyprojectSource is an index in a pyproject.toml: of uv, of Poetry or of PDM.
type pyprojectSource struct {
	URL      string `toml:"url"`
	Explicit bool   `toml:"explicit"`   // of uv
	Priority string `toml:"priority"`   // of Poetry
	Verify   *bool  `toml:"verify_ssl"` // of PDM
}

// pyprojectIndexes adds the indexes of the pyproject.toml beside a lock file. What is taken
// only from an index that it names itself has that address in the lock file. Whether the
// file can be read, who compares the two says (see Stale).
func pyprojectIndexes(tree fs.FS, lock *Lock) {
	switch path.Base(lock.Path) {
	case "uv.lock", "poetry.lock", "pdm.lock":
	default:
		return
	}
	var file struct {
		Tool struct {
			UV struct {
				Index []pyprojectSource `toml:"index"`
				URL   string            `toml:"index-url"`
				Extra []string          `toml:"extra-index-url"`
				Links []string          `toml:"find-links"`
				Hosts []string          `toml:"allow-insecure-host"`
			} `toml:"uv"`
			Poetry struct {
				Source []pyprojectSource `toml:"source"`
			} `toml:"poetry"`
			PDM struct {
				Source []pyprojectSource `toml:"source"`
			} `toml:"pdm"`
		} `toml:"tool"`
	}
	name := path.Join(path.Dir(lock.Path), "pyproject.toml")
	data, err := manifest(tree, name)
	if err != nil || data == nil || decodeTOML(data, name, &file) != nil {
		return
	}
	add := func(option string, line int, urls ...string) {
		for _, url := range urls {
			if url != "" {
				lock.addIndexes(name, line, []Index{{Option: option, URL: url}})
			}
		}
	}
	tool := file.Tool
	for _, table := range []struct {
		name    string
		sources []pyprojectSource
	}{
		{"tool.uv.index", tool.UV.Index}, {"tool.poetry.source", tool.Poetry.Source},
		{"tool.pdm.source", tool.PDM.Source},
	} {
		lines := tableLines(data, table.name, len(table.sources))
		for i, source := range table.sources {
			if !source.Explicit && source.Priority != "explicit" {
				add(table.name, lines[i], source.URL)
			}
			if source.Verify != nil && !*source.Verify {
				add("verify_ssl", lines[i], source.URL)
			}
		}
	}
	add("--index-url", 0, tool.UV.URL)
	add("--extra-index-url", 0, tool.UV.Extra...)
	add("--find-links", 0, tool.UV.Links...)
	add("--trusted-host", 0, tool.UV.Hosts...)
}
