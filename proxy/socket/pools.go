package socket

import "sync"

// Sizes of buffers, in bytes. A leg owns only its read buffer; the others are
// borrowed while a message passes.
const (
	readBufferSize  = 2 << 10
	writeBufferSize = 16 << 10
	copyBufferSize  = 16 << 10
)

// bufferPools lend the buffers that a passing message needs.
type bufferPools struct {
	// write lends gorilla's frame buffers, for all legs alike.
	write sync.Pool
	copy  sync.Pool
}

func (p *bufferPools) borrow() *[]byte {
	if b, ok := p.copy.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, copyBufferSize)
	return &b
}

func (p *bufferPools) giveBack(b *[]byte) { p.copy.Put(b) }
