package workload

import (
	"regexp"
	"strings"
)

// replacement is an entry of a kustomization's images.
type replacement struct {
	form                            *regexp.Regexp // of the images that are meant; nil is none
	newName, newTag, digest, suffix string
}

// imageForm is what kustomize makes of a name, its quirks included: that is a regular expression.
func imageForm(name string) *regexp.Regexp {
	form, err := regexp.Compile("^" + name + `(:[a-zA-Z0-9_.{}-]*)?(@sha256:[a-zA-Z0-9_.{}-]*)?$`)
	if name == "" || err != nil {
		return nil
	}
	return form
}

// rename carries out the images of a kustomization, which reach containers and init containers only (kustomize,
// filters/imagetag).
func rename(im image, all []replacement) image {
	if im.list != "containers" && im.list != "initContainers" {
		return im
	}
	for _, r := range all {
		im.Image = r.apply(im.Image)
	}
	return im
}

func (r replacement) apply(text string) string {
	if r.form == nil || !r.form.MatchString(text) {
		return text
	}
	name, tag, digest := splitImage(text)
	if r.newName != "" {
		name = r.newName
	}
	switch {
	case r.newTag != "" || r.digest != "":
		tag, digest = r.newTag, r.digest
	case r.suffix != "":
		tag, digest = tag+r.suffix, ""
	}
	if tag != "" {
		name += ":" + tag
	}
	if digest != "" {
		name += "@" + digest
	}
	return name
}

// splitImage splits where kustomize does: at the first colon after the first slash, as a host may have a port.
func splitImage(text string) (name, tag, digest string) {
	text, digest, _ = strings.Cut(text, "@")
	host := max(strings.IndexByte(text, '/'), 0)
	if at := strings.IndexByte(text[host:], ':'); at >= 0 {
		return text[:host+at], text[host+at+1:], digest
	}
	return text, "", digest
}
