package attack_test

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/guardrails-ci/guardrails/shared/archive"
	"github.com/guardrails-ci/guardrails/tasks/safecache/entry"
)

// place is where a restore happens: dst is the folder to restore to, outside what an
// archive must not reach, and victim a file there.
type place struct{ dst, outside, victim string }

func newPlace(t *testing.T) place {
	t.Helper()
	root := t.TempDir()
	outside := filepath.Join(root, "outside")
	p := place{filepath.Join(root, "work", "dst"), outside, filepath.Join(outside, "victim")}
	write(t, p.victim, "victim")
	must(t, os.Mkdir(filepath.Join(root, "work"), 0o755))
	return p
}

// untouched wants nothing to have happened outside.
func (p place) untouched(t *testing.T) {
	t.Helper()
	same(t, p.outside, map[string]string{"victim": "victim"})
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(p.dst), "*evil*")); err != nil || len(left) != 0 {
		t.Errorf("beside the folder there are %q, %v, want nothing", left, err)
	}
}

// tarOf is an archive with these headers; a regular file holds "EVIL".
func tarOf(t *testing.T, headers ...tar.Header) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "evil.tar")
	file, err := os.Create(name)
	must(t, err)
	w := tar.NewWriter(file)
	for _, h := range headers {
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		if h.Typeflag == tar.TypeReg {
			h.Size = 4
		}
		must(t, w.WriteHeader(&h))
		if h.Typeflag == tar.TypeReg {
			if _, err := w.Write([]byte("EVIL")); err != nil {
				t.Fatal(err)
			}
		}
	}
	must(t, errors.Join(w.Close(), file.Close()))
	return name
}

// Cacheract writes outside the cache's folder through actions/cache, which runs
// `tar -P` on what the cache service returns: absolute paths overwrite the action.yml
// of actions that run later in the job. The other ways out are as old as tar is.
func TestArchivesThatWriteOutside(t *testing.T) {
	t.Parallel()
	needsTar(t)
	regular := func(name string) tar.Header { return tar.Header{Typeflag: tar.TypeReg, Name: name} }
	evilIn := func(name string) func(*testing.T, place) {
		return func(t *testing.T, p place) {
			if got := read(t, strings.ReplaceAll(name, "$outside", p.outside)); got != "EVIL" {
				t.Errorf("%s holds %q, want what the archive wrote there", name, got)
			}
		}
	}
	for name, tc := range map[string]struct {
		headers  func(place) []tar.Header
		happened func(*testing.T, place)
	}{
		"absolute path": {
			func(p place) []tar.Header { return []tar.Header{regular(p.outside + "/evil")} }, evilIn("$outside/evil"),
		},
		"absolute path of a file that is there": {
			func(p place) []tar.Header { return []tar.Header{regular(p.victim)} }, evilIn("$outside/victim"),
		},
		"parent": {
			func(place) []tar.Header { return []tar.Header{regular("../../outside/evil")} }, evilIn("$outside/evil"),
		},
		"a link, and through it": {
			func(p place) []tar.Header {
				return []tar.Header{{Typeflag: tar.TypeSymlink, Name: "link", Linkname: p.outside}, regular("link/evil")}
			}, evilIn("$outside/evil"),
		},
		"a hard link, written to by the next step": {
			func(p place) []tar.Header {
				return []tar.Header{{Typeflag: tar.TypeLink, Name: "package.tgz", Linkname: p.victim}}
			},
			func(t *testing.T, p place) {
				write(t, filepath.Join(p.dst, "package.tgz"), "EVIL")
				evilIn("$outside/victim")(t, p)
			},
		},
		"a program that runs as its owner": {
			func(place) []tar.Header { return []tar.Header{{Typeflag: tar.TypeReg, Name: "sh", Mode: 0o4755}} },
			func(t *testing.T, p place) {
				if info, err := os.Stat(filepath.Join(p.dst, "sh")); err != nil || info.Mode()&fs.ModeSetuid == 0 {
					t.Errorf("restored %v, %v, want a setuid program", info, err)
				}
			},
		},
		"a pipe, at which the next reader waits for ever": {
			func(place) []tar.Header { return []tar.Header{{Typeflag: tar.TypeFifo, Name: "package.tgz"}} },
			func(t *testing.T, p place) {
				if info, err := os.Stat(filepath.Join(p.dst, "package.tgz")); err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
					t.Errorf("restored %v, %v, want a pipe", info, err)
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			must(t, os.Mkdir(p.dst, 0o755))
			command(t, p.dst, "tar", "-xpPf", tarOf(t, tc.headers(p)...))
			tc.happened(t, p)
		})
	}
}

