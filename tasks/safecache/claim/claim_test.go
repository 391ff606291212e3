package claim

import (
	"crypto"
	"crypto/md5"
	"crypto/sha512"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	tree := fstest.MapFS{"a.tgz": {Data: []byte("genuine")}}
	sum := sha512.Sum512([]byte("genuine"))
	other := sha512.Sum512([]byte("evil"))
	weak := md5.Sum([]byte("genuine"))
	deep := func(err error) func(fs.FS, string) error { return func(fs.FS, string) error { return err } }
	for name, tc := range map[string]struct {
		claim Claim
		path  string
		want  string // "" for none
	}{
		"hash":                    {Claim{Hash: crypto.SHA512, Sum: sum[:]}, "a.tgz", ""},
		"other hash":              {Claim{Hash: crypto.SHA512, Sum: other[:]}, "a.tgz", "and the lock file says"},
		"no sum":                  {Claim{Hash: crypto.SHA512}, "a.tgz", "and the lock file says"},
		"a hash that is not here": {Claim{Hash: crypto.BLAKE2b_256, Sum: weak[:]}, "a.tgz", "does not have"},
		"deep":                    {Claim{Deep: deep(nil)}, "a.tgz", ""},
		"deep says no":            {Claim{Deep: deep(errors.New("not what go.sum says"))}, "a.tgz", "not what go.sum says"},
		"hash, but deep says no": {
			Claim{Hash: crypto.SHA512, Sum: sum[:], Deep: deep(errors.New("no"))}, "a.tgz", "no",
		},
		"deep, but not the hash": {Claim{Hash: crypto.SHA512, Sum: other[:], Deep: deep(nil)}, "a.tgz", "lock file says"},
		"missing":                {Claim{Hash: crypto.SHA512, Sum: sum[:]}, "b.tgz", "not exist"},
		"named only":             {Claim{}, "a.tgz", ""},
	} {
		err := tc.claim.Check(tree, tc.path)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: Check(%q) = %v, want %q", name, tc.path, err, tc.want)
		}
	}
}
