package lockfile

import (
	"fmt"
	"strings"
	"testing"
)

// npmLockOfSize is a package-lock.json with so many packages, written as npm writes
// them: every tenth is nested, and each requires two others.
func npmLockOfSize(packages int) string {
	var b strings.Builder
	b.WriteString("{\n  \"name\": \"app\",\n  \"version\": \"1.0.0\",\n  \"lockfileVersion\": 3,\n  \"requires\": true,\n" +
		"  \"packages\": {\n    \"\": {\n      \"name\": \"app\",\n      \"dependencies\": {\n        \"package-0\": \"^1.0.0\"\n      }\n    }")
	for i := range packages {
		folder := fmt.Sprintf("node_modules/package-%d", i)
		if i%10 == 9 {
			folder = fmt.Sprintf("node_modules/package-%d/node_modules/package-%d", i-1, i-2)
		}
		fmt.Fprintf(&b, `,
    "%[1]s": {
      "version": "1.%[2]d.0",
      "resolved": "https://registry.npmjs.org/package-%[3]d/-/package-%[3]d-1.%[2]d.0.tgz",
      "integrity": "%[4]s",
      "dev": true,
      "license": "MIT",
      "dependencies": {
        "package-%[5]d": "^1.0.0",
        "package-%[6]d": "~1.%[6]d.0"
      },
      "engines": {
        "node": ">=10"
      },
      "funding": {
        "url": "https://opencollective.com/package-%[3]d"
      }
    }`, folder, i, i, sha512None, (i+1)%packages, (i*7+4)%packages)
	}
	return b.String() + "\n  }\n}\n"
}

func BenchmarkRead(b *testing.B) {
	for _, size := range []int{1_400, 10_000} {
		text := npmLockOfSize(size)
		tree := mapTree("package-lock.json", text)
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if lock, err := Read(tree, "package-lock.json"); err != nil || len(lock.Entries) != size+1 {
					b.Fatal(len(lock.Entries), err)
				}
			}
		})
	}
}
