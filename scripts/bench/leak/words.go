package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"net/url"
	"strings"
)

const (
	lowers = "abcdefghijklmnopqrstuvwxyz"
	uppers = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
	alnum  = lowers + uppers + digits
	hexes  = "0123456789abcdef"
)

// dice makes up values. The same seed makes up the same ones.
type dice struct{ *rand.Rand }

func newDice(seed uint64) dice { return dice{rand.New(rand.NewPCG(seed, 0x6c65616b))} }

// of is n characters of an alphabet.
func (d dice) of(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[d.IntN(len(alphabet))]
	}
	return string(b)
}

func (d dice) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(d.IntN(256))
	}
	return b
}

func (d dice) base64(n int) string { return base64.StdEncoding.EncodeToString(d.bytes(n)) }

func (d dice) pick(of ...string) string { return of[d.IntN(len(of))] }

func (d dice) guid() string {
	return fmt.Sprintf("%s-%s-4%s-a%s-%s", d.of(hexes, 8), d.of(hexes, 4), d.of(hexes, 3), d.of(hexes, 3),
		d.of(hexes, 12))
}

var nouns = strings.Fields(
	"orders billing catalog payments users inventory search reports shop ledger gateway mail audit")

func (d dice) noun() string { return d.pick(nouns...) }

// host is a name in a private network.
func (d dice) host() string {
	return d.pick("db", "sql", "pg", "cache", "mq", "srv") + d.of(digits, 2) + "." + d.pick("contoso.local",
		"prod.contoso.net",
		"westeurope.contoso.cloud", "svc.cluster.local")
}

// password is one as people and generators make them; symbols are from those given.
func (d dice) password(symbols string) string {
	word := func() string {
		return d.pick("Winter", "harbor", "Tulip", "quartz", "Falcon", "meadow", "Copper", "raven")
	}
	switch d.IntN(4) {
	case 0:
		return d.of(alnum, 10) + d.of(digits, 2) + d.of(alnum, 8)
	case 1:
		return word() + d.of(symbols, 1) + word() + d.of(digits, 3) + d.of(symbols, 1)
	case 2:
		return d.of(alnum, 6) + d.of(symbols, 1) + d.of(digits, 2) + d.of(alnum, 5) + d.of(symbols, 1) + d.of(alnum, 4)
	}
	return d.of(hexes, 15) + d.of(digits, 1) + d.of(hexes, 16)
}

// checked is prefix and random characters with GitHub's checksum, see
// https://github.blog/engineering/behind-githubs-new-authentication-token-formats/.
func (d dice) checked(prefix string, n int) string {
	const base62 = digits + uppers + lowers
	body := d.of(alnum, n)
	sum := crc32.ChecksumIEEE([]byte(body))
	tail := make([]byte, 6)
	for i := 5; i >= 0; i-- {
		tail[i] = base62[sum%62]
		sum /= 62
	}
	return prefix + body + string(tail)
}

// jwt is a token as Entra gives them, with a made-up signature.
func (d dice) jwt() string {
	part := func(v any) string {
		data, err := json.Marshal(v)
		if err != nil {
			panic(err) // ours
		}
		return base64.RawURLEncoding.EncodeToString(data)
	}
	return part(map[string]any{"typ": "JWT", "alg": "RS256", "kid": d.of(alnum, 27)}) + "." +
		part(map[string]any{"aud": "https://management.azure.com", "tid": d.guid(), "oid": d.guid(),
			"exp": 1790000000 + d.IntN(1e6)}) +
		"." + base64.RawURLEncoding.EncodeToString(d.bytes(256))
}

// sas is a shared access signature's query.
func (d dice) sas() string {
	return "sv=2024-11-04&ss=b&srt=sco&sp=rwdlac&se=2027-01-01T00%3A00%3A00Z&" +
		"st=2026-01-01T00%3A00%3A00Z&spr=https&sig=" +
		url.QueryEscape(d.base64(32))
}

// annotated is an Azure key with a provider's mark in it.
func (d dice) annotated(mark string) string {
	return d.of(alnum, 52) + "JQQJ99" + d.of("BC", 1) + d.of("ABCDEFGHIJKL", 1) + d.of(alnum, 12) + mark +
		d.of(alnum, 4)
}

// pem is a private key's block; its lines are random, as they would be in a real one.
func (d dice) pem(kind string, bytes int) string {
	body := d.base64(bytes)
	var lines []string
	for len(body) > 64 {
		lines, body = append(lines, body[:64]), body[64:]
	}
	return "-----BEGIN " + kind + "-----\n" + strings.Join(append(lines, body), "\n") + "\n-----END " + kind + "-----"
}