// slips are names that have led out of folders: those of the zip-slip advisories
// (Snyk, 2018), of evilarc, and what a check of one's own spelling misses.
var slips = []string{
	"../evil", "../../outside/evil", "../../../../../../../../../../tmp/evil", "a/../../evil", "a/b/../../../evil",
	"./../evil", "..", ".", "", "/", "//evil", "/tmp/evil", "///tmp/evil", "a//b", "a/./b", "./a", "a/", "a/..", "a/../b",
	`..\evil`, `..\..\outside\evil`, `a\..\..\evil`, `\evil`, `\\host\share\evil`, `//host/share/evil`, `C:\evil`,
	"C:/evil", "C:evil", `\\?\C:\evil`, `\\.\PhysicalDrive0`, "a\x00/../../evil", "..\x00/evil", "..;/evil\n",
	"..%00/../evil\r", "a/.. /../evil", ".. /evil", "... /evil", "....//evil/", "\u202e../live", "\xff\xfe/evil",
}

// The same with manifests: there is no way to write down a link, a device, an owner
// or a mode, and no name that leads out.
func TestManifestsThatWriteOutside(t *testing.T) {
	t.Parallel()
	p, c := newPlace(t), newCache(t)
	saved := c.save(map[string]string{"a": "EVIL"}, draft(mainScope, "k"))
	names := append([]string{p.victim, p.outside + "/evil"}, slips...)
	for _, name := range names {
		for what, change := range map[string]func(*entry.Manifest){
			"a file":   func(m *entry.Manifest) { m.Files[0].Path = name },
			"a folder": func(m *entry.Manifest) { m.EmptyDirs = []string{name} },
			"an empty file": func(m *entry.Manifest) {
				sum := sha256.Sum256(nil)
				m.Files[0] = entry.File{Path: name, SHA256: hex.EncodeToString(sum[:])}
			},
		} {
			c.forge(saved, change, nil)
			err := restoreTo(c.Repository, p.dst, mainScope, entry.RestoreOptions{}, []string{"k"})
			var rejection *entry.RejectedError
			if !errors.As(err, &rejection) {
				t.Errorf("%s %q: %v, want a rejection", what, name, err)
			}
			p.untouched(t)
			nothingIn(t, filepath.Dir(p.dst))
		}
	}
}

// What a manifest has no word for, in the words that an attacker would try.
func TestManifestsWithMore(t *testing.T) {
	t.Parallel()
	c := newCache(t)
	saved := c.save(map[string]string{"a": "EVIL"}, draft(mainScope, "k"))
	good := string(jsonOf(t, saved.Manifest))
	c.forgeText(saved.Name, []byte(good), nil)
	c.restores(map[string]string{"a": "EVIL"}, mainScope, entry.RestoreOptions{}, "k") // or the rest proves nothing
	for _, field := range []string{
		`"mode":2541`, `"link":"/etc/passwd"`, `"target":"../../outside"`, `"uid":0`, `"type":"fifo"`, `"Path":"../evil"`,
		`"path":"../evil"`, `"xattrs":{"security.capability":"AQAAAg=="}`,
	} {
		text := strings.Replace(good, `"path":"a"`, `"path":"a",`+field, 1)
		if text == good {
			t.Fatal("the manifest has another form than this test knows")
		}
		c.forgeText(saved.Name, []byte(text), nil)
		c.refuses(entry.KindTampered, "", mainScope, entry.RestoreOptions{}, "k")
	}
}

