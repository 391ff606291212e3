package progress

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/guardrails-ci/guardrails/shared/pipeline"
)

// Printer is a Log for people: it prints to the log of the pipeline's step. The output of a step of the build is in a
// group of its own, also when several run at once. One of them is shown as it runs; what the others print is shown
// when that one has ended, or has said nothing for a while. The fields are set before the first use.
type Printer struct {
	To   *pipeline.Log
	Now  func() time.Time
	Warn func(w Warning) // gets the warnings; nil drops them

	current *block    // whose group is open
	heard   time.Time // when it was last heard
	blocks  []*block  // steps with something to print, the current one too
	done    int       // steps
	percent int
	told    map[string]time.Duration // steps whose end was printed, by digest, with what they took
	missed  map[string]bool          // caches that could not be read
}

// block is what is to be printed of a step.
type block struct {
	step   Step
	lines  []string // not printed yet
	size   int
	lost   int // lines that are left out
	opened bool
	ended  bool
}

const (
	patience  = 10 * time.Second // with a step that says nothing while others do
	maxBlock  = 1 << 20          // bytes of a step's output that wait to be printed
	overhead  = 16               // of a line
	titleSize = 200
)

// Output prints a line of a step, now or when its turn comes.
func (p *Printer) Output(s Step, line string) {
	b := p.block(s)
	b.lines = append(b.lines, line)
	b.size += len(line) + overhead
	for b.size > maxBlock && b != p.current {
		b.size -= len(b.lines[0]) + overhead
		b.lines, b.lost = b.lines[1:], b.lost+1
	}
	switch {
	case b == p.current:
		p.print(b)
	case p.current == nil:
		p.open(b)
	case p.quiet():
		p.park()
		p.open(b)
	}
}

// Step ends a step.
func (p *Printer) Step(s Step) {
	p.done++
	i := slices.IndexFunc(p.blocks, func(b *block) bool { return b.step.Digest == s.Digest })
	if i < 0 && s.internal() && s.Error == "" && s.Duration < time.Second {
		return
	}
	b := p.block(s)
	b.step, b.ended = s, true
	if b == p.current || p.current != nil && p.quiet() {
		p.park()
	}
	p.next()
	p.progress(s)
}

// Warning passes a warning on.
func (p *Printer) Warning(w Warning) {
	if p.Warn != nil {
		p.Warn(w)
	}
}

// Plain prints a line of buildx.
func (p *Printer) Plain(line string) {
	p.park()
	p.To.Print(line)
}

func (p *Printer) block(s Step) *block {
	for _, b := range p.blocks {
		if b.step.Digest == s.Digest {
			return b
		}
	}
	b := &block{step: s}
	p.blocks = append(p.blocks, b)
	return b
}

func (p *Printer) quiet() bool { return p.Now().Sub(p.heard) > patience }

// open begins the group of a step and prints what waits.
func (p *Printer) open(b *block) {
	title := b.title()
	if b.opened {
		title += " (goes on)"
	}
	p.To.Group(title)
	b.opened = true
	p.current = b
	p.print(b)
}

func (p *Printer) print(b *block) {
	if b.lost > 0 {
		p.To.Printf("(%d lines are left out)", b.lost)
	}
	for _, line := range b.lines {
		p.To.Print(line)
	}
	b.lines, b.size, b.lost = nil, 0, 0
	p.heard = p.Now()
}

// park ends the open group, of a step that has ended or may go on.
func (p *Printer) park() {
	if p.current != nil {
		p.To.EndGroup()
		p.current = nil
	}
}

// next prints the steps that have ended, and goes on with one that runs.
func (p *Printer) next() {
	if p.current != nil {
		return
	}
	running := p.blocks[:0]
	for _, b := range p.blocks {
		if b.ended {
			p.finish(b)
		} else {
			running = append(running, b)
		}
	}
	clear(p.blocks[len(running):])
	p.blocks = running
	for _, b := range p.blocks {
		if len(b.lines) > 0 {
			p.open(b)
			return
		}
	}
}

func (p *Printer) finish(b *block) {
	if len(b.lines) > 0 {
		p.open(b)
		p.park()
	}
	s := b.step
	what := b.title() + ":"
	if b.opened {
		what = fmt.Sprintf("#%d", s.Number)
	}
	place, isCache := s.cache()
	switch {
	case p.again(b):
	case isCache && s.Error != "":
		p.miss(s, place)
	case strings.HasSuffix(s.Error, "context canceled"):
		p.To.Printf("%s stopped after %s", what, took(s.Duration))
	case s.Error != "":
		p.To.Printf("%s failed after %s: %s", what, took(s.Duration), s.why())
	case s.Completed.IsZero():
		p.To.Printf("%s did not end", what)
	case s.Cached:
		p.To.Printf("%s cached", what)
	default:
		p.To.Printf("%s done in %s", what, took(s.Duration))
	}
}

// again reports whether there is nothing new in a step's end: a base image ends when it is found, and once more when it
// is there; and when a build is tried again, nearly everything is as it was.
func (p *Printer) again(b *block) bool {
	const news = time.Second
	before, told := p.told[b.step.Digest]
	if p.told == nil {
		p.told = map[string]time.Duration{}
	}
	if p.told[b.step.Digest] = b.step.Duration; b.step.Error != "" {
		delete(p.told, b.step.Digest)
	}
	return told && b.step.Error == "" && !b.opened && b.step.Duration < before+news
}

// miss says, once, that a cache cannot be read. That is no failure, and the first build of a branch has none.
func (p *Printer) miss(s Step, place string) {
	if p.missed[place] {
		return
	}
	if p.missed == nil {
		p.missed = map[string]bool{}
	}
	p.missed[place] = true
	if strings.HasSuffix(s.Error, ": not found") {
		p.To.Printf("No cache yet at %s", place)
		return
	}
	p.To.Printf("The cache at %s is not used: %s", place, s.why())
}

func (b *block) title() string {
	return clean(fmt.Sprintf("#%d %s", b.step.Number, b.step.Name), titleSize)
}

// progress moves the bar on the run's page: forward only, and not for every step.
func (p *Printer) progress(s Step) {
	const least = 5
	if percent := min(100*p.done/max(s.Of, 1), 99); percent >= p.percent+least {
		p.percent = percent
		p.To.SetProgress(percent, clean(s.Name, titleSize))
	}
}

func took(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}
