package dynamo

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/webordinary/warmgate/session"
)

// encodeObject returns a JSON object as a map; nil if it is empty.
func encodeObject(o map[string]any) (types.AttributeValue, error) {
	if len(o) == 0 {
		return nil, nil
	}
	return encodeValue(o)
}

// encodeValue returns a value as JSON knows them. Other types are taken as
// encoding/json takes them.
func encodeValue(v any) (types.AttributeValue, error) {
	switch v := v.(type) {
	case nil:
		return &types.AttributeValueMemberNULL{Value: true}, nil
	case bool:
		return &types.AttributeValueMemberBOOL{Value: v}, nil
	case string:
		return text(v), nil
	case float64:
		return encodeNumber(v)
	case []any:
		return encodeList(v)
	case map[string]any:
		return encodeMap(v)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, &session.InvalidError{Field: "metadata", Reason: "is no JSON: " + err.Error()}
	}
	var plain any
	if err := json.Unmarshal(b, &plain); err != nil {
		return nil, &session.InvalidError{Field: "metadata", Reason: "is no JSON: " + err.Error()}
	}
	return encodeValue(plain)
}

// encodeNumber refuses what DynamoDB cannot keep: beyond 1E+126, and nearer to
// zero than 1E-130.
func encodeNumber(n float64) (types.AttributeValue, error) {
	if a := math.Abs(n); math.IsNaN(n) || a >= 1e126 || a > 0 && a < 1e-130 {
		return nil, &session.InvalidError{Field: "metadata", Reason: "has a number that the store cannot keep"}
	}
	return &types.AttributeValueMemberN{Value: strconv.FormatFloat(n, 'g', -1, 64)}, nil
}

func encodeList(list []any) (types.AttributeValue, error) {
	values := make([]types.AttributeValue, len(list))
	for i, v := range list {
		var err error
		if values[i], err = encodeValue(v); err != nil {
			return nil, err
		}
	}
	return &types.AttributeValueMemberL{Value: values}, nil
}

func encodeMap(o map[string]any) (types.AttributeValue, error) {
	values := make(item, len(o))
	for key, v := range o {
		var err error
		if values[encodeKey(key)], err = encodeValue(v); err != nil {
			return nil, err
		}
	}
	return &types.AttributeValueMemberM{Value: values}, nil
}

// escape stands before a name in a map that is empty, which DynamoDB does not
// accept, or begins with it.
const escape = "\x00"

func encodeKey(key string) string {
	if key == "" || strings.HasPrefix(key, escape) {
		return escape + key
	}
	return key
}

// decodeObject returns a map as a JSON object; nil if v is no map.
func decodeObject(v types.AttributeValue) map[string]any {
	m, ok := v.(*types.AttributeValueMemberM)
	if !ok {
		return nil
	}
	o := make(map[string]any, len(m.Value))
	for key, v := range m.Value {
		o[strings.TrimPrefix(key, escape)] = decodeValue(v)
	}
	return o
}

// decodeValue returns a value as JSON has it; sets are lists, bytes are base64.
func decodeValue(v types.AttributeValue) any {
	switch v := v.(type) {
	case *types.AttributeValueMemberBOOL:
		return v.Value
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return decodeNumber(v.Value)
	case *types.AttributeValueMemberB:
		return base64.StdEncoding.EncodeToString(v.Value)
	case *types.AttributeValueMemberM:
		return decodeObject(v)
	case *types.AttributeValueMemberL:
		return decodeList(v.Value, decodeValue)
	case *types.AttributeValueMemberSS:
		return decodeList(v.Value, func(s string) any { return s })
	case *types.AttributeValueMemberNS:
		return decodeList(v.Value, decodeNumber)
	case *types.AttributeValueMemberBS:
		return decodeList(v.Value, func(b []byte) any { return base64.StdEncoding.EncodeToString(b) })
	}
	return nil
}

func decodeList[T any](list []T, decode func(T) any) []any {
	values := make([]any, len(list))
	for i, v := range list {
		values[i] = decode(v)
	}
	return values
}

func decodeNumber(s string) any {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return s
	}
	return n
}
