package dockerfile

import (
	"fmt"
	"strconv"
	"strings"
)

// Base is an image that a build starts from or copies from.
type Base struct {
	Line     int
	Image    string
	Platform string // "" is the target's; "$BUILDPLATFORM" the builder's, if args does not say what that is
	Final    bool   // the last stage of the build starts from it
}

// predefined are arguments that BuildKit sets.
var predefined = []string{
	"BUILDPLATFORM", "BUILDOS", "BUILDOSVERSION", "BUILDARCH", "BUILDVARIANT",
	"TARGETPLATFORM", "TARGETOS", "TARGETOSVERSION", "TARGETARCH", "TARGETVARIANT",
}

// Bases are the images that the stages a target needs are made from, with ARGs filled in; scratch is left out. Args may
// hold the arguments that BuildKit sets itself, such as TARGETARCH; an image whose name needs one that is not there is
// an error. Stages and images that a build context of that name takes the place of are told as if there was none.
func (f *File) Bases(target string, args map[string]string) ([]Base, error) {
	w, last, err := f.walk(target, args)
	if err != nil {
		return nil, err
	}
	err = w.stage(last, true)
	return w.bases, err
}

// walk is a walk that begins at the number of the target's stage.
func (f *File) walk(target string, args map[string]string) (w *walk, last int, err error) {
	if last, err = f.target(target); err != nil {
		return nil, 0, err
	}
	if target == "" {
		target = f.Stages[last].Name
	}
	values, err := f.values(target, args)
	return &walk{file: f, values: values, seen: make([]bool, len(f.Stages))}, last, err
}

// target is the number of a stage; the last if no name is given.
func (f *File) target(name string) (int, error) {
	if name == "" {
		return len(f.Stages) - 1, nil
	}
	if i := f.named(strings.ToLower(name), len(f.Stages)); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("there is no stage %s in it", show(name))
}

// Steps are the keywords of the instructions of the target's stage that make something of its image, in their order.
// Those of the stage, or of the image, that it starts from are not among them.
func (f *File) Steps(target string) ([]string, error) {
	i, err := f.target(target)
	if err != nil {
		return nil, err
	}
	return f.Stages[i].steps, nil
}

// named is the last of the first n stages that has the name; -1 if none has.
func (f *File) named(name string, n int) int {
	for i := n - 1; i >= 0 && name != ""; i-- {
		if f.Stages[i].Name == name {
			return i
		}
	}
	return -1
}

// values are the arguments that FROM may use.
func (f *File) values(target string, args map[string]string) (map[string]string, error) {
	if target == "" {
		target = "default"
	}
	values := map[string]string{"TARGETSTAGE": target}
	for _, name := range predefined {
		values[name] = "$" + name
		// A caller that knows the platform leaves out what is empty, such as a variant.
		if _, known := args["TARGETPLATFORM"]; known && strings.HasPrefix(name, "TARGET") {
			values[name] = ""
		}
	}
	for name := range values {
		if given, ok := args[name]; ok {
			values[name] = given
		}
	}
	lookup := func(name string) (string, bool) { value, ok := values[name]; return value, ok }
	for _, a := range f.Args {
		if given, ok := args[a.Name]; ok {
			values[a.Name] = given
		} else if a.hasDefault {
			value, err := expand(a.Default, f.escape, lookup)
			if err != nil {
				return nil, at(a.line, fmt.Errorf("ARG %s: %w", show(a.Name), err))
			}
			values[a.Name] = value
		}
	}
	return values, nil
}

// walk goes through the stages that are needed.
type walk struct {
	file   *File
	values map[string]string
	seen   []bool
	bases  []Base
}

// stage notes what a stage is made from. Final says that the build's last stage is this one, or starts from it.
func (w *walk) stage(i int, final bool) error {
	if w.seen[i] && !final {
		return nil
	}
	first := !w.seen[i]
	w.seen[i] = true
	s := w.file.Stages[i]
	image, err := w.fill(s.Line, s.Base)
	if err != nil {
		return err
	}
	if earlier := w.file.named(image, i); earlier >= 0 {
		err = w.stage(earlier, final)
	} else {
		err = w.image(Base{Line: s.Line, Image: image, Platform: s.Platform, Final: final})
	}
	for n := 0; n < len(s.Copies) && err == nil && first; n++ {
		err = w.copied(s.copyLines[n], s.Copies[n])
	}
	return err
}

// copied notes what files come from: a stage by name or number, or an image.
func (w *walk) copied(line int, from string) error {
	if i := w.file.named(strings.ToLower(from), len(w.file.Stages)); i >= 0 {
		return w.stage(i, false)
	}
	number, err := strconv.Atoi(from)
	switch {
	case err != nil:
		return w.image(Base{Line: line, Image: from})
	case number < 0 || number >= len(w.file.Stages):
		return at(line, fmt.Errorf("there is no stage %d", number))
	}
	return w.stage(number, false)
}

// image notes an image, once for each platform.
func (w *walk) image(b Base) error {
	if b.Image == "scratch" {
		return nil
	}
	if b.Platform != "" {
		var err error
		if b.Platform, err = w.platform(b.Line, b.Platform); err != nil {
			return err
		}
	}
	for i, known := range w.bases {
		if known.Image == b.Image && known.Platform == b.Platform {
			w.bases[i].Final = known.Final || b.Final
			return nil
		}
	}
	w.bases = append(w.bases, b)
	return nil
}

func (w *walk) platform(line int, text string) (string, error) {
	platform, err := expand(text, w.file.escape, w.lookup)
	if err != nil || platform == "" {
		return "", at(line, fmt.Errorf("the platform %s is empty, or cannot be read", show(text)))
	}
	return platform, nil
}

func (w *walk) lookup(name string) (string, bool) {
	value, ok := w.values[name]
	return value, ok
}

// fill fills the arguments into an image's name.
func (w *walk) fill(line int, base string) (string, error) {
	image, err := expand(base, w.file.escape, w.lookup)
	switch {
	case err != nil:
		return "", at(line, fmt.Errorf("FROM %s: %w", show(base), err))
	case image == "":
		return "", at(line, fmt.Errorf("FROM %s is empty: give the argument a value", show(base)))
	case strings.Contains(image, "$"):
		return "", at(line, fmt.Errorf("FROM %s depends on the machine that builds", show(base)))
	}
	return image, nil
}
