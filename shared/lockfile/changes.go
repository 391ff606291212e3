package lockfile

import "errors"

// changes are what projects ask for otherwise than their lock file was made for.
type changes []Require

// add adds what is different between a manifest's wishes and those that the lock file was
// made for, if it is one range of a package that the lock file has: find returns its
// entry, -1 if there is none.
func (c *changes) add(manifest fields, wanted, locked wishes, find func(name string) int) {
	seen := map[string]bool{}
	for _, r := range requiresOf(manifest) {
		want, have := wanted[r.Name], locked[r.Name]
		if seen[r.Name] || len(want) != 1 || len(have) == 1 && have[0] == want[0] {
			continue
		}
		seen[r.Name] = true
		if r.To = find(r.Name); r.To >= 0 {
			r.Name, r.Range = shownText(r.Name), shownText(want[0])
			*c = append(*c, r)
		}
	}
}

// explain adds the changes to a StaleError, if they are all that is different.
func (c changes) explain(err error) error {
	var stale *StaleError
	if errors.As(err, &stale) && len(c) == len(stale.Differences) {
		stale.Changed = c
	}
	return err
}
