package git

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// folder is a tree of git, by name. Trees are written here and not by git: an index of
// all files, which git would need, costs more than all the rest of a push.
type folder map[string]Entry // Path is the name alone

const folderMode = "40000"

// tree makes the tree of a commit, and of it only what is on the way to a change.
func (r *Repo) tree(ctx context.Context, c NewCommit) (ID, error) {
	base := c.Base
	if base == "" && len(c.Parents) > 0 {
		base = c.Parents[0]
	}
	folders, err := r.folders(ctx, base, c.Changes)
	if err != nil {
		return "", err
	}
	inFolder := map[string][]Change{}
	for _, change := range c.Changes {
		dir, name := split(change.Path)
		switch {
		case change.Mode != "":
			inFolder[dir] = append(inFolder[dir], change)
		case folders[dir][name].Mode != folderMode:
			delete(folders[dir], name)
		}
	}
	var root ID
	for _, dir := range slices.Backward(byDepth(folders)) { // those inside before those around them
		if root, err = r.finish(dir, folders[dir], inFolder[dir]); err != nil {
			return "", err
		}
		if dir == "" {
			break
		}
		parent, _ := split(dir)
		if err := folders[parent].put(dir, root); err != nil {
			return "", err
		}
	}
	return root, nil
}

// put puts a folder, "" for one that is empty now, into the one around it.
func (f folder) put(dir string, id ID) error {
	_, name := split(dir)
	old, there := f[name]
	switch {
	case id == "" && old.Mode == folderMode:
		delete(f, name)
	case id != "" && there && old.Mode != folderMode:
		return lost(dir)
	case id != "":
		f[name] = Entry{name, folderMode, id}
	}
	return nil
}

func lost(name string) error {
	return fmt.Errorf("file or folder %.100q would be lost: there can be one of them only; "+
		"delete it in the same change", name)
}

// split is the folder of a path, "" for the root, and the name in it.
func split(p string) (dir, name string) {
	i := strings.LastIndexByte(p, '/')
	return p[:max(i, 0)], p[i+1:]
}

func byDepth(folders map[string]folder) []string {
	var dirs []string
	for dir := range folders {
		dirs = append(dirs, dir)
	}
	depth := func(dir string) int {
		if dir == "" {
			return -1
		}
		return strings.Count(dir, "/")
	}
	slices.SortFunc(dirs, func(a, b string) int { return cmp.Compare(depth(a), depth(b)) })
	return dirs
}

// finish puts changed files into a folder and writes it.
func (r *Repo) finish(dir string, f folder, changes []Change) (ID, error) {
	for _, c := range changes {
		_, name := split(c.Path)
		if f[name].Mode == folderMode {
			return "", lost(c.Path)
		}
		id := c.ID
		if id == "" {
			var err error
			if id, err = r.write("blob", c.Data); err != nil {
				return "", err
			}
			r.here[id] = true
		}
		f[name] = Entry{name, c.Mode, id}
	}
	if len(f) == 0 && dir != "" {
		return "", nil
	}
	return r.write("tree", f.encode())
}

// folders reads the folders of a commit that are on the way to changes. One that is not
// there is empty.
func (r *Repo) folders(ctx context.Context, commit ID, changes []Change) (map[string]folder, error) {
	folders := map[string]folder{"": {}}
	for _, c := range changes {
		for dir := path.Dir(c.Path); dir != "."; dir = path.Dir(dir) {
			folders[dir] = folder{}
		}
	}
	if commit == "" {
		return folders, nil
	}
	dirs := byDepth(folders)
	var names strings.Builder
	for _, dir := range dirs {
		names.WriteString(string(commit) + ":" + dir + "\n")
	}
	out, err := r.run(ctx, command{args: []string{"cat-file", "--batch"}, stdin: strings.NewReader(names.String())})
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		var o object
		if o, out, err = cutObject(out); err != nil {
			return nil, err
		}
		if o.kind != "tree" && dir == "" {
			return nil, fmt.Errorf("there is no commit %s in the repository", commit)
		}
		if o.kind == "tree" {
			if folders[dir], err = decodeFolder(o.data); err != nil {
				return nil, err
			}
		}
	}
	return folders, nil
}

// decodeFolder reads a tree object: "<mode> <name> NUL <20 bytes>" for each entry.
func decodeFolder(data []byte) (folder, error) {
	f := folder{}
	for len(data) > 0 {
		head, rest, ok := bytes.Cut(data, []byte{0})
		mode, name, named := strings.Cut(string(head), " ")
		if !ok || !named || len(rest) < sha1.Size {
			return nil, errors.New("a folder of the repository cannot be read")
		}
		f[name] = Entry{name, mode, ID(hex.EncodeToString(rest[:sha1.Size]))}
		data = rest[sha1.Size:]
	}
	return f, nil
}

// encode writes a tree object, in the order that git wants: as if the name of a folder
// ended with a slash.
func (f folder) encode() []byte {
	entries := make([]Entry, 0, len(f))
	for _, e := range f {
		entries = append(entries, e)
	}
	key := func(e Entry) string {
		if e.Mode == folderMode {
			return e.Path + "/"
		}
		return e.Path
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(key(a), key(b)) })
	var b bytes.Buffer
	for _, e := range entries {
		id, _ := hex.DecodeString(string(e.ID)) // checked, or encoded above
		b.WriteString(e.Mode + " " + e.Path + "\x00")
		b.Write(id)
	}
	return b.Bytes()
}

// write writes an object into the repository, byte for byte, as git does: compressed, in a
// file that is named after its hash.
func (r *Repo) write(kind string, data []byte) (ID, error) {
	whole := append(fmt.Appendf(nil, "%s %d\x00", kind, len(data)), data...)
	sum := sha1.Sum(whole)
	id := hex.EncodeToString(sum[:])
	name := filepath.Join(r.dir, "objects", id[:2], id[2:])
	if _, err := os.Stat(name); err == nil {
		return ID(id), nil
	}
	var packed bytes.Buffer
	z, err := zlib.NewWriterLevel(&packed, zlib.BestSpeed)
	if err == nil {
		_, err = z.Write(whole)
		err = errors.Join(err, z.Close())
	}
	if err == nil {
		err = os.Mkdir(filepath.Dir(name), 0o700)
	}
	if err == nil || errors.Is(err, fs.ErrExist) {
		err = os.WriteFile(name, packed.Bytes(), 0o400)
	}
	if err != nil {
		return "", fmt.Errorf("writing an object into the repository: %w", err)
	}
	return ID(id), nil
}
