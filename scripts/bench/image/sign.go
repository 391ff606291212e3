package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
)

// labels are those of an image that a pipeline has built.
var labels = object{
	"built-by": "azure-devops", "pipeline": "web", "build-id": "99", "commit": strings.Repeat("0", 40),
}

// sign signs an image as cosign does, and leaves the public key in key.pem.
func (l *lab) sign(repository, tag string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	digest := l.registry.Digest(repository, tag)
	claims, err := json.Marshal(object{"optional": labels, "critical": object{
		"identity": object{"docker-reference": l.registry.Host() + "/" + repository},
		"image":    object{"docker-manifest-digest": digest}, "type": "cosign container image signature",
	}})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(claims)
	signed, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	if err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	return errors.Join(os.WriteFile(l.path("key.pem"), text, 0o644),
		l.image(repository, strings.Replace(digest, ":", "-", 1)+".sig", object{}, object{
			"mediaType": "application/vnd.dev.cosign.simplesigning.v1+json", "size": len(claims),
			"digest":      fmt.Sprintf("sha256:%x", sum),
			"annotations": object{"dev.cosignproject.cosign/signature": base64.StdEncoding.EncodeToString(signed)},
		}), l.upload(repository, fmt.Sprintf("sha256:%x", sum), claims))
}

// image writes a manifest, and the config that it names. Its layers are there.
func (l *lab) image(repository, tag string, config object, layers ...any) error {
	text, err := json.Marshal(config)
	if err != nil {
		return err
	}
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(text))
	manifest, err := json.Marshal(object{
		"schemaVersion": 2, "mediaType": manifestType, "layers": layers, "config": object{
			"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": len(text),
		},
	})
	if err != nil {
		return err
	}
	return errors.Join(l.upload(repository, digest, text),
		l.send(http.MethodPut, "/v2/"+repository+"/manifests/"+tag, manifest))
}
