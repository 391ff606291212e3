// Package dockerfile reads what we need to know of a Dockerfile before it is built: its stages, the images they
// start from, and what it wants to be given. BuildKit reads it for real.
package dockerfile

// File is a Dockerfile.
type File struct {
	Syntax string // of "# syntax=", an image's name
	Args   []Arg  // before the first FROM
	Stages []Stage
}

// Arg is an ARG before the first FROM.
type Arg struct{ Name, Default string }

// Stage begins with a FROM.
type Stage struct {
	Line     int // from 1
	Name     string
	Base     string // as written, with $ARGs
	Platform string // of --platform, as written
	Secrets  []Mount
	SSH      []Mount
	Copies   []string // images and stages of COPY --from and RUN --mount=from, as written
	Args     []string // declared in the stage
}

// Mount is a secret or an SSH key that a RUN wants.
type Mount struct {
	Line     int
	ID       string
	Required bool
}

// Parse reads a Dockerfile. What it does not understand is an error: a base image that is missed would be missed in
// the hash that decides whether anything must be built.
func Parse(text []byte) (*File, error) { panic("skeleton") }

// Base is an image that a build starts from or copies from.
type Base struct {
	Line     int
	Image    string
	Platform string // "" is the target's
	Final    bool   // the last stage of the build starts from it
}

// Bases are the images that the stages a target needs are made from, with ARGs filled in; scratch is left out.
func (f *File) Bases(target string, args map[string]string) ([]Base, error) { panic("skeleton") }
