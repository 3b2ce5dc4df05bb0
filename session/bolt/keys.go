package bolt

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/webordinary/warmgate/session"
)

// An index key is a group (a client or a status), a zero byte, which no group
// contains, and what orders the group; it ends with the session's id.

func group(name string) []byte { return append([]byte(name), 0) }

// clientKey orders a client's sessions newest first.
func clientKey(s *session.Session) []byte {
	age := math.MaxInt64 - s.CreatedAt.UnixMilli()
	return append(binary.BigEndian.AppendUint64(group(string(s.ClientID)), uint64(age)), s.ID...)
}

// clientKeyID returns the id at the end of a key of the given group.
func clientKeyID(key, group []byte) []byte {
	return bytes.TrimPrefix(key, group)[8:]
}

func statusKey(s *session.Session) []byte {
	return append(group(string(s.Status)), s.ID...)
}

func statusKeyID(key, group []byte) []byte {
	return bytes.TrimPrefix(key, group)
}
