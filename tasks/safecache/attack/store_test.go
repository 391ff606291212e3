package attack_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/safecache/entry"
	"github.com/guardrails-ci/guardrails/tasks/safecache/seal"
	"github.com/guardrails-ci/guardrails/tasks/safecache/trust"
)

var (
	genuine = map[string]string{"lodash-4.17.21.tgz": "genuine " + noise(1, 20_000)}
	evil    = map[string]string{"lodash-4.17.21.tgz": "EVIL    " + noise(2, 20_000)}
)

// newSigner makes a key pair; the key is known to who restores.
func newSigner(t *testing.T) *seal.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	signer, err := seal.ParseSigner(base64.StdEncoding.EncodeToString(private.Seed()))
	must(t, err)
	return signer
}

// Somebody who can write to the store changes what is in it. Caches in a bucket that
// every build can write to have that hole by design (CVE-2025-36852, "CREEP").
func TestPoisonedStore(t *testing.T) {
	t.Parallel()
	t.Run("a plain archive", func(t *testing.T) {
		t.Parallel()
		needsTar(t)
		bucket := archived(t, tree(t, genuine))
		must(t, os.Rename(archived(t, tree(t, evil)), bucket))
		same(t, unarchive(t, bucket), evil)
	})
	locked := entry.RestoreOptions{Claims: lockClaims(genuine)}
	t.Run("bytes of a pack", func(t *testing.T) {
		t.Parallel()
		c := newCache(t)
		c.save(genuine, draft(mainScope, "k"))
		name := c.objects(".pack")[0]
		data := []byte(read(t, c.object(name)))
		data[len(data)/2] ^= 1
		c.put(name, data)
		c.refuses(entry.KindTampered, "SHA-256", mainScope, entry.RestoreOptions{}, "k")
	})
	t.Run("a pack of evil contents", func(t *testing.T) {
		t.Parallel()
		c, attacker := newCache(t), newCache(t)
		c.save(genuine, draft(mainScope, "k"))
		attacker.save(evil, draft(mainScope, "k"))
		c.put(c.objects(".pack")[0], []byte(read(t, attacker.object(attacker.objects(".pack")[0]))))
		c.refuses(entry.KindTampered, "the pack", mainScope, entry.RestoreOptions{}, "k")
	})
	t.Run("an entry that is consistent", func(t *testing.T) {
		t.Parallel()
		c := newCache(t)
		c.save(evil, draft(mainScope, "k")) // with this very program
		c.refuses(entry.KindClaim, "lodash-4.17.21.tgz", mainScope, locked, "k")
		// Where neither a lock file nor a signature tells, the store is believed; the
		// README says so.
		c.restores(evil, mainScope, entry.RestoreOptions{}, "k")
		// A signature tells, without a lock file.
		c.Keys = []seal.Key{newSigner(t).Key()}
		c.refuses(entry.KindSignature, "not signed", mainScope, entry.RestoreOptions{}, "k")
	})
	t.Run("the copy on the agent's own disk", func(t *testing.T) {
		t.Parallel()
		c, local := newCache(t), newCache(t)
		c.Local = local.Store
		c.save(genuine, draft(mainScope, "k"))
		c.restores(genuine, mainScope, entry.RestoreOptions{}, "k") // makes the copy
		name := local.objects(".pack")[0]
		local.put(name, []byte(strings.Repeat("x", len(read(t, local.object(name))))))
		c.restores(genuine, mainScope, entry.RestoreOptions{}, "k")
	})
	t.Run("signed by somebody else, newer than ours", func(t *testing.T) {
		t.Parallel()
		c, signer := newCache(t), newSigner(t)
		c.Signer, c.Keys = signer, []seal.Key{signer.Key()}
		c.save(genuine, draft(mainScope, "k"))
		attacker := *c
		attacker.Signer, attacker.Keys = newSigner(t), nil
		d := draft(mainScope, "k")
		d.Replaces = c.objects(".json")[0]
		attacker.save(evil, d)
		c.refuses(entry.KindSignature, "not signed by a known key", mainScope, entry.RestoreOptions{}, "k")
		// With the name of our key on it.
		forged := strings.ReplaceAll(read(t, c.object(c.objects("2.json")[0])), attacker.Signer.Key().ID(), signer.Key().ID())
		c.put(c.objects("2.json")[0], []byte(forged))
		c.refuses(entry.KindSignature, signer.Key().ID(), mainScope, entry.RestoreOptions{}, "k")
		// Our next save takes the place of it, with nothing of it.
		c.save(genuine, draft(mainScope, "k"))
		c.restores(genuine, mainScope, entry.RestoreOptions{}, "k")
	})
}

