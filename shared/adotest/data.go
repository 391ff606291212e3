package adotest

import (
	"io"
	"slices"
	"strings"
	"time"
)

// Project is what the server has. The zero value is an empty project.
type Project struct {
	ID, Name string
	Runs     []Run
	// Definitions may hold several revisions of one; a change of it is made to the newest,
	// where that is, and what it was is appended.
	Definitions []Definition
	Groups      []Group
	Files       []SecureFile
	// Hub, Plan and Job are the running job: only it gets tokens.
	Hub, Plan, Job string
	// Connections are the service connections that the job may use: id to name.
	Connections map[string]string
	// Repositories are those of Azure Repos: id (a GUID, in lower case) to name.
	Repositories map[string]string
	PullRequests []PullRequest
	// WorkItems have their fields by reference name, such as System.Title; the first has
	// the id 1.
	WorkItems []map[string]any
	// ImageDetails are what was said of images, with the names of Docker@2.
	ImageDetails []map[string]any
	// Denied are the permissions that the job's identity lacks, such as "Stop builds". It
	// has all others.
	Denied []string
}

// Run is a run of a pipeline, which the API calls a build.
type Run struct {
	ID         int
	Number     string
	Definition int // id
	// Revision is that of the definition when the run was queued.
	Revision int
	// Parameters are the variables that were given when the run was queued.
	Parameters map[string]string
	Records    []Record // nil: the run has no timeline yet
	Logs       []Log

	Reason       string // manual if empty; individualCI, batchedCI, pullRequest, schedule, ...
	Status       string // inProgress if empty; notStarted, cancelling, completed, ...
	Result       string // succeeded, failed, canceled, ...; "" until completed
	Branch       string // refs/heads/main, ...
	Version      string // the commit
	Queued       time.Time
	RequestedFor string // the display name of who pushed
	Tags         []string
}

// Record is a line of the timeline.
type Record struct {
	ID, ParentID      string
	Type, Name        string
	State             string // pending, inProgress, completed
	Result            string // succeeded, ...; "" until completed
	Order             int
	Attempt           int // 0 means 1
	LogID             int // 0: none (yet)
	Started, Finished time.Time
}

// Log is one log file of a run. Text is what an agent uploaded: it may begin with a
// byte order mark.
type Log struct {
	ID      int
	Text    string
	Created time.Time
}

// Definition is a pipeline.
type Definition struct {
	ID, Revision int
	Name         string
	Variables    []Variable
	Groups       []int  // ids of the groups that it names (classic pipelines only)
	QueueStatus  string // enabled if empty; paused, disabled
	// Raw is everything else that the service keeps of it.
	Raw map[string]any
}

// PullRequest is a pull request of Azure Repos.
type PullRequest struct {
	ID                 int
	Repository         string // id
	Title, Description string
	Source, Target     string // refs/heads/main, ...
	Status             string // active if empty; abandoned, completed
	IsDraft            bool
}

// Variable is a variable of a pipeline or of a group. The value of a secret one is
// never sent.
type Variable struct {
	Name, Value string
	Secret      bool
}

// Group is a variable group of the library.
type Group struct {
	ID        int
	Name      string
	KeyVault  bool // linked to a vault
	Variables []Variable
}

// SecureFile is a file of the library.
type SecureFile struct {
	ID, Name string
	// Ticket is what a download must show besides the token.
	Ticket string
	Open   func() (io.ReadCloser, error)
}

func (p *Project) is(ref string) bool {
	return strings.EqualFold(ref, p.ID) || strings.EqualFold(ref, p.Name)
}

func (p *Project) run(id int) (*Run, bool) {
	i := slices.IndexFunc(p.Runs, func(r Run) bool { return r.ID == id })
	if i < 0 {
		return nil, false
	}
	return &p.Runs[i], true
}

// definition returns the definition as it was at revision, or its newest form for 0.
func (p *Project) definition(id, revision int) (found *Definition, ok bool) {
	for i := range p.Definitions {
		d := &p.Definitions[i]
		if d.ID == id && (revision == d.Revision || revision == 0 && (found == nil || d.Revision > found.Revision)) {
			found = d
		}
	}
	return found, found != nil
}
