package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

const text = "string" // the kind of segments that are no files

// whatChanged compares the key with that of an entry, and adds the details to e.
func (w Wanted) whatChanged(e *Explanation, entry Entry) (Cause, string) {
	then := Wanted{Segments: entry.Segments, Packages: entry.Packages}
	saver := w.by(entry, w.burden(entry)...)
	if len(w.Segments) != len(entry.Segments) {
		return SegmentCount, fmt.Sprintf("the key has %s now, and had %d for %s",
			count(len(w.Segments), "segment", "segments"), len(entry.Segments), saver)
	}
	c := compare(then, w)
	c.diff.rows(e)
	sentence := fmt.Sprintf("%s changed since %s: %s", c.which(w.Segments), saver, strings.Join(c.details, "; "))
	switch same := len(w.Segments) - len(c.changed); {
	case same == 1:
		sentence += "; the other segment is the same"
	case same > 1:
		sentence += "; the other segments are the same"
	}
	if c.moved == len(c.changed) {
		return FileMoved, sentence
	}
	return SegmentChanged, sentence
}

// comparison is how two keys of as many segments differ.
type comparison struct {
	changed []int // indexes of the segments
	moved   int   // of these, how many only name files at other paths
	details []string
	diff    packageDiff
}

func compare(then, now Wanted) comparison {
	var c comparison
	files := false
	for i, segment := range now.Segments {
		old := then.Segments[i]
		if old.Value == segment.Value {
			continue
		}
		c.changed = append(c.changed, i)
		switch {
		case old.Kind != segment.Kind:
			c.details = append(c.details, fmt.Sprintf("%s is a %s now, and was a %s then",
				name(segment.Source), name(segment.Kind), name(old.Kind)))
		case segment.Kind == text:
			c.details = append(c.details, fmt.Sprintf("%q then, %q now", name(old.Value), name(segment.Value)))
		case moved(old.Files, segment.Files) != "":
			c.moved++
			c.details = append(c.details, moved(old.Files, segment.Files))
		default:
			files = true
			if detail := fileDiff(old.Files, segment.Files); detail != "" {
				c.details = append(c.details, detail)
			}
		}
	}
	if files && len(then.Packages) > 0 && len(now.Packages) > 0 {
		c.diff = diffPackages(then.Packages, now.Packages)
		c.details = append(c.details, c.diff.String())
	}
	c.details = short(c.details)
	if len(c.details) == 0 { // a single file, and no packages are known
		c.details = []string{"its contents are others"}
	}
	return c
}

// which names the changed segments as people count them.
func (c comparison) which(segments []Segment) string {
	var names []string
	for _, i := range c.changed {
		names = append(names, fmt.Sprintf("%d (%s)", i+1, name(segments[i].Source)))
	}
	if len(names) == 1 {
		return "segment " + names[0]
	}
	return "segments " + list(short(names))
}

// moved says that two lists of files are the same but for their paths; "" if not.
func moved(then, now []File) string {
	if len(now) == 0 || len(then) != len(now) {
		return ""
	}
	bySum := func(a, b File) int {
		sums := strings.Compare(strings.ToLower(a.SHA256), strings.ToLower(b.SHA256))
		return cmp.Or(sums, strings.Compare(a.Path, b.Path))
	}
	then, now = slices.SortedFunc(slices.Values(then), bySum), slices.SortedFunc(slices.Values(now), bySum)
	first := -1
	for i := range now {
		if !strings.EqualFold(then[i].SHA256, now[i].SHA256) {
			return ""
		}
		if first < 0 && then[i].Path != now[i].Path {
			first = i
		}
	}
	if first < 0 {
		return ""
	}
	return fmt.Sprintf("%s has the same contents as %s had then: the path is part of the hash",
		name(now[first].Path), name(then[first].Path))
}

// fileDiff says which files of a pattern changed; "" if there is only one anyway.
func fileDiff(then, now []File) string {
	if len(then) <= 1 && len(now) <= 1 {
		return ""
	}
	old := map[string]string{}
	for _, file := range then {
		old[file.Path] = file.SHA256
	}
	var changed []string
	added := 0
	for _, file := range now {
		sum, known := old[file.Path]
		delete(old, file.Path)
		if !known {
			added++
		} else if !strings.EqualFold(sum, file.SHA256) {
			changed = append(changed, name(file.Path))
		}
	}
	parts := short(changed)
	if added+len(old) > 0 {
		parts = append(parts, fmt.Sprintf("+%d -%d files", added, len(old)))
	}
	if len(parts) == 0 {
		return "its files are found in another order"
	}
	return strings.Join(parts, ", ")
}
