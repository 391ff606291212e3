package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// corpus is a log of some size, twice: as it is, and with the plants between its lines.
type corpus struct {
	Bytes, Lines  int      // of the one with plants
	CleanBytes    int      // of the one without
	DistinctBytes int      // of the real output that was collected; the rest repeats it
	LookAlikes    [][2]int // lines of the one with plants, first and last
	Plants        []plant
	dir           string
}

func (c corpus) clean() string   { return filepath.Join(c.dir, "clean.log") }
func (c corpus) planted() string { return filepath.Join(c.dir, "planted.log") }

// border is the size of the blocks that engines read; plants are laid across their ends.
const border = 1 << 20

// build makes the corpus of a seed, unless it is there.
func build(dir string, raw []string, megabytes, each int, seed uint64) (corpus, error) {
	c := corpus{dir: filepath.Join(dir, fmt.Sprintf("corpus-%d-%d-%d", megabytes, each, seed))}
	facts := filepath.Join(c.dir, "facts.json")
	if data, err := os.ReadFile(facts); err == nil {
		return c, json.Unmarshal(data, &c)
	}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return c, err
	}
	d := newDice(seed)
	w, err := newWriters(&c, plants(d, each), megabytes*1e6, d)
	if err != nil {
		return c, err
	}
	if err := mix(w, raw, megabytes*1e6); err != nil {
		return c, err
	}
	if err := w.close(); err != nil {
		return c, err
	}
	data, err := json.Marshal(c)
	if err != nil {
		return c, err
	}
	return c, os.WriteFile(facts, data, 0o644)
}

// mix writes pieces of the real logs in turn, and look-alikes now and then.
func mix(w *writers, raw []string, size int) error {
	var texts [][]byte
	for _, name := range raw {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if len(text) > 0 {
			texts = append(texts, text)
			w.c.DistinctBytes += len(text)
		}
	}
	at := make([]int, len(texts))
	for w.cleanBytes < size {
		// A step prints between 100 lines and some thousands. Long outputs have more steps.
		i := w.d.IntN(len(texts))
		if w.d.IntN(w.c.DistinctBytes) > 3*len(texts[i]) {
			continue
		}
		for range 100 + w.d.IntN(3000) {
			line, rest, _ := bytes.Cut(texts[i][at[i]:], []byte("\n"))
			at[i] = len(texts[i]) - len(rest)
			if len(rest) == 0 {
				at[i] = 0
			}
			w.real(string(line))
		}
		if w.d.IntN(4) == 0 {
			for range 200 {
				w.lookAlike(lookalikes[w.d.IntN(len(lookalikes))](w.d))
			}
		}
	}
	return w.err
}

// writers write both logs.
type writers struct {
	c              *corpus
	d              dice
	clean, planted *bufio.Writer
	files          []*os.File
	when           time.Time
	cleanBytes     int
	next           int // a plant goes before the line after so many bytes
	gap            int
	inner, across  []plant // still to be planted: anywhere, and across the end of a block
	err            error
}

func newWriters(c *corpus, all []plant, size int, d dice) (*writers, error) {
	w := &writers{c: c, d: d, when: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)}
	for _, p := range all {
		if p.Border {
			w.across = append(w.across, p)
		} else {
			w.inner = append(w.inner, p)
		}
	}
	shuffle := func(list []plant) { d.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] }) }
	shuffle(w.inner)
	shuffle(w.across)
	w.gap = size / (len(w.inner) + 1)
	w.next = d.IntN(w.gap) + 1
	for _, name := range []string{c.clean(), c.planted()} {
		f, err := os.Create(name)
		if err != nil {
			return nil, err
		}
		w.files = append(w.files, f)
	}
	w.clean, w.planted = bufio.NewWriterSize(w.files[0], border), bufio.NewWriterSize(w.files[1], border)
	return w, nil
}

func (w *writers) close() error {
	for _, p := range slices.Concat(w.across, w.inner) {
		w.plant(p, "") // a small corpus has not enough blocks
	}
	for i, b := range []*bufio.Writer{w.clean, w.planted} {
		if err := b.Flush(); err != nil && w.err == nil {
			w.err = err
		}
		if err := w.files[i].Close(); err != nil && w.err == nil {
			w.err = err
		}
	}
	w.c.CleanBytes = w.cleanBytes
	return w.err
}

// stamp is what Azure Pipelines puts before each line.
func (w *writers) stamp() string {
	w.when = w.when.Add(time.Duration(w.d.IntN(20_000)) * time.Microsecond)
	return w.when.Format("2006-01-02T15:04:05.0000000Z ")
}

// real writes a line of a real log, and what is to be planted before it.
func (w *writers) real(line string) {
	w.plantNow()
	line = w.stamp() + strings.TrimRight(line, "\r") + "\n"
	w.both(line)
}

func (w *writers) lookAlike(line string) {
	first := w.c.Lines + 1
	for part := range strings.SplitSeq(line, "\n") {
		w.both(w.stamp() + part + "\n")
	}
	if n := len(w.c.LookAlikes); n > 0 && w.c.LookAlikes[n-1][1] == first-1 {
		w.c.LookAlikes[n-1][1] = w.c.Lines
		return
	}
	w.c.LookAlikes = append(w.c.LookAlikes, [2]int{first, w.c.Lines})
}

func (w *writers) both(line string) {
	if _, err := w.clean.WriteString(line); err != nil && w.err == nil {
		w.err = err
	}
	w.cleanBytes += len(line)
	w.write(line)
}

func (w *writers) write(line string) {
	if _, err := w.planted.WriteString(line); err != nil && w.err == nil {
		w.err = err
	}
	w.c.Bytes += len(line)
	w.c.Lines++
}

// plantNow plants what is due.
func (w *writers) plantNow() {
	const room = 600
	if left := border - w.c.Bytes%border; left < room && len(w.across) > 0 {
		p := w.across[0]
		lines := strings.Split(p.Text, "\n")
		// The middle of the text is to be at the border, behind the stamp and some words.
		if pad := left - len("2006-01-02T15:04:05.0000000Z ") - len(lines[0])/2; pad > 0 {
			w.across = w.across[1:]
			w.plant(p, strings.Repeat("- ", pad/2+1)[:pad-1]+" ")
		}
	}
	if w.cleanBytes >= w.next && len(w.inner) > 0 {
		p := w.inner[0]
		w.inner = w.inner[1:]
		w.plant(p, "")
		w.next += 1 + w.gap/2 + w.d.IntN(w.gap/2*2+1)
	}
}

func (w *writers) plant(p plant, pad string) {
	p.First = w.c.Lines + 1
	for part := range strings.SplitSeq(p.Text, "\n") {
		w.write(w.stamp() + pad + part + "\n")
		pad = ""
	}
	p.Last = w.c.Lines
	w.c.Plants = append(w.c.Plants, p)
}
