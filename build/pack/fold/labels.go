package fold

import (
	"cmp"
	"maps"
	"slices"
)

// labels are the places a program refers to: in the order of their numbers, and the number of each.
type labels struct {
	list    []uint32
	numbers map[uint32]int
}

// label gives the places of each image numbers. Those of the first are numbered as they lie; a place of another gets
// the number of the first's place that it corresponds to, or one that the first does not have. What is wrong in it
// costs bytes and nothing else.
func label(images []*image) []labels {
	all := make([]labels, 0, len(images))
	for i, img := range images {
		if i == 0 {
			all = append(all, number(places(img)))
		} else {
			all = append(all, all[0].applied(img, correspond(images[0], img)))
		}
		if len(all[i].list) > maxLabels {
			all[i] = labels{}
		}
	}
	return all
}

func number(list []uint32) labels {
	numbers := map[uint32]int{}
	for i, target := range list {
		numbers[target] = i
	}
	return labels{list, numbers}
}

// places returns all that the image refers to, sorted.
func places(img *image) []uint32 {
	set := map[uint32]bool{}
	for _, s := range img.sites {
		set[s.target] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// pair is a place in the first image and one in another.
type pair struct{ first, other uint32 }

// nameWeight is more than any place in the code has to say: functions of one name correspond.
const nameWeight = 1 << 20

// correspond counts what speaks for each pair: the same function refers to the same places in the same order.
func correspond(first, other *image) map[pair]int {
	votes := map[pair]int{}
	ours, theirs := byFunction(first), byFunction(other)
	for name, a := range ours {
		b, ok := theirs[name]
		if !ok {
			continue
		}
		votes[pair{uint32(a.start), uint32(b.start)}] += nameWeight
		for i := range min(len(a.sites), len(b.sites)) {
			// Of functions that differ, the beginnings may be the same.
			if len(a.sites) != len(b.sites) && a.sites[i].at-a.start != b.sites[i].at-b.start {
				break
			}
			votes[pair{a.sites[i].target, b.sites[i].target}]++
		}
	}
	return votes
}

type body struct {
	start int
	sites []site
}

func byFunction(img *image) map[string]body {
	bodies := map[string]body{}
	rest := img.sites
	for i, f := range img.funcs {
		end := img.end
		if i+1 < len(img.funcs) {
			end = img.funcs[i+1].start
		}
		until := func(offset int) (before []site) {
			n, _ := slices.BinarySearchFunc(rest, offset, func(s site, at int) int { return cmp.Compare(s.at, at) })
			before, rest = rest[:n], rest[n:]
			return before
		}
		until(f.start)
		bodies[f.name] = body{f.start, until(end)}
	}
	return bodies
}

// applied returns the labels of another image, by the votes for pairs of its places and the first image's.
func (l labels) applied(img *image, votes map[pair]int) labels {
	pairs := slices.SortedFunc(maps.Keys(votes), func(a, b pair) int {
		return cmp.Or(-cmp.Compare(votes[a], votes[b]), cmp.Compare(a.first, b.first), cmp.Compare(a.other, b.other))
	})
	places := places(img)
	free := number(places).numbers // the places without a number
	list := make([]uint32, len(l.list))
	taken := make([]bool, len(l.list))
	numbers := map[uint32]int{}
	for _, p := range pairs {
		n, known := l.numbers[p.first]
		if _, ok := free[p.other]; !ok || !known || taken[n] {
			continue
		}
		list[n], taken[n], numbers[p.other] = p.other, true, n
		delete(free, p.other)
	}
	for n := range list {
		if !taken[n] && n > 0 { // as far from the one before as in the first image: nothing new to store
			list[n] = list[n-1] + l.list[n] - l.list[n-1]
		}
	}
	for _, target := range places {
		if _, ok := free[target]; ok {
			numbers[target] = len(list)
			list = append(list, target)
		}
	}
	return labels{list, numbers}
}
