package safecache

import (
	"strings"
	"testing"
)

// A secret in the key is neither shown, handed on nor stored.
func TestSecretInKey(t *testing.T) {
	t.Parallel()
	j := newJob(t)
	j.env["SECRET_TOKEN"] = "hunter2-hunter2"
	j.env["INPUT_KEY"] = `"npm" | "hunter2-hunter2"`
	j.saved("hello")
	manifest := j.storedText()
	j.again().expect("main", "Succeeded", "variable=RESTORED;]true", "segment 2 of the key holds a secret", "!hunter2")
	for name, value := range j.env {
		if strings.HasPrefix(name, "VSTS_TASKVARIABLE_") && strings.Contains(value, "hunter2") {
			t.Errorf("task variable %s = %q holds the secret", name, value)
		}
	}
	if strings.Contains(manifest, "hunter2") {
		t.Errorf("the manifest holds the secret:\n%s", manifest)
	}
}

// A segment ends at every |, and its parts would not be known to be secret.
func TestSecretAcrossSegments(t *testing.T) {
	t.Parallel()
	const first, second = "first-half", "second-half"
	for name, tc := range map[string]struct {
		secret string
		inputs map[string]string
		where  string
	}{
		"key": {
			first + "|" + second, map[string]string{"INPUT_KEY": `"npm" | ` + first + "|" + second}, "a secret in key",
		},
		"key by lines": {
			first + "\n" + second, map[string]string{"INPUT_KEY": "npm\n" + first + "\n" + second, "INPUT_RESTOREKEYS": ""},
			"a secret in key",
		},
		"restore keys": {
			first + "|" + second, map[string]string{"INPUT_RESTOREKEYS": "npm\nx|" + first + "|" + second},
			"a secret in restoreKeys",
		},
		"only without the spaces": {
			first + "|" + second, map[string]string{"INPUT_KEY": first + " | " + second}, "a secret in the resolved key",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t)
			j.env["SECRET_TOKEN"] = tc.secret
			for input, value := range tc.inputs {
				j.env[input] = value
			}
			j.expect("main", "Failed", tc.where, "!first-half", "!second-half")
			for name, value := range j.env {
				if strings.HasPrefix(name, "VSTS_TASKVARIABLE_") && strings.Contains(value, "-half") {
					t.Errorf("task variable %s = %q holds a part of the secret", name, value)
				}
			}
		})
	}
}

// A salt may be a secret. It separates caches like any other, and stays hidden.
func TestSecretSalt(t *testing.T) {
	t.Parallel()
	for _, salt := range []string{"pepper-pepper", "x|pepper-pepper", "Zq9"} {
		j := newJob(t)
		j.env["SECRET_AZP_CACHING_SALT"] = salt
		j.saved("hello")
		manifest := j.storedText()
		if strings.Contains(manifest, salt) {
			t.Errorf("salt %q: the manifest holds it:\n%s", salt, manifest)
		}
		j.again().expect("main", "Succeeded", "variable=hit;]exact", "!"+salt, "!holds a secret")
		j.again().env["SECRET_AZP_CACHING_SALT"] = salt + "2"
		j.expect("main", "Succeeded", "variable=hit;]miss")
	}
}

// A secret variable that holds nothing is none.
func TestBlankSecretSalt(t *testing.T) {
	t.Parallel()
	j := newJob(t).set("AZP_CACHING_SALT", "2").saved("hello").again()
	j.set("SECRET_AZP_CACHING_SALT", " ").finds("exact")
}

// A secret may be a file's name: what the file holds is still what counts.
func TestSecretInFileName(t *testing.T) {
	t.Parallel()
	j := newJob(t).set("SECRET_X", "package-lock").saved("hello").again()
	j.finds("exact").holds("main", "!holds a secret")
	j.write("work/1/s/package-lock.json", "lock 2\n")
	j.again().finds("partial")
}

// A secret that is a part of a path, or a word that we use, is nobody's trouble.
func TestSecretInPath(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{".npm", "path", "work", "secret", "true"} {
		j := newJob(t)
		j.env["SECRET_X"] = secret
		j.env["INPUT_KEY"] = `"my-secret-cache" | package-lock.json`
		j.expect("main", "Succeeded", "variable=hit;]miss")
		j.write(cached, "hello")
		j.expect("post", "Succeeded", "Saved 1 file")
		j.again().expect("main", "Succeeded", "variable=hit;]exact")
	}
}
