package leak

import "bytes"

// Names of secrets. What is assigned to them is one if it is random enough.
var (
	passwordNames = []string{"password", "passwd", "passphrase", "pwd"}
	secretNames   = []string{"secret", "token", "apikey", "api_key", "api-key", "accesskey", "access_key", "access-key",
		"auth_key", "authkey", "credential", "private_key", "privatekey", "encryption_key", "encryptionkey", "signing_key",
		"signingkey", "secret_key", "secretkey", "secret-key", "account_key", "primarykey", "primary_key", "secondarykey",
		"masterkey", "master_key", "_pat", "sastoken"}
)

func genericRules() []rule {
	return []rule{
		{Rule: Rule{"leak/setvariable", Password, High, "a logging command that sets a variable with the name of a secret"},
			anchors: []string{"task.setvariable"}, find: findSetVariable},
		{Rule: Rule{"leak/secure-string", Password, High, "a password that PowerShell makes a secure string of"},
			anchors: []string{"convertto-securestring"}, find: findSecureString, inPrograms: Medium},
		{Rule: Rule{"leak/command-login", BasicLogin, High, "user and password on a command line, or in a .netrc"},
			anchors: []string{" -u ", "--user ", "machine "}, find: findCommandLogin, inPrograms: Low},
		{Rule: Rule{"leak/generic-password", Password, High, "something called password"},
			anchors: passwordNames, find: findPassword, inPrograms: Low},
		{Rule: Rule{"leak/generic-secret", Password, Medium, "something random called secret, token or key"},
			anchors: secretNames, find: findSecret, inPrograms: Low},
	}
}

// assignment is a name with a value.
type assignment struct {
	from, to int
	quoted   bool
}

var (
	nameClass = newClass("a-zA-Z0-9_.-")
	valueEnd  = newClass(" \t\r\n\"'`,;<>|(){}[]\x00")
)

const longestValue = 300

// assignedAt reads what is assigned to the name that ends at i and has the word at
// text[at:] in it:
//
//	name=value  name: value  "name": "value"  <name>value</name>  --name value
//	key="name" value="value"  "name": "name", "value": "value"
func assignedAt(text []byte, at, i int) (assignment, bool) {
	i = digits.run(text, i, 2)
	if i >= len(text) {
		return assignment{}, false
	}
	switch c := text[i]; {
	case c == '>':
		return elementAt(text, i+1)
	case blank[c] && isFlag(text, at):
		return valueAt(text, i+1)
	case c == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\''):
		i += 2
	case c == '"' || c == '\'' || c == '`':
		i++
	}
	if i < len(text) && text[i-1] != '=' {
		if v, ok := namedValue(text, i); ok {
			return v, true
		}
	}
	i = blank.run(text, i, 4)
	if i == len(text) || text[i] != '=' && text[i] != ':' {
		return assignment{}, false
	}
	i++
	if i < len(text) && (text[i] == '=' || text[i] == ':' || text[i] == '>') {
		if text[i] != '>' && text[i-1] == text[i] {
			return assignment{}, false // a comparison, a C++ name
		}
		i++
	}
	return valueAt(text, i)
}

// isFlag reports whether the name around text[at:] is an option of a command.
func isFlag(text []byte, at int) bool {
	start := nameClass.runBack(text, at, 40)
	return start+1 < len(text) && text[start] == '-' && (start == 0 || !nameClass[text[start-1]])
}

// elementAt reads the text of an XML element.
func elementAt(text []byte, from int) (assignment, bool) {
	end := bytes.IndexByte(text[from:min(len(text), from+longestValue)], '<')
	if end < 0 || !bytes.HasPrefix(text[from+end:], []byte("</")) {
		return assignment{}, false
	}
	return assignment{from, from + end, true}, true
}

// namedValue reads the value of a name that is a value itself:
// key="name" value="...", "name": "...", "value": "...".
func namedValue(text []byte, i int) (assignment, bool) {
	spaces := newSpaceClass
	i = spaces.run(text, i, 60)
	if i < len(text) && text[i] == '"' || i < len(text) && text[i] == '\'' {
		i++
	}
	if !foldedPrefix(text[min(i, len(text)):], "value") {
		return assignment{}, false
	}
	i += len("value")
	for i < len(text) && (text[i] == '"' || text[i] == '\'' || blank[text[i]]) {
		i++
	}
	if i == len(text) || text[i] != '=' && text[i] != ':' {
		return assignment{}, false
	}
	v, ok := valueAt(text, i+1)
	return v, ok && v.quoted
}

