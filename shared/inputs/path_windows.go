package inputs

import "strings"

func samePath(a, b string) bool { return strings.EqualFold(a, b) }
