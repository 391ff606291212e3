// Package policy judges a secret before it is used. A vault hands out a secret that has expired
// or is not to be used yet like any other: nbf and exp are informational
// (learn.microsoft.com, "About Azure Key Vault secrets", Secret attributes).
//
// What it promises: what cannot be judged is not used, and no text holds a value. It reads no
// clock and no vault.
package policy

import (
	"fmt"
	"time"
)

// Action is what to do about a secret that is not as it should be.
type Action string

// The actions.
const (
	Fail Action = "fail" // the step fails, and nothing is set
	Warn Action = "warn" // it is used, if there is anything to use
	Skip Action = "skip" // it is not used, as if it had not been asked for
)

// Rules are a step's actions. One that is empty, or none of the above, is Fail.
type Rules struct {
	Expired, NotYetActive, Missing, Empty, Short Action
	// ExpiryWarningDays is how many days before its end a secret is warned of; 0 for never.
	ExpiryWarningDays int
}

// Facts are what is known of a secret.
type Facts struct {
	Name               string // how messages call it
	NotBefore, Expires time.Time
	// Missing says why there is no value, such as "is not in the vault v"; "" if there is one.
	Missing  string
	Optional bool // may be missing, whatever the rules say
	Empty    bool
	// Short says why the value cannot be hidden in logs, such as "has 3 characters"; "" if it can.
	Short string
}

// Verdict is what to do. The texts are one line each.
type Verdict struct {
	Use  bool
	Fail []string // why the step fails
	Warn []string
	Note []string // what was skipped, as the step wanted
}

// Judge judges a secret at a time.
func Judge(f Facts, r Rules, now time.Time) Verdict {
	v := Verdict{Use: true}
	if f.Missing != "" {
		v.missing(f, r.Missing)
		return v
	}
	v.times(f, r, now)
	if f.Empty {
		v.add(r.Empty, f.Name+" is empty", "give it a value in the vault", "it is left out")
		v.Use = false // $(name) of an empty variable would stay as it is in later steps
	} else if f.Short != "" {
		v.add(r.Short, fmt.Sprintf("%s %s, so it cannot be hidden in logs", f.Name, f.Short),
			"make it longer; if it is no secret, it does not belong into a vault", "it is used and not hidden")
	}
	return v
}

// missing judges a secret without a value: nothing can be used, whatever the action.
func (v *Verdict) missing(f Facts, action Action) {
	text := f.Name + " " + f.Missing
	v.Use = false
	switch {
	case f.Optional || action == Skip:
		v.Note = append(v.Note, text+"; skipped")
	case action == Warn:
		v.Warn = append(v.Warn, text+"; it is left out")
	default:
		v.Fail = append(v.Fail, text+"; if it may be missing, write a ? behind its name in the input secrets")
	}
}

// times judges the time in which a secret is to be used.
func (v *Verdict) times(f Facts, r Rules, now time.Time) {
	if !f.NotBefore.IsZero() && now.Before(f.NotBefore) {
		v.add(r.NotYetActive, fmt.Sprintf("%s is not to be used before %s", f.Name, date(f.NotBefore)),
			"wait, or correct its activation date in the vault", "it is used anyway")
	}
	if f.Expires.IsZero() {
		return
	}
	// A day of the input is 24 hours: a rule about warnings needs no calendar.
	soon := now.Add(time.Duration(r.ExpiryWarningDays) * 24 * time.Hour)
	switch {
	case !now.Before(f.Expires):
		v.add(r.Expired, fmt.Sprintf("%s has expired on %s", f.Name, date(f.Expires)),
			"rotate it: make a new value, put it into the vault as a new version, and withdraw the old one",
			"it is used anyway")
	case v.Use && r.ExpiryWarningDays > 0 && !soon.Before(f.Expires):
		v.Warn = append(v.Warn, fmt.Sprintf("%s expires on %s, in %s; rotate it before that",
			f.Name, date(f.Expires), days(f.Expires.Sub(now))))
	}
}

// add does what the action says.
func (v *Verdict) add(action Action, what, fix, warning string) {
	switch action {
	case Warn:
		v.Warn = append(v.Warn, what+"; "+warning)
	case Skip:
		v.Use = false
		v.Note = append(v.Note, what+"; skipped")
	default:
		v.Use = false
		v.Fail = append(v.Fail, what+"; "+fix)
	}
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func days(d time.Duration) string {
	switch n := int(d / (24 * time.Hour)); n {
	case 0:
		return "less than a day"
	case 1:
		return "1 day"
	default:
		return fmt.Sprintf("%d days", n)
	}
}
