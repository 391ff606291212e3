package platformbuild

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// fake is a docker that builds nothing: it pushes an image with the labels and for the platforms that it is asked for.
// It asks the credential helper as docker does. What it was asked for is in its folder, in the file asked.
type fake struct {
	Driver  string   // remote if empty
	Version string   // of BuildKit; v0.20.0 if empty
	Content string   // see rootfs; a program for each platform if empty
	Drop    string   // a label that is left out
	Omit    string   // a platform that is left out
	Also    string   // one that is added
	Says    string   // on standard error
	Exit    int      // instead of pushing
	Lint    string   // what its check of the Dockerfile finds
	Steps   []string // entries of its history, as BuildKit writes them; each has a layer
	Record  string   // what it says of how it was built, as a predicate of SLSA
	Nothing bool     // says that it has pushed what is not there
}

// fakeName is a file of the fake's settings beside the program.
const fakeName = "fake.json"

// faked lets the step find a fake docker alone.
func (j *job) faked(f fake) *job {
	j.t.Helper()
	dir := j.path("fake")
	j.must(os.MkdirAll(dir, 0o755))
	self, err := os.Executable()
	j.must(err)
	if err := os.Symlink(self, filepath.Join(dir, "docker")); err != nil && !os.IsExist(err) {
		j.t.Skipf("NOT TESTED: %v", err) // Windows, without the right to make links
	}
	text, err := json.Marshal(f)
	j.must(err)
	j.must(os.WriteFile(filepath.Join(dir, fakeName), text, 0o644))
	return j.set("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
}

// asked is what the fake docker was asked for: a command line each.
func (j *job) asked() []string {
	text, err := os.ReadFile(j.path("fake/asked"))
	if err != nil && !os.IsNotExist(err) {
		j.t.Fatal(err)
	}
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
}

// built are the command lines of builds that the fake docker was asked for.
func (j *job) built() (all []string) {
	for _, line := range j.asked() {
		if strings.Contains(line, `"--metadata-file=`) {
			all = append(all, line)
		}
	}
	return all
}

// runFake is the program docker.
func runFake(args []string) int {
	program, err := exec.LookPath("docker")
	if err == nil {
		err = fakeRun(filepath.Dir(program), args)
	}
	var exit exitStatus
	switch {
	case errors.As(err, &exit):
		return int(exit)
	case err != nil:
		fmt.Fprintln(os.Stderr, "ERROR:", err)
		return 1
	}
	return 0
}

type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprint("exit status ", int(e)) }

func fakeRun(dir string, args []string) error {
	var f fake
	if text, err := os.ReadFile(filepath.Join(dir, fakeName)); err != nil {
		return err
	} else if err := json.Unmarshal(text, &f); err != nil {
		return err
	}
	asked, err := os.OpenFile(filepath.Join(dir, "asked"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer asked.Close()
	if _, err := fmt.Fprintf(asked, "%q\n", args); err != nil {
		return err
	}
	switch strings.Join(args[:min(len(args), 2)], " ") {
	case "buildx version":
		fmt.Println("github.com/docker/buildx v0.20.1 245093b")
	case "buildx inspect":
		driver := f.Driver
		if driver == "" {
			driver = "remote"
		}
		fmt.Printf("Name: default\nDriver: %s\n\nNodes:\nName: default\nEndpoint: default\nStatus: running\n"+
			"BuildKit version: %s\nPlatforms: linux/amd64, linux/arm64\n", driver, cmp.Or(f.Version, "v0.20.0"))
	case "info --format":
		fmt.Println("null")
	case "buildx build":
		return f.build(args)
	}
	return nil
}

func (f fake) build(args []string) error {
	option := map[string][]string{}
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		option[name] = append(option[name], value)
	}
	first := func(name string) string { return append(option[name], "")[0] }
	if first("--call") != "" {
		if f.Lint == "" {
			f.Lint = `{"warnings": []}`
		}
		fmt.Println(f.Lint)
		return nil
	}
	fmt.Fprint(os.Stderr, f.Says)
	if f.Exit != 0 {
		return exitStatus(f.Exit)
	}
	labels := map[string]string{}
	for _, label := range option["--label"] {
		if name, value, _ := strings.Cut(label, "="); name != f.Drop {
			labels[name] = value
		}
	}
	notes := map[string]string{}
	for _, note := range option["--annotation"] {
		_, note, _ = strings.Cut(note, ":")
		if name, value, _ := strings.Cut(note, "="); name != f.Drop {
			notes[name] = value
		}
	}
	target := first("--tag")
	if target == "" {
		_, target, _ = strings.Cut(first("--output"), "name=")
		target, _, _ = strings.Cut(target, ",")
	}
	var parts []part
	for _, p := range append(strings.Split(first("--platform"), ","), f.Also) {
		if p == "" || p == f.Omit {
			continue
		}
		made := part{platform: p, content: f.Content, labels: labels, notes: notes, history: historyOf(f.Steps...)}
		made.said = map[string]string{}
		if first("--sbom") != "" {
			made.said["https://spdx.dev/Document"] = "{}"
		}
		if f.Record != "" {
			made.said["https://slsa.dev/provenance/v1"] = f.Record
		}
		if made.content == "" {
			made.content, made.entrypoint = "exec app "+strings.ToUpper(p[strings.Index(p, "/")+1:]), []string{"/app"}
		}
		parts = append(parts, made)
	}
	digest := "sha256:" + strings.Repeat("0", 64)
	if !f.Nothing {
		auth, err := helped(target)
		if err != nil {
			return err
		}
		if digest, err = push(target, parts, remote.WithAuth(auth)); err != nil {
			return fmt.Errorf("failed to push: %w", err)
		}
	}
	text := fmt.Sprintf(`{"containerimage.digest": %q}`, digest)
	return os.WriteFile(first("--metadata-file"), []byte(text), 0o600)
}

// helped asks the credential helper that docker's configuration names.
func helped(target string) (authn.Authenticator, error) {
	text, err := os.ReadFile(filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"))
	if err != nil {
		return nil, err
	}
	var config struct{ CredHelpers map[string]string }
	if err := json.Unmarshal(text, &config); err != nil {
		return nil, err
	}
	host, _, _ := strings.Cut(target, "/")
	helper, ok := config.CredHelpers[host]
	if !ok {
		return authn.Anonymous, nil
	}
	cmd := exec.Command("docker-credential-"+helper, "get")
	cmd.Stdin = strings.NewReader(host)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %s", err, bytes.TrimSpace(out))
	}
	var got struct{ Username, Secret string }
	if err := json.Unmarshal(out, &got); err != nil {
		return nil, err
	}
	return &authn.Basic{Username: got.Username, Password: got.Secret}, nil
}