// A link that lies in the folder before the restore, put there by an earlier step
// or job on the same agent, is followed by tar.
func TestLinkThatWasThereBefore(t *testing.T) {
	t.Parallel()
	needsTar(t)
	files := map[string]string{"sub/evil": "EVIL"}
	plant := func(p place) {
		must(t, os.Mkdir(p.dst, 0o755))
		must(t, os.Symlink(p.outside, filepath.Join(p.dst, "sub")))
	}
	p := newPlace(t)
	plant(p)
	command(t, p.dst, "tar", "-xPf", tarOf(t, tar.Header{Typeflag: tar.TypeReg, Name: "sub/evil"}))
	if got := read(t, filepath.Join(p.outside, "evil")); got != "EVIL" {
		t.Errorf("tar has written %q outside, want it to follow the link", got)
	}
	p = newPlace(t)
	plant(p)
	c := newCache(t)
	c.save(files, draft(mainScope, "k"))
	must(t, restoreTo(c.Repository, p.dst, mainScope, entry.RestoreOptions{}, []string{"k"}))
	p.untouched(t)
	same(t, p.dst, files)
}

// What must not get into an entry in the first place: links to secrets, which tar
// keeps as links, or, with -h as Cache@2 runs it on Windows, as the secrets
// themselves.
func TestHostileTrees(t *testing.T) {
	t.Parallel()
	needsTar(t)
	t.Run("a plain archive", func(t *testing.T) {
		t.Parallel()
		p := newPlace(t)
		root := tree(t, map[string]string{"a": "a"})
		must(t, os.Symlink(p.victim, filepath.Join(root, "link")))
		name := filepath.Join(t.TempDir(), "cache.tar")
		command(t, root, "tar", "-chf", name, ".")
		same(t, unarchive(t, name), map[string]string{"a": "a", "link": "victim"})
	})
	for name, tc := range map[string]struct {
		plant func(*testing.T, string, place)
		want  string
	}{
		"link to a file": {func(t *testing.T, root string, p place) {
			must(t, os.Symlink(p.victim, filepath.Join(root, "z")))
		}, "symbolic link"},
		"link to a folder": {func(t *testing.T, root string, p place) {
			must(t, os.Symlink(p.outside, filepath.Join(root, "z")))
		}, "symbolic link"},
		"link to nothing": {func(t *testing.T, root string, _ place) {
			must(t, os.Symlink("/nothing", filepath.Join(root, "z")))
		}, "symbolic link"},
		"link within": {func(t *testing.T, root string, _ place) {
			must(t, os.Symlink("a", filepath.Join(root, "z")))
		}, "symbolic link"},
		"pipe": {func(t *testing.T, root string, _ place) {
			command(t, root, "mkfifo", "z")
		}, "named pipe"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, c := newPlace(t), newCache(t)
			root := tree(t, map[string]string{"a": "a"})
			tc.plant(t, root, p)
			_, err := c.Save(context.Background(), root, draft(mainScope, "k"))
			var refused *archive.RefusedError
			if !errors.As(err, &refused) || refused.Path != "z" || !strings.Contains(refused.Reason, tc.want) {
				t.Errorf("generic: %v, want a refusal of z as a %s", err, tc.want)
			}
			// Where a lock file says what is saved, it is in nobody's way - unless the lock
			// file names it.
			files := map[string]string{"a": "a"}
			d := draft(mainScope, "k")
			d.Claims = lockClaims(map[string]string{"a": "a", "z": "victim"})
			if _, err := c.Save(context.Background(), root, d); !errors.As(err, &refused) {
				t.Errorf("named by the lock file: %v, want a refusal", err)
			}
			d.Claims = lockClaims(files)
			if _, err := c.Save(context.Background(), root, d); err != nil {
				t.Errorf("not named by the lock file: %v, want an entry without it", err)
			}
			c.restores(files, mainScope, entry.RestoreOptions{Claims: d.Claims}, "k")
		})
	}
	t.Run("modes and hard links", func(t *testing.T) {
		t.Parallel()
		p, c := newPlace(t), newCache(t)
		root := tree(t, map[string]string{"sh": "EVIL", "sub/a": "a"})
		must(t, os.Chmod(filepath.Join(root, "sh"), 0o777|fs.ModeSetuid|fs.ModeSetgid))
		must(t, os.Chmod(filepath.Join(root, "sub"), 0o777|fs.ModeSticky|fs.ModeSetgid))
		must(t, os.Link(p.victim, filepath.Join(root, "hard")))
		_, err := c.Save(context.Background(), root, draft(mainScope, "k"))
		must(t, err)
		dst, err := c.open(mainScope, entry.RestoreOptions{}, "k")
		must(t, err)
		for name, want := range map[string]fs.FileMode{"sh": 0o755, "sub": 0o755, "sub/a": 0o644, "hard": 0o644} {
			info, err := os.Stat(filepath.Join(dst, name))
			must(t, err)
			if got := info.Mode() &^ fs.ModeDir; got != want {
				t.Errorf("%s has the mode %v, want %v", name, got, want)
			}
		}
		write(t, filepath.Join(dst, "hard"), "EVIL")
		p.untouched(t)
	})
}

