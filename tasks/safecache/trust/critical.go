package trust

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Segment is a part of a resolved key, between two |.
type Segment struct {
	Value string
	Lock  bool // it is the hash of a lock file
}

var commitForm = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// CheckCritical says what a critical step's keys lack: its entries must be made for
// the commit that is built, or else for the same lock files. The key needs a segment
// with the commit, and every restore key all of the key's lock files. The error
// holds every problem, one line each with the fix.
func CheckCritical(key []Segment, restoreKeys [][]Segment, commit string) error {
	var problems []error
	switch {
	case !commitForm.MatchString(commit):
		problems = append(problems, errors.New("Build.SourceVersion is not the ID of a commit, "+
			"so a critical step cannot tell which entry was made for it"))
	case !slices.ContainsFunc(key, func(s Segment) bool { return !s.Lock && strings.Contains(s.Value, commit) }):
		problems = append(problems, errors.New("the key does not hold the commit, "+
			"so entries of other commits would match: "+`add the segment "$(Build.SourceVersion)"`))
	}
	locks := slices.DeleteFunc(slices.Clone(key), func(s Segment) bool { return !s.Lock })
	if len(locks) == 0 && len(restoreKeys) > 0 {
		problems = append(problems, errors.New("no lock file is part of the key, "+
			"so restore keys would match any contents: add the lock file to the key, or leave out restoreKeys"))
		return errors.Join(problems...)
	}
	for i, restoreKey := range restoreKeys {
		if slices.ContainsFunc(locks, func(s Segment) bool { return !slices.Contains(restoreKey, s) }) {
			problems = append(problems, fmt.Errorf("restore key %d leaves out the lock file, "+
				"so entries of other contents would match: put the key's lock file before the commit, "+
				"and end the restore key after it", i+1))
		}
	}
	return errors.Join(problems...)
}
