package entry

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"time"

	"github.com/guardrails-ci/guardrails/tasks/safecache/store"
)

// put puts a pack and notes its name and size; data may grow. It reports whether
// the store did not have it.
//
// A pack of that name may be there. That says nothing about what is in it, so it
// is read and compared. If it is not what its name says, or so old that it might be
// collected before the manifest names it, the pack gets another name: a frame that
// no file has a part in makes it another one.
func (s *saving) put(ctx context.Context, p *pack, data *[]byte) (isNew bool, err error) {
	for range 3 {
		sum := sha256.Sum256(*data)
		p.SHA256, p.Size = hex.EncodeToString(sum[:]), int64(len(*data))
		name := s.draft.Scope.packName(p.SHA256)
		err = s.repo.Store.Put(ctx, name, *data)
		if err == nil || !errors.Is(err, fs.ErrExist) {
			return true, err
		}
		at, err := s.usable(ctx, name, *p)
		if err != nil {
			return false, err
		}
		if at != nil {
			if old := at.Modified.UTC().Truncate(time.Second); old.Before(p.Created) {
				p.Created = old
			}
			return false, nil
		}
		salt := rand.Text()
		*data = append(*data, salt...)
		p.Frames = append(p.Frames, frame{int64(len(salt)), int64(len(salt))})
	}
	return false, err
}

// usable returns the pack that is in the store if it can be a part of this entry.
func (s *saving) usable(ctx context.Context, name string, p pack) (*store.Object, error) {
	at, err := s.young(ctx, name)
	if at == nil || err != nil {
		return nil, err
	}
	if good, err := s.good(ctx, name, p); !good || err != nil {
		return nil, err
	}
	return at, nil
}

// young returns an object that will not be collected before the manifest names it.
func (s *saving) young(ctx context.Context, name string) (*store.Object, error) {
	objects, err := s.repo.Store.List(ctx, name)
	if err != nil || len(objects) == 0 || objects[0].Name != name || s.now.Sub(objects[0].Modified) > reuseAge {
		return nil, err
	}
	return &objects[0], nil
}

// good reads a pack, and reports whether it is what its name says.
func (s *saving) good(ctx context.Context, name string, p pack) (bool, error) {
	memory := packMemory.Get().(*[]byte)
	defer packMemory.Put(memory)
	there, err := s.repo.Store.Get(ctx, name, (*memory)[:0])
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	*memory = there[:0]
	if reason := p.differs(there); reason != "" {
		s.repo.note("%s does not hold what its name says: %s; it is not used", name, reason)
		return false, nil
	}
	return true, nil
}
