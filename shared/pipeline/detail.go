package pipeline

import (
	"strconv"
	"time"
)

// Detail is a line of the run's timeline below the step. ID is a GUID; the first
// use of an ID needs Type and Name, later uses update it. A ParentID must be
// known already.
type Detail struct {
	ID, ParentID   string
	Type, Name     string
	Order          int
	Start, Finish  time.Time
	Progress       int // percent
	State          State
	Result         Result
	CurrentMessage string
}

// State is the state of a [Detail], in the agent's spelling (TimelineRecordState).
type State string

// The states of a Detail.
const (
	Pending    State = "Pending"
	InProgress State = "InProgress"
	Completed  State = "Completed"
)

// LogDetail creates or updates a line of the run's timeline.
func (l *Log) LogDetail(d Detail) {
	l.command("task.logdetail", []property{
		{"id", d.ID}, {"parentid", d.ParentID}, l.free("type", d.Type), l.free("name", d.Name),
		{"order", number(d.Order)},
		{"starttime", stamp(d.Start)}, {"finishtime", stamp(d.Finish)}, {"progress", progress(d)},
		{"state", string(d.State)}, {"result", string(d.Result)},
	}, d.CurrentMessage)
}

func progress(d Detail) string {
	if d.Progress <= 0 {
		return ""
	}
	return strconv.Itoa(min(d.Progress, 100))
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
