package leak

import "bytes"

// oldAzureRules are for keys without a signature: what stands before them says what
// they are (SEC101/104 to 106), and for signatures of shared access (SEC101/060).
func oldAzureRules() []rule {
	return []rule{
		{Rule: Rule{"leak/azure-account-key", StorageKey, Critical,
			"the key in a connection string of a storage account or Cosmos DB"},
			anchors: []string{"accountkey"}, find: findAccountKey},
		{Rule: Rule{"leak/azure-shared-access-key", MessagingKey, Critical,
			"the key in a connection string of Service Bus, Event Hubs, Relay, IoT Hub or Notification Hubs"},
			anchors: []string{"sharedaccesskey", "sharedsecretvalue"}, find: findSharedAccessKey},
		{Rule: Rule{"leak/azure-host-key", AzureKey, High, "a key on the line of an Azure host name"},
			anchors: []string{".documents.azure.", ".servicebus.windows.", ".azure-devices.", ".search.windows.net",
				".cognitiveservices.azure.", ".batch.azure."}, find: findHostKey},
		{Rule: Rule{"leak/azure-app-configuration", AppConfigKey, Critical,
			"the secret in a connection string of App Configuration"},
			anchors: []string{".azconfig."}, find: findAppConfig},
		{Rule: Rule{"leak/azure-sas", SASToken, Critical, "a shared access signature"},
			anchors: []string{"sig=", "dsas_secret=", "sig%3d"}, find: findSAS},
		{Rule: Rule{"leak/azure-function-code", FunctionKey, High, "the key in the address of a function"},
			anchors: []string{"code="}, find: findFunctionCode},
		{Rule: Rule{"leak/pfx", PrivateKey, High, "a certificate with its private key (PFX) as base64"}, // SEC101/055
			anchors: []string{"IBAzCC"}, exact: true, find: findPFX},
	}
}

// base64Key finds exactly n characters of base64 and then padding, at i or after
// blanks. Padding may be escaped for a URL.
func base64Key(text []byte, i, n int, padding string) (found, bool) {
	i = blank.run(text, i, 4)
	if i < len(text) && (text[i] == '"' || text[i] == '\'') {
		i++
	}
	end := base64Std.run(text, i, n+1)
	if end-i != n {
		return found{}, false
	}
	to := end
	for range padding {
		switch {
		case to < len(text) && text[to] == '=':
			to++
		case foldedPrefix(text[to:], "%3d"):
			to += 3
		default:
			return found{}, false
		}
	}
	if to < len(text) && text[to] == '=' || isPlaceholder(text[i:to]) {
		return found{}, false
	}
	return found{from: i, to: to}, true
}

// assigned returns where the value begins after a key that ends at i: "key=", "key =",
// `key: "`.
func assigned(text []byte, i int) (int, bool) {
	if i < len(text) && (text[i] == '"' || text[i] == '\'') {
		i++
	}
	i = blank.run(text, i, 4)
	switch {
	case foldedPrefix(text[min(i, len(text)):], "%3d"):
		return i + 3, true
	case i < len(text) && (text[i] == '=' || text[i] == ':'):
		return i + 1, true
	}
	return 0, false
}

func findAccountKey(text []byte, at int) (found, bool) {
	i, ok := assigned(text, at+len("AccountKey"))
	if !ok {
		return found{}, false
	}
	f, ok := base64Key(text, i, 86, "==")
	if !ok {
		f, ok = looseKey(text, i)
	}
	if hasFolded(lineBefore(text, at, 200), "documents.", "cosmos") {
		f.kind = CosmosKey
	}
	return f, ok
}

func findSharedAccessKey(text []byte, at int) (found, bool) {
	i := at + len("SharedAccessKey")
	if lower(text[at+6]) == 's' {
		i = at + len("SharedSecretValue")
	}
	i, ok := assigned(text, i)
	if !ok {
		return found{}, false
	}
	f, ok := base64Key(text, i, 43, "=")
	if !ok {
		f, ok = looseKey(text, i)
	}
	if hasFolded(lineBefore(text, at, 200), "azure-devices", "hostname=", "deviceid=") {
		f.kind = IoTKey
	}
	return f, ok
}

