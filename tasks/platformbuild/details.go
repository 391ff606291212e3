package platformbuild

import (
	"context"
	"strconv"
	"strings"

	"github.com/guardrails-ci/guardrails/shared/ado"
	"github.com/guardrails-ci/guardrails/shared/endpoint"
	"github.com/guardrails-ci/guardrails/shared/pipeline"
	"github.com/guardrails-ci/guardrails/shared/retry"
	"github.com/guardrails-ci/guardrails/tasks/platformbuild/registry"
)

// resourceURIs is the variable in which Docker@2 leaves the images of a job, for Notation@0.
const resourceURIs = "RESOURCE_URIS"

// publish tells those who ask for images: later steps, and the checks of environments. The image is there and verified:
// what cannot be told is a warning.
func (s *step) publish(ctx context.Context, p *plan, image registry.Image) {
	uris := uriList(s.env.Var(resourceURIs), "https://"+image.Reference.String())
	if err := s.env.Log.SetVariable(resourceURIs, uris, pipeline.Var{}); err != nil {
		s.warn("image/details", "the variable "+resourceURIs+" cannot be set", "")
	}
	if err := s.tellServer(ctx, p, image); err != nil {
		s.warn("image/details", "Azure DevOps was not told of the image: "+errorText(err),
			"checks that evaluate artifacts will not find it")
	}
	s.conclude(image)
	s.summarize(p, image)
}

// conclude says what to deploy, unless something about it had to be forgiven.
func (s *step) conclude(image registry.Image) {
	if s.forgiven > 0 {
		s.env.Log.Printf("Tagged although %s had to be forgiven (enforcement: warn): %s", count(s.forgiven, "finding"),
			image.Reference)
		return
	}
	s.env.Log.Printf("Deploy by digest: %s", image.Reference)
}

// uriList adds an image to those that are in the variable already.
func uriList(had, image string) string {
	switch {
	case had == "":
		return image
	case strings.Contains(","+had+",", ","+image+","):
		return had
	}
	return had + "," + image
}

func (s *step) summarize(p *plan, image registry.Image) {
	r := s.env.Report
	r.Summary("**%s** for %s", image.Reference.String(), platformNames(p.platforms))
	r.Summary("Tags: %s", strings.Join(p.tags, ", "))
	for _, part := range image.Parts {
		r.Summary("- %s: %s", part.Config.Platform.String(), part.Digest)
	}
	if s.result.reused {
		r.Summary("Nothing was built: an image of the same inputs was there, and is verified.")
	}
}

// tellServer records the image with the run, as Docker@2 does.
func (s *step) tellServer(ctx context.Context, p *plan, image registry.Image) error {
	if !s.inPipeline() {
		return nil
	}
	e := endpoint.New(s.env.Environ())
	address, err := e.SystemURL()
	if err != nil {
		return err
	}
	token, err := e.SystemToken()
	if err != nil {
		return err
	}
	server, err := ado.New(ado.Config{
		HTTP: s.http, Server: address, Project: s.env.Var("System.TeamProjectId"), Token: token,
		Retry: retry.Policy{Sleep: s.sleep}, Now: s.env.Now,
	})
	if err != nil {
		return err
	}
	return server.AddImageDetails(ctx, s.details(p, image))
}

// details are what the server keeps of an image.
func (s *step) details(p *plan, image registry.Image) ado.ImageDetails {
	number := func(name string) int {
		n, _ := strconv.Atoi(s.env.Var(name))
		return n
	}
	d := ado.ImageDetails{
		Repository: image.Reference.Name(), Digest: image.Reference.Digest, MediaType: image.MediaType, Tags: p.tags,
		Run: number("Build.BuildId"), RunNumber: s.env.Var("Build.BuildNumber"),
		PipelineID: number("System.DefinitionId"), Pipeline: s.env.Var("Build.DefinitionName"),
		Job: s.env.Var("System.JobName"), Creator: s.env.Var("Build.RequestedFor"),
		RepositoryType: s.env.Var("Build.Repository.Provider"), RepositoryID: s.env.Var("Build.Repository.ID"),
		SourceName: s.env.Var("Build.Repository.Name"), SourceURL: plainURL(s.env.Var("Build.Repository.Uri")),
		Branch: s.env.Var("Build.SourceBranch"), Commit: p.own[labelCommit],
		Options: map[string]string{"dockerFilePath": s.shown(p.dockerfile), "context": s.shown(p.context)},
	}
	if len(image.Parts) > 0 {
		if s.result.reused {
			d.Commit = image.Parts[0].Labels[labelCommit]
		}
		for _, layer := range image.Parts[0].Layers {
			d.Layers = append(d.Layers, ado.ImageLayer{Created: image.Parts[0].Created, Size: layer.Size()})
		}
	}
	return d
}
