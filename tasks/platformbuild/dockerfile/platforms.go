package dockerfile

import (
	"slices"
	"strings"
)

// Made is the platform that the target's stage says it is made for, and the line that says so: "" is the one that is
// asked for, "$BUILDPLATFORM" the builder's. BuildKit takes a constant there and makes what was not asked for.
func (f *File) Made(target string, args map[string]string) (platform string, line int, err error) {
	w, last, err := f.walk(target, args)
	if err != nil {
		return "", 0, err
	}
	root, _, err := w.root(last)
	if err != nil || root.Platform == "" {
		return "", root.Line, err
	}
	platform, err = w.platform(root.Line, root.Platform)
	return platform, root.Line, err
}

// Runs are the platforms for which a program runs in the stages that the target needs: "" is the target's own,
// "$BUILDPLATFORM" the builder's. It errs on the side of none: a RUN counts if it surely starts the shell of a base
// image, and not if what it starts may have come from a stage for another platform.
func (f *File) Runs(target string, args map[string]string) ([]string, error) {
	w, last, err := f.walk(target, args)
	if err == nil {
		err = w.stage(last, true)
	}
	if err != nil {
		return nil, err
	}
	var all []string
	for i, needed := range w.seen {
		if !needed || !f.Stages[i].runs {
			continue
		}
		root, image, err := w.root(i)
		if err != nil {
			return nil, err
		}
		if image == "scratch" || w.shellIsOther(i) {
			continue
		}
		platform := root.Platform
		if platform != "" {
			if platform, err = w.platform(root.Line, platform); err != nil {
				return nil, err
			}
		}
		if !slices.Contains(all, platform) {
			all = append(all, platform)
		}
	}
	return all, nil
}

// root is the stage that a stage starts from in the end, and its image. The platform is that one's: BuildKit forgets
// the --platform of a stage that starts from another.
func (w *walk) root(i int) (Stage, string, error) {
	for {
		s := w.file.Stages[i]
		image, err := w.fill(s.Line, s.Base)
		if err != nil {
			return s, "", err
		}
		earlier := w.file.named(image, i)
		if earlier < 0 {
			return s, image, nil
		}
		i = earlier
	}
}

// shellIsOther reports whether the stage, or one that it starts from, has a SHELL.
func (w *walk) shellIsOther(i int) bool {
	for i >= 0 {
		s := w.file.Stages[i]
		if s.shell {
			return true
		}
		image, err := w.fill(s.Line, s.Base)
		if err != nil {
			return true
		}
		i = w.file.named(image, i)
	}
	return false
}

// programs notes what the instruction tells about programs that run. Those of ONBUILD run in another stage, if at all.
func (s *Stage) programs(in instruction) {
	switch in.keyword {
	case "SHELL":
		s.shell = true
	case "RUN":
		_, isList, _ := in.list()
		mounted := slices.ContainsFunc(in.flags, func(flag string) bool {
			return strings.HasPrefix(flag, "--mount=") && strings.Contains(strings.ToLower(flag), "from=")
		})
		s.runs = s.runs || !isList && !mounted
	}
}
