package dissect

import "strings"

const (
	pemBegin = "-----BEGIN "
	pemEnd   = "-----END "
)

// pem takes keys and certificates out of a text, and returns the rest: an environment
// file may hold a key between other things. The lines of a key are parts, and its body
// in one line; those of certificates and public keys are not.
func (f *finder) pem(text string) (rest string, found bool) {
	if strings.HasPrefix(text, pemBegin) && !strings.Contains(text, "\n") {
		text = strings.ReplaceAll(text, `\n`, "\n") // as it stands in JSON and environment files
	}
	if !strings.Contains(text, pemBegin) || !strings.Contains(text, "\n") {
		return text, false
	}
	var others, body []string
	isInside, isSecret := false, false
	for line := range strings.FieldsFuncSeq(text, isLineEnd) {
		before, begun, begins := strings.Cut(line, pemBegin)
		_, ended, ends := strings.Cut(line, pemEnd)
		switch {
		case begins && !ends:
			isInside, body = true, nil
			isSecret = !isPublicPEM(begun)
			others = append(others, before)
		case isInside && ends:
			f.part(Part{"key", "body", strings.Join(body, ""), ""})
			isInside, body = false, nil
			_, after, _ := strings.Cut(ended, "-----")
			others = append(others, after)
		case !isInside:
			others = append(others, line)
		case isSecret && !strings.Contains(line, ": "): // Proc-Type: 4,ENCRYPTED
			f.part(Part{"line", "PEM", strings.TrimSpace(line), ""})
			body = append(body, strings.TrimSpace(line))
		}
	}
	return strings.Join(others, "\n"), true
}

// isPublicPEM reports whether everybody may read what the boundary names.
func isPublicPEM(boundary string) bool {
	return strings.Contains(boundary, "CERTIFICATE") || strings.Contains(boundary, "PUBLIC KEY")
}