// A pull request saves first, under the key that the main branch will use (CREEP,
// CVE-2025-36852; TanStack, CVE-2026-45321: the release job restored the pnpm store of
// a fork's pull request). The scripts show the same with the packed task.
func TestPullRequestWritesFirst(t *testing.T) {
	t.Parallel()
	t.Run("a plain archive", func(t *testing.T) {
		t.Parallel()
		needsTar(t)
		bucket := t.TempDir()
		build := func(files map[string]string) string { // of any branch
			name := filepath.Join(bucket, "hash-of-package-lock.tar")
			if _, err := os.Stat(name); err == nil {
				return unarchive(t, name)
			}
			root := tree(t, files)
			must(t, os.Rename(archived(t, root), name))
			return root
		}
		build(evil)                   // the pull request
		same(t, build(genuine), evil) // the main branch
		same(t, build(nil), evil)     // its release
	})
	c := newCache(t)
	save := func(variables map[string]string, files map[string]string) {
		t.Helper()
		if access := decide(variables); access.Write != nil {
			c.save(files, draft(entry.Scope{
				Collection: access.Write.Collection, Project: access.Write.Project, Definition: access.Write.Definition,
				Tier: string(access.Write.Tier), Branch: access.Write.Branch,
			}, "k"))
		}
	}
	find := func(variables map[string]string) *entry.Entry {
		t.Helper()
		for _, s := range decide(variables).Read {
			e, err := c.Find(context.Background(), entry.Scope{
				Collection: s.Collection, Project: s.Project, Definition: s.Definition, Tier: string(s.Tier), Branch: s.Branch,
			}, []string{"k"})
			must(t, err)
			if e != nil {
				return e
			}
		}
		return nil
	}
	pull := pullRequest("12", "False")
	others := map[string]map[string]string{
		"main":          {"Build.SourceBranch": "refs/heads/main", "Build.Reason": "IndividualCI"},
		"release":       {"Build.SourceBranch": "refs/tags/v1", "Build.Reason": "Manual"},
		"other pull":    pullRequest("13", "False"),
		"topic":         {"Build.SourceBranch": "refs/heads/12/merge", "Build.Reason": "IndividualCI"},
		"main, dressed": {"Build.SourceBranch": "refs/heads/main", "Build.Reason": "PullRequest"},
	}
	save(pull, evil)
	if find(pull) == nil {
		t.Fatal("the pull request does not find its own entry, so the others prove nothing")
	}
	for name, run := range others {
		if e := find(run); e != nil {
			t.Errorf("%s: finds %s, which the pull request has saved", name, e.Name)
		}
	}
	fork := pullRequest("14", "True")
	before := len(c.objects(""))
	save(fork, evil)
	if after := len(c.objects("")); after != before {
		t.Errorf("a fork has made %d objects", after-before)
	}
	save(others["main"], genuine)
	for _, run := range []map[string]string{others["main"], others["release"], others["topic"], pull, fork} {
		if e := find(run); e == nil || e.Manifest.Scope.Tier != "trusted" {
			t.Errorf("%v finds %+v, want what the main branch has saved", run, e)
		}
	}
}

// pullRequest are the variables of a run of a pull request.
func pullRequest(number, fork string) map[string]string {
	return map[string]string{
		"Build.SourceBranch": "refs/pull/" + number + "/merge", "Build.Reason": "PullRequest",
		"System.PullRequest.PullRequestId": number, "System.PullRequest.TargetBranch": "refs/heads/main",
		"System.PullRequest.IsFork": fork,
	}
}

// decide is what a run with these variables may do.
func decide(variables map[string]string) trust.Access {
	return trust.Decide(trust.FromAgent(func(name string) string {
		always := map[string]string{
			"System.CollectionId": "c", "System.TeamProjectId": "p", "System.DefinitionId": "7", "System.HostType": "build",
		}
		return always[name] + variables[name]
	}), trust.Policy{TrustedBranches: []string{"refs/heads/main"}})
}

