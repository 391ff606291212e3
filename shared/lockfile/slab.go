package lockfile

// slab gives many small slices their memory from few large ones.
type slab[T any] struct{ free []T }

// keep returns a copy of the items; nil if there are none.
func (s *slab[T]) keep(items ...T) []T {
	const chunk = 512
	if len(items) == 0 {
		return nil
	}
	if cap(s.free)-len(s.free) < len(items) {
		s.free = make([]T, 0, max(len(items), chunk))
	}
	from := len(s.free)
	s.free = append(s.free, items...)
	return s.free[from:len(s.free):len(s.free)]
}
