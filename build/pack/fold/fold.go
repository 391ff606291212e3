// Package fold rewrites programs so that they compress better together, and back. Programs of one source for
// Linux, macOS and Windows do the same in nearly the same instructions, but every function and every variable lies
// elsewhere, and each call, each load and each table of the runtime says where. So the same function is different
// bytes in each of them, and a compressor has to store it again.
//
// Folding replaces what names a place by what is the same everywhere:
//
//   - In the code, a reference becomes the number of its target in a list of places, the labels. Each program has
//     its own list, and the lists of a group are numbered alike: label 17 is the same function or variable in all of
//     them, as far as that could be found out. How it is found out is nobody's business but the packer's.
//   - In the runtime's table of functions, where each is described by a dozen offsets into other tables, an offset
//     becomes its distance to the one before, or a reference to an earlier one with the same value.
//
// Unfolding knows nothing of labels' meaning: it puts the places back. build/launcher/unfold.js does the same as
// Unfold. A program whose parts cannot be found, or that does not come back the same, stays as it is.
package fold

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Map says how a folded program is undone; it goes into bin/manifest.json. All numbers count bytes of the program.
type Map struct {
	// Code is the processor, as GOARCH calls it.
	Code string `json:"code"`
	// Labels is how many there are; they lie before the program, four bytes each.
	Labels int `json:"labels"`
	// Text is where the code begins and ends.
	Text [2]int `json:"text"`
	// Page is what to add to an offset in the file to get its place in a memory page.
	Page int `json:"page"`
	// Funcs is where the table of functions begins, and how many it describes.
	Funcs [2]int `json:"funcs"`
}

// Folded is a program as it is to be compressed. Without a Map, Data is the program itself.
type Folded struct {
	Data []byte
	Map  *Map
}

// maxLabels is what fits into the address of an instruction (arm64's adrp), less the bit that marks it.
const maxLabels = 1 << 20

// maxSize keeps every distance in a program within what the rewriting can tell from a label.
const maxSize = 1 << 26

var le = binary.LittleEndian

// Programs folds the programs of one source for several systems. They should be for the same processor.
func Programs(programs ...[]byte) []Folded {
	folded := make([]Folded, len(programs))
	var images []*image
	var places []int
	for i, program := range programs {
		folded[i].Data = program
		if img, ok := read(program); ok && (images == nil || img.code == images[0].code) {
			images = append(images, img)
			places = append(places, i)
		}
	}
	for i, names := range label(images) {
		program := images[i].data
		data, m := images[i].fold(names)
		if back, err := Unfold(bytes.Clone(data), m); err == nil && bytes.Equal(back, program) {
			folded[places[i]] = Folded{data, &m}
		}
	}
	return folded
}

// fold returns the labels followed by the program that refers to them.
func (img *image) fold(names labels) ([]byte, Map) {
	m := Map{
		Code: img.code, Labels: len(names.list), Text: [2]int{img.text, img.end}, Page: img.page,
		Funcs: [2]int{img.table, len(img.funcs)},
	}
	program := bytes.Clone(img.data)
	for _, s := range img.sites {
		if number, ok := names.numbers[s.target]; ok {
			img.coder.set(program, s.at, number)
		}
	}
	if foldFuncs(program, m.Funcs) != nil {
		m.Funcs = [2]int{}
	}
	var data []byte
	var last uint32
	for _, target := range names.list {
		data = le.AppendUint32(data, target-last)
		last = target
	}
	return append(data, program...), m
}

// Unfold returns the program that was folded. It reads any data and any map, and fails or returns something; whether
// that is the program, its hash tells. It changes data.
func Unfold(data []byte, m Map) ([]byte, error) {
	coder, ok := coders[m.Code]
	if !ok {
		return nil, fmt.Errorf("there is no way to unfold code for %q", m.Code)
	}
	if m.Labels < 0 || m.Labels > maxLabels || 4*m.Labels > len(data) {
		return nil, fmt.Errorf("%d bytes cannot begin with %d labels", len(data), m.Labels)
	}
	program := data[4*m.Labels:]
	if m.Text[0] < 0 || m.Text[1] < m.Text[0] || m.Text[1] > len(program) || m.Page < 0 || m.Page >= pageSize {
		return nil, fmt.Errorf("code from %d to %d, %d in a page, is not in a program of %d bytes",
			m.Text[0], m.Text[1], m.Page, len(program))
	}
	list := make([]uint32, m.Labels)
	var last uint32
	for i := range list {
		last += le.Uint32(data[4*i:])
		list[i] = last
	}
	if err := unfoldFuncs(program, m.Funcs); err != nil {
		return nil, err
	}
	coder.unfold(program, list, m)
	return program, nil
}
