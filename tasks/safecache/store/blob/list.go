package blob

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/guardrails-ci/guardrails/tasks/safecache/store"
)

const (
	maxPage    = 5000    // the service sends no more at once
	maxObjects = 1000000 // far above what one pipeline's cache has
	maxPages   = 2000    // ten times as many as that needs: some may be empty
)

// listing is the answer to List Blobs.
type listing struct {
	Blobs []struct {
		Name       string
		Properties struct {
			Modified string `xml:"Last-Modified"`
			Size     int64  `xml:"Content-Length"`
			Resource string `xml:"ResourceType"` // "directory" in accounts with a hierarchical namespace
		}
	} `xml:"Blobs>Blob"`
	NextMarker string
}

// List is Store's. What cannot be an object of ours is left out.
func (c *Container) List(ctx context.Context, prefix string) ([]store.Object, error) {
	if err := store.CheckPrefix(prefix); err != nil {
		return nil, err
	}
	objects, err := c.list(ctx, prefix)
	if err != nil {
		return nil, c.explain("listing", prefix, err)
	}
	slices.SortFunc(objects, func(a, b store.Object) int { return strings.Compare(a.Name, b.Name) })
	return objects, nil
}

func (c *Container) list(ctx context.Context, prefix string) ([]store.Object, error) {
	var objects []store.Object
	marker := ""
	for range maxPages {
		page, err := c.listPage(ctx, prefix, marker)
		if err != nil {
			return nil, err
		}
		for _, blob := range page.Blobs {
			modified, err := http.ParseTime(blob.Properties.Modified)
			if err != nil || blob.Properties.Size < 0 {
				return nil, errors.New("the service's list says no time or size of an object")
			}
			foreign := blob.Properties.Resource == "directory" || store.CheckName(blob.Name) != nil
			if !foreign && strings.HasPrefix(blob.Name, prefix) {
				objects = append(objects, store.Object{Name: blob.Name, Size: blob.Properties.Size, Modified: modified})
			}
		}
		switch {
		case page.NextMarker == "":
			return objects, nil
		case page.NextMarker == marker:
			return nil, errEndless
		case len(objects) > maxObjects:
			return nil, fmt.Errorf("there are more than %d objects", maxObjects)
		}
		marker = page.NextMarker
	}
	return nil, errEndless
}

var errEndless = errors.New("the service's list does not end")

func (c *Container) listPage(ctx context.Context, prefix, marker string) (*listing, error) {
	query := "restype=container&comp=list&maxresults=" + strconv.Itoa(c.page)
	if prefix != "" {
		query += "&prefix=" + url.QueryEscape(prefix)
	}
	if marker != "" {
		query += "&marker=" + url.QueryEscape(marker)
	}
	answer, err := c.do(ctx, request{method: http.MethodGet, query: query})
	if err != nil {
		return nil, err
	}
	var page listing
	if err := xml.Unmarshal(answer.Body, &page); err != nil {
		return nil, errors.New("the service's list is not the expected XML")
	}
	return &page, nil
}
