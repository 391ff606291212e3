package buildx_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/redact"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/buildx"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/platform"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/progress"
)

// answer is what the fake docker does when it is called with arguments that hold Match. Each serves once, unless
// it is Always.
type answer struct {
	Match, Out, Err string
	Exit            int
	Digest          string // for the metadata file
	Hang, Always    bool
	Late            string // on standard error, when it is interrupted
	Meet            string // an address: it goes on when that closes the connection
}

// call is a call of the fake docker.
type call struct {
	Args, Env []string
	Files     map[string]string // that --secret names, with what they held
	Modes     map[string]os.FileMode
}

// TestMain lets this program be docker, when it is called by that name.
func TestMain(m *testing.M) {
	if strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe") == "docker" {
		os.Exit(beDocker(os.Getenv("BUILDX_FAKE")))
	}
	os.Exit(m.Run())
}

func beDocker(folder string) int {
	text, err := os.ReadFile(filepath.Join(folder, "answers"))
	var answers []answer
	if err != nil || json.Unmarshal(text, &answers) != nil {
		fmt.Fprintln(os.Stderr, "the fake docker has no answers", err)
		return 99
	}
	note(folder)
	line := strings.Join(os.Args[1:], " ")
	for i, a := range answers {
		if !strings.Contains(line, a.Match) || !a.Always && !first(filepath.Join(folder, fmt.Sprint("used", i))) {
			continue
		}
		return a.give(folder)
	}
	fmt.Fprintln(os.Stderr, "the fake docker has no answer to", line)
	return 99
}

// first reports whether nobody has made the file yet.
func first(path string) bool {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false
	}
	return f.Close() == nil
}

func (a answer) give(folder string) int {
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	if a.Meet != "" {
		c, err := net.Dial("tcp", a.Meet)
		if err == nil {
			_, _ = io.Copy(io.Discard, c)
		}
	}
	fmt.Print(a.Out)
	fmt.Fprint(os.Stderr, a.Err)
	if a.Hang {
		_ = os.WriteFile(filepath.Join(folder, "hangs"), nil, 0o600)
		<-interrupted
		fmt.Fprint(os.Stderr, a.Late)
		return 130
	}
	for _, arg := range os.Args {
		if path, ok := strings.CutPrefix(arg, "--metadata-file="); ok && a.Digest != "" {
			_ = os.WriteFile(path, fmt.Appendf(nil, `{"image.name":"x","containerimage.digest":%q}`, a.Digest), 0o600)
		}
	}
	return a.Exit
}

func note(folder string) {
	c := call{Args: os.Args[1:], Env: os.Environ(), Files: map[string]string{}, Modes: map[string]os.FileMode{}}
	for _, arg := range os.Args {
		if _, path, ok := strings.Cut(arg, ",src="); ok && strings.HasPrefix(arg, "--secret=") {
			data, _ := os.ReadFile(path)
			c.Files[path] = string(data)
			if info, err := os.Stat(path); err == nil {
				c.Modes[path] = info.Mode()
			}
		}
	}
	line, _ := json.Marshal(c)
	f, err := os.OpenFile(filepath.Join(folder, "calls"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, _ = f.Write(append(line, '\n'))
		_ = f.Close()
	}
}

// fake is a docker that answers as it is told.
type fake struct {
	*buildx.Docker
	folder string
	slept  []time.Duration
}

func newFake(t *testing.T, answers ...answer) *fake {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("NOT TESTED: programs cannot be linked by another name here")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{folder: t.TempDir()}
	text, _ := json.Marshal(answers)
	if err := os.WriteFile(filepath.Join(f.folder, "answers"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(f.folder, "docker")); err != nil {
		t.Fatal(err)
	}
	f.Docker = &buildx.Docker{
		Env: []string{"PATH=" + f.folder, "HOME=" + f.folder, "BUILDX_FAKE=" + f.folder}, Dir: f.folder, Secrets: new(redact.Set),
		Sleep: func(_ context.Context, d time.Duration) error { f.slept = append(f.slept, d); return nil },
	}
	return f
}

// calls are those until now, the first word ("buildx") left out.
func (f *fake) calls(t *testing.T) []call {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(f.folder, "calls"))
	if err != nil {
		return nil
	}
	var all []call
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		var c call
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

// recorder is a log that keeps lines.
type recorder struct {
	lines    []string
	warnings int
}

func (r *recorder) Step(s progress.Step)                { r.lines = append(r.lines, "step "+s.Name) }
func (r *recorder) Output(_ progress.Step, line string) { r.lines = append(r.lines, line) }
func (r *recorder) Warning(progress.Warning)            { r.warnings++ }
func (r *recorder) Plain(line string)                   { r.lines = append(r.lines, line) }

const digest = "sha256:1111111111111111111111111111111111111111111111111111111111111111"

// able is a builder that can do everything.
func able() buildx.Builder {
	return buildx.Builder{
		Name: "b", Driver: "remote", PushByDigest: true, MultiPlatform: true, Attestations: true, CacheExport: true,
		Annotations: true, Lint: true,
	}
}

var (
	amd64 = platform.Platform{OS: "linux", Arch: "amd64"}
	arm64 = platform.Platform{OS: "linux", Arch: "arm64"}
)

// simple is the least that can be built.
func simple(t *testing.T) buildx.Build {
	t.Helper()
	return buildx.Build{
		Builder: able(), Context: "/src", Dockerfile: "/src/Dockerfile", Repository: "contoso.azurecr.io/app",
		Platforms: []platform.Platform{amd64}, Provenance: "off", Folder: t.TempDir(),
	}
}
