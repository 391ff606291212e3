package guardedpush

import (
	"strings"
	"testing"
)

// What is encrypted may be pushed, though it looks like a secret; what stands beside it may
// not. All secrets are told at once.
func TestSealed(t *testing.T) {
	t.Parallel()
	blob := "AgBy3i4OJSWK+PiTySYZZA9rO43cGDEq" + strings.Repeat("kPz1Q8v", 20)
	sops := "ENC[AES256_GCM,data:CwE4O1s9" + strings.Repeat("kPz1Q8v", 8) + "==,iv:mZ9h,tag:Y2Fm,type:str]"
	sealedSecret := "kind: SealedSecret\nspec:\n  encryptedData:\n    password: " + blob + "\n"
	j := newJob(t, map[string]string{"a.yaml": "a: 1\n"}).checkout()
	j.write("sealed.yaml", sealedSecret).write("sops.yaml", "password: "+sops+"\n").want("Succeeded", "pushed")

	j = newJob(t, map[string]string{"a.yaml": "a: 1\n"}).checkout()
	j.write("sealed.yaml", strings.Replace(sealedSecret, "SealedSecret", "Secret", 1))
	j.write("beside.yaml", sealedSecret+"  password: "+somePassword+"\n")
	j.untouched(func() { j.want("Failed", "push/secret") })
	j.says("line 4 of \"sealed.yaml\" holds what looks like a secret", "line 5 of \"beside.yaml\" holds what looks like a secret")
}
