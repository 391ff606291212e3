package leak

import (
	"bytes"
	"encoding/base64"
)

// samples are credentials out of specifications and manuals: they open nothing.
var samples = map[string]bool{
	"open sesame": true, "Circle Of Life": true, // RFC 7617, RFC 7616
	"gX1fBat3bV": true, "7Fjfp0ZBr1KtDRbnfVdmIw": true, // RFC 6749: the client's secret,
	"2YotnFZFEjr1zCsicMWpAA": true, "tGzv3JOkF0XG5Qx2TlKWIA": true, // and its tokens
	"Pass@word": true, "Pass@word1": true, "MyPass@word": true, // Microsoft's eShop, SQL Edge
	"correct horse battery staple": true, "correcthorsebatterystaple": true, // xkcd.com/936
	"sk_test_" + "4eC39HqLyjWDarjtT1zdp7dc": true, "sk_test_" + "BQokikJOvBiI2HlWgH4olfQ2": true, // Stripe
}

// isSample reports whether everybody knows value.
func isSample(value []byte) bool {
	return samples[string(value)] || bytes.HasPrefix(value, []byte("eyJ")) && isSampleJWT(value)
}

// isSampleJWT reports whether value is a token of jwt.io, whatever signs it, or of RFC
// 7519.
func isSampleJWT(value []byte) bool {
	_, rest, _ := bytes.Cut(value, []byte{'.'})
	claims, _, _ := bytes.Cut(rest, []byte{'.'})
	const longest = 1 << 10
	if len(claims) > longest {
		return false
	}
	plain := make([]byte, base64.RawURLEncoding.DecodedLen(len(claims)))
	n, _ := base64.RawURLEncoding.Decode(plain, claims)
	plain = plain[:n]
	return bytes.Contains(plain, []byte(`"1234567890"`)) && bytes.Contains(plain, []byte(`"John Doe"`)) ||
		bytes.Contains(plain, []byte(`"http://example.com/is_root"`))
}

var (
	plainText = newClass("a-zA-Z0-9_.!#$()* -")
	plainUser = newClass("a-zA-Z0-9_.@-")
)

// isEncodedPlaceholder reports whether value is base64 of a placeholder, or of
// user:placeholder. Kubernetes keeps its secrets so.
func isEncodedPlaceholder(value []byte) bool {
	const longest, telling = 88, 9
	bare := bytes.TrimRight(value, "=")
	if len(value) > longest || len(bare) < 5 || len(bare)%4 == 1 || !base64All.all(bare) {
		return false
	}
	plain := make([]byte, base64.RawStdEncoding.DecodedLen(len(bare)))
	n, err := base64.RawStdEncoding.Decode(plain, standard(bare))
	if err != nil {
		return false
	}
	plain = bytes.TrimRight(plain[:n], "\r\n")
	if user, password, ok := bytes.Cut(plain, []byte{':'}); ok && len(user) > 0 && plainUser.all(user) {
		plain = password
	}
	if len(plain) == 0 || !plainText.all(plain) {
		return false
	}
	if n < telling { // anything may be these few bytes
		return placeholderWords[string(bytes.ToLower(plain))]
	}
	return isPlaceholder(plain)
}
