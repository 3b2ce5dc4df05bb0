// Package certificate keeps TLS certificates that are read from files, chosen by
// the name that a client asks for (SNI, RFC 6066 3), and read again when their
// files change.
package certificate
