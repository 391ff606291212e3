package explain

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

const (
	maxName     = 60  // runes of a name
	maxSentence = 300 // runes of a reason
	maxListed   = 5   // names of a list
)

// name makes somebody's name fit for a line: no control or invisible characters,
// and short.
func name(text string) string { return cut(text, maxName) }

// sentence does the same with a reason in our own words, which may hold names.
func sentence(text string) string { return cut(text, maxSentence) }

func cut(text string, most int) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n++; n > most {
			return b.String() + "…"
		}
		if !unicode.IsPrint(r) {
			r = unicode.ReplacementChar
		}
		b.WriteRune(r)
	}
	return b.String()
}

// short is a list of names that nobody minds reading.
func short(names []string) []string {
	if len(names) <= maxListed {
		return names
	}
	return append(names[:maxListed:maxListed], fmt.Sprintf("+%d more", len(names)-maxListed))
}

func list(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// ago says how long ago then is; clocks that differ make it just now.
func ago(now, then time.Time) string {
	age := now.Sub(then)
	switch {
	case then.IsZero():
		return "nobody knows when"
	case age < time.Minute:
		return "just now"
	case age < time.Hour:
		return count(int(age/time.Minute), "minute", "minutes") + " ago"
	case age < 48*time.Hour:
		return count(int(age/time.Hour), "hour", "hours") + " ago"
	}
	return count(int(age/(24*time.Hour)), "day", "days") + " ago"
}

// Saved compares what the packages took to download, when the entry was saved, with
// what they took to restore: the time saved, which may be negative, and what to
// think of it. Without a known time to download there is nothing to say.
func Saved(download, restore time.Duration) (saved time.Duration, advice string) {
	if download <= 0 {
		return 0, ""
	}
	saved = download - restore
	times := fmt.Sprintf("restoring took %s, and downloading %s when the entry was saved",
		took(restore), took(download))
	switch {
	case saved < -time.Second/2:
		return saved, fmt.Sprintf("the cache costs more than it saves: %s; drop it", times)
	case saved < time.Second/2:
		return saved, fmt.Sprintf("the cache saves nothing to speak of: %s", times)
	}
	return saved, fmt.Sprintf("the cache saved about %s: %s", took(saved), times)
}

func took(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
}
