package workload

import (
	"bytes"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/guardrails-ci/guardrails/shared/yamltree"
)

const chartFile = "Chart.yaml"

// chartOf returns the chart that a file is a part of, if it is read by rendering that: templates are not YAML, and
// values are no objects. Of charts within a chart (charts/) it is the outermost, which renders them all.
func chartOf(name string, charts map[string]bool) (chart string, ok bool) {
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		rest := strings.TrimPrefix(strings.TrimPrefix(name, dir), "/")
		first, _, deeper := strings.Cut(rest, "/")
		switch {
		case !charts[dir]:
		case ok: // is what was found a subchart?
			if below := strings.TrimPrefix(strings.TrimPrefix(chart, dir), "/"); strings.HasPrefix(below, "charts/") {
				chart = dir
			}
		case rest == chartFile, rest == "values.yaml", deeper && first == "templates":
			chart, ok = dir, true
		}
		if dir == "." {
			return chart, ok
		}
	}
}

// chart returns the images of what a chart renders to.
func (r *reader) chart(dir string) []image {
	at := Use{Path: path.Join(dir, chartFile)}
	if data, ok := r.file(at.Path); !ok || isLibrary(data) {
		return nil
	}
	if r.render == nil {
		r.problem(at, "install helm on the agent, or scan the output of helm template",
			"the chart's templates cannot be looked at without helm")
		return nil
	}
	data, err := r.render(r.ctx, dir)
	switch {
	case r.ctx.Err() != nil:
		return nil
	case err != nil:
		r.problem(at, "make \"helm template\" work with the chart's own values, or scan its output and leave the "+
			"chart out with a pattern that begins with !", "the chart cannot be rendered: %s", clean(err.Error()))
		return nil
	case len(data) > maxRendered:
		r.problem(at, "scan its output in parts", "what it renders to is larger than %d MB", maxRendered>>20)
		return nil
	}
	docs, err := parse(at.Path, data)
	if err != nil {
		_, text := yamltree.Explain(err)
		r.problem(at, "correct the template", "what it renders to is not YAML: %s", clean(text))
	}
	sources := r.sourcesOf(dir, data)
	var images []image
	for _, doc := range docs {
		// The lines are those of the output, which nobody has.
		for _, im := range r.objects(at.Path, []*yaml.Node{doc}) {
			im.Path, im.Line, im.Column = sources.at(im.Line), 0, 0
			images = append(images, im)
		}
	}
	return images
}

// isLibrary reports whether a chart has nothing of its own to render.
func isLibrary(data []byte) bool {
	docs, _ := parse(chartFile, data)
	if len(docs) == 0 {
		return false
	}
	w := &walker{left: maxNodes}
	n := w.enter(docs[0], 0)
	return n != nil && n.Kind == yaml.MappingNode && text(w.fields(n, 0), "type") == "library"
}

// sources says which template the lines of Helm's output come from.
type sources struct {
	fallback string
	paths    []string // by line, from 0
}

func (s sources) at(line int) string {
	if line < 1 || line > len(s.paths) {
		return s.fallback
	}
	return s.paths[line-1]
}

// sourcesOf reads Helm's comments, "# Source: <chart>/templates/web.yaml". They are words of the chart's.
func (r *reader) sourcesOf(dir string, data []byte) sources {
	s := sources{fallback: path.Join(dir, chartFile)}
	known := map[string]string{}
	current := s.fallback
	for line := range bytes.Lines(data) {
		if bytes.HasPrefix(line, []byte("---")) {
			current = s.fallback
		}
		if source, ok := bytes.CutPrefix(line, []byte("# Source: ")); ok {
			name := string(bytes.TrimSpace(source))
			if _, seen := known[name]; !seen {
				known[name] = s.fallback
				if _, inner, _ := strings.Cut(name, "/"); r.exists(path.Join(dir, inner)) {
					known[name] = path.Join(dir, inner)
				}
			}
			current = known[name]
		}
		s.paths = append(s.paths, current)
	}
	return s
}
