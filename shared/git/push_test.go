package git

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guardrails-ci/guardrails/shared/gittest"
)

const (
	upload  = "git-upload-pack"
	receive = "git-receive-pack"
	lookUp  = "info/refs?service=" + upload
	lookRec = "info/refs?service=" + receive
)

// ready is a server with a commit, a repository of ours that has it, and one that follows.
func ready(t *testing.T, c gittest.Config) (s *server, r *Repo, tip, next ID) {
	t.Helper()
	s = newServer(t, c)
	tip = s.commit("main", noon, map[string]string{"a": "1"})
	r = s.repo(client(t))
	if got := fetchMain(t, r); got != tip {
		t.Fatalf("Fetch of main = %s, want %s", got, tip)
	}
	return s, r, tip, makeCommit(t, r, tip, "a", "2")
}

// A push that has succeeded needs nothing else.
func TestPushAsksNothingMore(t *testing.T) {
	t.Parallel()
	s, r, tip, next := ready(t, gittest.Config{})
	before := len(s.Requests())
	if err := r.Push(t.Context(), Update{Ref: "refs/heads/main", Old: tip, New: next}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, request := range s.Requests()[before:] {
		got = append(got, request.Op)
	}
	if want := []string{lookRec, receive}; !slices.Equal(got, want) {
		t.Errorf("requests of a push = %q, want %q", got, want)
	}
}

// What the hosts say to a push.
func TestRejections(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		says gittest.Refusal
		want Kind
		said string
	}{
		"Azure Repos, policy":      {gittest.NeedsPullRequest, Policy, "TF402455: Pushes to this branch"},
		"Azure Repos, race":        {gittest.UpdatedByAnother, Raced, "TF401028"},
		"Azure Repos, permission":  {gittest.NeedsContribute, Denied, "'GenericContribute' permission"},
		"Azure Repos, force":       {gittest.NeedsForcePush, Denied, "'ForcePush' permission"},
		"Azure Repos, repository":  {"TF401019: The Git repository with name or identifier x does not exist", NotFound, "TF401019"},
		"Azure Repos, secrets":     {"VS403654: The push was rejected because it contains one or more secrets", Hook, "VS403654"},
		"Azure Repos, conditional": {"VS403463: The conditional access policy defined by your administrator has failed", Denied, "VS403463"},
		"Azure Repos, work item":   {"TF402116: The push was rejected because a commit is not linked to a work item", Hook, "TF402116"},
		"GitHub, protected":        {gittest.GitHubProtected, Policy, "GH006"},
		"GitHub, checks": {"error: GH006: Protected branch update failed\nerror: Required status check \"x\" is expected.\n" +
			"protected branch hook declined", Policy, "Required status check"},
		"GitHub, rules": {"error: GH013: Repository rule violations found for refs/heads/main.\n- Changes must be made through a " +
			"pull request.\npush declined due to repository rule violations", Policy, "GH013"},
		"GitHub, other rules": {"error: GH013: Repository rule violations found for refs/heads/main.\n- Cannot create ref due to " +
			"creations being restricted.\npush declined due to repository rule violations", Hook, "GH013"},
		"GitHub, secrets": {"error: GH009: Secrets detected! This push failed.\npre-receive hook declined", Hook, "GH009"},
		"GitLab":          {gittest.GitLabProtected, Policy, "not allowed to push code to protected branches"},
		"GitLab, rights":  {"GitLab: You are not allowed to push code to this project.\npre-receive hook declined", Denied, "GitLab"},
		"GitLab, race":    {gittest.GitLabRaced, Raced, "incorrect old value provided"},
		"a lock":          {gittest.CannotLockRef, Raced, "cannot lock ref"},
		"a race":          {"failed to update ref", Raced, "failed to update ref"},
		"already there":   {"reference already exists", Raced, "reference already exists"},
		"a folder":        {"cannot lock ref 'refs/heads/a/b': 'refs/heads/a' exists; cannot create 'refs/heads/a/b'", Other, "exists"},
		"a hook":          {gittest.HookDeclined, Hook, "must name a ticket"},
		"an update hook":  {"hook declined", Hook, "hook declined"},
		"a quarantine":    {"unpacker error", Other, "unpacker error"},
		"hostile":         {"##vso[task.complete result=Succeeded;]\x1b[31m\r" + token + "\nhook declined", Hook, "**vso[task.complete"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, r, tip, next := ready(t, gittest.Config{})
			s.Reject(func(gittest.Update) gittest.Refusal { return tc.says })
			err := r.Push(t.Context(), Update{"refs/heads/main", tip, next})
			checkRefusal(t, err, tc.want, tc.said)
			if got := s.at("refs/heads/main"); got != tip {
				t.Errorf("main stands at %s, want %s", got, tip)
			}
		})
	}
}

