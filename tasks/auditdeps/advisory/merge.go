package advisory

import (
	"cmp"
	"slices"
	"strings"
)

// Merge makes one Hit of those that are the same vulnerability under several names: one
// id, all aliases, the worst severity, all fixes that each of them agrees with. The worst
// come first.
func Merge(hits []Hit) []Hit {
	var merged []Hit
	for _, group := range groups(hits) {
		merged = append(merged, mergeGroup(group))
	}
	slices.SortStableFunc(merged, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(b.Severity.Rank(), a.Severity.Rank()), strings.Compare(a.ID, b.ID),
			strings.Compare(a.Package, b.Package))
	})
	return merged
}

// groups puts hits of one package together that share a name, also by way of others.
func groups(hits []Hit) [][]Hit {
	parent := make([]int, len(hits))
	root := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	type name struct{ ecosystem, pkg, id string }
	first := map[name]int{}
	for i, h := range hits {
		parent[i] = i
		for _, id := range append([]string{h.ID}, h.Aliases...) {
			key := name{h.Ecosystem, h.Package, id}
			if j, seen := first[key]; seen {
				parent[root(i)] = root(j)
			} else {
				first[key] = i
			}
		}
	}
	at := map[int]int{}
	var all [][]Hit
	for i, h := range hits {
		r := root(i)
		if _, seen := at[r]; !seen {
			at[r] = len(all)
			all = append(all, nil)
		}
		all[at[r]] = append(all[at[r]], h)
	}
	return all
}

func mergeGroup(group []Hit) Hit {
	slices.SortStableFunc(group, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(preference(a.ID), preference(b.ID)), strings.Compare(a.ID, b.ID))
	})
	if len(group) == 1 {
		return group[0]
	}
	one := group[0]
	// What GitHub has rated is rated; else the worst of what the others say counts.
	labelled := preference(one.ID) == 0 && one.Severity != Unknown
	var names []string
	for _, h := range group {
		names = append(append(names, h.ID), h.Aliases...)
		one.Summary = cmp.Or(one.Summary, h.Summary)
		if !labelled && h.Severity.Rank() > one.Severity.Rank() {
			one.Severity, one.Vector = h.Severity, h.Vector
		}
		one.Malicious = one.Malicious || h.Malicious
		one.Informational = one.Informational && h.Informational
		if one.Published.IsZero() || !h.Published.IsZero() && h.Published.Before(one.Published) {
			one.Published = h.Published
		}
		if h.Modified.After(one.Modified) {
			one.Modified = h.Modified
		}
	}
	one.Aliases = sortIDs(one.ID, names)
	one.Ranges, one.Versions, one.Fixed = agree(group)
	return one
}

// preference is for GitHub's ids: people know them, and they have a page of their own.
func preference(id string) int {
	for i, prefix := range []string{"GHSA-", "MAL-"} {
		if strings.HasPrefix(id, prefix) {
			return i
		}
	}
	return 2
}

// agree returns what the members affect together, and the fixes with which none of them
// disagrees. A member that knows of no end at all (Go's unreviewed reports, say) has no
// say in it, if another one has.
func agree(group []Hit) (ranges []Range, listed, fixed []string) {
	voters := slices.DeleteFunc(slices.Clone(group), func(h Hit) bool { return !h.ends() })
	if len(voters) == 0 {
		voters = group
	}
	for _, h := range voters {
		ranges = append(ranges, h.Ranges...)
		listed = append(listed, h.Versions...)
	}
	for _, h := range voters {
		for _, candidate := range h.Fixed {
			if !slices.ContainsFunc(voters, func(other Hit) bool {
				hit, err := other.affects(candidate)
				return hit || err != nil
			}) {
				fixed = append(fixed, candidate)
			}
		}
	}
	return ranges, listed, group[0].sort(fixed)
}

// ends reports whether the advisory says of any version that it is not affected any more.
func (a *Advisory) ends() bool {
	return !slices.ContainsFunc(a.Ranges, func(r Range) bool { return r.Fixed == "" && r.LastAffected == "" })
}
