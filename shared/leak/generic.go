package leak

import "bytes"

// Names of secrets. What is assigned to them is one if it is random enough.
var (
	passwordNames = []string{"password", "passwd", "passphrase", "pwd"}
	secretNames   = []string{
		"secret", "token", "apikey", "api_key", "api-key", "accesskey", "access_key", "access-key",
		"auth_key", "authkey", "credential", "private_key", "privatekey", "encryption_key", "encryptionkey",
		"signing_key", "signingkey", "secret_key", "secretkey", "secret-key", "account_key", "primarykey",
		"primary_key", "secondarykey", "masterkey", "master_key", "_pat", "sastoken",
	}
)

func genericRules() []rule {
	return []rule{
		{Rule: Rule{"leak/setvariable", Password, High,
			"a logging command that sets a variable with the name of a secret"},
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
	if !isPassword(value) || !v.quoted && isPath(value) || v.cell && isName(value) {
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
	c := count(value)
	if c.numbers+c.symbols < 2 || c.letters+c.numbers == 0 || c.spaces > 1 || !random(value, 2) {
		return false
	}
	if c.letters == 0 {
		return c.symbols > 0 && c.numbers > 0 || c.symbols == 0 && c.numbers >= 8
	}
	return true
}

// characters counts the kinds of characters; points and the like are none.
type characters struct{ numbers, letters, symbols, spaces int }

func count(value []byte) (n characters) {
	for _, c := range value {
		switch {
		case digits[c]:
			n.numbers++
		case alnum[c] || c >= 0x80:
			n.letters++
		case c == ' ':
			n.spaces++
		case bytes.IndexByte([]byte("._-/:\\,"), c) < 0:
			n.symbols++
		}
	}
	return n
}

// isCode reports whether value is an address, a call, or a constant of a program.
func isCode(value []byte) bool {
	if bytes.HasPrefix(value, []byte("0x")) ||
		bytes.HasPrefix(value, []byte("sha")) && bytes.IndexAny(value, ":-") > 0 {
		return true
	}
	return bytes.Contains(value, []byte("://")) || bytes.Contains(value, []byte("()")) ||
		bytes.IndexByte(value, '\n') >= 0
}

// isPath reports whether value names a file, as PWD does.
func isPath(value []byte) bool {
	drive := len(value) > 2 && value[1] == ':' && (value[2] == '\\' || value[2] == '/')
	return drive || value[0] == '/' || value[0] == '~' || value[0] == '.'
}

// harmless are names of tokens that are no secrets.
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
	if !isSecret(value) || v.cell && isName(value) || hasFolded(nameOf(text, at, i), harmless...) {
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
	return !isIdentifier(value) && !isCamelCase(value)
}

// isName reports whether value is what most cells of a table hold.
func isName(value []byte) bool {
	return wordy(value) || isIdentifier(value) && count(value).symbols == 0
}

// isCamelCase reports whether value is an identifier with numbers in it.
func isCamelCase(value []byte) bool {
	return wordy(value) && !bytes.Equal(value, bytes.ToLower(value)) && !bytes.Equal(value, bytes.ToUpper(value))
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
		i = between.run(text, i, longest)
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
