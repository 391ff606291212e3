package rootfs

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

// what says in a few words what Find found.
func what(f File, err error) string {
	var missing *MissingError
	switch {
	case errors.As(err, &missing):
		return missing.Path + ": " + missing.Reason
	case err != nil:
		return err.Error()
	case f.Mode.IsDir():
		return f.Path + " folder"
	}
	text := f.Path
	if !f.Mode.IsRegular() {
		text += " " + f.Mode.Type().String()
	}
	if s := f.Program.String(); s != "" {
		text += " " + strings.TrimPrefix(s, "ELF linux/")
	}
	return text
}

func TestFind(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		layers []string // the lowest first
		find   string
		want   string
	}{
		"one layer":                            {[]string{"exec app/server PROGRAM"}, "/app/server", "/app/server amd64"},
		"dots and slashes":                     {[]string{"exec ./app//server PROGRAM"}, "//app/./x/../server", "/app/x: no such file or directory"},
		"dots":                                 {[]string{"dir app/x; exec app/server PROGRAM"}, "//app/./x/../server", "/app/server amd64"},
		"absolute name":                        {[]string{"exec /app/server PROGRAM"}, "/app/server", "/app/server amd64"},
		"name out of root":                     {[]string{"exec ../../app/server PROGRAM"}, "/app/server", "/app/server amd64"},
		"path out of root":                     {[]string{"exec app/server PROGRAM"}, "/../../app/server", "/app/server amd64"},
		"missing":                              {[]string{"exec app/server PROGRAM"}, "/app/serve", "/app/serve: no such file or directory"},
		"missing folder":                       {[]string{"exec app/server PROGRAM"}, "/ap/server", "/ap: no such file or directory"},
		"below a file":                         {[]string{"exec app/server PROGRAM"}, "/app/server/x", "/app/server: not a directory"},
		"folder":                               {[]string{"exec app/server PROGRAM"}, "/app", "/app folder"},
		"root":                                 {[]string{"exec app/server PROGRAM"}, "/", "/ folder"},
		"no layers":                            {nil, "/app", "/app: no such file or directory"},
		"fifo":                                 {[]string{"fifo app"}, "/app", "/app p---------"},
		"long name":                            {[]string{"exec app PROGRAM"}, "/" + strings.Repeat("a", 256), "/" + strings.Repeat("a", 256) + ": file name too long"},
		"upper layer wins":                     {[]string{"exec app PROGRAM", "exec app OTHER"}, "/app", "/app arm64"},
		"lower layer":                          {[]string{"exec app PROGRAM", "exec x OTHER"}, "/app", "/app amd64"},
		"last entry wins":                      {[]string{"exec app PROGRAM; exec app OTHER"}, "/app", "/app arm64"},
		"last spelling wins":                   {[]string{"exec a/app PROGRAM; exec ./x/..//a/app OTHER"}, "/a/app", "/a/app arm64"},
		"whiteout":                             {[]string{"exec a/b PROGRAM", "hide a/b"}, "/a/b", "/a/b: no such file or directory"},
		"whiteout of folder":                   {[]string{"exec a/b PROGRAM", "hide a"}, "/a/b", "/a: no such file or directory"},
		"whiteout, and again":                  {[]string{"exec a PROGRAM", "hide a", "exec a OTHER"}, "/a", "/a arm64"},
		"whiteout spares its own layer":        {[]string{"exec a PROGRAM", "exec a OTHER; hide a"}, "/a", "/a arm64"},
		"whiteout and then the file":           {[]string{"exec a PROGRAM", "hide a; exec a OTHER"}, "/a", "/a arm64"},
		"whiteout and a folder":                {[]string{"exec a/b PROGRAM", "hide a; exec a/c OTHER"}, "/a/b", "/a/b: no such file or directory"},
		"whiteout by device":                   {[]string{"exec a PROGRAM", "dev a"}, "/a", "/a: no such file or directory"},
		"opaque":                               {[]string{"exec a/b PROGRAM", "opaque a; exec a/c OTHER"}, "/a/b", "/a/b: no such file or directory"},
		"opaque spares its own layer":          {[]string{"exec a/b PROGRAM", "exec a/b OTHER; opaque a"}, "/a/b", "/a/b arm64"},
		"opaque deep":                          {[]string{"exec a/b/c PROGRAM", "opaque a"}, "/a/b/c", "/a/b: no such file or directory"},
		"opaque root":                          {[]string{"exec a PROGRAM", "opaque ."}, "/a", "/a: no such file or directory"},
		"opaque elsewhere":                     {[]string{"exec a/b PROGRAM", "opaque c"}, "/a/b", "/a/b amd64"},
		"file over folder":                     {[]string{"exec a/b PROGRAM", "file a x"}, "/a/b", "/a: not a directory"},
		"folder over file":                     {[]string{"exec a PROGRAM", "dir a"}, "/a", "/a folder"},
		"folder over file over folder":         {[]string{"exec a/b PROGRAM", "file a x", "dir a"}, "/a/b", "/a/b: no such file or directory"},
		"last of file and folder":              {[]string{"exec a/b PROGRAM; file a x; dir a"}, "/a/b", "/a/b: no such file or directory"},
		"folder over folder":                   {[]string{"exec a/b PROGRAM", "dir a"}, "/a/b", "/a/b amd64"},
		"link":                                 {[]string{"exec usr/bin/dash PROGRAM; link bin -> usr/bin; link usr/bin/sh -> dash"}, "/bin/sh", "/usr/bin/dash amd64"},
		"absolute link":                        {[]string{"exec usr/bin/dash PROGRAM; link bin -> /usr/bin"}, "/bin/dash", "/usr/bin/dash amd64"},
		"link to a higher layer":               {[]string{"link bin -> usr/bin", "exec usr/bin/sh PROGRAM"}, "/bin/sh", "/usr/bin/sh amd64"},
		"link to a lower layer":                {[]string{"exec usr/bin/sh PROGRAM", "link bin -> usr/bin"}, "/bin/sh", "/usr/bin/sh amd64"},
		"link out of root":                     {[]string{"exec a PROGRAM; link x/y -> ../../../a"}, "/x/y", "/a amd64"},
		"link to root":                         {[]string{"exec a PROGRAM; link x -> /"}, "/x/a", "/a amd64"},
		"link up":                              {[]string{"exec a PROGRAM; link x/y -> .."}, "/x/y/a", "/a amd64"},
		"dangling":                             {[]string{"link a -> nowhere/x"}, "/a", "/nowhere: no such file or directory"},
		"empty link":                           {[]string{"file a x"}, "/a/..", "/a: not a directory"},
		"loop":                                 {[]string{"link a -> b; link b -> a"}, "/a", "/: too many levels of symbolic links"},
		"growing loop":                         {[]string{"link a -> a/a"}, "/a", "/: too many levels of symbolic links"},
		"folder over link":                     {[]string{"exec t/x PROGRAM; link a -> t", "exec a/y OTHER"}, "/a/x", "/a/x: no such file or directory"},
		"link over folder":                     {[]string{"exec a/x PROGRAM; exec t/x OTHER", "link a -> t"}, "/a/x", "/t/x arm64"},
		"unpacked through a link of its layer": {[]string{"link a -> /t; exec a/x PROGRAM"}, "/t/x", "/t/x amd64"},
		"unpacked through a link out of root":  {[]string{"link a -> ../../..; exec a/x PROGRAM"}, "/x", "/x amd64"},
		"unpacked through a loop":              {[]string{"link a -> b; link b -> a; exec a/x PROGRAM"}, "/x", "/x: no such file or directory"},
		"hard link":                            {[]string{"exec a PROGRAM; hard b -> a"}, "/b", "/b amd64"},
		"hard link outlives":                   {[]string{"exec a PROGRAM; hard b -> a; exec a OTHER"}, "/b", "/b amd64"},
		"hard link forwards":                   {[]string{"hard b -> a; exec a PROGRAM"}, "/b", "/b amd64"},
		"hard link downwards":                  {[]string{"exec a PROGRAM", "hard b -> a"}, "/b", "/b amd64"},
		"hard link is not upwards":             {[]string{"exec a PROGRAM", "hard b -> a", "exec a OTHER"}, "/b", "/b amd64"},
		"hard link to a link":                  {[]string{"exec a PROGRAM; link b -> a; hard c -> b"}, "/c", "/a amd64"},
		"hard link to itself":                  {[]string{"hard a -> a"}, "/a", "/a: too many levels of symbolic links"},
		"hard links in a circle":               {[]string{"hard a -> b; hard b -> a"}, "/a", "/a: too many levels of symbolic links"},
		"hard link to nothing":                 {[]string{"hard a -> b"}, "/a", "/b: no such file or directory"},
		"hard link to the root":                {[]string{"hard a -> ../.."}, "/a", "/: no such file or directory"},
		"Windows":                              {[]string{"exec Files/app/app.exe PROGRAM"}, `C:\app\app.exe`, `C:\app\app.exe amd64`},
		"Windows, upper case":                  {[]string{"exec Files/App/app.EXE PROGRAM"}, `c:/APP\APP.exe`, `C:\APP\APP.exe amd64`},
		"Windows, up":                          {[]string{"exec Files/a PROGRAM; exec b OTHER"}, `C:\..\..\b`, `C:\b: no such file or directory`},
		"Windows, link":                        {[]string{`exec Files/a/b PROGRAM; link Files/c -> \??\C:\A`}, `C:\c\b`, `C:\A\b amd64`},
		"Windows, missing":                     {[]string{"exec Files/a PROGRAM"}, `C:\b`, `C:\b: no such file or directory`},
		"case counts on Linux":                 {[]string{"exec App PROGRAM"}, "/app", "/app: no such file or directory"},
		"plain files are only there":           {[]string{"file a text"}, "/a", "/a"},
		"a program without the bit":            {[]string{"file a PROGRAM"}, "/a", "/a amd64"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, quick := range []bool{false, true} {
				if quick && strings.Contains(name, "last") {
					continue // see TestQuick
				}
				f := image(t, Limits{Quick: quick}, tc.layers...)
				if got := what(f.Find(t.Context(), tc.find)); got != tc.want {
					t.Errorf("Find(%q), quick %v: %s\nwant %s", tc.find, quick, got, tc.want)
				}
			}
		})
	}
}

