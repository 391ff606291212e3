package gittest

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
)

// poorer answers what a server has to offer, less what ours lacks.
func (s *Server) poorer(w http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	s.backend(answer, r)
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.Header().Del("Content-Length")
	w.WriteHeader(answer.Code)
	_, _ = w.Write(without(answer.Body.Bytes(), s.config.Lacks)) // the client is gone
}

// without takes capabilities out of an advertisement of either version.
func without(advertisement []byte, lacks []string) []byte {
	var kept bytes.Buffer
	for len(advertisement) > 0 {
		text, rest, err := packet(advertisement)
		if err != nil {
			return append(kept.Bytes(), advertisement...)
		}
		if text == nil {
			kept.Write(advertisement[:4])
		} else if left := lessen(string(text), lacks); left != "" {
			line(&kept, left)
		}
		advertisement = rest
	}
	return kept.Bytes()
}

// lessen takes capabilities out of a line: those of version 0 follow a NUL, in version 2
// they are words of the values of others, such as fetch=shallow filter.
func lessen(text string, lacks []string) string {
	if ref, list, ok := strings.Cut(text, "\x00"); ok {
		return ref + "\x00" + strings.Join(drop(strings.Fields(list), lacks), " ") + "\n"
	}
	if name, list, ok := strings.Cut(strings.TrimSpace(text), "="); ok && name == "fetch" {
		if words := drop(strings.Fields(list), lacks); len(words) > 0 {
			return name + "=" + strings.Join(words, " ") + "\n"
		}
		return name + "\n"
	}
	if slices.Contains(lacks, strings.TrimSpace(text)) {
		return ""
	}
	return text
}

func drop(words, lacks []string) []string {
	return slices.DeleteFunc(words, func(word string) bool { return slices.Contains(lacks, word) })
}