// Names that mean something else on another system, where the same cache is restored:
// devices, streams, names that Windows shortens, and names that are one where case
// does not count. 7-Zip, with which Cache@2 restores on Windows, and git have had
// several of them as vulnerabilities (CVE-2014-9390: ".GIT"; CVE-2019-1353: streams).
func TestNamesOfOtherSystems(t *testing.T) {
	t.Parallel()
	lists := map[string][]string{
		"device": {"CON"}, "device with an extension": {"con.txt"}, "device below": {"sub/aux"},
		"device as a folder": {"NUL/a"},
		"port":               {"COM1.tgz"}, "port, raised": {"LPT\u00b9"}, "stream": {"a.js:evil"}, "drive": {"c:a"},
		"trailing dot": {"x."}, "trailing space": {"x "}, "folder with a trailing dot": {"x./a"}, "question mark": {"a?b"},
		"star": {"a*b"}, "quote": {`a"b`}, "pipe": {"a|b"}, "less": {"a<b"}, "control": {"a\tb"}, "line": {"a\nb"},
		"backslash": {`a\b`},
		"case":      {"A", "a"}, "case of folders": {"A/x", "a/y"}, "case below": {"s/Index.js", "s/index.js"},
		"composed": {"\u00e9", "e\u0301"}, "sharp s": {"stra\u00dfe", "STRASSE"}, "Kelvin": {"\u212a", "k"},
		"file and folder": {"lib", "LIB/x"}, "not UTF-8": {"a\xff"},
	}
	for name, list := range lists {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{}
			for _, name := range list {
				files[name] = "EVIL"
			}
			if runtime.GOOS == "linux" { // elsewhere such a tree cannot be made
				root := tree(t, files)
				same(t, unarchive(t, archived(t, root)), files)
				_, err := newCache(t).Save(context.Background(), root, draft(mainScope, "k"))
				var refused *archive.RefusedError
				if !errors.As(err, &refused) {
					t.Errorf("saving %q: %v, want a refusal", list, err)
				}
			}
			c := newCache(t)
			saved := c.save(map[string]string{"0": "EVIL", "1": "EVIL"}, draft(mainScope, "k"))
			c.forge(saved, func(m *entry.Manifest) {
				for i, name := range list {
					m.Files[i].Path = name
				}
				m.Files = m.Files[:len(list)]
			}, nil)
			c.refuses(entry.KindTampered, "", mainScope, entry.RestoreOptions{}, "k")
		})
	}
}
