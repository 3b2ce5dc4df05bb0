package ecs

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/webordinary/warmgate/scaler"
	"github.com/webordinary/warmgate/session"
)

// The tags of our tasks. Together they are the [scaler.TaskSpec], for other
// replicas and for a next run.
const (
	tagPool    = "warmgate:pool"
	tagKey     = "warmgate:key"
	tagSession = "warmgate:session"
	tagClient  = "warmgate:client"
	tagBase    = "warmgate:base"
	tagToken   = "warmgate:token"
	// tagReplaces is the ARN of the Spot task that this one takes the place of.
	tagReplaces = "warmgate:replaces"
)

// tagValueLimit is the longest value of a tag.
const tagValueLimit = 256

// specTags returns the tags that say what a task was started for.
func specTags(spec scaler.TaskSpec) []types.Tag {
	var tags []types.Tag
	for _, t := range []struct{ key, value string }{
		{tagPool, spec.Pool},
		{tagKey, spec.Key},
		{tagSession, string(spec.SessionID)},
		{tagClient, string(spec.ClientID)},
		{tagBase, spec.Base},
		{tagToken, spec.Token},
	} {
		tags = appendTag(tags, t.key, t.value)
	}
	return tags
}

// appendTag adds a value, in as many tags as it takes: key, key.2, key.3.
func appendTag(tags []types.Tag, key, value string) []types.Tag {
	value = escapeTag(value)
	for n, name := 2, key; ; n++ {
		length := min(len(value), tagValueLimit)
		tags = append(tags, types.Tag{Key: aws.String(name), Value: aws.String(value[:length])})
		if value = value[length:]; value == "" {
			return tags
		}
		name = key + "." + strconv.Itoa(n)
	}
}

// specOf reads the tags back; ok is false for a task that is not ours.
func specOf(t *types.Task) (spec scaler.TaskSpec, ok bool) {
	spec = scaler.TaskSpec{
		Pool: tagValue(t, tagPool), Key: tagValue(t, tagKey),
		SessionID: session.ID(tagValue(t, tagSession)), ClientID: session.ClientID(tagValue(t, tagClient)),
		Base: tagValue(t, tagBase), Token: tagValue(t, tagToken),
	}
	return spec, spec.Token != ""
}

// tagValue returns the value that appendTag has added, empty if there is none.
func tagValue(t *types.Task, key string) string {
	values := make(map[string]string, len(t.Tags))
	for _, tag := range t.Tags {
		values[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	var value strings.Builder
	value.WriteString(values[key])
	for n := 2; ; n++ {
		part, ok := values[key+"."+strconv.Itoa(n)]
		if !ok {
			return unescapeTag(value.String())
		}
		value.WriteString(part)
	}
}

// escapeTag writes the bytes that a tag may not have, and the equals sign, as an
// equals sign and two hexadecimal digits.
func escapeTag(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_.:/+-@", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

func unescapeTag(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '=' && i+2 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
