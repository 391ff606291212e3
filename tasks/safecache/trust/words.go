package trust

import "strings"

// String says in one line, for the log, what the run is, what it reads and what
// becomes of what it saves.
func (a Access) String() string {
	text := "this run " + a.what() + ": it reads " + a.reads() + ", and writes "
	switch {
	case a.Write == nil:
		return text + "none, as " + a.WhyNoWrite
	case a.Kind == TrustedBranch:
		return text + "entries that every run of this pipeline reads"
	case a.Kind == PullRequest:
		return text + "entries that only this pull request reads"
	}
	return text + "entries that only this branch reads"
}

func (a Access) what() string {
	switch a.Kind {
	case TrustedBranch:
		return "is on the trusted branch " + shown(a.Write.Branch)
	case Branch:
		branch := "a branch"
		if a.Write != nil {
			branch = shown(a.Write.Branch)
		}
		if a.Note != "" {
			return "is on " + branch + ", but not trusted, as " + a.Note
		}
		return "is on " + branch + ", which is not a trusted one"
	case PullRequest:
		return "is a pull request"
	case Fork:
		return "is a pull request from a fork, or does not say that it is not"
	case Tag:
		return "is of a tag"
	case Release:
		return "is a release"
	case Shelveset:
		return "is of a shelveset"
	}
	return "does not say plainly what it is"
}

func (a Access) reads() string {
	var trusted []string
	own := false
	for _, scope := range a.Read {
		if scope.Tier == Trusted {
			trusted = append(trusted, shown(scope.Branch))
		} else {
			own = true
		}
	}
	text := "no entries"
	if n := len(trusted); n > 1 {
		text = "entries of " + strings.Join(trusted[:n-1], ", ") + " and " + trusted[n-1]
	} else if n == 1 {
		text = "entries of " + trusted[0]
	}
	switch {
	case own && len(trusted) == 0:
		return "its own entries"
	case own:
		return text + ", and its own"
	}
	return text
}
