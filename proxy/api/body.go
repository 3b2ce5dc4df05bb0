package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/webordinary/warmgate/session"
)

// maxBody bounds the body of a call, in bytes.
const maxBody = 64 << 10

// decode reads the call's JSON object into v. Members that v does not have are
// refused. A call without a body leaves v as it is.
func decode(w http.ResponseWriter, r *http.Request, v any) error {
	if r.ContentLength == 0 {
		return nil
	}
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/json" {
		return &statusError{http.StatusUnsupportedMediaType, "The body must be JSON, with Content-Type: application/json."}
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return bodyError(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return &session.InvalidError{Field: "body", Reason: "goes on after the JSON object"}
	}
	return nil
}

// bodyError says what is wrong with a body in the words of JSON, not of Go.
func bodyError(err error) error {
	invalid := func(field, reason string) error { return &session.InvalidError{Field: field, Reason: reason} }
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if wrong.Field == "" {
			return invalid("body", "is no JSON object")
		}
		return invalid(wrong.Field, "must not be "+article(wrong.Value))
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return invalid("body", fmt.Sprintf("is no JSON: %v, at byte %d", syntax, syntax.Offset))
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return invalid(strings.Trim(name, `"`), "is not known")
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return invalid("body", "is no complete JSON object")
	}
	return err
}

func article(kind string) string {
	if strings.IndexByte("aeiou", kind[0]) >= 0 {
		return "an " + kind
	}
	return "a " + kind
}

// encode answers with v as JSON. A client that has gone gets nothing.
func encode(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
	return nil
}
