package containertest

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// startEngine starts dockerd, which starts containerd.
func (d *Daemons) startEngine() error {
	insecure := []string{}
	for _, r := range d.settings.Registries {
		insecure = append(insecure, r.Host())
	}
	runtime, err := d.runtime()
	if err != nil {
		return err
	}
	// What concerns the machine is in a file too: without one, dockerd reads /etc/docker/daemon.json.
	config, err := json.Marshal(map[string]any{
		"data-root": filepath.Join(d.Dir, "data"), "exec-root": filepath.Join(d.Dir, "exec"),
		"pidfile":       filepath.Join(d.Dir, "engine.pid"),
		"hosts":         []string{"unix://" + filepath.Join(d.Dir, "engine.sock")},
		"cgroup-parent": d.group(), "insecure-registries": insecure,
		// Nobody outside is to be reached, and the machine need not have the program.
		"iptables": false, "ip6tables": false,
		"runtimes":        map[string]any{"ours": map[string]string{"path": runtime}},
		"default-runtime": "ours", "log-level": "warn",
	})
	if err != nil {
		return err
	}
	file := filepath.Join(d.Dir, "engine.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return err
	}
	program := filepath.Join(d.programs, "bin", "dockerd")
	p, err := d.start(space{name: "dockerd", network: true}, program, "--config-file", file)
	if err != nil {
		return err
	}
	for _, r := range d.settings.Registries {
		listener, err := listenIn(p.pid(), r.Host())
		if err != nil {
			return err
		}
		r.serveIn(listener)
	}
	return d.ready(p, filepath.Join(d.Dir, "engine.sock"))
}
