package containertest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"
)

// issuer makes a registry's tokens, and knows how often each was used.
type issuer struct {
	host                    string
	now                     func() time.Time
	accessFor, refreshFor   time.Duration
	accessUses, refreshUses int
	key                     []byte

	lock sync.Mutex
	uses map[string]int // by token
}

func newIssuer(c Config, host string) *issuer {
	i := &issuer{host: host, now: c.Now, accessFor: 75 * time.Minute, refreshFor: 3 * time.Hour, uses: map[string]int{}}
	if a := c.ACR; a != nil {
		i.accessUses, i.refreshUses = a.AccessUses, a.RefreshUses
		if a.AccessFor > 0 {
			i.accessFor = a.AccessFor
		}
		if a.RefreshFor > 0 {
			i.refreshFor = a.RefreshFor
		}
	}
	i.key = []byte(rand.Text())
	return i
}

func (i *issuer) access(user string, scopes []scope) string {
	return i.token("access_token", user, i.accessFor, map[string]any{"access": scopes})
}

func (i *issuer) refresh() string {
	return i.token("refresh_token", nobody, i.refreshFor, map[string]any{})
}

func (i *issuer) token(kind, user string, good time.Duration, claims map[string]any) string {
	now := i.now()
	claims["iss"], claims["aud"], claims["sub"] = "Azure Container Registry", i.host, user
	claims["grant_type"], claims["jti"] = kind, rand.Text()
	claims["iat"], claims["nbf"], claims["exp"] = now.Unix(), now.Add(-15*time.Minute).Unix(), now.Add(good).Unix()
	return sign(i.key, claims)
}

// use takes a token of the kind, and says by a word of RFC 6750 why it does not.
func (i *issuer) use(token, kind string, need *scope) string {
	claims, err := claimsOf(token)
	if err != nil || !signed(i.key, token) || claims["grant_type"] != kind {
		return "invalid_token"
	}
	expires, _ := claims["exp"].(float64)
	// Whole seconds are what a token has; a clock of a test may be finer.
	if i.now().Unix() >= int64(expires) {
		return "invalid_token"
	}
	if need != nil && need.Name != "" && !i.covers(claims, *need) {
		return "insufficient_scope"
	}
	i.lock.Lock()
	defer i.lock.Unlock()
	limit := i.accessUses
	if kind == "refresh_token" {
		limit = i.refreshUses
	}
	if i.uses[token]++; limit > 0 && i.uses[token] > limit {
		return "invalid_token"
	}
	return ""
}

func (i *issuer) covers(claims map[string]any, need scope) bool {
	data, err := json.Marshal(claims["access"])
	var scopes []scope
	if err != nil || json.Unmarshal(data, &scopes) != nil {
		return false
	}
	for _, s := range scopes {
		if s.allows(need) {
			return true
		}
	}
	return false
}

func (i *issuer) subject(token string) string {
	claims, err := claimsOf(token)
	if err != nil {
		return ""
	}
	subject, _ := claims["sub"].(string)
	return subject
}

// sign makes a JSON Web Token (RFC 7519) with HS256.
func sign(key []byte, claims map[string]any) string {
	data, err := json.Marshal(claims)
	if err != nil {
		panic(err) // ours
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." +
		base64.RawURLEncoding.EncodeToString(data)
	return text + "." + signature(key, text)
}

func signature(key []byte, text string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func signed(key []byte, token string) bool {
	dot := max(0, strings.LastIndex(token, "."))
	return token[dot:] == "."+signature(key, token[:dot])
}

// claimsOf reads a token's claims, and does not look at its signature.
func claimsOf(token string) (map[string]any, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("it does not have three parts")
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, errors.New("its second part is not base64url")
	}
	var claims map[string]any
	if err := json.Unmarshal(data, &claims); err != nil {
		return nil, errors.New("its second part is not JSON")
	}
	return claims, nil
}
