package main

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"
)

// Types and flags of frames (RFC 9113 6).
const (
	frameHeaders  = 1
	frameSettings = 4
	endStream     = 1
	endHeaders    = 4
)

// http2Conn is a client that sends what it is told to, one request at a time.
type http2Conn struct {
	t       *testing.T
	conn    net.Conn
	encoder *hpack.Encoder
	encoded bytes.Buffer
	decoder *hpack.Decoder
	stream  uint32
}

func dialHTTP2(t *testing.T, address string) *http2Conn {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	c := &http2Conn{t: t, conn: conn, decoder: hpack.NewDecoder(4096, nil), stream: 1}
	c.encoder = hpack.NewEncoder(&c.encoded)
	_, _ = io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	c.write(frameSettings, 0, 0, nil)
	return c
}

func (c *http2Conn) write(kind, flags byte, stream uint32, payload []byte) {
	c.t.Helper()
	frame := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	frame = binary.BigEndian.AppendUint32(append(frame, flags), stream)
	if _, err := c.conn.Write(append(frame, payload...)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *http2Conn) read() (kind, flags byte, stream uint32, payload []byte, err error) {
	var head [9]byte
	if _, err := io.ReadFull(c.conn, head[:]); err != nil {
		return 0, 0, 0, nil, err
	}
	payload = make([]byte, binary.BigEndian.Uint32(head[:])>>8)
	_, err = io.ReadFull(c.conn, payload)
	return head[3], head[4], binary.BigEndian.Uint32(head[5:]), payload, err
}

// get asks for / with further fields and returns the answer's status, or the error
// of reading on.
func (c *http2Conn) get(fields ...string) (status string, err error) {
	c.t.Helper()
	c.encoded.Reset()
	fields = append([]string{":method", "GET", ":scheme", "https", ":authority", "localhost", ":path", "/"}, fields...)
	for i := 0; i < len(fields); i += 2 {
		if err := c.encoder.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}); err != nil {
			c.t.Fatal(err)
		}
	}
	c.write(frameHeaders, endStream|endHeaders, c.stream, c.encoded.Bytes())
	for {
		kind, flags, stream, payload, err := c.read()
		if err != nil {
			return status, err
		}
		if stream != c.stream {
			continue
		}
		if kind == frameHeaders {
			header, err := c.decoder.DecodeFull(payload)
			if err != nil {
				return "", err
			}
			status = header[0].Value
		}
		if flags&endStream != 0 {
			c.stream += 2
			return status, nil
		}
	}
}

// TestMalformedOverHTTP2: a request with connection-specific fields is refused, and
// a connection that sends nothing else is closed; one that is well-formed goes on.
func TestMalformedOverHTTP2(t *testing.T) {
	t.Parallel()
	s, address := startTLS(t, staticPool(site(t))+fixedRoute("hello"))
	defer s.end()
	good := dialHTTP2(t, address)
	for range 3 {
		if status, err := good.get(); status != "200" || err != nil {
			t.Fatalf("a request = %s, %v", status, err)
		}
	}
	for _, field := range [][]string{{"connection", "keep-alive"}, {"keep-alive", "1"}, {"upgrade", "websocket"}, {"te", "gzip"}} {
		bad := dialHTTP2(t, address)
		if status, err := bad.get(field...); status != "400" || err != nil {
			t.Errorf("%v = %s, %v; want 400", field, status, err)
			continue
		}
		var err error
		for err == nil {
			_, _, _, _, err = bad.read()
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("%v: the connection goes on: %v", field, err)
		}
	}
	if status, err := good.get("te", "trailers"); status != "200" || err != nil {
		t.Errorf("the good connection, later = %s, %v", status, err)
	}
}
