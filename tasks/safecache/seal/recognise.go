package seal

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"regexp"
	"strings"
)

// kind is what a text turned out to be.
type kind int

const (
	unrecognised kind = iota
	empty
	variable    // $(name), which nobody replaced
	private     // an Ed25519 private key
	public      // an Ed25519 public key
	raw         // 32 bytes: the one or the other
	encrypted   // a private key with a passphrase
	algorithm   // a key of another algorithm
	openSSH     // in OpenSSH's format
	certificate // a certificate
	damaged     // a PEM block that holds no key
	cut         // a PEM block without its end
	several     // more than one PEM block, or text beside it
)

type material struct {
	kind      kind
	private   ed25519.PrivateKey
	raw       []byte // 32 bytes of a public key, or kind raw
	name      string // of the algorithm
	isPrivate bool   // it is, or may be, a private key of a kind that is no use
}

// trouble says what is wrong with keys of the kinds that nobody can use, after "the
// signing key", ... Nothing of the text is in it, not even a PEM label: with line
// ends lost, who knows what else is in one.
func (m material) trouble() string {
	switch m.kind {
	case algorithm:
		return "is for " + m.name + ", but entries are signed with Ed25519: " + makeOne
	case openSSH:
		return "is in the format of OpenSSH, which openssl does not write: " + makeOne
	case certificate:
		return "is a certificate, but a bare key is wanted: " + makeOne
	case cut:
		return "has no END line: paste the whole file, from -----BEGIN to the last -----"
	case several:
		return "has something beside it: give one PEM block, from -----BEGIN to the last -----, and nothing else"
	}
	return "is damaged, as its PEM block does not hold what it says: paste the whole file again, or " + makeOne
}

// lineEnds turns literal \n and \r, as JSON and shells write them, into line ends.
var lineEnds = strings.NewReplacer(`\r`, "\n", `\n`, "\n", "\ufeff", "").Replace

var (
	unset = regexp.MustCompile(`^\$\([^()]*\)$`)
	pem   = regexp.MustCompile(`(?s)-----BEGIN ([A-Z0-9 ]{1,40})-----(.*?)-----END ([A-Z0-9 ]{1,40})-----`)
)

// recognise tells the many kinds of keys apart, so that each mistake gets its own
// words.
func recognise(text string) material {
	text = strings.TrimSpace(lineEnds(text))
	switch {
	case text == "":
		return material{kind: empty}
	case unset.MatchString(text):
		return material{kind: variable}
	case strings.HasPrefix(text, "ssh-"), strings.HasPrefix(text, "ecdsa-sha2-"), strings.HasPrefix(text, "sk-"):
		return material{kind: openSSH}
	case strings.Contains(text, "-----BEGIN"):
		return fromPEM(text)
	}
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		data, err = base64.RawStdEncoding.Strict().DecodeString(text)
	}
	switch {
	case err != nil:
		return material{kind: unrecognised}
	case len(data) == ed25519.SeedSize:
		return material{kind: raw, raw: data}
	}
	if m := fromPKCS8(data); m.kind != damaged {
		return m
	}
	if m := fromPKIX(data); m.kind != damaged {
		return m
	}
	return material{kind: unrecognised}
}

func fromPEM(text string) material {
	isPrivate := strings.Contains(text, "PRIVATE KEY")
	var found [][]string
	for _, block := range pem.FindAllStringSubmatch(text, -1) {
		if !strings.HasPrefix(block[0], parameters) {
			found = append(found, block)
		}
	}
	beside := strings.TrimSpace(pem.ReplaceAllString(text, ""))
	switch {
	case len(found) == 0:
		return material{kind: cut, isPrivate: isPrivate}
	case len(found) > 1 || beside != "":
		return material{kind: several, isPrivate: isPrivate}
	case found[0][1] != found[0][3]:
		return material{kind: damaged, isPrivate: isPrivate}
	}
	m := fromBlock(found[0][1], found[0][2])
	m.isPrivate = isPrivate
	return m
}

func fromBlock(label, body string) material {
	switch label {
	case "ENCRYPTED PRIVATE KEY":
		return material{kind: encrypted}
	case "OPENSSH PRIVATE KEY", "SSH2 PUBLIC KEY":
		return material{kind: openSSH}
	case "RSA PRIVATE KEY", "RSA PUBLIC KEY":
		return material{kind: algorithm, name: "RSA"}
	case "EC PRIVATE KEY":
		return material{kind: algorithm, name: "ECDSA"}
	case "DSA PRIVATE KEY":
		return material{kind: algorithm, name: "DSA"}
	case "CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CERTIFICATE":
		return material{kind: certificate}
	case "PRIVATE KEY", "PUBLIC KEY":
	default:
		return material{kind: damaged}
	}
	der, err := base64.StdEncoding.Strict().DecodeString(strings.Join(strings.Fields(body), ""))
	switch {
	case err != nil:
		return material{kind: damaged}
	case label == "PRIVATE KEY":
		return fromPKCS8(der)
	}
	return fromPKIX(der)
}

func fromPKCS8(der []byte) material {
	var whole asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &whole); err != nil || len(rest) > 0 { // x509 takes what comes after it
		return material{kind: damaged, isPrivate: true}
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		var form struct {
			Version   int
			Algorithm pkix.AlgorithmIdentifier
			Key       []byte
		}
		m := otherwise(der, &form, &form.Algorithm)
		m.isPrivate = true
		return m
	}
	switch key := key.(type) {
	case ed25519.PrivateKey:
		return material{kind: private, private: key}
	case *rsa.PrivateKey:
		return material{kind: algorithm, name: "RSA", isPrivate: true}
	case *ecdsa.PrivateKey:
		return material{kind: algorithm, name: "ECDSA", isPrivate: true}
	}
	return material{kind: algorithm, name: "another algorithm", isPrivate: true}
}

func fromPKIX(der []byte) material {
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		var form struct {
			Algorithm pkix.AlgorithmIdentifier
			Key       asn1.BitString
		}
		return otherwise(der, &form, &form.Algorithm)
	}
	switch key := key.(type) {
	case ed25519.PublicKey:
		return material{kind: public, raw: key}
	case *rsa.PublicKey:
		return material{kind: algorithm, name: "RSA"}
	case *ecdsa.PublicKey:
		return material{kind: algorithm, name: "ECDSA"}
	}
	return material{kind: algorithm, name: "another algorithm"}
}

var ed25519ID = asn1.ObjectIdentifier{1, 3, 101, 112} // RFC 8410

// otherwise tells keys of algorithms that the library does not know, such as Ed448,
// from what is no key.
func otherwise(der []byte, form any, found *pkix.AlgorithmIdentifier) material {
	if _, err := asn1.Unmarshal(der, form); err != nil || found.Algorithm.Equal(ed25519ID) {
		return material{kind: damaged}
	}
	return material{kind: algorithm, name: "another algorithm"}
}
