package ado

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ImageDetails says which image a run has pushed, for the checks and the environments that
// ask for it ("Evaluate artifact"). The names are those of Docker@2, which sends the same.
type ImageDetails struct {
	Repository string // with its registry: contoso.azurecr.io/team/app
	Digest     string // sha256:...
	Config     string // likewise, of the configuration, which is the image's id; may be empty
	MediaType  string
	Base       string // the image that it is made from, without a digest; may be empty
	Tags       []string
	Layers     []ImageLayer // the lowest first
	DiffIDs    []string     // of the layers as they are when unpacked, likewise: sha256:...

	Run                      int
	RunNumber                string
	Pipeline                 string
	PipelineID               int
	Job, Creator             string
	RepositoryType           string // TfsGit, GitHub, ...: of the sources
	RepositoryID, SourceName string
	SourceURL                string
	Branch, Commit           string
	Options                  map[string]string // dockerFilePath, labels, tags, context
}

// ImageLayer is a step of the image's history.
type ImageLayer struct {
	Directive, Arguments string // RUN, make
	Created              time.Time
	Size                 int64 // bytes
}

const (
	maxImageText = 2_000
	maxImageList = 1_000
)

var (
	imageDigest     = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	imageRepository = regexp.MustCompile(`^[0-9A-Za-z.\[\]:_-]+(/[0-9a-z._-]+)+$`)
)

// URI is how the service and those that ask it call the image: the variable RESOURCE_URIS
// is a list of them.
func (d ImageDetails) URI() string { return "https://" + d.Repository + "@" + d.Digest }

// imageDocument is what Docker@2 sends (dockerpush.ts of microsoft/azure-pipelines-tasks).
type imageDocument struct {
	ImageName          string            `json:"imageName"`
	ImageURI           string            `json:"imageUri"`
	Hash               string            `json:"hash"`
	BaseImageName      string            `json:"baseImageName"`
	Distance           int               `json:"distance"`
	ImageType          string            `json:"imageType"`
	MediaType          string            `json:"mediaType"`
	Tags               []string          `json:"tags"`
	LayerInfo          []layerDocument   `json:"layerInfo"`
	RunID              int               `json:"runId"`
	PipelineVersion    string            `json:"pipelineVersion"`
	PipelineName       string            `json:"pipelineName"`
	PipelineID         string            `json:"pipelineId"`
	JobName            string            `json:"jobName"`
	ImageSize          string            `json:"imageSize"`
	Creator            string            `json:"creator"`
	LogsURI            string            `json:"logsUri"`
	SourceURI          string            `json:"artifactStorageSourceUri"`
	ContextURL         string            `json:"contextUrl"`
	RevisionID         string            `json:"revisionId"`
	BuildOptions       map[string]string `json:"buildOptions"`
	RepositoryTypeName string            `json:"repositoryTypeName"`
	RepositoryID       string            `json:"repositoryId"`
	RepositoryName     string            `json:"repositoryName"`
	Branch             string            `json:"branch"`
	ImageFingerPrint   imageFingerprint  `json:"imageFingerPrint"`
}

type layerDocument struct {
	Directive string `json:"directive"`
	Arguments string `json:"arguments"`
	CreatedOn string `json:"createdOn"`
	Size      string `json:"size"`
}

// imageFingerprint is as Grafeas has it, or as Docker@2 reads that.
type imageFingerprint struct {
	V1Name  string   `json:"v1Name"`
	V2Blobs []string `json:"v2Blobs"`
	V2Name  string   `json:"v2Name"`
}

// AddImageDetails tells the service of an image. A server that keeps none of them answers
// 404, which is in Error.Status.
func (c *Client) AddImageDetails(ctx context.Context, d ImageDetails) error {
	if !imageRepository.MatchString(d.Repository) || !imageDigest.MatchString(d.Digest) {
		return fmt.Errorf("%.120q is no image of a registry, by its digest", d.Repository+"@"+d.Digest)
	}
	_, err := c.do(ctx, call{
		request: request{
			what: "recording the image " + d.Repository + "@" + d.Digest[:len("sha256:")+12], permission: recordImages,
			absent: "the server keeps no details of images, as versions before Azure DevOps Server 2020 do not",
		},
		method: http.MethodPost, path: "deployment/imagedetails", version: "5.0-preview.1", body: c.document(d),
	}, nil)
	return err
}

func (c *Client) document(d ImageDetails) imageDocument {
	short := func(text string) string { return line(text, maxImageText) }
	doc := imageDocument{
		ImageName: d.URI(), ImageURI: d.URI(), Hash: bare(d.Digest), BaseImageName: short(d.Base),
		MediaType: short(d.MediaType), Tags: lines(d.Tags), LayerInfo: []layerDocument{},
		RunID: d.Run, PipelineVersion: short(d.RunNumber), PipelineName: short(d.Pipeline),
		PipelineID: strconv.Itoa(d.PipelineID), JobName: short(d.Job), Creator: short(d.Creator),
		LogsURI:    c.page("", "_build", "results") + "?buildId=" + strconv.Itoa(d.Run),
		SourceURI:  c.page("", "_build") + "?definitionId=" + strconv.Itoa(d.PipelineID),
		ContextURL: short(d.SourceURL), RevisionID: short(d.Commit), BuildOptions: map[string]string{},
		RepositoryTypeName: short(d.RepositoryType), RepositoryID: short(d.RepositoryID),
		RepositoryName: short(d.SourceName), Branch: short(d.Branch),
	}
	if doc.BaseImageName == "" {
		doc.BaseImageName = "NA"
	}
	for name, text := range d.Options {
		doc.BuildOptions[name] = short(text)
	}
	size := int64(0)
	for _, l := range d.Layers {
		size += l.Size
		if len(doc.LayerInfo) < maxImageList {
			doc.LayerInfo = append(doc.LayerInfo, layerDocument{
				short(l.Directive), short(l.Arguments), l.Created.UTC().Format(time.RFC3339), sizeOf(l.Size),
			})
		}
	}
	doc.Distance, doc.ImageSize = len(doc.LayerInfo), sizeOf(size)
	prints := imageFingerprint{V1Name: bare(d.Config), V2Blobs: []string{}}
	for _, id := range d.DiffIDs {
		if len(prints.V2Blobs) < maxImageList {
			prints.V2Blobs = append(prints.V2Blobs, bare(short(id)))
		}
	}
	if len(prints.V2Blobs) > 0 {
		sum := sha256.Sum256([]byte(strings.Join(prints.V2Blobs, " ")))
		prints.V2Name = hex.EncodeToString(sum[:])
	}
	doc.ImageFingerPrint = prints
	return doc
}

// bare is a digest without its algorithm.
func bare(digest string) string { return strings.TrimPrefix(digest, "sha256:") }

func sizeOf(n int64) string { return strconv.FormatInt(n, 10) + "B" }

func lines(texts []string) []string {
	all := []string{}
	for _, text := range texts[:min(len(texts), maxImageList)] {
		all = append(all, line(text, maxImageText))
	}
	return all
}
