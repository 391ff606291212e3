package document

import "strings"

// packageURL returns a package's address in the form of
// https://github.com/package-url/purl-spec, "" for an ecosystem that has none.
func packageURL(ecosystem, name, version string) string {
	kind, namespace := "", ""
	last := func(separator string) {
		if i := strings.LastIndex(name, separator); i >= 0 {
			namespace, name = name[:i], name[i+1:]
		}
	}
	switch ecosystem {
	case "npm":
		kind = "npm"
		if strings.HasPrefix(name, "@") {
			last("/")
		}
	case "PyPI":
		kind, name = "pypi", strings.ReplaceAll(strings.ToLower(name), "_", "-")
	case "Go":
		kind, name = "golang", strings.ToLower(name)
		last("/")
	case "crates.io":
		kind = "cargo"
	case "NuGet":
		kind = "nuget"
	case "Maven":
		kind = "maven"
		last(":")
	default:
		return ""
	}
	if name == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString("pkg:" + kind)
	for part := range strings.SplitSeq(namespace, "/") {
		if part != "" {
			b.WriteString("/" + percent(part))
		}
	}
	b.WriteString("/" + percent(name))
	if version != "" {
		b.WriteString("@" + percent(version))
	}
	return b.String()
}

// percent encodes all but what the specification lets stand.
func percent(text string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte(".-_~:", c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}
