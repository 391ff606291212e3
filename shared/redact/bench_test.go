package redact

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// logText is a log of n bytes with time stamps, paths, hashes and base64.
func logText(n int) string {
	random := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "2026-09-30T12:00:%02d.1234567Z GET 200 https://registry.example/pkg-%d/-/x.tgz %dms sha512-%s\n",
			random.IntN(60), random.IntN(1e6), random.IntN(900),
			b64(fmt.Sprint(random.Uint64(), random.Uint64(), random.Uint64())))
	}
	return b.String()[:n]
}

func randomSecrets(n int) []string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	random := rand.New(rand.NewPCG(3, 4))
	secrets := make([]string, n)
	for i := range secrets {
		b := make([]byte, 40)
		for j := range b {
			b[j] = alphabet[random.IntN(len(alphabet))]
		}
		secrets[i] = string(b)
	}
	return secrets
}

func BenchmarkWriter(b *testing.B) {
	text := []byte(logText(1 << 20))
	for _, n := range []int{0, 10, 400} {
		b.Run(fmt.Sprintf("forms=%d", n), func(b *testing.B) {
			benchmark(b, plainSet(randomSecrets(n)...), text)
		})
	}
	b.Run("secrets=400", func(b *testing.B) {
		var s Set
		s.Add(randomSecrets(400)...)
		benchmark(b, &s, text)
	})
	b.Run("hostile", func(b *testing.B) {
		benchmark(b, plainSet(strings.Repeat("a", 4000)+"b"), []byte(strings.Repeat("a", 1<<20)))
	})
}

func benchmark(b *testing.B, s *Set, text []byte) {
	s.current()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		w := s.Writer(io.Discard)
		for i := 0; i < len(text); i += 32 << 10 {
			if _, err := w.Write(text[i : i+32<<10]); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	secrets := randomSecrets(400)
	for b.Loop() {
		var s Set
		s.Add(secrets...)
		s.current()
	}
}

func BenchmarkDefuse(b *testing.B) {
	text := []byte(logText(1 << 20))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		DefuseBytes(text)
	}
}
