package leak

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/inputs"
)

// logTemplates are lines as the tools of a build print them. %w is a word, %n a
// number, %h a hash, %p a path.
var logTemplates = strings.Split(`mkdir -p $WORK/b%n/
/usr/local/go/pkg/tool/linux_amd64/compile -o $WORK/b%n/_pkg_.a -trimpath "$WORK/b%n=>" -p github.com/%w/%w/%p -std -buildid %h/%h -goversion go1.26.8 -c=4 -shared -importcfg $WORK/b%n/importcfg -pack ./%w.go ./%w_test.go
packagefile %p=/home/vsts/.cache/go-build/%h-d
{"Time":"2026-11-22T10:00:00.%nZ","Action":"output","Package":"github.com/%w/%p","Test":"Test%w/%w_%w","Output":"    %w_test.go:%n: got %h, want %h\n"}
=== RUN   Test%w/%w_token_%n
--- PASS: Test%w/%w (0.%ns)
npm http fetch GET 200 https://registry.npmjs.org/%w/-/%w-%n.tgz %nms (cache miss)
npm silly placeDep ROOT @%w/%w@%n.2.3 OK for: %w@%n want: ^%n.0.0
npm timing reifyNode:node_modules/@%w/%w Completed in %nms
 %p/%w.go | %n ++++++++++-----------
commit %h%h
Author: %w %w <%w@users.noreply.github.com>
Get:%n http://deb.debian.org/debian bookworm/main amd64 %w amd64 %n.2.3-1 [%n kB]
Step %n/12 : RUN --mount=type=cache,target=/root/.cache %w --frozen-lockfile
sha256:%h%h%h%h: Pull complete
  %w -> /home/vsts/work/1/s/%p/bin/Release/net8.0/%w.dll
warning CS%n: The variable '%w' is assigned but its value is never used [/home/vsts/work/1/s/%p.csproj]
Assembly %w, Version=8.0.0.0, Culture=neutral, PublicKeyToken=b77a5c561934e089
aws_instance.%w: Refreshing state... [id=i-%h]
      + password                 = (sensitive value)
##[debug]Agent.%w=/home/vsts/work/_temp/%h
##[command]/usr/bin/git -c http.extraheader="AUTHORIZATION: bearer ***" fetch --tags --prune --progress origin
Cache key: npm | "Linux" | %p/package-lock.json; token count %n
%p/%w.go:%n:%n: can inline (*%w).%w with cost %n as: method(*%w) func() string { return %w.password }
DEBUG  %w.%w - secret %w loaded from store; key=%w-%n
%w  Downloading https://%w.blob.core.windows.net/%w/%h?sv=2024-11-04&sr=b&sig=***`, "\n")

// buildLog makes a log of about size bytes, with time stamps and some colours.
func buildLog(size int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields(`internal server client handler resolve module parser cache config build test runtime token
		worker stream buffer format render account package version install update index registry context value http
		proxy session logger schema query storage object pipeline guard vendor types string password credential secret`)
	pick := func() string { return words[r.IntN(len(words))] }
	var b bytes.Buffer
	for n := 0; b.Len() < size; n++ {
		fmt.Fprintf(&b, "2026-11-22T%02d:%02d:%02d.%07dZ ", n/3600%24, n/60%60, n%60, r.IntN(1e7))
		line := logTemplates[r.IntN(len(logTemplates))]
		coloured := r.IntN(20) == 0
		if coloured {
			b.WriteString("\x1b[32m")
		}
		for {
			before, after, more := strings.Cut(line, "%")
			b.WriteString(before)
			if !more {
				break
			}
			switch after[0] {
			case 'w':
				b.WriteString(pick())
			case 'n':
				fmt.Fprint(&b, r.IntN(9999))
			case 'h':
				fmt.Fprintf(&b, "%016x", r.Uint64())
			case 'p':
				b.WriteString(pick() + "/" + pick() + "/" + pick())
			}
			line = after[1:]
		}
		if coloured {
			b.WriteString("\x1b[0m")
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// manySecrets are n secrets of the usual kinds.
func manySecrets(n int) []Known {
	r := rand.New(rand.NewPCG(3, 4))
	var out []Known
	for i := range n {
		value := randomText(r, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#%&+/=", 12+i%30)
		if i%4 == 0 {
			value = fmt.Sprintf("postgresql://app%d:%s@contoso-%d.postgres.database.azure.com:5432/orders", i, value[:12], i)
		}
		out = append(out, Known{fmt.Sprintf("secret %d", i), inputs.NewSecret(value)})
	}
	return out
}

func randomText(r *rand.Rand, alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}
