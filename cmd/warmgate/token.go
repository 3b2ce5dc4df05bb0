package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// minTokenLength keeps guessable tokens out; our own have 43 characters.
const minTokenLength = 20

// readToken returns the token in the file: its only line.
func readToken(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(text))
	switch {
	case len(token) < minTokenLength:
		return "", fmt.Errorf("%s: the token has fewer than %d characters; remove the file to have one made", file, minTokenLength)
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", fmt.Errorf("%s: holds something else than one token in plain letters", file)
	}
	return token, nil
}

// ensureToken returns the token in the file, which is made with 256 random bits
// if there is none. Of several processes that make it at once, one wins.
func ensureToken(file string) (token string, made bool, err error) {
	token, err = readToken(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return token, false, err
	}
	folder := filepath.Dir(file)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", false, err
	}
	draft, err := os.CreateTemp(folder, ".token-*") // mode 0600
	if err != nil {
		return "", false, err
	}
	defer os.Remove(draft.Name())
	_, err = draft.WriteString(randomToken() + "\n")
	if err = errors.Join(err, draft.Sync(), draft.Close()); err != nil {
		return "", false, err
	}
	// Link, other than rename, fails if somebody else was first.
	if err := os.Link(draft.Name(), file); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", false, err
	}
	token, err = readToken(file)
	return token, true, err
}

func randomToken() string {
	var bits [32]byte
	rand.Read(bits[:]) // it never fails: it ends the process instead
	return base64.RawURLEncoding.EncodeToString(bits[:])
}
