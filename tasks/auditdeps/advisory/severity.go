package advisory

import (
	"cmp"
	"strings"

	gocvss20 "github.com/pandatix/go-cvss/20"
	gocvss30 "github.com/pandatix/go-cvss/30"
	gocvss31 "github.com/pandatix/go-cvss/31"
	gocvss40 "github.com/pandatix/go-cvss/40"
)

// rate gives an advisory the severity that the record has for it: the label of its
// database, for people have looked at it, else the worst of its CVSS vectors. What is said
// of several parts of one package is as bad as the worst.
func (r *reading) rate(a *Advisory, part affected) {
	informational := part.Database.Informational != "" || r.Database.Informational != ""
	switch {
	case a.Malicious:
		a.Severity, a.Informational = Critical, false
		return
	case informational:
		return // as it is until something else is said
	case a.Informational:
		a.Severity, a.Informational = Unknown, false
	}
	severity, vector := worst(append(part.Severity, score{Score: r.vector}))
	for _, text := range []string{r.Database.Severity, part.Database.Severity} {
		if named := label(text); named != Unknown {
			severity = named
		}
	}
	if severity.Rank() >= a.Severity.Rank() {
		a.Severity, a.Vector = severity, cmp.Or(vector, a.Vector)
	}
}

// label reads the names that databases have for severities.
func label(text string) Severity {
	switch strings.ToLower(text) {
	case "low":
		return Low
	case "moderate", "medium":
		return Moderate
	case "high":
		return High
	case "critical":
		return Critical
	}
	return Unknown
}

// worst rates vectors: CVSS 3 and 4 before 2, which rates differently.
func worst(all []score) (Severity, string) {
	severity, vector, top, old := Unknown, "", -1.0, true
	for _, s := range all {
		points, isOld, ok := cvss(s.Score)
		if !ok || isOld && !old || isOld == old && points <= top {
			continue
		}
		severity, vector, top, old = rating(points), s.Score, points, isOld
	}
	return severity, vector
}

// maxVector is more than any vector has, of any version.
const maxVector = 512

func cvss(vector string) (points float64, old, ok bool) {
	if len(vector) > maxVector {
		return 0, false, false
	}
	switch {
	case strings.HasPrefix(vector, "CVSS:4.0/"):
		v, err := gocvss40.ParseVector(vector)
		if err != nil {
			return 0, false, false
		}
		return v.Score(), false, true
	case strings.HasPrefix(vector, "CVSS:3.1/"):
		v, err := gocvss31.ParseVector(vector)
		if err != nil {
			return 0, false, false
		}
		return v.BaseScore(), false, true
	case strings.HasPrefix(vector, "CVSS:3.0/"):
		v, err := gocvss30.ParseVector(vector)
		if err != nil {
			return 0, false, false
		}
		return v.BaseScore(), false, true
	case strings.HasPrefix(vector, "AV:"):
		v, err := gocvss20.ParseVector(vector)
		if err != nil {
			return 0, true, false
		}
		return v.BaseScore(), true, true
	}
	return 0, false, false
}

// rating is CVSS's qualitative scale; what it calls none is not nothing to us.
func rating(points float64) Severity {
	switch {
	case points < 4:
		return Low
	case points < 7:
		return Moderate
	case points < 9:
		return High
	}
	return Critical
}