var newSpaceClass = newClass(" \t\r\n,;")

// valueAt reads the value that begins after i.
func valueAt(text []byte, i int) (assignment, bool) {
	i = blank.run(text, i, 4)
	if i+1 >= len(text) {
		return assignment{}, false
	}
	escaped := text[i] == '\\' && (text[i+1] == '"' || text[i+1] == '\'')
	if escaped {
		i++
	}
	limit := min(len(text), i+longestValue)
	if quote := text[i]; quote == '"' || quote == '\'' || quote == '`' {
		for j := i + 1; j < limit && text[j] != '\n'; j++ {
			if escaped && text[j] == '\\' && j+1 < limit && text[j+1] == quote {
				return assignment{i + 1, j, true}, true
			}
			if !escaped && text[j] == '\\' {
				j++
				continue
			}
			if text[j] == quote {
				return assignment{i + 1, j, true}, true
			}
		}
		return assignment{}, false
	}
	end := i
	for end < limit && !valueEnd[text[end]] {
		end++
	}
	if end < limit && text[end] == '(' || end == limit && limit < len(text) {
		return assignment{}, false // a call; a text without end
	}
	return assignment{i, end, false}, true
}

// nameOf returns the whole name around the word text[at:i].
func nameOf(text []byte, at, i int) []byte {
	return text[nameClass.runBack(text, at, 40):i]
}

func findPassword(text []byte, at int) (found, bool) {
	i := at
	for _, name := range passwordNames {
		if foldedPrefix(text[at:], name) {
			i += len(name)
			break
		}
	}
	v, ok := assignedAt(text, at, i)
	if !ok {
		return found{}, false
	}
	value := text[v.from:v.to]
	if !isPassword(value) || !v.quoted && isPath(value) {
		return found{}, false
	}
	return found{from: v.from, to: v.to, unquoted: !v.quoted}, true
}

// isPassword reports whether value has what passwords have and words have not.
func isPassword(value []byte) bool {
	const least = 6
	if len(value) < least || isPlaceholder(value) || isCode(value) {
		return false
	}
	numbers, letters, symbols, spaces := 0, 0, 0, 0
	for _, c := range value {
		switch {
		case digits[c]:
			numbers++
		case alnum[c] || c >= 0x80:
			letters++
		case c == ' ':
			spaces++
		case bytes.IndexByte([]byte("._-/:\\,"), c) < 0:
			symbols++
		}
	}
	return numbers+symbols >= 2 && letters+numbers > 0 && spaces <= 1 && random(value, 2) &&
		(letters > 0 || numbers >= 8 && symbols == 0 || symbols > 0 && numbers > 0)
}

// isCode reports whether value is an address, a call, or a constant of a program.
func isCode(value []byte) bool {
	return bytes.Contains(value, []byte("://")) || bytes.IndexByte(value, '\n') >= 0 || bytes.Contains(value, []byte("()")) ||
		bytes.HasPrefix(value, []byte("0x")) || bytes.HasPrefix(value, []byte("sha")) && bytes.IndexAny(value, ":-") > 0
}

// isPath reports whether value names a file, as PWD does.
func isPath(value []byte) bool {
	return value[0] == '/' || value[0] == '~' || value[0] == '.' || len(value) > 2 && value[1] == ':' && (value[2] == '\\' || value[2] == '/')
}

// tokens that are no secrets: names that end with "token".
var harmless = []string{
	"publickeytoken", "cancellationtoken", "continuationtoken", "nexttoken", "pagetoken", "next_token", "page_token",
	"csrf", "synctoken", "resumetoken", "skiptoken", "metadatatoken", "changetoken", "eventtoken", "idempotency",
	"sourcetoken", "endtoken", "starttoken",
}

