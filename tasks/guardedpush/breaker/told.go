package breaker

import "time"

// tellPatience is how long who opened the breaker has for telling the team. It may have
// been cancelled or killed on the way: then another run does it.
const tellPatience = 2 * time.Minute

// untold is an open state as a run keeps it that makes up for the one that opened the
// breaker and told nobody; ok is false if there is no need, or another run is at it.
func (s State) untold(now time.Time, run int) (claimed State, ok bool) {
	begun := s.Since
	if !s.TellAt.IsZero() {
		begun = s.TellAt
	}
	age := now.Sub(begun)
	if s.Status != Open || s.Told || run <= 0 || now.IsZero() || age <= tellPatience && age >= -maxSkew {
		return s, false
	}
	s.Teller, s.TellAt = run, now
	return s, true
}

// GiveBack is the state after the one push that a reset allows was to be this run's, and
// did not land: the next run may try. ok is false if it was not this run's.
func (s State) GiveBack(run int) (next State, ok bool) {
	if s.Status != HalfOpen || run <= 0 || s.Probe != run {
		return s, false
	}
	s.Probe, s.ProbeAt = 0, time.Time{}
	return s, true
}
