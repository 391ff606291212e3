package credential

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

// lifeOf is how long a token can be used from now on. It says so itself (exp); nobody checks its signature here,
// since whoever wrote it could as well have refused it. The clock of this machine may be wrong: where the token
// says, too, when it began, it is not taken for longer than that, nor for one that has ended already. One that says
// nothing is asked for anew each few minutes.
func lifeOf(token string, now time.Time) time.Duration {
	const unknown = 2 * margin
	_, rest, _ := strings.Cut(token, ".")
	payload, _, ok := strings.Cut(rest, ".")
	data, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(payload, "="))
	var claims struct{ Exp, Iat, Nbf float64 }
	if !ok || err != nil || json.Unmarshal(data, &claims) != nil || claims.Exp <= 0 {
		return unknown
	}
	seconds := claims.Exp - float64(now.Unix())
	if begin := max(claims.Iat, claims.Nbf); begin > 0 && (seconds <= 0 || claims.Exp-begin < seconds) {
		seconds = claims.Exp - begin
	}
	seconds = min(max(seconds, shortest.Seconds()), longest.Seconds())
	return time.Duration(seconds * float64(time.Second))
}
