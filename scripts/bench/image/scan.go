package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/guardrails-ci/guardrails/scripts/bench/peers"
)

const (
	manifests = 1_000
	images    = 20 // that they use
)

// manifest is a deployment and its service. {n} is the application's, {image} what it runs.
const manifest = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: app-{n}
  namespace: shop
spec:
  replicas: 2
  selector: {matchLabels: {app: app-{n}}}
  template:
    metadata: {labels: {app: app-{n}}}
    spec:
      nodeSelector:
        kubernetes.io/arch: amd64
        kubernetes.io/os: linux
      initContainers:
      - name: migrate
        image: {image}
        args: [migrate]
      containers:
      - name: app
        image: {image}
        ports: [{containerPort: 8080}]
        env:
        - {name: LOG_LEVEL, value: info}
        resources:
          limits: {cpu: 500m, memory: 256Mi}
---
apiVersion: v1
kind: Service
metadata:
  name: app-{n}
  namespace: shop
spec:
  selector: {app: app-{n}}
  ports: [{port: 80, targetPort: 8080}]
`

// scanning holds manifests against the rules of the cluster.
func scanning(o options, l *lab) error {
	if err := l.manifests(); err != nil {
		return err
	}
	place := l.registry.Host() + "/shop"
	scan := []string{
		"command", "scan", "allowedRegistries", place, "manifests", "k8s/**/*.yaml", "requireDigest", "off",
	}
	policies := l.ours("command", "policies", "allowedRegistries", place, "outputFolder", l.path("policies"))
	uses := fmt.Sprintf("%d images in use", 2*manifests)
	all := []contender{
		{name: "PlatformBuild, scan", check: both(succeeded, uses), job: func(int) job {
			return l.ours(append(scan, "scanPlatforms", "false")...)
		}},
		{name: "the same, platforms asked of the registry", check: both(succeeded, uses), job: func(int) job {
			return l.ours(scan...)
		}},
		{name: "PlatformBuild, policies", check: says(succeeded), job: func(int) job { return policies }},
	}
	if _, said, err := peers.Run(policies); err != nil || !strings.Contains(said, succeeded) {
		return fmt.Errorf("policies: %w\n%s", err, said)
	}
	gator := filepath.Join(filepath.Dir(filepath.Dir(l.docker())), "heavy", "gator")
	if _, err := os.Stat(gator); err == nil {
		all = append(all, contender{name: "gator test, with the policies that we write", job: func(int) job {
			return l.script(gator, "test", "--filename="+l.path("policies/gatekeeper"), "--filename="+l.path("s/k8s"))
		}})
	} else {
		fmt.Fprintln(os.Stderr, "gator is not measured: scripts/containers-heavy.sh gator builds it.")
	}
	return race(l, fmt.Sprintf("%d files of two manifests", manifests), o.rounds, all)
}

func both(one, other string) func(int, string) error {
	return func(round int, said string) error {
		return errors.Join(says(one)(round, said), says(other)(round, said))
	}
}

// manifests writes the manifests, and the images that they use.
func (l *lab) manifests() error {
	for i := range images {
		if _, err := l.registry.PushBase(fmt.Sprintf("shop/app-%d", i), "1", "amd64", "arm64"); err != nil {
			return err
		}
	}
	dir := l.path("s/k8s")
	// gator wants to know the namespace of what it expands.
	all := map[string]string{"namespace.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"}
	for i := range manifests {
		all[fmt.Sprintf("part-%02d/app-%d.yaml", i%50, i)] = strings.NewReplacer("{n}", fmt.Sprint(i), "{image}",
			fmt.Sprintf("%s/shop/app-%d:1", l.registry.Host(), i%images)).Replace(manifest)
	}
	for name, text := range all {
		file := filepath.Join(dir, filepath.FromSlash(name))
		err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o644))
		if err != nil {
			return err
		}
	}
	return nil
}
