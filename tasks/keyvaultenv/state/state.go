// Package state hands secrets from a stage of a step to a later one, which is
// another process.
//
// They are sealed with AES-256-GCM in a file below Agent.TempDirectory, and the key
// goes the agent's own way, in a secret task variable: the file alone, which other
// steps, an upload of the folder or a backup may get hold of, tells nothing and
// cannot be changed unnoticed, nor another step's be put in its place.
//
// It does not keep the file from being deleted: then [Load] fails, and says so. A
// later step of the job runs as the same user and can do that.
package state

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/guardrails-ci/guardrails/shared/safepath"
)

// KeySize is how many random bytes make a key. A key is for one Save.
const KeySize = 32

const (
	// maxSize bounds what is kept in memory: a vault's secret has 25 KB at the most, and
	// the file is as good as anybody's until its seal is checked.
	maxSize = 64 << 20
	// format is sealed along with the data, and never written.
	format = "guardrails keyvaultenv state 1"
)

// The errors that Load tells apart. Both mean that what the earlier stage knew is
// lost, and neither that there was nothing.
var (
	ErrMissing  = errors.New("the state of the step's earlier stage is missing")
	ErrTampered = errors.New("the state of the step's earlier stage has been changed, or is another step's")
)

// Save seals data, something that encoding/gob takes: exported fields, and strings of
// any bytes. It returns the path of the file, which is new, whole or absent, and its
// owner's alone.
func Save(temp string, key []byte, data any) (string, error) {
	seal, err := newSeal(key)
	if err != nil {
		return "", err
	}
	var plain bytes.Buffer
	if err := gob.NewEncoder(&plain).Encode(data); err != nil {
		return "", fmt.Errorf("the step's state, a %T, cannot be written: %w", data, err) // it names types only
	}
	if plain.Len() > maxSize {
		return "", fmt.Errorf("the step's state has %d bytes, and %d is the most", plain.Len(), maxSize)
	}
	dir := filepath.Join(temp, "guardrails")
	if err := makeFolder(dir); err != nil {
		return "", err
	}
	// The name says nothing of the key, and no two are the same.
	path := filepath.Join(dir, "keyvaultenv-"+rand.Text()+".sealed")
	if err := safepath.WritePrivate(path, seal.Seal(nil, nil, plain.Bytes(), []byte(format))); err != nil {
		return "", fmt.Errorf("keeping the step's state: %w", err)
	}
	return path, nil
}

// Load reads into data, a pointer, what Save has sealed in the file path.
func Load(path string, key []byte, data any) error {
	seal, err := newSeal(key)
	if err != nil {
		return err
	}
	sealed, err := read(path, maxSize+seal.Overhead())
	if err != nil {
		return err
	}
	plain, err := seal.Open(nil, nil, sealed, []byte(format))
	if err != nil {
		return ErrTampered
	}
	if err := gob.NewDecoder(bytes.NewReader(plain)).Decode(data); err != nil {
		// Without the error, which may quote what is in it.
		return fmt.Errorf("the state of the step's earlier stage does not fit into a %T", data)
	}
	return nil
}

// Remove removes the file path, and what a killed Save has left of it.
func Remove(path string) error {
	if err := safepath.RemovePrivate(path); err != nil {
		return fmt.Errorf("removing the step's state: %w", err)
	}
	return nil
}

func newSeal(key []byte) (cipher.AEAD, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("the key to the step's state has %d bytes, want %d", len(key), KeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("the step's state: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// makeFolder makes sure of a folder of its own: one that is a link may lead anywhere.
func makeFolder(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("keeping the step's state: %w", err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("keeping the step's state: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("keeping the step's state: %s is not a folder", path)
	}
	return nil
}

func read(path string, most int) ([]byte, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrMissing
	case err != nil:
		return nil, fmt.Errorf("reading the state of the step's earlier stage: %w", err)
	case !info.Mode().IsRegular(): // a pipe would not end
		return nil, ErrTampered
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the state of the step's earlier stage: %w", err)
	}
	defer f.Close()
	sealed, err := io.ReadAll(io.LimitReader(f, int64(most))) // more of it would not open
	if err != nil {
		return nil, fmt.Errorf("reading the state of the step's earlier stage: %w", err)
	}
	return sealed, nil
}
