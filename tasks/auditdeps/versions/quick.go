package versions

// quickNPM answers what most packages ask for: "^1.2.3", "~1.2.3" or "1.2.3" of a release
// with nothing behind its numbers. Of anything else it knows nothing.
func quickNPM(version, wanted string) (allowed, known bool) {
	op := byte(0)
	if wanted != "" && (wanted[0] == '^' || wanted[0] == '~') {
		op, wanted = wanted[0], wanted[1:]
	}
	v, ok := plainRelease(version)
	if !ok {
		return false, false
	}
	w, ok := plainRelease(wanted)
	if !ok {
		return false, false
	}
	switch {
	case v.compare(w) < 0:
		return false, true
	case op == 0:
		return v == w, true
	case op == '~':
		return v.major == w.major && v.minor == w.minor, true
	case w.major != "":
		return v.major == w.major, true
	case w.minor != "":
		return v.major == "" && v.minor == w.minor, true
	}
	return v == w, true // "^0.0.3"
}

// plainRelease reads three numbers and nothing else.
func plainRelease(text string) (semver, bool) {
	v, n, rest := takeNumbers(text, 3)
	return v, n == 3 && rest == "" && len(text) <= maxLength
}
