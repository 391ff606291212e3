package leak

import (
	"bytes"
	"encoding/base64"
)

func headerRules() []rule {
	return []rule{
		{Rule: Rule{"leak/private-key", PrivateKey, Critical, "a private key in PEM or PuTTY's format"},
			anchors: []string{"PRIVATE KEY", "Private-Lines: "}, exact: true, find: findPrivateKey},
		{Rule: Rule{"leak/private-key-base64", PrivateKey, Critical,
			"a private key in PEM, encoded once more"},
			anchors: []string{"LS0tLS1CRUdJTi"}, exact: true, find: findPEM64},
		{Rule: Rule{"leak/docker-auth", RegistryKey, Critical,
			"user and password of a registry in Docker's configuration"},
			anchors: []string{`"auth"`, `\"auth\"`}, find: findDockerAuth},
		{Rule: Rule{"leak/npm-auth", NPMToken, Critical, "a token or password in npm's configuration"},
			anchors: []string{"_authtoken", "_password", "_auth"}, find: findNPMAuth},
		{Rule: Rule{"leak/basic-header", BasicLogin, Critical, "user and password of an Authorization header"},
			anchors: []string{"basic "}, find: findBasic, inPrograms: Low},
		// eyJ, eyAi and ewog are base64 of {", { " and {\n: the beginning of a header.
		{Rule: Rule{"leak/jwt", BearerToken, High, "a JSON web token"}, // SEC101/528
			anchors: jwtBeginnings(), exact: true, find: findJWT, inPrograms: Low},
		{Rule: Rule{"leak/bearer-header", BearerToken, High, "the token of an Authorization header"}, // SEC101/061
			anchors: []string{"bearer "}, find: findBearer, inPrograms: Low},
	}
}

// findDockerAuth finds "auth": "<base64 of user:password>".
func findDockerAuth(text []byte, at int) (found, bool) {
	i := at + len(`"auth"`)
	if text[at] == '\\' {
		i = at + len(`\"auth\"`)
	}
	i = blank.run(text, i, 4)
	if i == len(text) || text[i] != ':' {
		return found{}, false
	}
	i = blank.run(text, i+1, 4)
	if i < len(text) && text[i] == '\\' {
		i++
	}
	if i == len(text) || text[i] != '"' {
		return found{}, false
	}
	return login64(text, i+1)
}

// login64 finds base64 of user:password at i.
func login64(text []byte, i int) (found, bool) {
	to := base64All.run(text, i, 4<<10)
	bare := text[i:to]
	for to < len(text) && text[to] == '=' {
		to++
	}
	if len(bare) < 8 || len(bare)%4 == 1 {
		return found{}, false
	}
	plain := make([]byte, base64.RawStdEncoding.DecodedLen(len(bare)))
	n, err := base64.RawStdEncoding.Decode(plain, standard(bare))
	if err != nil {
		return found{}, false
	}
	user, password, ok := bytes.Cut(plain[:n], []byte{':'})
	if !ok || len(password) < 3 || !printableAll(user) || !printableAll(password) || isPlaceholder(password) {
		return found{}, false
	}
	return found{from: i, to: to}, true
}

// standard replaces the characters of the URL alphabet.
func standard(b64 []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(b64, []byte{'-'}, []byte{'+'}), []byte{'_'}, []byte{'/'})
}

func printableAll(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// findNPMAuth finds _authToken=, _auth= and _password= of an .npmrc.
func findNPMAuth(text []byte, at int) (found, bool) {
	if at > 0 && word[text[at-1]] {
		return found{}, false
	}
	i := word.run(text, at, 12)
	if n := i - at; n != len("_authtoken") && n != len("_password") && n != len("_auth") {
		return found{}, false
	}
	i, ok := assigned(text, i)
	if !ok {
		return found{}, false
	}
	from := blank.run(text, i, 4)
	if from < len(text) && text[from] == '"' {
		from++
	}
	to := npmClass.run(text, from, 4<<10)
	value := text[from:to]
	return found{from: from, to: to}, len(value) >= 8 && !isPlaceholder(value) && !wordy(value) && random(value, 2.5)
}

var npmClass = newClass("a-zA-Z0-9+/=_.~-")

func findBasic(text []byte, at int) (found, bool) {
	if at > 0 && alnum[text[at-1]] {
		return found{}, false
	}
	return login64(text, at+len("basic "))
}

func findBearer(text []byte, at int) (found, bool) {
	from := at + len("bearer ")
	to := npmClass.run(text, from, 8<<10)
	value := bytes.TrimRight(text[from:to], ".")
	return found{from: from, to: from + len(value)},
		len(value) >= 20 && mixed(value) && random(value, 3.0) && !isPlaceholder(value)
}

// jwtBeginnings are the first four characters of a header's base64.
func jwtBeginnings() []string {
	begins := []string{"eyAi", "ewog", "ewoJ", "ew0K"}
	for _, c := range "hj0rlqux46wp1izbs2v" { // {"a, {"c, {"t, {"k, {"e, ...
		begins = append(begins, "eyJ"+string(c))
	}
	return begins
}

// findJWT finds three parts of base64, of which the first is a JSON object that names
// an algorithm.
func findJWT(text []byte, at int) (found, bool) {
	if !begins(text, at, jwtEdge) {
		return found{}, false
	}
	i := at
	var ends [3]int
	for part := range ends {
		if part > 0 {
			if i == len(text) || text[i] != '.' {
				return found{}, false
			}
			i++
		}
		end := wordDash.run(text, i, 8<<10)
		if end-i < 16 && part != 1 {
			return found{}, false
		}
		ends[part], i = end, end
	}
	header := text[at:ends[0]]
	plain := make([]byte, base64.RawURLEncoding.DecodedLen(len(header)))
	n, err := base64.RawURLEncoding.Decode(plain, header)
	return found{from: at, to: i}, err == nil && bytes.Contains(plain[:n], []byte(`"alg"`)) && !isSample(text[at:i])
}

var jwtEdge = newClass("a-zA-Z0-9_.-")
