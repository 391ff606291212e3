package ecosystem

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

const (
	// maxPipAnswer is the most that a server's answer without its body may have.
	maxPipAnswer = 64 << 10
	// pipAnswerVersion begins the files of pip's http-v2 (cachecontrol, serialize.py).
	pipAnswerVersion = "cc=4,"
)

// pipAnswerFields are what pip writes of a response.
var pipAnswerFields = []string{"body", "headers", "status", "version", "reason", "strict", "decode_content"}

// checkPipAnswer looks into what pip stored of a server's answer. Nothing proves
// that the server said it; so it must be nothing that leads pip elsewhere.
func checkPipAnswer(tree fs.FS, name string) error {
	data, err := readSmall(tree, name, maxPipAnswer)
	if err != nil {
		return err
	}
	text, ok := strings.CutPrefix(string(data), pipAnswerVersion)
	if !ok {
		return errors.New("it is not an answer of the version that is known here")
	}
	value, rest, err := readMsgpack(text, maxMsgpackDepth)
	if err != nil {
		return err
	}
	root, ok := value.(map[string]any)
	if !ok || rest != "" {
		return errors.New("it is not one object")
	}
	response, ok := root["response"].(map[string]any)
	if !ok || response["body"] != "" || response["status"] != uint64(200) {
		return errors.New("it is not a plain answer of status 200 whose body is beside it")
	}
	for key := range response {
		if !slices.Contains(pipAnswerFields, key) {
			return fmt.Errorf("it has a field %.40q", key)
		}
	}
	headers, ok := response["headers"].(map[string]any)
	if !ok {
		return errors.New("it has no headers")
	}
	return checkPipHeaders(headers)
}

// checkPipHeaders refuses headers that make pip take the body for something else
// than the file.
func checkPipHeaders(headers map[string]any) error {
	for key, value := range headers {
		text, ok := value.(string)
		if !ok {
			return fmt.Errorf("its header %.40q is not text", key)
		}
		text = strings.ToLower(text)
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "location":
			return fmt.Errorf("its header %.40q leads elsewhere", key)
		case "content-encoding":
			if text != "" && text != "identity" {
				return errors.New("its body is encoded")
			}
		case "content-type":
			// What pip reads as a page of the package index (PEP 691).
			if strings.Contains(text, "html") || strings.Contains(text, "json") || strings.Contains(text, "pypi") {
				return errors.New("it is a page, not a file")
			}
		}
	}
	return nil
}

// maxMsgpackDepth is twice what such an answer has.
const maxMsgpackDepth = 6

var errMsgpack = errors.New("it is not MessagePack of the kind that is known here")

// readMsgpack reads one value: maps with text keys, text and bytes (as string),
// whole numbers that are not negative, booleans and nil, which is all that pip
// writes. It returns what follows it.
func readMsgpack(data string, depth int) (value any, rest string, err error) {
	if data == "" || depth == 0 {
		return nil, "", errMsgpack
	}
	code, data := data[0], data[1:]
	switch {
	case code < 0x80: // a small number
		return uint64(code), data, nil
	case code < 0x90: // a small map
		return readMsgpackMap(data, uint64(code&0x0f), depth)
	case code >= 0xa0 && code < 0xc0: // a short text
		return cutMsgpack(data, uint64(code&0x1f))
	}
	switch code {
	case 0xc0:
		return nil, data, nil
	case 0xc2, 0xc3:
		return code == 0xc3, data, nil
	}
	width, ok := map[byte]int{
		0xc4: 1, 0xc5: 2, 0xc6: 4, // bytes
		0xcc: 1, 0xcd: 2, 0xce: 4, 0xcf: 8, // numbers
		0xd9: 1, 0xda: 2, 0xdb: 4, // text
		0xde: 2, 0xdf: 4, // maps
	}[code]
	if !ok || len(data) < width {
		return nil, "", errMsgpack
	}
	var number [8]byte
	copy(number[8-width:], data[:width])
	n, data := binary.BigEndian.Uint64(number[:]), data[width:]
	switch code {
	case 0xcc, 0xcd, 0xce, 0xcf:
		return n, data, nil
	case 0xde, 0xdf:
		return readMsgpackMap(data, n, depth)
	}
	return cutMsgpack(data, n)
}

func cutMsgpack(data string, n uint64) (any, string, error) {
	if n > uint64(len(data)) {
		return nil, "", errMsgpack
	}
	return data[:n], data[n:], nil
}

// readMsgpackMap refuses a key that is there twice: readers disagree about which
// one counts.
func readMsgpackMap(data string, n uint64, depth int) (any, string, error) {
	values := map[string]any{}
	for range n {
		key, rest, err := readMsgpack(data, depth-1)
		if err != nil {
			return nil, "", err
		}
		text, ok := key.(string)
		if _, twice := values[text]; !ok || twice {
			return nil, "", errMsgpack
		}
		if values[text], data, err = readMsgpack(rest, depth-1); err != nil {
			return nil, "", err
		}
	}
	return values, data, nil
}
