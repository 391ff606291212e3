package breaker

// Counts is what the rules count, this run or deployment included.
type Counts struct{ Runs, Deployments int }

// Count returns what counts now: of the two sources the one that has more.
func Count(f Facts, r Rules) Counts {
	c := Counts{Runs: 1 + max(len(f.otherRuns(r)), len(f.otherPushes(r)))}
	if f.Fingerprint != "" {
		c.Deployments = 1 + len(f.sameVersion(r))
	}
	return c
}
