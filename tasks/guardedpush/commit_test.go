package guardedpush

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guardrails-ci/guardrails/tasks/guardedpush/meaning"
	"github.com/guardrails-ci/guardrails/tasks/guardedpush/splice"
)

// What an edit says is said once, in the message and in the log.
func TestEditIsToldOnce(t *testing.T) {
	t.Parallel()
	const (
		values = "# web\nimage:\n  repository: ghcr.io/shop/web\n  tag: 1.6\nsidecar: {repository: envoy, tag: a}\n" +
			"labels: {it's: 1, a.b: 1}\n"
		pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n    - {name: c, image: 'web:1'}\n"
	)
	for name, tc := range map[string]struct {
		edits []string
		want  []string
	}{
		"a tag": {[]string{"v.yaml: image.tag = 1.7"}, []string{"v.yaml:4: $.image.tag: 1.6 -> 1.7"}},
		"a whole image": {
			[]string{"pod.yaml: spec.containers[0].image = web:2"},
			[]string{"pod.yaml:6: $.spec.containers[0].image: web:1 -> web:2"},
		},
		"two parts of an image": {
			[]string{"v.yaml: image.repository = r.io/web", "v.yaml: image.tag = 1.7"},
			[]string{
				"v.yaml: image of image: ghcr.io/shop/web:1.6 -> r.io/web:1.7",
				"v.yaml:3: $.image.repository: ghcr.io/shop/web -> r.io/web",
				"v.yaml:4: $.image.tag: 1.6 -> 1.7",
			},
		},
		"two images": {
			[]string{"v.yaml: image.tag = 1.7", "v.yaml: sidecar.tag = b"},
			[]string{"v.yaml:4: $.image.tag: 1.6 -> 1.7", "v.yaml:5: $.sidecar.tag: a -> b"},
		},
		"keys that are not plain": {
			[]string{`v.yaml: labels["it's"] = 2`, "v.yaml: labels['a.b'] = 2"},
			[]string{`v.yaml:6: $.labels['it\'s']: 1 -> 2`, "v.yaml:6: $.labels['a.b']: 1 -> 2"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := newJob(t, map[string]string{"v.yaml": values, "pod.yaml": pod})
			j.input("edits", strings.Join(tc.edits, "\n")).want("Succeeded", "pushed")
			text := j.newest("main")
			var told []string
			for line := range strings.SplitSeq(text, "\n") {
				if line, ok := strings.CutPrefix(line, "- "); ok {
					told = append(told, line)
				}
			}
			if diff := cmp.Diff(tc.want, told); diff != "" {
				t.Errorf("the message of %q (-want +got):\n%s\n%s", tc.edits, diff, text)
			}
			_, shown, _ := strings.Cut(j.log, "What changes: 1 file\n")
			shown, _, _ = strings.Cut(shown, "\n##[endgroup]")
			if diff := cmp.Diff(strings.Join(tc.want, "\n"), shown); diff != "" {
				t.Errorf("the log of %q (-want +got):\n%s", tc.edits, diff)
			}
		})
	}
}

func TestFilesWithoutEditsAreTold(t *testing.T) {
	t.Parallel()
	j := newJob(t, map[string]string{"a.txt": "1\n", "v.yaml": "image: {repository: web, tag: 1}\n"}).checkout()
	j.write("a.txt", "2\n").write("b.txt", "1\n").write("v.yaml", "image: {repository: web, tag: 2}\n").want("Succeeded", "pushed")
	text := j.newest("main")
	for _, want := range []string{"- a.txt: changed", "- b.txt: added", "- v.yaml: changed", "- v.yaml: image of image: web:1 -> web:2"} {
		if !strings.Contains(text+"\n", want+"\n") {
			t.Errorf("the message has no line %q:\n%s", want, text)
		}
	}
}

// Thousands of images are not compared with thousands of edits.
func TestManyImagesAreToldByTheirEdits(t *testing.T) {
	t.Parallel()
	d := &draft{files: []draftFile{{before: []byte("x")}}}
	d.files[0].Path, d.files[0].Mode = "v.yaml", "100644"
	for i := range 10_000 {
		tag := fmt.Sprint(i)
		d.files[0].images = append(d.files[0].images, meaning.ImageChange{Place: tag, Before: "web:" + tag, After: "w:x"})
		d.edits = append(d.edits, splice.Applied{Edit: splice.Edit{File: "v.yaml"}, Path: "$['a']", Line: i, Old: tag, New: "x"})
	}
	lines := d.lines()
	same(t, "lines", 21, len(lines))
	same(t, "the first", "v.yaml:0: $.a: 0 -> x", lines[0])
	same(t, "the last", "and 9980 more", lines[20])
}
