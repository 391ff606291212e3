package archive

import (
	"io/fs"
	"time"
)

// changeTime is not in what os.Stat knows on Windows.
func changeTime(fs.FileInfo) time.Time { return time.Time{} }
