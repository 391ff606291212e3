package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
)

// verifying looks into images that are in the registry.
func verifying(o options, l *lab) error {
	for _, image := range []struct {
		tag, starts string
		top         int
	}{
		{"static", "/app/server", withProgram}, {"script", "/app/run.sh", withScript},
	} {
		size, packed, err := l.push("shop/big", image.tag, image.starts, append(l.tools.layers[:bigLayers:bigLayers],
			l.tools.layers[image.top]))
		if err != nil {
			return err
		}
		title := fmt.Sprintf("An image of %.0f MB (%.0f MB in the registry) that starts %s", size/1e6, packed/1e6,
			image.starts)
		if err := race(l, title, o.rounds, l.lookers("shop/big:"+image.tag)); err != nil {
			return err
		}
	}
	return nil
}

// lookers are all that can be asked about an image.
func (l *lab) lookers(image string) []contender {
	full := l.registry.Host() + "/" + image
	verify := []string{"command", "verify", "images", full, "platforms", "linux/amd64"}
	all := []contender{
		{name: "PlatformBuild, verify", check: says(succeeded), job: func(int) job { return l.ours(verify...) }},
		{
			name: "PlatformBuild, verify, signed", check: says(succeeded), read: lookedAt,
			job: func(int) job { return l.ours(append(verify, "publicKey", l.path("key.pem"))...) },
		},
		{
			name: "the look alone that a build takes", check: says("it starts"), read: lookedAt,
			job: func(int) job { return l.script(l.tools.self, lookArg, full) },
		},
		{name: "PlatformBuild, verify, verifyContent: all", check: says(succeeded), job: func(int) job {
			return l.ours(append(verify, "verifyContent", "all")...)
		}},
		{name: "PlatformBuild, verify, verifyContent: off", check: says(succeeded), job: func(int) job {
			return l.ours(append(verify, "verifyContent", "off")...)
		}},
		{name: "docker buildx imagetools inspect", check: says("Digest:"), job: func(int) job {
			return l.raw("buildx", "imagetools", "inspect", full)
		}},
		{
			name: "docker pull", check: says("Downloaded newer image"), before: l.forget,
			job: func(int) job { return l.raw("pull", "--platform", "linux/amd64", full) },
		},
	}
	if l.tools.packed != "" {
		all = append(all, contender{
			name: "PlatformBuild, packed, verify", check: says(succeeded),
			job: func(int) job { return l.packed(verify...) },
		})
	}
	return all
}

// forget removes all images from the engine, as the layers of one can be those of another.
func (l *lab) forget() error {
	_, err := l.daemons.Docker("image", "prune", "--all", "--force")
	return err
}

// push puts an image into the registry that looks as if a pipeline had built it.
func (l *lab) push(repository, tag, starts string, layers []*layer) (size, packed float64, err error) {
	var unpacked, parts []any
	for _, one := range layers {
		data, err := os.ReadFile(one.file)
		if err != nil {
			return 0, 0, err
		}
		if err := l.upload(repository, one.Packed, data); err != nil {
			return 0, 0, err
		}
		unpacked = append(unpacked, one.Unpacked)
		parts = append(parts, object{
			"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": one.Packed, "size": one.Bytes,
		})
		size, packed = size+float64(one.Files), packed+float64(one.Bytes)
	}
	config := object{
		"os": "linux", "architecture": "amd64", "rootfs": object{"type": "layers", "diff_ids": unpacked},
		"config": object{"Cmd": []string{starts}, "Env": []string{"PATH=/usr/bin:/bin"}, "Labels": labels},
	}
	if err := l.image(repository, tag, config, parts...); err != nil {
		return 0, 0, err
	}
	return size, packed, l.sign(repository, tag)
}

// object is one of JSON.
type object map[string]any

const manifestType = "application/vnd.oci.image.manifest.v1+json"

func (l *lab) upload(repository, digest string, data []byte) error {
	return l.send(http.MethodPost, "/v2/"+repository+"/blobs/uploads/?digest="+digest, data)
}

// send writes into the registry, past its credentials and its list of requests.
func (l *lab) send(method, path string, data []byte) error {
	q, err := http.NewRequest(method, l.registry.URL()+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", manifestType)
	answer, err := l.registry.Inside().RoundTrip(q)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		said, _ := io.ReadAll(answer.Body) // of memory
		return fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, said)
	}
	return nil
}
