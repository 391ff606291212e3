package adotest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strings"
)

// addImages is our name for what a job needs to record an image; that of the service is not documented.
const addImages = "Record images"

var hashPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// imageDetails is what Docker@2 sends of an image (dockerpush.ts of microsoft/azure-pipelines-tasks), and the
// typings of microsoft/azpipelines-kubernetesUI describe.
type imageDetails struct {
	ImageName, ImageURI, Hash, BaseImageName                 string
	Distance                                                 *int
	ImageType, MediaType                                     *string
	Tags                                                     []string
	LayerInfo                                                []struct{ Directive, Arguments, CreatedOn, Size string }
	RunID                                                    int
	PipelineVersion, PipelineName, PipelineID                string
	JobName, ImageSize, Creator                              string
	LogsURI, ArtifactStorageSourceURI, ContextURL            string
	RevisionID                                               string
	BuildOptions                                             map[string]string
	RepositoryTypeName, RepositoryID, RepositoryName, Branch string
	ImageFingerPrint                                         *struct {
		V1Name, V2Name string
		V2Blobs        []string
	}
}

// wrong says what a real consumer could not use.
func (d *imageDetails) wrong() string {
	switch {
	case !hashPattern.MatchString(d.Hash):
		return fmt.Sprintf("hash is %q, and not the hexadecimal part of a digest", d.Hash)
	case !strings.HasPrefix(d.ImageURI, "https://") || !strings.HasSuffix(d.ImageURI, "@sha256:"+d.Hash):
		return fmt.Sprintf("imageUri is %q, and not https://registry/repository@sha256:hash", d.ImageURI)
	case d.ImageName != d.ImageURI:
		return "imageName is not imageUri"
	case d.Distance == nil || *d.Distance != len(d.LayerInfo):
		return "distance is not the number of layers"
	}
	for name, missing := range map[string]bool{
		"runId": d.RunID <= 0, "pipelineId": d.PipelineID == "", "baseImageName": d.BaseImageName == "",
		"tags": d.Tags == nil, "layerInfo": d.LayerInfo == nil, "imageType": d.ImageType == nil,
		"mediaType": d.MediaType == nil, "imageFingerPrint": d.ImageFingerPrint == nil,
	} {
		if missing {
			return name + " is missing"
		}
	}
	return ""
}

func postImageDetails(c *call) answer {
	var text json.RawMessage
	if no, ok := c.read("application/json", &text); !ok {
		return no
	}
	var details imageDetails
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	wrong := ""
	if err := decoder.Decode(&details); err != nil {
		wrong = err.Error()
	} else {
		wrong = details.wrong()
	}
	var fields map[string]any
	if wrong == "" {
		if err := json.Unmarshal(text, &fields); err != nil {
			wrong = err.Error()
		}
	}
	if wrong != "" {
		return refuse(http.StatusBadRequest, "VssPropertyValidationException",
			"the details of an image are not valid: "+wrong)
	}
	c.project.ImageDetails = append(c.project.ImageDetails, fields)
	return reply(maps.Clone(fields))
}
