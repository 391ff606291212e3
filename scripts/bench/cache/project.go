package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const lockName = "package-lock.json"

// project is what the caches are made for: some 1,500 packages. Generation b bumps a
// few direct dependencies, which brings some 60 other packages.
func project(generation string) string {
	versions := map[string][]string{
		"a": {"3.400.0", "4.18.2", "10.2.0", "8.40.0"},
		"b": {"3.490.0", "4.21.2", "10.8.2", "8.57.1"},
	}[generation]
	return fmt.Sprintf(`{
  "name": "bench", "version": "1.0.0", "private": true, "license": "MIT",
  "dependencies": {
    "@aws-sdk/client-s3": %q, "express": %q, "mocha": %q, "eslint": %q,
    "eslint-config-airbnb": "19.0.4", "lerna": "6.6.2", "react-scripts": "5.0.1", "typescript": "4.9.5"
  }
}
`, versions[0], versions[1], versions[2], versions[3])
}

// prepare fills both generations' npm caches in the work folder, unless they are
// there: work/a/npm is what "npm ci" of the first downloads, work/b/npm the same
// cache after "npm ci" of the second.
func prepare(work string) error {
	if _, err := os.Stat(filepath.Join(work, "ready")); err == nil {
		return nil
	}
	fmt.Println("Downloading the packages once; this takes some minutes.")
	for _, gen := range []string{"a", "b"} {
		dir := filepath.Join(work, gen)
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(project(gen)), 0o644); err != nil {
			return err
		}
		steps := []string{
			"npm install --package-lock-only",
			"npm ci --ignore-scripts --loglevel=error",
			"rm -rf node_modules",
		}
		if gen == "b" {
			steps = append([]string{"cp -r ../a/npm npm", "cp ../a/package-lock.json ."}, steps...)
		}
		script := "export npm_config_cache=$PWD/npm npm_config_omit_lockfile_registry_resolved=false\n" +
			"export npm_config_audit=false npm_config_fund=false npm_config_legacy_peer_deps=true\n" +
			strings.Join(steps, "\n")
		if err := command(dir, "bash", "-c", "set -e\n"+script); err != nil {
			return err
		}
		if err := command(dir, "bash", "-c", "rm -rf npm/_logs npm/_update-notifier-last-checked"); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(work, "ready"), nil, 0o644)
}