// "The pack is there already, so I need not upload it": somebody who knows what the
// main branch is about to save puts garbage, or worse, under the name that it will
// have. Content-addressed stores that skip what exists are open to it: restic's
// design has every blob verified when it is read for that reason.
func TestPackThatWasThereFirst(t *testing.T) {
	t.Parallel()
	predicted := newCache(t) // by saving the same in private
	saved := predicted.save(genuine, draft(mainScope, "k"))
	pack := predicted.objects(".pack")[0]
	t.Run("a store that skips what exists", func(t *testing.T) {
		t.Parallel()
		naive := newCache(t)
		naive.put(pack, []byte("garbage")) // the pull request
		for _, name := range []string{pack, saved.Name} {
			data := []byte(read(t, predicted.object(name)))
			if err := naive.Store.Put(context.Background(), name, data); err != nil && !isExist(err) { // the main branch
				t.Fatal(err)
			}
		}
		if _, err := naive.open(mainScope, entry.RestoreOptions{}, "k"); err == nil {
			t.Error("the entry can be restored, so nothing has happened")
		}
	})
	for name, there := range map[string][]byte{
		"garbage": []byte("garbage"), "nothing": nil, "a part": []byte(read(t, predicted.object(pack)))[:1000],
		"the same size": []byte(strings.Repeat("x", len(read(t, predicted.object(pack))))),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCache(t)
			c.put(pack, there)
			c.save(genuine, draft(mainScope, "k"))
			c.restores(genuine, mainScope, entry.RestoreOptions{Claims: lockClaims(genuine)}, "k")
			if got := read(t, c.object(pack)); got != string(there) {
				t.Errorf("the object that was there holds %.40q now: a store's objects never change", got)
			}
		})
	}
	t.Run("in the pull request's own tier", func(t *testing.T) {
		t.Parallel()
		c := newCache(t)
		pull := mainScope
		pull.Tier, pull.Branch = "untrusted", "refs/pull/12/merge"
		c.save(genuine, draft(pull, "k")) // the same bytes, and so a pack of the same name
		theirs := c.objects(".pack")[0]
		if filepath.Base(theirs) != filepath.Base(pack) {
			t.Fatalf("the pull request's pack is %s, want the name of %s", theirs, pack)
		}
		c.save(genuine, draft(mainScope, "before"))
		c.put(theirs, []byte("garbage"))
		c.save(genuine, draft(mainScope, "after"))
		c.restores(genuine, mainScope, entry.RestoreOptions{}, "before")
		c.restores(genuine, mainScope, entry.RestoreOptions{}, "after")
		must(t, os.Remove(c.object(theirs)))
		c.restores(genuine, mainScope, entry.RestoreOptions{}, "before")
		c.restores(genuine, mainScope, entry.RestoreOptions{}, "after")
	})
	t.Run("a link to a place where it changes later", func(t *testing.T) {
		t.Parallel()
		needsTar(t) // links
		c := newCache(t)
		elsewhere := filepath.Join(t.TempDir(), "pack")
		write(t, elsewhere, read(t, predicted.object(pack)))
		must(t, os.MkdirAll(filepath.Dir(c.object(pack)), 0o755))
		must(t, os.Symlink(elsewhere, c.object(pack)))
		if _, err := c.Save(context.Background(), tree(t, genuine), draft(mainScope, "k")); err == nil {
			write(t, elsewhere, "garbage")
			c.restores(genuine, mainScope, entry.RestoreOptions{}, "k")
		}
	})
}

func isExist(err error) bool { return err != nil && strings.Contains(err.Error(), fs.ErrExist.Error()) }

