package checkout

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/git"
)

// harmless are the keys that are taken over: they say how git writes files down, and
// none of them can make it run something, read another file or go anywhere.
var harmless = map[string]bool{
	"core.eol": true, "core.filemode": true, "core.symlinks": true, "core.ignorecase": true,
	"core.precomposeunicode": true, "core.longpaths": true, "core.trustctime": true, "core.checkstat": true,
	"core.sparsecheckout": true, "core.sparsecheckoutcone": true, "sparse.expectfilesoutsideofpatterns": true,
}

// careless are those by which git looks less at the times of files, and so finds less.
var careless = map[string]bool{"core.trustctime": true, "core.checkstat": true}

// crlfValue is what git understands for core.autocrlf.
var crlfValue = regexp.MustCompile(`^(?i:true|false|yes|no|on|off|input|0|1)$`)

// setting is a line of a configuration.
type setting struct{ key, value string }

// configure lets the shadow see files as the checkout's git does.
func (s *shadowRepo) configure(ctx context.Context, f Folder, p place) error {
	settings := s.general(ctx, f.Home)
	own, err := configOf(ctx, s.Repo, p)
	if err != nil {
		return err
	}
	for _, o := range own {
		if o.key == "extensions.objectformat" && !strings.EqualFold(o.value, "sha1") {
			return fmt.Errorf("it names its objects by %.20q, not by SHA-1, which is not supported here", o.value)
		}
	}
	text := &strings.Builder{}
	line := func(key, value string) {
		section, name, _ := strings.Cut(key, ".")
		fmt.Fprintf(text, "[%s]\n\t%s = %s\n", section, name, quoteConfig(value))
	}
	for _, o := range append(settings, own...) {
		if harmless[o.key] && !(f.strict && f.hides(o.key)) {
			line(o.key, o.value)
		}
		switch {
		case o.key == "core.autocrlf" && crlfValue.MatchString(o.value):
			s.autocrlf = o.value
		case o.key == "core.sparsecheckout":
			s.sparse = o.value != "false"
		}
	}
	line("core.bare", "false")
	line("core.worktree", filepath.ToSlash(f.Dir))
	line("core.safecrlf", "false")       // a warning for people who commit by hand
	line("core.untrackedcache", "false") // the copy's would be out of place
	file, err := os.OpenFile(filepath.Join(s.dir, "config"), os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text.String())
	return errors.Join(err, file.Close())
}

// hides reports whether a key lets git see less than there is: where the disk tells names
// apart, core.ignoreCase hides a new file that is named almost as another.
func (f Folder) hides(key string) bool {
	return careless[key] || key == "core.ignorecase" && !foldsCase(f.Dir)
}

// foldsCase reports whether the disk takes .GIT for .git.
func foldsCase(dir string) bool {
	one, err := os.Lstat(filepath.Join(dir, ".git"))
	other, otherErr := os.Lstat(filepath.Join(dir, ".GIT"))
	return err == nil && otherErr == nil && os.SameFile(one, other)
}

// quoteConfig writes a value so that git reads it as it is.
func quoteConfig(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(value) + `"`
}

// general is what the machine and the user have told git. Git for Windows, for one, comes
// with core.autocrlf there. What cannot be read counts for nothing.
func (s *shadowRepo) general(ctx context.Context, home string) []setting {
	sources := [][]string{{"--system"}}
	if home != "" {
		for _, name := range []string{filepath.Join(".config", "git", "config"), ".gitconfig"} {
			if name = filepath.Join(home, name); isRegular(name) {
				sources = append(sources, []string{"--file", name})
			}
		}
	}
	var all []setting
	for _, source := range sources {
		found, err := list(ctx, s.Repo, source...)
		if err == nil {
			all = append(all, found...)
		}
	}
	return all
}

// configOf reads the configuration of a checkout without letting it count: of its own
// files alone, and without what they include.
func configOf(ctx context.Context, repo *git.Repo, p place) ([]setting, error) {
	all, err := list(ctx, repo, "--file", filepath.Join(p.common, "config"))
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		extra := filepath.Join(p.dir, "config.worktree")
		if s.key == "extensions.worktreeconfig" && s.value != "false" && isRegular(extra) {
			more, err := list(ctx, repo, "--file", extra)
			return append(all, more...), err
		}
	}
	return all, nil
}

// list reads one configuration file.
func list(ctx context.Context, repo *git.Repo, source ...string) ([]setting, error) {
	args := append([]string{"config", "-z", "--no-includes", "--list"}, source...)
	out, err := repo.Run(ctx, nil, args...)
	if err != nil {
		return nil, err
	}
	var all []setting
	for _, item := range bytes.Split(out, []byte{0}) {
		if len(item) == 0 {
			continue
		}
		key, value, ok := strings.Cut(string(item), "\n")
		if !ok {
			value = "true" // a key alone
		}
		all = append(all, setting{key, value})
	}
	return all, nil
}

// store is where large files are kept, if the configuration or the file .lfsconfig says so
// (github.com/git-lfs/git-lfs, docs/man/git-lfs-config.adoc).
func (r *reader) store(ctx context.Context) (string, error) {
	settings, err := configOf(ctx, r.repo.Repo, r.place)
	if err != nil {
		return "", err
	}
	found := map[string]string{}
	if name := filepath.Join(r.Dir, ".lfsconfig"); isRegular(name) {
		public, err := list(ctx, r.repo.Repo, "--file", name)
		if err != nil {
			return "", fmt.Errorf("reading .lfsconfig: %w", err)
		}
		settings = append(public, settings...) // the last one counts
	}
	for _, s := range settings {
		found[s.key] = s.value
	}
	for _, key := range []string{"lfs.pushurl", "lfs.url", "remote.origin.lfspushurl", "remote.origin.lfsurl"} {
		if found[key] != "" {
			return found[key], nil
		}
	}
	return "", nil
}