// looseKey finds a key that is not as long as it should be, such as an emulator's or
// one of a cloud of its own.
func looseKey(text []byte, i int) (found, bool) {
	const least = 20
	i = blank.run(text, i, 4)
	to := base64Std.run(text, i, 200)
	n := to - i
	for to < len(text) && text[to] == '=' && to-i-n < 2 {
		to++
	}
	if n < least || isPlaceholder(text[i:to]) || !random(text[i:to], 3) {
		return found{}, false
	}
	return found{from: i, to: to, severity: High}, true
}

// findHostKey finds a key later on the line of its host.
func findHostKey(text []byte, at int) (found, bool) {
	line := lineAfter(text, at, 400)
	for i := 0; i < len(line); i++ {
		if !base64Std[line[i]] {
			continue
		}
		end := base64Std.run(line, i, 100)
		padding := "="
		if end-i == 86 {
			padding = "=="
		}
		if end-i == 43 || end-i == 86 {
			if f, ok := base64Key(text, at+i, end-i, padding); ok && random(text[at+i:at+end], 3.5) {
				return f, true
			}
		}
		i = end
	}
	return found{}, false
}

func findAppConfig(text []byte, at int) (found, bool) {
	line := lineAfter(text, at, 300)
	for i := range line {
		if !foldedPrefix(line[i:], "secret=") {
			continue
		}
		from := at + i + len("secret=")
		to := base64All.run(text, from, 200)
		n := to - from
		for to < len(text) && text[to] == '=' && to-from-n < 2 {
			to++
		}
		return found{from: from, to: to}, n >= 32 && !isPlaceholder(text[from:to])
	}
	return found{}, false
}

// findSAS finds the signature of a URL or a token: base64 of 32 bytes, escaped for a
// URL once, twice or not.
func findSAS(text []byte, at int) (found, bool) {
	if !begins(text, at, alnum) {
		return found{}, false
	}
	from := at + bytes.IndexAny(text[at:], "=%") + 1
	if text[from-1] == '%' {
		from += len("3d")
	}
	i, n := from, 0
	for width := 1; width > 0 && n <= 44; n++ {
		width = base64Width(text[i:])
		i += width
	}
	if n != 43+1 { // the last one has no width
		return found{}, false
	}
	for _, padding := range []string{"=", "%3d", "%253d"} {
		if foldedPrefix(text[i:], padding) {
			i += len(padding)
			break
		}
	}
	return found{from: from, to: i}, random(text[from:i], 3.5)
}

// base64Width returns how many bytes the character of base64 has that text begins
// with; 0 if it is none.
func base64Width(text []byte) int {
	switch {
	case len(text) > 0 && base64All[text[0]]:
		return 1
	case foldedPrefix(text, "%2b") || foldedPrefix(text, "%2f"):
		return len("%2b")
	case foldedPrefix(text, "%252b") || foldedPrefix(text, "%252f"):
		return len("%252b")
	}
	return 0
}

// findFunctionCode finds ?code=, the key of a function without a signature: 54
// characters and ==.
func findFunctionCode(text []byte, at int) (found, bool) {
	if at == 0 || text[at-1] != '?' && text[at-1] != '&' {
		return found{}, false
	}
	from := at + len("code=")
	to := base64All.run(text, from, 100)
	n := to - from
	for to < len(text) && (text[to] == '=' || foldedPrefix(text[to:], "%3d")) {
		if text[to] == '=' {
			to++
		} else {
			to += 3
		}
	}
	return found{from: from, to: to}, to > from+n && n >= 52 && random(text[from:to], 3.5)
}

// findPFX finds base64 of a PKCS #12 file by its first bytes.
func findPFX(text []byte, at int) (found, bool) {
	from := at - 6
	if from < 0 || string(text[from:from+2]) != "MI" || !azureLast[text[at-1]] || !begins(text, from, base64Std) {
		return found{}, false
	}
	to := base64Std.run(text, from, 8<<10)
	return found{from: from, to: to}, to-from >= 200
}

// lineBefore is what stands before i on its line, at most n bytes of it.
func lineBefore(text []byte, i, n int) []byte {
	from := max(0, i-n)
	for j := i; j > from; j-- {
		if text[j-1] == '\n' {
			return text[j:i]
		}
	}
	return text[from:i]
}

// lineAfter is what stands from i on its line, at most n bytes of it.
func lineAfter(text []byte, i, n int) []byte {
	end := min(len(text), i+n)
	for j := i; j < end; j++ {
		if text[j] == '\n' {
			return text[i:j]
		}
	}
	return text[i:end]
}