// checkRefusal checks that an error is of a kind and that its words can be shown.
func checkRefusal(t *testing.T, err error, want Kind, said string) {
	t.Helper()
	if kind(err) != want || !strings.Contains(err.Error(), said) {
		t.Fatalf("got %v (%s), want kind %s with %q", err, kind(err), want, said)
	}
	for _, bad := range []string{"\n", "\r", "\x1b", "##vso", token} {
		if strings.Contains(err.Error(), bad) {
			t.Errorf("the error %q holds %q", err, bad)
		}
	}
	var remote *RemoteError
	if temporary := want == Throttled || want == Unreachable; errors.As(err, &remote) && remote.Temporary() != temporary {
		t.Errorf("Temporary of %s = %t, want %t", want, !temporary, temporary)
	}
}

// What servers and those before them do in place of an answer.
func TestFaults(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		t.Errorf("the client has followed to another server, with %q", req.Header["Authorization"])
	}))
	t.Cleanup(elsewhere.Close)
	for name, tc := range map[string]struct {
		fault gittest.Fault
		want  Kind
	}{
		"400":            {gittest.Answer(400, "bad"), Other},
		"401":            {gittest.Answer(401, "no"), Unauthorized},
		"403":            {gittest.Answer(403, "no"), Denied},
		"404":            {gittest.Answer(404, "no"), NotFound},
		"429":            {gittest.Throttled(0), Throttled},
		"500":            {gittest.Answer(500, "oops"), Unreachable},
		"503":            {gittest.Answer(503, "oops"), Unreachable},
		"a sign-in page": {gittest.Page(203), Unauthorized},
		"another page":   {gittest.Page(200), Unauthorized},
		"a proxy's page": {gittest.Page(403), Denied},
		"elsewhere":      {gittest.Redirect(elsewhere.URL), Other},
		"dropped":        {gittest.Drop, Unreachable},
		"cut":            {gittest.Cut(20), Unreachable},
		"silent":         {gittest.Slow(time.Hour), Unreachable},
	} {
		for _, op := range []string{lookUp, "fetch", lookRec, receive} {
			t.Run(name+"/"+op, func(t *testing.T) {
				t.Parallel()
				s, r, tip, next := ready(t, gittest.Config{})
				r.git.silence = time.Second
				s.Fail(op, -1, tc.fault)
				if op == "fetch" && *otherGit != "" {
					s.Fail(upload, -1, tc.fault) // an old git says it in words that the server does not know
				}
				var err error
				if op == lookRec || op == receive {
					err = r.Push(t.Context(), Update{"refs/heads/main", tip, next})
					if op == receive && name == "cut" {
						if err != nil || s.at("refs/heads/main") != next {
							t.Errorf("Push whose answer is lost = %v, want success: it has arrived", err)
						}
						return
					}
				} else {
					s.commit("main", noon, map[string]string{"a": "3"})
					_, err = r.Fetch(t.Context(), []string{"refs/heads/main"}, Depth{})
				}
				checkRefusal(t, err, tc.want, "")
				t.Log(err)
			})
		}
	}
}

func TestPushIsACompareAndSwap(t *testing.T) {
	t.Parallel()
	s, r, tip, next := ready(t, gittest.Config{})
	ours := Update{"refs/heads/main", tip, next}
	var theirs ID
	s.Before(func(gittest.Update) { // after git has looked, before it pushes
		if theirs == "" {
			theirs = s.commit("main", noon, map[string]string{"b": "1"})
		}
	})
	if err := r.Push(t.Context(), ours); kind(err) != Raced {
		t.Fatalf("Push that loses a race = %v, want %s", err, Raced)
	}
	if err := r.Push(t.Context(), ours); kind(err) != Raced { // before git has looked
		t.Fatalf("Push after a lost race = %v, want %s", err, Raced)
	}
	if got := s.at("refs/heads/main"); got != theirs {
		t.Fatalf("main stands at %s, want that of the others, %s", got, theirs)
	}
	if err := r.Push(t.Context(), Update{"refs/heads/main", theirs, next}); err == nil || kind(err) != "" {
		t.Errorf("Push of a commit that does not follow = %v, want that it is refused here", err)
	}
	tip = fetchMain(t, r)
	next = makeCommit(t, r, tip, "a", "2")
	if err := r.Push(t.Context(), Update{"refs/heads/main", tip, next}); err != nil {
		t.Fatalf("Push on the new tip: %v", err)
	}
	if got := s.git("show", "main:a", "main:b"); got != "21" {
		t.Errorf("a and b hold %q, want both changes", got)
	}
}