func TestFindCountsLinksAsTheKernelDoes(t *testing.T) {
	t.Parallel()
	lines := []string{"exec l0 PROGRAM"}
	for i := range 41 {
		lines = append(lines, fmt.Sprintf("link l%d -> l%d", i+1, i))
	}
	f := image(t, Limits{}, strings.Join(lines, "; "))
	if got, want := what(f.Find(t.Context(), "/l40")), "/l0 amd64"; got != want {
		t.Errorf("40 links: %s, want %s", got, want)
	}
	if got, want := what(f.Find(t.Context(), "/l41")), "/: too many levels of symbolic links"; got != want {
		t.Errorf("41 links: %s, want %s", got, want)
	}
	_, err := f.Find(t.Context(), "/l41")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Find: %v, want fs.ErrNotExist", err)
	}
}

// Quick is right for layers that name a file once, and notices that one does not when it comes to read on.
func TestQuick(t *testing.T) {
	t.Parallel()
	const twice = "exec app PROGRAM; exec app OTHER"
	f := image(t, Limits{Quick: true}, twice)
	if got, want := what(f.Find(t.Context(), "/app")), "/app amd64"; got != want {
		t.Errorf("Find: %s, want the first entry: %s", got, want)
	}
	_, err := f.Find(t.Context(), "/lib")
	var broken *LayerError
	if !errors.As(err, &broken) || !strings.Contains(err.Error(), "two files with the same name") {
		t.Errorf("Find reads on: %v, want a LayerError that says there are two", err)
	}
	for _, then := range []string{"exec app/x OTHER", "dir app", "link app -> x"} {
		f := image(t, Limits{Quick: true}, "exec app PROGRAM; "+then)
		if got, want := what(f.Find(t.Context(), "/app")), "/app amd64"; got != want {
			t.Errorf("%s: Find: %s, want %s", then, got, want)
		}
		if _, err := f.Find(t.Context(), "/lib"); !errors.As(err, &broken) {
			t.Errorf("%s: Find reads on: %v, want a LayerError", then, err)
		}
	}
}

