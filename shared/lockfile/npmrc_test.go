package lockfile

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestRegistriesBesideTheLockFile(t *testing.T) {
	t.Parallel()
	const npm, pnpm, yarn = `{"lockfileVersion": 3, "packages": {}}`, "lockfileVersion: '9.0'\n", "# yarn lockfile v1\n"
	const berry = "__metadata:\n  version: 8\n"
	for name, tc := range map[string]struct {
		lock, text string // the lock file
		file, say  string // the settings
		want       []Index
	}{
		"none":                   {"package-lock.json", npm, "other", "registry=https://x", nil},
		"npm":                    {"package-lock.json", npm, ".npmrc", "a=b\r\nregistry = https://x/\n", []Index{{".npmrc", 2, "registry", "https://x/"}}},
		"npm, for a scope":       {"package-lock.json", npm, ".npmrc", "@s:registry=https://x", []Index{{".npmrc", 1, "@s:registry", "https://x"}}},
		"npm, in quotes":         {"package-lock.json", npm, ".npmrc", "\"registry\"=\"https:\\u002f/x\"", []Index{{".npmrc", 1, "registry", "https://x"}}},
		"npm, other quotes":      {"package-lock.json", npm, ".npmrc", "'registry'='https://x'", []Index{{".npmrc", 1, "registry", "https://x"}}},
		"npm, a list":            {"package-lock.json", npm, ".npmrc", "registry[]=https://x", []Index{{".npmrc", 1, "registry", "https://x"}}},
		"npm, a carriage return": {"package-lock.json", npm, ".npmrc", "#\rregistry=https://x ; y", []Index{{".npmrc", 2, "registry", "https://x"}}},
		"npm, user and password": {"npm-shrinkwrap.json", npm, ".npmrc", "registry=https://me:secret@x/", []Index{{".npmrc", 1, "registry", "https://x/"}}},
		"npm, long password": {"package-lock.json", npm, ".npmrc", "registry=https://me:" + strings.Repeat("secret", 2000) + "@x/",
			[]Index{{".npmrc", 1, "registry", "https://x/"}}},
		"npm, comments and others": {"package-lock.json", npm, ".npmrc",
			"; registry=https://x\n#registry=https://x\n//x/:_authToken=secret\nregistry=\nregistry\n:registry=https://x", nil},
		"npm, control characters": {"package-lock.json", npm, ".npmrc", "registry=https://x/\x1b[0m", []Index{{".npmrc", 1, "registry", `"https://x/\x1b[0m"`}}},
		"npm reads no Yarn":       {"package-lock.json", npm, ".yarnrc.yml", "npmRegistryServer: https://x\n", nil},
		"npm keeps its own":       {"node_modules/.package-lock.json", npm, "node_modules/.npmrc", "registry=https://x", nil},
		"in a folder":             {"app/package-lock.json", npm, "app/.npmrc", "registry=https://x", []Index{{"app/.npmrc", 1, "registry", "https://x"}}},
		"pnpm":                    {"pnpm-lock.yaml", pnpm, ".npmrc", "registry=https://x", []Index{{".npmrc", 1, "registry", "https://x"}}},
		"pnpm, workspace": {"pnpm-lock.yaml", pnpm, "pnpm-workspace.yaml",
			"registry: https://w\nregistries:\n  default: https://x\n  '@s': https://y\n",
			[]Index{
				{"pnpm-workspace.yaml", 1, "registry", "https://w"}, {"pnpm-workspace.yaml", 3, "registry", "https://x"},
				{"pnpm-workspace.yaml", 4, "@s:registry", "https://y"},
			}},
		"Yarn 1 reads npm's": {"yarn.lock", yarn, ".npmrc", "registry=https://x", []Index{{".npmrc", 1, "registry", "https://x"}}},
		"Yarn 1": {"yarn.lock", yarn, ".yarnrc", "# registry \"https://x\"\nregistry \"https://x\"\n\"@s:registry\" https://y\nregistry: https://z\n",
			[]Index{{".yarnrc", 2, "registry", "https://x"}, {".yarnrc", 3, "@s:registry", "https://y"}, {".yarnrc", 4, "registry", "https://z"}}},
		"Yarn": {"yarn.lock", berry, ".yarnrc.yml", "npmRegistryServer: \"https:\\u002f/x\"\nnpmScopes:\n  s: {npmRegistryServer: https://y}\n",
			[]Index{{".yarnrc.yml", 1, "registry", "https://x"}, {".yarnrc.yml", 3, "@s:registry", "https://y"}}},
		"Yarn reads no npm's": {"yarn.lock", berry, ".npmrc", "registry=https://x", nil},
		"too large":           {"package-lock.json", npm, ".npmrc", strings.Repeat(" ", maxManifest+1), []Index{{".npmrc", 0, "registry", ""}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tree := fstest.MapFS{tc.lock: {Data: []byte(tc.text)}, tc.file: {Data: []byte(tc.say)}}
			lock, err := Read(tree, tc.lock)
			if diff := cmp.Diff(tc.want, lock.Indexes); diff != "" || err != nil {
				t.Errorf("Read(%s) beside a %s that says %.200q: %v, Indexes (-want +got):\n%s", tc.lock, tc.file, tc.say, err, diff)
			}
		})
	}
}

func FuzzNPMRC(f *testing.F) {
	f.Add("registry=\"https://x\"\n@s:registry='y' # z\r")
	f.Add("\"@s:registry\" \"https://x\"\nregistry: y")
	f.Fuzz(func(t *testing.T, text string) {
		tree := fstest.MapFS{
			"yarn.lock": {Data: []byte("# yarn lockfile v1\n")},
			".npmrc":    {Data: []byte(text)}, ".yarnrc": {Data: []byte(text)},
		}
		lock, err := Read(tree, "yarn.lock")
		if err != nil {
			t.Fatalf("Read beside settings that say %q: %v", text, err)
		}
		for _, index := range lock.Indexes {
			if index.Line == 0 || shownText(index.Option) != index.Option || shownText(index.URL) != index.URL {
				t.Errorf("settings that say %q: got %+v", text, index)
			}
		}
	})
}
