package safepath

import (
	"io/fs"
	"syscall"
	"time"
)

// ChangeTime returns when a file was last changed in any way, its name and mode
// included, or the zero time if info does not say. Unlike the modification time
// nobody can set it back. Windows tells the time of creation, which for a file that
// was unpacked or copied is when that was done.
func ChangeTime(info fs.FileInfo) time.Time {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(stat.Ctimespec.Unix())
	}
	return time.Time{}
}
