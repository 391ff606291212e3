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
// blanks. They may be escaped.
func base64Key(text []byte, i, n int, padding string) (found, bool) {
	i = blank.run(text, i, 4)
	if i < len(text) && (text[i] == '"' || text[i] == '\'') {
		i++
	}
	end, size, _ := base64Std.runChars(text, i, n+1)
	to, ok := skipChars(text, end, padding)
	if size != n || !ok {
		return found{}, false
	}
	if next, _ := charAt(text, to); next == '=' || isPlaceholder(text[i:to]) {
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
	to, n, _ := base64Std.runChars(text, i, 200)
	to = skipPadding(text, to)
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
		to, n, _ := base64All.runChars(text, from, 200)
		to = skipPadding(text, to)
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
	to, n, _ := base64All.runChars(text, from, 44)
	if n != 43 {
		return found{}, false
	}
	if padded, ok := skipChars(text, to, "="); ok {
		to = padded
	}
	return found{from: from, to: to}, random(text[from:to], 3.5)
}

// skipPadding returns the end of at most two =, escaped or not, at i.
func skipPadding(text []byte, i int) int {
	for range 2 {
		if end, ok := skipChars(text, i, "="); ok {
			i = end
		}
	}
	return i
}

// findFunctionCode finds ?code=, the key of a function without a signature: 54
// characters and ==.
func findFunctionCode(text []byte, at int) (found, bool) {
	if at == 0 || text[at-1] != '?' && text[at-1] != '&' {
		return found{}, false
	}
	from := at + len("code=")
	end, n, _ := base64All.runChars(text, from, 100)
	to := skipPadding(text, end)
	return found{from: from, to: to}, to > end && n >= 52 && random(text[from:to], 3.5)
}

// findPFX finds base64 of a PKCS #12 file by its first bytes.
func findPFX(text []byte, at int) (found, bool) {
	from := at - 6
	if from < 0 || string(text[from:from+2]) != "MI" || !azureLast[text[at-1]] || !begins(text, from, base64Std) {
		return found{}, false
	}
	to, n, _ := base64Std.runChars(text, from, 8<<10)
	return found{from: from, to: to}, n >= 200
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
