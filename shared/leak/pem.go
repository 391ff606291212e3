package leak

import "strings"

// withoutPublicPEM returns a value without its certificates and public keys, if it
// has a private key: they stand in many places, and may.
func withoutPublicPEM(value string) string {
	if !strings.Contains(value, "PRIVATE KEY-----") {
		return value
	}
	var out strings.Builder
	rest := value
	for {
		begin := strings.Index(rest, "-----BEGIN ")
		if begin < 0 {
			break
		}
		label, _, _ := strings.Cut(rest[begin+len("-----BEGIN "):], "-----")
		footer := "-----END " + label + "-----"
		end := strings.Index(rest[begin:], footer)
		if end < 0 {
			break
		}
		end += begin + len(footer)
		if strings.Contains(label, "PRIVATE") {
			out.WriteString(rest[:end] + "\n")
		} else {
			out.WriteString(rest[:begin])
		}
		rest = rest[end:]
	}
	return out.String() + rest
}