func TestFindReadsNoMoreThanNeeded(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 1<<20)
	top := &blob{data: entries(t, "dir app", "exec app/server PROGRAM", "file app/data "+big)}
	low := &blob{data: entries(t, "exec bin/sh PROGRAM", "file z "+big)}
	quick := New([]Layer{low, top}, Limits{Quick: true})
	defer quick.Close()
	if got, want := what(quick.Find(t.Context(), "/app/server")), "/app/server amd64"; got != want {
		t.Fatalf("Find: %s, want %s", got, want)
	}
	if n := quick.Downloaded(); n > 100_000 || low.opens != 0 {
		t.Errorf("quick Find read %d bytes and opened the lower layer %d times, want the first bytes of one", n, low.opens)
	}
	// The search goes on where it stopped.
	if got, want := what(quick.Find(t.Context(), "/bin/sh")), "/bin/sh amd64"; got != want {
		t.Fatalf("Find: %s, want %s", got, want)
	}
	if n := quick.Downloaded(); top.opens != 1 || n > top.Size()+100_000 {
		t.Errorf("quick Find opened the top layer %d times and read %d bytes in all, want once and little of the lower", top.opens, n)
	}

	whole := New([]Layer{low, top}, Limits{})
	if got, want := what(whole.Find(t.Context(), "/app/server")), "/app/server amd64"; got != want {
		t.Fatalf("Find: %s, want %s", got, want)
	}
	if n := whole.Downloaded(); n != top.Size() || low.opens != 1 {
		t.Errorf("Find read %d bytes, want all %d of the top layer and none below", n, top.Size())
	}
	if err := whole.Close(); err != nil {
		t.Error(err)
	}
}

// Of the highest layers only so many are quick as Own says.
func TestOwnLayersAreQuick(t *testing.T) {
	t.Parallel()
	const twice = "exec app PROGRAM; exec app OTHER"
	for own, want := range []string{"/app arm64", "/app arm64", "/app amd64"} {
		f := image(t, Limits{Own: own}, twice, "file other x")
		if got := what(f.Find(t.Context(), "/app")); got != want {
			t.Errorf("Own %d: Find: %s, want %s", own, got, want)
		}
	}
}
