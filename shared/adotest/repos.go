package adotest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// The permissions, as the settings of Azure DevOps name them.
const (
	readRepository = "Read"
	contribute     = "Contribute to pull requests"
	editItems      = "Edit work items in this node"
)

// denied is how the service refuses what a permission is needed for.
func (c *call) denied(permission string) answer {
	key, text := "AccessDeniedException", fmt.Sprintf(
		"TF215106: Access denied. %s Build Service (%s) needs %s permissions "+
			"for build pipeline in team project %s to perform the action. For more information, contact the Azure "+
			"DevOps "+
			"Server administrator.",
		c.project.Name,
		c.config.Organization,
		permission,
		c.project.Name,
	)
	switch permission {
	case readRepository: // it says no more than that to those who may not know
		return c.noRepository()
	case contribute:
		key, text = "GitNeedsPermissionException", `TF401027: You need the Git 'PullRequestContribute' permission to `+
			`perform this action. Details: identity 'Build\2fa95b7a-c774-4595-a6f2-63f482634e9f', scope 'repository'.`
	case editItems:
		key, text = "WorkItemUnauthorizedException", "TF237111: The current user does not have permissions to save "+
			"work items under the specified area path."
	}
	return refuse(http.StatusForbidden, key, text)
}

// read reads the body of a request, which must be of a kind.
func (c *call) read(kind string, into any) (answer, bool) {
	given, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if given != kind {
		return refuse(http.StatusUnsupportedMediaType, "VssRequestContentTypeNotSupportedException", fmt.Sprintf(
			"The request indicated a Content-Type of %q for method type %q which is not supported. Valid content "+
				"types "+
				"for this method are: %s.",
			given,
			c.r.Method,
			kind,
		)), false
	}
	body, err := io.ReadAll(io.LimitReader(c.r.Body, 64<<20))
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		return refuse(http.StatusBadRequest, "VssPropertyValidationException",
			"the body is not what it must be: "+err.Error()), false
	}
	return answer{}, true
}

func (c *call) noRepository() answer {
	return refuse(http.StatusNotFound, "GitRepositoryNotFoundException", "TF401019: The Git repository with name or "+
		"identifier "+c.vars["repositoryId"]+" does not exist or you do not have permissions for the operation you "+
		"are "+
		"attempting.")
}

// repository is the id of the repository that the path names.
func (c *call) repository() (id string, ok bool) {
	for id, name := range c.project.Repositories {
		if ref := c.vars["repositoryId"]; strings.EqualFold(ref, id) || strings.EqualFold(ref, name) {
			return id, true
		}
	}
	return "", false
}

func (c *call) repositoryDocument(id string) map[string]any {
	name := c.project.Repositories[id]
	page := strings.SplitAfter(c.url(""), "/"+c.config.Organization+"/")[0] + c.project.Name + "/_git/" + name
	page = strings.ReplaceAll(page, " ", "%20")
	return map[string]any{
		"id": id, "name": name, "defaultBranch": "refs/heads/main", "isDisabled": false,
		"remoteUrl": page, "webUrl": page,
		"url":     c.url("git/repositories/" + id),
		"project": map[string]any{"id": c.project.ID, "name": c.project.Name, "state": "wellFormed"},
	}
}

// getRepositories answers one repository, or all.
func getRepositories(c *call) answer {
	if c.vars["repositoryId"] == "" {
		all := []any{}
		for _, id := range slices.Sorted(maps.Keys(c.project.Repositories)) {
			all = append(all, c.repositoryDocument(id))
		}
		return collection(all)
	}
	id, ok := c.repository()
	if !ok {
		return c.noRepository()
	}
	return reply(c.repositoryDocument(id))
}

func (p *PullRequest) status() string { return cmp.Or(p.Status, "active") }

func (c *call) pullRequestDocument(p *PullRequest) map[string]any {
	repository := c.repositoryDocument(p.Repository)
	return map[string]any{
		"pullRequestId": p.ID, "codeReviewId": p.ID, "status": p.status(), "title": p.Title,
		"description":   p.Description,
		"sourceRefName": p.Source, "targetRefName": p.Target, "isDraft": p.IsDraft, "mergeStatus": "queued",
		"repository": repository, "supportsIterations": true, "creationDate": timeOrNull(c.config.Now()),
		"createdBy": map[string]any{"displayName": c.project.Name + " Build Service (" + c.config.Organization + ")"},
		"url":       c.url(fmt.Sprintf("git/repositories/%s/pullRequests/%d", p.Repository, p.ID)),
	}
}

