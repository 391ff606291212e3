package leak

import (
	"bytes"
	"strings"
)

// placeholderWords are what stands in documentation in the place of a secret, when
// they are all of it.
var placeholderWords = wordSet(`password passwd passphrase pass pwd pw secret secrets token tokens key apikey api_key
		credential credentials none null nil undefined true false yes no test testing admin administrator root user
		username guest postgres mysql mariadb mongo redis rabbitmq sa default empty hidden masked string value changeit
		unset required optional unknown invalid missing example foo bar baz foobar basic bearer text file env stdin
		prompt auto generated object function number boolean int bytes any hunter me myuser mypassword mysecret mytoken
		dbuser dbpass dbpassword userpass letmein welcome aaa xyz abc a b x y z p s u t`)

func wordSet(words string) map[string]bool {
	set := make(map[string]bool)
	for w := range strings.FieldsSeq(words) {
		set[w] = true
	}
	return set
}

// placeholderParts are what only placeholders contain.
var placeholderParts = []string{
	"***", "example", "changeme", "change_me", "change-me", "placeholder", "redacted", "your_", "your-", "yourpass",
	"yoursecret", "yourtoken", "yourkey", "<secret", "****", "......", "replace_", "replace-", "replaceme",
	"insert_", "insert-", "not-a-real", "notreal", "dummy", "sensitive value",
	"yourstrong", // yourStrong(!)Password, YourStrong@Passw0rd: Microsoft's SQL Server
}

// isPlaceholder reports whether value is masked, a variable that was not replaced, or
// a word that stands for a secret.
func isPlaceholder(value []byte) bool {
	value = bytes.Trim(value, " \t\"'`")
	if len(value) == 0 || allSame(value) || placeholderWords[string(bytes.ToLower(value))] {
		return true
	}
	if crossed(value) {
		return true
	}
	for _, public := range emulatorKeys {
		if bytes.HasPrefix(value, []byte(public)) {
			return true
		}
	}
	return isVariable(value) || hasFolded(value, placeholderParts...) || isSample(value) || isEncodedPlaceholder(value)
}

// crossed reports whether value was made unreadable with crosses: sk-xxxxxxxx.
func crossed(value []byte) bool {
	run, longest := 0, 0
	for _, c := range value {
		if run++; lower(c) != 'x' {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest >= 4 && 3*longest >= len(value)
}

// emulatorKeys are the beginnings of the keys of the storage and Cosmos DB emulators,
// which are the same for everybody.
var emulatorKeys = []string{"Eby8vdM02xNOcqFlqUwJPLlm", "C2y6yDjf5/R+ob0N8A7Cgv30"}

func allSame(value []byte) bool {
	return bytes.Count(value, value[:1]) == len(value)
}

// isVariable reports whether value is an expression of some language: $(x), ${x}, $x,
// $env:x, %x%, {{x}}, {x}, <x>, [x], #{x}#, @Microsoft.KeyVault(...), %s.
func isVariable(value []byte) bool {
	last := value[len(value)-1]
	switch value[0] {
	case '$':
		if isShellVariable(value[1:]) {
			return true
		}
	case '@':
		return hasFolded(value, "@microsoft.keyvault(")
	case '%':
		return len(value) <= 2 || last == '%' && word.all(value[1:len(value)-1])
	case '{':
		return last == '}'
	case '<':
		return last == '>'
	case '[':
		return last == ']'
	}
	return holdsVariable(value, "$(", ")") || holdsVariable(value, "${", "}") ||
		holdsVariable(value, "{{", "}}") || holdsVariable(value, "#{", "}")
}

// holdsVariable reports whether half of value, or more, is a variable between opening
// and closing. In a random password there may be a short one.
func holdsVariable(value []byte, opening, closing string) bool {
	_, after, ok := bytes.Cut(value, []byte(opening))
	if !ok {
		return false
	}
	name, _, ok := bytes.Cut(after, []byte(closing))
	return ok && expression.all(name) && 2*(len(opening)+len(name)+len(closing)) > len(value)
}

var expression = newClass("a-zA-Z0-9_.:/ {}-")

// isShellVariable reports whether name is that of a variable: NAME, env:NAME. It is
// not where a password happens to begin with a dollar.
func isShellVariable(name []byte) bool {
	return len(name) == 0 || name[0] == '(' && name[len(name)-1] == ')' || name[0] == '{' && name[len(name)-1] == '}' ||
		variableName.all(name) && (!mixed(name) || bytes.Equal(bytes.ToUpper(name), name))
}

var variableName = newClass("a-zA-Z_:.0-9")

// mixed reports whether digits stand between letters, as in random text.
func mixed(value []byte) bool {
	n := 0
	for _, c := range value {
		if digits[c] {
			n++
		}
	}
	return n >= 2
}