func TestPushOfNewAndOldRefs(t *testing.T) {
	t.Parallel()
	s, r, tip, next := ready(t, gittest.Config{})
	state, err := r.Commit(t.Context(), plain())
	if err != nil {
		t.Fatal(err)
	}
	push := func(u Update) error { t.Helper(); return r.Push(t.Context(), u) }
	if err := push(Update{breakerRef, "", state}); err != nil {
		t.Fatalf("Push of a new ref: %v", err)
	}
	if err := push(Update{breakerRef, "", next}); kind(err) != Raced {
		t.Errorf("Push of a new ref that is there = %v, want %s", err, Raced)
	}
	if err := push(Update{breakerRef, "", state}); err != nil {
		t.Errorf("Push of what is there already = %v, want success", err)
	}
	if err := push(Update{breakerRef, tip, ""}); kind(err) != Raced {
		t.Errorf("Push that deletes what has moved = %v, want %s", err, Raced)
	}
	if err := push(Update{breakerRef, state, ""}); err != nil || s.at(breakerRef) != "" {
		t.Errorf("Push that deletes = %v, and the ref stands at %q, want nothing", err, s.at(breakerRef))
	}
	for name, u := range map[string]Update{
		"no ref":           {"main", tip, next},
		"an option":        {"--all", tip, next},
		"forced":           {"+refs/heads/main", tip, next},
		"several":          {"refs/heads/*", tip, next},
		"nothing":          {"refs/heads/main", "", ""},
		"no id":            {"refs/heads/main", tip, "HEAD"},
		"no old id":        {"refs/heads/main", "HEAD", next},
		"an unknown one":   {"refs/heads/main", tip, ID(strings.Repeat("a", 40))},
		"back to the past": {"refs/heads/main", next, tip},
	} {
		if err := push(u); err == nil || kind(err) != "" {
			t.Errorf("%s: Push(%v) = %v, want that it is refused here", name, u, err)
		}
	}
	if got := s.at("refs/heads/main"); got != tip {
		t.Errorf("main stands at %s, want %s", got, tip)
	}
}

// An answer that is lost, or comes to a request that libcurl has sent twice.
func TestPushThatHasArrived(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]gittest.Fault{"cut": gittest.Cut(0), "sent twice": gittest.Resend} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, r, tip, next := ready(t, gittest.Config{})
			s.Fail(receive, 1, fault)
			if err := r.Push(t.Context(), Update{"refs/heads/main", tip, next}); err != nil {
				t.Errorf("Push = %v, want success", err)
			}
			if got := s.at("refs/heads/main"); got != next {
				t.Errorf("main stands at %s, want %s", got, next)
			}
		})
	}
}

// Nobody knows what has become of a push: that is no success.
func TestPushWhoseFateIsUnknown(t *testing.T) {
	t.Parallel()
	s, r, tip, next := ready(t, gittest.Config{})
	s.Fail(receive, 1, func(w http.ResponseWriter, req *http.Request, then http.Handler) {
		s.Fail("", -1, gittest.Answer(503, "gone"))
		gittest.Cut(0)(w, req, then)
	})
	u := Update{"refs/heads/main", tip, next}
	if err := r.Push(t.Context(), u); kind(err) != Unreachable {
		t.Errorf("Push = %v, want %s", err, Unreachable)
	}
	s.Heal()
	if err := r.Push(t.Context(), u); err != nil {
		t.Errorf("Push again = %v, want success: it had arrived", err)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	s, r, tip, next := ready(t, gittest.Config{})
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("the job is cancelled")
	s.Fail(receive, -1, func(w http.ResponseWriter, req *http.Request, then http.Handler) {
		cancel(why)
		gittest.Slow(time.Hour)(w, req, then)
	})
	if err := r.Push(ctx, Update{"refs/heads/main", tip, next}); !errors.Is(err, why) || kind(err) != "" {
		t.Errorf("Push that is cancelled = %v, want %v", err, why)
	}
	if _, err := r.RemoteRefs(ctx, "refs/heads/main"); !errors.Is(err, why) {
		t.Errorf("RemoteRefs after that = %v, want %v", err, why)
	}
}
