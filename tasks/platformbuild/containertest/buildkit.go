package containertest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// startBuildKit starts buildkitd, and makes a builder of it.
func (d *Daemons) startBuildKit() error {
	socket := filepath.Join(d.Dir, "buildkit.sock")
	config := fmt.Sprintf("root = %q\n[grpc]\n  address = [%q]\n", filepath.Join(d.Dir, "buildkit"), "unix://"+socket) +
		"[worker.containerd]\n  enabled = false\n[worker.oci]\n  enabled = true\n"
	in := space{name: "buildkitd"}
	if d.settings.Emulate {
		// In a user's own space BuildKit may not mount all that it does elsewhere.
		config += "  rootless = true\n  noProcessSandbox = true\n  snapshotter = \"native\"\n"
		in.emulator = filepath.Join(d.programs, "qemu-aarch64-static")
	} else {
		config += fmt.Sprintf("  defaultCgroupParent = %q\n", d.group())
	}
	file := filepath.Join(d.Dir, "buildkit.toml")
	if err := os.WriteFile(file, []byte(config+d.registriesTOML()), 0o600); err != nil {
		return err
	}
	p, err := d.start(in, filepath.Join(d.programs, "bin", "buildkitd"), "--config", file)
	if err != nil {
		return err
	}
	if err := d.ready(p, socket); err != nil {
		return err
	}
	d.Builder = "remote"
	create := []string{"buildx", "create", "--name", d.Builder, "--driver", "remote", "unix://" + socket}
	if !d.settings.Engine {
		create = append(create, "--use")
	}
	_, err = d.Docker(create...)
	return err
}

// registriesTOML tells BuildKit to trust the registries. A builder in a container finds the certificates where
// buildx copies them.
func (d *Daemons) registriesTOML() string {
	var b strings.Builder
	for _, r := range d.settings.Registries {
		fmt.Fprintf(&b, "[registry.%q]\n", r.Host())
		if r.CAFile() == "" {
			b.WriteString("  http = true\n")
			continue
		}
		// A loopback address is spoken to in plain HTTP unless this says otherwise.
		fmt.Fprintf(&b, "  http = false\n  ca = [%q]\n", r.CAFile())
	}
	return b.String()
}
