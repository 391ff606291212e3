package dissect

import "strings"

const (
	pemBegin  = "-----BEGIN "
	pemEnd    = "-----END "
	pemDashes = "-----"
	// longestBoundary is longer than what any standard writes between the dashes.
	longestBoundary = 40
)

// pem takes keys and certificates out of a text, and returns the rest: an environment
// file may hold a key between other things. The lines of a key are parts, and its body
// in one line; those of certificates and public keys are not.
func (f *finder) pem(text string) (rest string, found bool) {
	text = inLines(text)
	if !strings.Contains(text, pemBegin) || !strings.Contains(text, "\n") {
		return text, false
	}
	r := pemReader{finder: f}
	for line := range strings.FieldsFuncSeq(text, isLineEnd) {
		r.line(line)
	}
	r.others = append(r.others, r.held...) // what was not closed is no certificate
	return strings.Join(r.others, "\n"), true
}

// inLines splits a key that stands in one line, as it does in JSON, in environment
// files, and in a vault that was given it on a command line.
func inLines(text string) string {
	if !strings.HasPrefix(text, pemBegin) || strings.Contains(text, "\n") {
		return text
	}
	text = strings.ReplaceAll(text, `\n`, "\n")
	begin, end := strings.Index(text[len(pemBegin):], pemDashes), strings.LastIndex(text, pemEnd)
	begin += len(pemBegin) + len(pemDashes)
	if begin > end || strings.Contains(text, "\n") || strings.Count(text, pemEnd) > 1 {
		return text
	}
	return text[:begin] + "\n" + strings.Join(strings.Fields(text[begin:end]), "\n") + "\n" + text[end:]
}

// pemReader reads lines of which some are PEM.
type pemReader struct {
	*finder
	inside, public bool
	body           []string // of the key
	held           []string // lines of what is public if it is closed
	others         []string
}

func (r *pemReader) line(line string) {
	before, begun, begins := strings.Cut(line, pemBegin)
	_, ended, ends := strings.Cut(line, pemEnd)
	switch {
	case begins && !ends:
		r.others = append(append(r.others, r.held...), before)
		r.inside, r.body, r.held = true, nil, nil
		name, after, _ := strings.Cut(begun, pemDashes)
		r.public = isPublicPEM(name)
		r.others = append(r.others, after)
	case r.inside && ends:
		r.part(Part{"key", "body", strings.Join(r.body, ""), ""})
		r.inside, r.body, r.held = false, nil, nil
		_, after, _ := strings.Cut(ended, pemDashes)
		r.others = append(r.others, after)
	case !r.inside:
		r.others = append(r.others, line)
	case r.public && isBase64(strings.TrimSpace(line)):
		r.held = append(r.held, line)
	case r.public:
		r.others = append(r.others, line)
	case strings.Contains(line, ": "):
		if !isPEMHeader(line) {
			r.finder.line("PEM header", strings.TrimSpace(line))
		}
	default:
		r.part(Part{"line", "PEM", strings.TrimSpace(line), ""})
		r.body = append(r.body, strings.TrimSpace(line))
	}
}

// isPublicPEM reports whether everybody may read what the boundary names.
func isPublicPEM(boundary string) bool {
	return strings.HasSuffix(boundary, "CERTIFICATE") || strings.HasSuffix(boundary, "CERTIFICATE REQUEST") ||
		strings.HasSuffix(boundary, "PUBLIC KEY") || strings.HasSuffix(boundary, "PUBLIC KEY BLOCK")
}

// isPEMHeader reports whether a line says how the key is encrypted (RFC 1421).
func isPEMHeader(line string) bool {
	return strings.HasPrefix(line, "Proc-Type: ") || strings.HasPrefix(line, "DEK-Info: ")
}

// isBase64 reports whether text has only characters of base64 in it.
func isBase64(text string) bool {
	return strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") == ""
}
