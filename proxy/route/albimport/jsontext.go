package albimport

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// jsonMistake says what is wrong with the text, and in which line.
func jsonMistake(text []byte, offset int64, err error) string {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = syntax.Offset
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Sprintf("line %d: is no JSON: the text ends too early", lineAt(text, len(bytes.TrimRight(text, " \r\n"))))
	}
	line := lineAt(text, int(offset)-1)
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Sprintf("line %d: is no JSON object", line)
	}
	return fmt.Sprintf("line %d: is no JSON: %v", line, err)
}

// lineAt is the number of the line, from 1, that the byte at offset stands in.
func lineAt(text []byte, offset int) int {
	return 1 + bytes.Count(text[:min(max(offset, 0), len(text))], []byte("\n"))
}

// inWords says what is wrong with a document in the words of JSON, not of Go.
func inWords(err error) string {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if wrong.Field == "" {
			return "must not be " + wrong.Value
		}
		return fmt.Sprintf("%s must not be %s", wrong.Field, wrong.Value)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return "it has the member " + name + ", which is not known here"
	}
	return err.Error()
}

// strict decodes text into v and refuses members that v does not have: what they
// mean would be lost.
func strict(text json.RawMessage, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return errors.New(inWords(err))
	}
	return nil
}
