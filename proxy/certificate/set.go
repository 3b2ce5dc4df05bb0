package certificate

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"time"
)

// Pair names the PEM files of a certificate, with its chain, and of its key.
type Pair struct {
	CertFile, KeyFile string
}

// Set is what the files of some pairs held when they were read. It is immutable.
type Set struct {
	loaded []loaded
}

// loaded is a pair with what its files hold.
type loaded struct {
	pair        Pair
	certificate *tls.Certificate
	seen        stamp
}

// stamp tells whether a pair's files have changed.
type stamp struct {
	certTime, keyTime time.Time
	certSize, keySize int64
}

// Load reads the pairs. Every pair that cannot be used is reported (errors.Join),
// with its file.
func Load(pairs []Pair) (*Set, error) {
	s := &Set{}
	var errs []error
	for _, p := range pairs {
		l, err := p.load()
		errs = append(errs, err)
		s.loaded = append(s.loaded, l)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(s.loaded) == 0 {
		return nil, errors.New("there is no certificate")
	}
	return s, nil
}

func (p Pair) load() (loaded, error) {
	seen := p.stamp() // before reading: a change in between is found later
	c, err := tls.LoadX509KeyPair(p.CertFile, p.KeyFile)
	if err != nil {
		return loaded{}, fmt.Errorf("certificate %s: %w", p.CertFile, err)
	}
	return loaded{pair: p, certificate: &c, seen: seen}, nil
}

// stamp is zero for files that are missing.
func (p Pair) stamp() stamp {
	var s stamp
	if info, err := os.Stat(p.CertFile); err == nil {
		s.certTime, s.certSize = info.ModTime(), info.Size()
	}
	if info, err := os.Stat(p.KeyFile); err == nil {
		s.keyTime, s.keySize = info.ModTime(), info.Size()
	}
	return s
}

// choose returns the first certificate that the client can use, name included, or
// else the first of all: the client then says what it misses.
func (s *Set) choose(hello *tls.ClientHelloInfo) *tls.Certificate {
	if len(s.loaded) > 1 {
		for _, l := range s.loaded {
			if hello.SupportsCertificate(l.certificate) == nil {
				return l.certificate
			}
		}
	}
	return s.loaded[0].certificate
}

// renewed reads the pairs again whose files have changed. fresh is nil if none
// has; one that cannot be used keeps its old certificate.
func (s *Set) renewed() (fresh *Set, err error) {
	next := &Set{loaded: make([]loaded, len(s.loaded))}
	changed := false
	var errs []error
	for i, old := range s.loaded {
		next.loaded[i] = old
		now := old.pair.stamp()
		if now == old.seen {
			continue
		}
		changed = true
		l, err := old.pair.load()
		if err != nil {
			errs = append(errs, err)
			next.loaded[i].seen = now // said once; the next change is looked at again
			continue
		}
		next.loaded[i] = l
	}
	if !changed {
		return nil, nil
	}
	return next, errors.Join(errs...)
}

// ends is when the first of the certificates ends.
func (s *Set) ends() time.Time {
	first := s.loaded[0].certificate.Leaf.NotAfter
	for _, l := range s.loaded[1:] {
		if at := l.certificate.Leaf.NotAfter; at.Before(first) {
			first = at
		}
	}
	return first
}
