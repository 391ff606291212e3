// Package osvtest is OSV's bucket and API, as an http.Handler with the data of its user,
// for tests. It can fail in the ways that the real ones and what lies before them do.
package osvtest