func findSecret(text []byte, at int) (found, bool) {
	i := at
	for _, name := range secretNames {
		if foldedPrefix(text[at:], name) {
			i = max(i, at+len(name))
		}
	}
	v, ok := assignedAt(text, at, i)
	if !ok {
		return found{}, false
	}
	value := text[v.from:v.to]
	if !isSecret(value) || hasFolded(nameOf(text, at, i), harmless...) {
		return found{}, false
	}
	return found{from: v.from, to: v.to, unquoted: !v.quoted}, true
}

// isSecret reports whether value is a random token.
func isSecret(value []byte) bool {
	const least = 12
	if len(value) < least || !mixed(value) || isPlaceholder(value) || isCode(value) || isPath(value) ||
		bytes.IndexByte(value, ' ') >= 0 || !random(value, 3) {
		return false
	}
	return !isIdentifier(value)
}

var identifierSeparators = newClass("-_./:@+=")

// isIdentifier reports whether value consists of words and numbers: names of images,
// cache keys, versions, dates.
func isIdentifier(value []byte) bool {
	isWord := func(r rune) bool { return r < 0x80 && identifierSeparators[byte(r)] }
	pieces := 0
	for piece := range bytes.FieldsFuncSeq(value, isWord) {
		pieces++
		letters, numbers, changes := 0, 0, 0
		for i, c := range piece {
			if digits[c] {
				numbers++
			} else {
				letters++
			}
			if i > 0 && digits[c] != digits[piece[i-1]] {
				changes++
			}
		}
		if changes > 1 || letters > 0 && numbers > 4 || len(piece) > 24 {
			return false
		}
	}
	return pieces > 0
}

// findSetVariable finds ##vso[task.setvariable variable=NAME;...]value.
func findSetVariable(text []byte, at int) (found, bool) {
	line := lineAfter(text, at, 600)
	end := bytes.IndexByte(line, ']')
	if end < 0 || !hasFolded(line[:end], passwordNames...) && !hasFolded(line[:end], secretNames...) &&
		!hasFolded(line[:end], "issecret=true") {
		return found{}, false
	}
	value := bytes.TrimRight(line[end+1:], " \t\r\"'")
	from := at + end + 1
	return found{from: from, to: from + len(value)}, isPassword(value) && !isPath(value)
}

// findSecureString finds ConvertTo-SecureString 'value' -AsPlainText.
func findSecureString(text []byte, at int) (found, bool) {
	line := lineAfter(text, at, 400)
	from := bytes.IndexAny(line, `"'`)
	if from < 0 || !hasFolded(line, "-asplaintext") {
		return found{}, false
	}
	end := bytes.IndexByte(line[from+1:], line[from])
	if end < 4 {
		return found{}, false
	}
	f := found{from: at + from + 1, to: at + from + 1 + end}
	return f, !isPlaceholder(text[f.from:f.to]) && line[from+1] != '$'
}

// findCommandLogin finds curl -u user:password, and machine x login y password z.
func findCommandLogin(text []byte, at int) (found, bool) {
	if foldedPrefix(text[at:], "machine ") {
		return findNetrc(text, at)
	}
	before := lineBefore(text, at, 300)
	if !hasFolded(before, "curl", "wget", "http ") {
		return found{}, false
	}
	i := at + len(" -u ")
	if text[at] == '-' {
		i = at + len("--user ")
	}
	v, ok := valueAt(text, i)
	if !ok {
		return found{}, false
	}
	colon := bytes.IndexByte(text[v.from:v.to], ':')
	if colon < 0 {
		return found{}, false
	}
	f := found{from: v.from + colon + 1, to: v.to, unquoted: !v.quoted}
	return f, f.to-f.from >= 4 && !isPlaceholder(text[f.from:f.to])
}

// findNetrc finds the password of machine x login y password z, which may stand on
// several lines.
func findNetrc(text []byte, at int) (found, bool) {
	const longest = 300
	i, last, login := at, "", false
	for i < min(len(text), at+longest) {
		i = newSpaceClass.run(text, i, longest)
		end := i
		for end < min(len(text), at+longest) && text[end] > ' ' {
			end++
		}
		field := string(text[i:end])
		if last == "login" {
			login = true
		}
		if last == "password" && login {
			return found{from: i, to: end}, isPassword(text[i:end])
		}
		if end == i {
			break
		}
		i, last = end, field
	}
	return found{}, false
}