// A manifest that was signed once is put where another one is looked for: an old
// release's dependencies under the new release's key. A signature over an archive's
// bytes alone, such as Turborepo's tag or a detached one beside it, stays valid.
func TestReplayedSignature(t *testing.T) {
	t.Parallel()
	t.Run("a signature over the bytes", func(t *testing.T) {
		t.Parallel()
		public, private, err := ed25519.GenerateKey(rand.Reader)
		must(t, err)
		bucket := t.TempDir()
		for key, content := range map[string]string{"lock-1": "old", "lock-2": "new"} {
			write(t, filepath.Join(bucket, key+".tar"), content)
			write(t, filepath.Join(bucket, key+".sig"), string(ed25519.Sign(private, []byte(content))))
		}
		for _, suffix := range []string{".tar", ".sig"} { // the attack
			must(t, os.Rename(filepath.Join(bucket, "lock-1"+suffix), filepath.Join(bucket, "lock-2"+suffix)))
		}
		got := read(t, filepath.Join(bucket, "lock-2.tar"))
		if !ed25519.Verify(public, []byte(got), []byte(read(t, filepath.Join(bucket, "lock-2.sig")))) || got != "old" {
			t.Errorf("the key lock-2 gives %q, want what was replayed", got)
		}
	})
	signer := newSigner(t)
	signed := func(t *testing.T) *cache {
		c := newCache(t)
		c.Signer, c.Keys = signer, []seal.Key{signer.Key()}
		return c
	}
	move := func(c *cache, from, to entry.Saved) {
		c.t.Helper()
		c.put(to.Name, []byte(read(c.t, c.object(from.Name))))
	}
	t.Run("another key", func(t *testing.T) {
		t.Parallel()
		c := signed(t)
		old, current := c.save(evil, draft(mainScope, "lock-1")), c.save(genuine, draft(mainScope, "lock-2"))
		move(c, old, current)
		c.refuses(entry.KindKey, "it is a copy of", mainScope, entry.RestoreOptions{}, "lock-2")
	})
	for name, change := range map[string]func(*entry.Scope){
		"another branch":       func(s *entry.Scope) { s.Branch = "refs/heads/release" },
		"another pipeline":     func(s *entry.Scope) { s.Definition = "8" },
		"another project":      func(s *entry.Scope) { s.Project = "q" },
		"another organisation": func(s *entry.Scope) { s.Collection = "d" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, other := signed(t), mainScope
			change(&other)
			move(c, c.save(evil, draft(other, "k")), c.save(genuine, draft(mainScope, "k")))
			c.refuses(entry.KindScope, "it is a copy of", mainScope, entry.RestoreOptions{}, "k")
		})
	}
	t.Run("an older generation", func(t *testing.T) {
		t.Parallel()
		c := signed(t)
		old := c.save(evil, draft(mainScope, "k"))
		d := draft(mainScope, "k")
		d.Replaces = old.Name
		current := c.save(genuine, d)
		next := current
		next.Name = strings.Replace(current.Name, "00000002", "00000003", 1)
		move(c, old, next)
		c.refuses(entry.KindTampered, "it is a copy of", mainScope, entry.RestoreOptions{}, "k")
	})
	t.Run("untrusted, and signed all the same", func(t *testing.T) {
		t.Parallel()
		c, pull := signed(t), mainScope
		pull.Tier, pull.Branch = "untrusted", "refs/pull/12/merge"
		move(c, c.save(evil, draft(pull, "k")), c.save(genuine, draft(mainScope, "k")))
		c.refuses(entry.KindScope, "it is a copy of", mainScope, entry.RestoreOptions{}, "k")
	})
	t.Run("a longer life", func(t *testing.T) {
		t.Parallel()
		c := signed(t)
		saved := c.save(evil, draft(mainScope, "k"))
		c.forge(saved, func(m *entry.Manifest) { m.Expires = today.Add(999 * day) }, nil)
		c.refuses(entry.KindSignature, "not signed", mainScope, entry.RestoreOptions{}, "k")
	})
}

// The vulnerable version of the post-mortem lived for nine days, because nothing ever
// made its cache entry expire: every build that used it kept it warm, as GitHub's and
// Azure's caches count from the last use.
func TestExpiredPoison(t *testing.T) {
	t.Parallel()
	t.Run("a plain archive", func(t *testing.T) {
		t.Parallel()
		needsTar(t)
		bucket := archived(t, tree(t, evil))
		must(t, os.Chtimes(bucket, today, today))
		same(t, unarchive(t, bucket), evil)
	})
	c := newCache(t)
	c.MaxAge = 7 * day
	saved := c.save(evil, draft(mainScope, "k"))
	c.restores(evil, mainScope, entry.RestoreOptions{}, "k")
	at := func(age time.Duration) { c.Now = func() time.Time { return today.Add(age) } }
	at(6 * day) // being used does not keep it
	c.restores(evil, mainScope, entry.RestoreOptions{}, "k")
	at(9 * day)
	c.refuses(entry.KindExpired, "expired on 2026-03-08", mainScope, entry.RestoreOptions{}, "k")
	// It says that it is younger than it is, or lives longer.
	c.forge(saved, func(m *entry.Manifest) { m.Expires = today.Add(999 * day) }, nil)
	c.refuses(entry.KindExpired, "more than 168h0m0s ago", mainScope, entry.RestoreOptions{}, "k")
	c.forge(saved, func(m *entry.Manifest) { m.Created, m.Expires = today.Add(99*day), today.Add(999*day) }, nil)
	c.refuses(entry.KindExpired, "future", mainScope, entry.RestoreOptions{}, "k")
	// It is not found by a restore key either, and the next save replaces it.
	c.forge(saved, func(*entry.Manifest) {}, nil)
	if e, err := c.FindPrefix(context.Background(), mainScope, nil); e != nil || err == nil {
		t.Errorf("FindPrefix = %+v, %v, want a rejection", e, err)
	}
	d := draft(mainScope, "k")
	d.Expires = today.Add(16 * day)
	c.save(genuine, d)
	c.restores(genuine, mainScope, entry.RestoreOptions{}, "k")
}
