package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// client calls the management API.
type client struct {
	base      *url.URL
	token     string
	tokenFile string
	http      *http.Client
}

// newClient returns a client for the API at base with the token in the file.
func newClient(base, tokenFile string) (*client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is no URL such as http://127.0.0.1:9090", base)
	}
	token, err := readToken(tokenFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no token at %s: start warmgate serve first, or name the file with --token-file or --config", tokenFile)
	}
	if err != nil {
		return nil, fmt.Errorf("read the token: %w", err)
	}
	return &client{
		base: u, token: token, tokenFile: tokenFile,
		http: &http.Client{
			Timeout: 30 * time.Second,
			// The token goes to the address that was named and to no other: by no
			// proxy, and after no redirect.
			Transport:     &http.Transport{DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// call sends body as JSON (nil: none) and returns the JSON answer.
func (c *client) call(ctx context.Context, method, path string, body any) ([]byte, error) {
	answer, _, err := c.do(ctx, method, path, body)
	return answer, err
}

// pages gets the list at path, page by page.
func (c *client) pages(ctx context.Context, path string) ([]json.RawMessage, error) {
	all := []json.RawMessage{}
	for query := "?limit=1000"; query != ""; {
		answer, link, err := c.do(ctx, http.MethodGet, path+query, nil)
		if err != nil {
			return nil, err
		}
		var page []json.RawMessage
		if err := json.Unmarshal(answer, &page); err != nil {
			return nil, fmt.Errorf("read the answer: %w", err)
		}
		all = append(all, page...)
		query = nextPage(link)
	}
	return all, nil
}

// nextPage returns the query of the next page that a Link header names.
func nextPage(link string) string {
	target, found := strings.CutSuffix(link, `>; rel="next"`)
	if !found || !strings.HasPrefix(target, "<?") {
		return ""
	}
	return target[1:]
}

func (c *client) do(ctx context.Context, method, path string, body any) (answer []byte, link string, err error) {
	req, err := c.request(ctx, method, path, body)
	if err != nil {
		return nil, "", err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, "", c.explain(err)
	}
	defer res.Body.Close()
	if answer, err = io.ReadAll(io.LimitReader(res.Body, 64<<20)); err != nil {
		return nil, "", c.explain(err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return nil, "", c.refusal(res, answer)
	}
	return answer, res.Header.Get("Link"), nil
}

func (c *client) request(ctx context.Context, method, path string, body any) (*http.Request, error) {
	var text bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&text).Encode(body); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.base.String(), "/")+path, &text)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	return req, nil
}

// explain says what to do when there was no answer.
func (c *client) explain(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return fmt.Errorf("nothing answers at %s: is warmgate serve running there? (--admin-url, --config)", c.base)
	}
	return fmt.Errorf("ask %s: %w", c.base, err)
}

// refusal says what the API has against the call.
func (c *client) refusal(res *http.Response, answer []byte) error {
	if res.StatusCode == http.StatusUnauthorized {
		return fmt.Errorf("the token in %s is not the one of %s (--token-file)", c.tokenFile, c.base)
	}
	var p struct{ Title, Detail string }
	if json.Unmarshal(answer, &p) != nil || p.Detail == "" {
		return fmt.Errorf("%s answered %s: is that Warmgate's admin listener?", c.base, res.Status)
	}
	return fmt.Errorf("%s (%d from %s)", strings.TrimSuffix(p.Detail, "."), res.StatusCode, c.base)
}

// localURL is how this machine reaches a listener of its own.
func localURL(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "http://" + listen
	}
	switch host {
	case "", "0.0.0.0", "::":
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}
