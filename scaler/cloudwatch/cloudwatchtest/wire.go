package cloudwatchtest

import (
	"fmt"
	"math"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

// epochTag marks a time in CBOR (RFC 8949 3.4.2).
const epochTag = 1

// decode reads a CBOR map: texts are string, numbers float64, times time.Time,
// lists []any, maps map[string]any.
func decode(body []byte) (map[string]any, error) {
	if len(body) == 0 {
		return map[string]any{}, nil
	}
	v, err := cbor.Decode(body)
	if err != nil {
		return nil, err
	}
	m, ok := plain(v).(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the body is %T, want a map", v)
	}
	return m, nil
}

func plain(v cbor.Value) any {
	switch v := v.(type) {
	case cbor.String:
		return string(v)
	case cbor.Bool:
		return bool(v)
	case cbor.Uint:
		return float64(v)
	case cbor.NegInt:
		return -float64(v)
	case cbor.Float32:
		return float64(v)
	case cbor.Float64:
		return float64(v)
	case *cbor.Tag:
		if seconds, ok := plain(v.Value).(float64); ok && v.ID == epochTag {
			return time.UnixMilli(int64(math.Round(seconds * 1000)))
		}
	case cbor.List:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plain(v[i])
		}
		return list
	case cbor.Map:
		m := make(map[string]any, len(v))
		for key, value := range v {
			m[key] = plain(value)
		}
		return m
	}
	return nil
}

// encode writes what decode reads.
func encode(m map[string]any) []byte { return cbor.Encode(coded(m)) }

func coded(v any) cbor.Value {
	switch v := v.(type) {
	case string:
		return cbor.String(v)
	case float64:
		return cbor.Float64(v)
	case time.Time:
		return &cbor.Tag{ID: epochTag, Value: cbor.Float64(float64(v.UnixMilli()) / 1000)}
	case []any:
		list := make(cbor.List, len(v))
		for i := range v {
			list[i] = coded(v[i])
		}
		return list
	case map[string]any:
		m := make(cbor.Map, len(v))
		for key, value := range v {
			m[key] = coded(value)
		}
		return m
	}
	return &cbor.Nil{}
}

// Readers of a decoded map; what is not there, or of another type, is zero.

func text(m map[string]any, key string) string       { s, _ := m[key].(string); return s }
func number(m map[string]any, key string) float64    { n, _ := m[key].(float64); return n }
func instant(m map[string]any, key string) time.Time { t, _ := m[key].(time.Time); return t }

func object(m map[string]any, key string) map[string]any {
	o, _ := m[key].(map[string]any)
	return o
}

func objects(m map[string]any, key string) []map[string]any {
	var list []map[string]any
	values, _ := m[key].([]any)
	for _, v := range values {
		o, _ := v.(map[string]any)
		list = append(list, o)
	}
	return list
}

func numbers(m map[string]any, key string) []float64 {
	var list []float64
	values, _ := m[key].([]any)
	for _, v := range values {
		n, ok := v.(float64)
		if !ok {
			n = math.NaN()
		}
		list = append(list, n)
	}
	return list
}
