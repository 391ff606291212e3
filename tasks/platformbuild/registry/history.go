package registry

import "strings"

// made is an entry of an image's history.
type made struct {
	By      string `json:"created_by"`
	Comment string `json:"comment"`
	Empty   bool   `json:"empty_layer"`
}

// maxHistory is more than an image can have of layers (a kernel mounts some hundred) and of other steps.
const maxHistory = 1000

// Own is how many of the highest layers BuildKit has made by the instructions with these keywords, which are the last
// ones of the Dockerfile that the image was built from. It is a lower bound, whatever the base image says of itself:
//   - BuildKit takes the history of the base image, and writes one entry behind it for each instruction, in their
//     order. Where a version writes none, the keywords do not agree any more, and the count ends.
//   - An instruction whose entry has a layer has made exactly one, also if nothing changed: each is a copy, a folder or
//     a run on top of what was there (COPY --link: on top of nothing, and merged). BuildKit's differ writes it, from a
//     file system, and so each name once: not what COPY --from found in somebody's layer, or ADD in an archive.
//   - If a base image has fewer entries than layers, the exporter adds some for layers at the end, with another
//     comment: nothing is counted. If it has more, the exporter marks so many of the last ones as empty: less is
//     counted. So are layers that a version drops as empty.
//
// What comes from a cache was made so when it was written. Whoever may write there can give an image any program.
func (p Part) Own(keywords []string) int {
	layers := 0
	for _, entry := range p.history {
		if !entry.Empty {
			layers++
		}
	}
	if layers != len(p.Layers) {
		return 0
	}
	own := 0
	for i := 1; i <= min(len(keywords), len(p.history)); i++ {
		entry := p.history[len(p.history)-i]
		if entry.Comment != "buildkit.dockerfile.v0" || !strings.HasPrefix(entry.By, keywords[len(keywords)-i]+" ") {
			break
		}
		if !entry.Empty {
			own++
		}
	}
	return own
}
