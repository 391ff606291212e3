package dockerfile

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/platformbuild/containertest"
)

// asked are Dockerfiles that BuildKit reads too. They start from scratch: then it needs no registry.
var asked = map[string]string{
	"everything": strings.NewReplacer(
		"golang:${VERSION}${SUFFIX%?x}", "scratch", "docker.io/library/busybox:1", "tools", "--from=0", "--from=tools",
		",id=$LATER", ",id=later", "--platform=$BUILDPLATFORM", "", "ADD https", "#ADD https", "ADD --checksum", "#ADD --checksum",
		"ONBUILD", "#ONBUILD", "check=error=true", "check=skip=all", `["sh", "-c", "cat <<EOF"]`, `[ "sh", "-c", "cat <<EOF" ]`,
	).Replace(everything),
	"backtick":    "# escape=`\nFROM scratch AS a\nRUN dir C:\\\nRUN dir `\n  # comment\n\n/x\nFROM a",
	"chomp":       "FROM scratch\nRUN <<-E <<F\n\tFROM x\n\tE\nFROM y\nF\nFROM scratch AS last",
	"odd ends":    "FROM scratch\nRUN cat <<E>x\nFROM x\nE>x\nRUN cat << 'E F' y\nFROM z\nE F\nFROM scratch",
	"no heredoc":  "FROM scratch\nRUN echo ${x^} <<E\nRUN echo it's <<E\nRUN echo \"<<E\" <<<E $((1<<E))\nFROM scratch",
	"heredoc":     "FROM scratch\nRUN echo ${x:-<<E} ${y/a/b} ${z%%*} 3<<E\nFROM x\nE\nFROM scratch",
	"json":        "FROM scratch\nRUN [\"a\", \"<<E\"]\nRUN [\"a\", <<E\nFROM x\nE\nCOPY [\"<<F\", \"a\"]\nFROM scratch",
	"mounts":      "FROM scratch\nRUN --mount=type=secret,src=a,required=1 --mount=type=secret,dst=/x/b --mount='type=secret,id=c' x",
	"more mounts": "FROM scratch\nRUN --mount=TYPE=ssh,ID=Git,required --network=none --mount=type=secret,required=false,id=d,env=D x",
	"comments":    "\n# escape=`\nFROM scratch\nRUN a \\\n# FROM x\n  # FROM y\n\n && b \\\n\\\nFROM z\nFROM scratch as B",
	"end":         "FROM scratch\nRUN a \\",
	"double":      "FROM scratch\nRUN a \\\\\nFROM scratch AS c\nRUN \"a\\\" \\  \nFROM x",
	"quoted":      "ARG A=scr B='x y' C=\"${A}atch\"\nFROM \"$C\" AS d\nFROM ${C#x}",
	"unknown":     "FROM scratch\nRUM x",
	"late ARG":    "RUN x\nFROM scratch",
	"open":        "FROM scratch\nRUN <<E\nFROM x",
	"bad stage":   "FROM scratch AS 1x",
	"bad flag":    "FROM --x=y scratch",
	"trigger":     "FROM scratch\nONBUILD RUN <<E\nFROM x\nE\nFROM scratch",
	"bad trigger": "FROM scratch\nONBUILD FROM x",
	"twice":       "# escape=`\n# escape=`\nFROM scratch",
	"variable":    "FROM scratch AS x\nFROM scratch\nARG Y=x\nCOPY --from=$Y / /",
	"circumflex":  "ARG V=scratch\nFROM ${V^}",
	"no braces":   "FROM ${}",
	"required":    "FROM ${V:?}",
}

// TestAsBuildKitReadsIt asks the real reader about stages, secrets and keys.
func TestAsBuildKitReadsIt(t *testing.T) {
	t.Parallel()
	d := containertest.Start(t, containertest.Settings{BuildKit: true})
	for name, text := range asked {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// BuildKit's own reader is to read it: there is no other here.
			text := strings.Replace(text, "# syntax=docker/dockerfile:1.7 # no comment\r\n", "", 1)
			theirs, theirErr := askBuildKit(t, d, text)
			ours, ourErr := askUs(text)
			if (theirErr == nil) != (ourErr == nil) {
				t.Fatalf("of %q, BuildKit says: %v\nwe say: %v", text, theirErr, ourErr)
			}
			if diff := cmp.Diff(theirs, ours); diff != "" && theirErr == nil {
				t.Errorf("of %q (-BuildKit +we):\n%s", text, diff)
			}
		})
	}
}

// reading is what both can say of a Dockerfile.
type reading struct {
	Stages  []string // name, base and first line
	Secrets []string
	SSH     []string
}

func askUs(text string) (r reading, err error) {
	f, err := Parse([]byte(text))
	if err != nil {
		return r, err
	}
	if _, err := f.Bases("", nil); err != nil {
		return r, err
	}
	for _, s := range f.Stages {
		r.Stages = append(r.Stages, s.Name+" "+s.Base+" "+strconv.Itoa(s.Line))
	}
	// BuildKit tells about the stages that are needed: all of them, by their copies and mounts, or the last.
	w := &walk{file: f, seen: make([]bool, len(f.Stages))}
	w.values, _ = f.values("", nil)
	if err := w.stage(len(f.Stages)-1, true); err != nil {
		return r, err
	}
	for i, s := range f.Stages {
		if w.seen[i] {
			r.Secrets, r.SSH = append(r.Secrets, names(s.Secrets)...), append(r.SSH, names(s.SSH)...)
		}
	}
	slices.Sort(r.Secrets)
	slices.Sort(r.SSH)
	return r, nil
}

func names(all []Mount) (texts []string) {
	for _, m := range all {
		text := m.ID
		if m.Required {
			text += " required"
		}
		texts = append(texts, text)
	}
	return texts
}

func askBuildKit(t *testing.T, d *containertest.Daemons, text string) (r reading, err error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var targets struct {
		Targets []struct {
			Name, Base string
			Location   struct {
				Ranges []struct{ Start struct{ Line int } }
			}
		}
	}
	var outline struct {
		Secrets, SSH []struct {
			Name     string
			Required bool
		}
	}
	for call, into := range map[string]any{"outline": &outline, "targets": &targets} {
		out, err := d.Docker("buildx", "build", "--call="+call+",format=json", dir)
		if err != nil {
			return r, err
		}
		begin := strings.Index(out, "\n{")
		if begin < 0 {
			begin = strings.Index(out, "{") - 1
		}
		if err := json.NewDecoder(strings.NewReader(out[begin+1:])).Decode(into); err != nil {
			t.Fatalf("--call=%s: %v\n%s", call, err, out)
		}
	}
	for _, s := range targets.Targets {
		r.Stages = append(r.Stages, s.Name+" "+s.Base+" "+strconv.Itoa(s.Location.Ranges[0].Start.Line))
	}
	var secrets, keys []Mount
	for _, s := range outline.Secrets {
		secrets = append(secrets, Mount{ID: s.Name, Required: s.Required})
	}
	for _, s := range outline.SSH {
		keys = append(keys, Mount{ID: s.Name, Required: s.Required})
	}
	r.Secrets, r.SSH = names(secrets), names(keys)
	slices.Sort(r.Secrets)
	slices.Sort(r.SSH)
	return r, nil
}