// getPullRequests answers one pull request, or those that the query asks for.
func getPullRequests(c *call) answer {
	repository, ok := c.repository()
	if !ok {
		return c.noRepository()
	}
	if c.vars["pullRequestId"] != "" {
		p, no, ok := c.pullRequest(repository)
		if !ok {
			return no
		}
		return reply(c.pullRequestDocument(p))
	}
	top, err := strconv.Atoi(cmp.Or(c.query.Get("$top"), "100"))
	skip, errSkip := strconv.Atoi(cmp.Or(c.query.Get("$skip"), "0"))
	if err != nil || errSkip != nil || top < 0 || skip < 0 {
		return refuse(http.StatusBadRequest, "VssPropertyValidationException", "$top and $skip must be numbers.")
	}
	all := []any{}
	for i := range slices.Backward(c.project.PullRequests) {
		if p := &c.project.PullRequests[i]; p.Repository == repository && c.asksFor(p) {
			all = append(all, c.pullRequestDocument(p))
		}
	}
	all = all[min(skip, len(all)):]
	return collection(all[:min(top, len(all))])
}

// asksFor reports whether the query asks for a pull request; the active ones alone are
// what it asks for if it does not say.
func (c *call) asksFor(p *PullRequest) bool {
	for name, has := range map[string]string{
		"status": p.status(), "sourceRefName": p.Source, "targetRefName": p.Target,
	} {
		want := c.query.Get("searchCriteria." + name)
		if name == "status" {
			want = strings.TrimPrefix(cmp.Or(want, "active"), "all")
		}
		if want != "" && want != has {
			return false
		}
	}
	return true
}

func (c *call) pullRequest(repository string) (*PullRequest, answer, bool) {
	i := slices.IndexFunc(c.project.PullRequests, func(p PullRequest) bool {
		return p.ID == c.number("pullRequestId") && p.Repository == repository
	})
	if i < 0 {
		return nil, refuse(
			http.StatusNotFound,
			"GitPullRequestNotFoundException",
			"TF401180: The requested pull request "+
				"was not found.",
		), false
	}
	return &c.project.PullRequests[i], answer{}, true
}

// postPullRequest makes a pull request: one at a time from one branch to another.
func postPullRequest(c *call) answer {
	repository, ok := c.repository()
	if !ok {
		return c.noRepository()
	}
	var body struct {
		Title, Description, SourceRefName, TargetRefName string
		IsDraft                                          bool
	}
	if no, ok := c.read("application/json", &body); !ok {
		return no
	}
	branches := strings.HasPrefix(body.SourceRefName, "refs/heads/") &&
		strings.HasPrefix(body.TargetRefName, "refs/heads/")
	if !branches || body.SourceRefName == body.TargetRefName {
		return refuse(
			http.StatusBadRequest,
			"GitPullRequestCannotBeActivated",
			"TF401398: The pull request cannot be "+
				"activated because the source and/or the target branch no longer exists, or the requested refs are "+
				"not branches",
		)
	}
	if no, ok := checkTexts(body.Title, body.Description); !ok {
		return no
	}
	last := 0
	for i := range c.project.PullRequests {
		p := &c.project.PullRequests[i]
		last = max(last, p.ID)
		if p.Repository == repository && p.status() == "active" && p.Source == body.SourceRefName &&
			p.Target == body.TargetRefName {
			return refuse(http.StatusConflict, "GitPullRequestExistsException",
				"TF401179: An active pull request for the source and target branch already exists.")
		}
	}
	made := PullRequest{
		ID: last + 1, Repository: repository, Title: body.Title, Description: body.Description,
		Source: body.SourceRefName, Target: body.TargetRefName, IsDraft: body.IsDraft,
	}
	c.project.PullRequests = append(c.project.PullRequests, made)
	a := reply(c.pullRequestDocument(&made))
	a.status = http.StatusCreated
	return a
}

// The longest texts of a pull request.
const (
	maxTitle       = 400
	maxDescription = 4000
)

func checkTexts(title, description string) (answer, bool) {
	if title == "" || len([]rune(title)) > maxTitle || len([]rune(description)) > maxDescription {
		return refuse(
			http.StatusBadRequest,
			"InvalidArgumentValueException",
			fmt.Sprintf("A pull request has a title of up "+
				"to %d characters and a description of up to %d.", maxTitle, maxDescription),
		), false
	}
	return answer{}, true
}

// patchPullRequest changes the texts of a pull request, and nothing else.
func patchPullRequest(c *call) answer {
	repository, ok := c.repository()
	if !ok {
		return c.noRepository()
	}
	p, no, ok := c.pullRequest(repository)
	if !ok {
		return no
	}
	body := map[string]string{"title": p.Title, "description": p.Description}
	if no, ok := c.read("application/json", &body); !ok {
		return no
	}
	if len(body) != 2 {
		return refuse(http.StatusBadRequest, "InvalidArgumentValueException",
			"this double can only change the title and the description")
	}
	if no, ok := checkTexts(body["title"], body["description"]); !ok {
		return no
	}
	p.Title, p.Description = body["title"], body["description"]
	return reply(c.pullRequestDocument(p))
}
