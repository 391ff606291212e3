package git

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The whole way of a push.
func TestPush(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tip := s.commit("main", noon, map[string]string{"a.yaml": "a: 1\n", "dir/b.yaml": "b: 1\n", "dir/c": "c"})
	r := s.repo(client(t))
	refs, err := r.RemoteRefs(t.Context(), "refs/heads/main", "refs/guardrails/breaker/7")
	if diff := cmp.Diff(map[string]ID{"refs/heads/main": tip}, refs); err != nil || diff != "" {
		t.Fatalf("RemoteRefs: %v (-want +got):\n%s", err, diff)
	}
	if got := fetchMain(t, r); got != tip {
		t.Fatalf("Fetch of main = %s, want %s", got, tip)
	}
	if !r.partial {
		t.Error("Fetch from a server that can filter got all contents")
	}
	files, err := r.Files(t.Context(), tip, "dir/b.yaml", "no", "dir")
	if err != nil || len(files) != 1 || files[0].Path != "dir/b.yaml" || files[0].Mode != "100644" {
		t.Fatalf("Files = %v, %v, want dir/b.yaml", files, err)
	}
	data, err := r.Contents(t.Context(), files[0].ID)
	if err != nil || string(data[files[0].ID]) != "b: 1\n" {
		t.Fatalf("Contents of dir/b.yaml = %q, %v", data, err)
	}
	id := makeCommit(t.Context(), t, r, tip, "dir/b.yaml", "b: 2\n")
	if err := r.Push(t.Context(), Update{"refs/heads/main", tip, id}); err != nil {
		t.Fatalf("Push: %v", err)
	}
	if got := s.at("refs/heads/main"); got != id {
		t.Errorf("main stands at %s, want %s", got, id)
	}
	want := "b: 2\n"
	if got := s.git("show", "main:dir/b.yaml"); got != want {
		t.Errorf("dir/b.yaml holds %q, want %q", got, want)
	}
	if got := s.git("diff-tree", "-r", "--name-status", "main^", "main"); got != "M\tdir/b.yaml\n" {
		t.Errorf("the commit changes %q, want dir/b.yaml alone", got)
	}
	s.git("fsck", "--full", "--strict")
}
