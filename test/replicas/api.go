//go:build unix

package replicas

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// API is what one replica's admin listener offers: the management API, and metrics.
type API struct {
	// Address is that of its admin listener, as host:port.
	Address string
	// TokenFile has the bearer token.
	TokenFile string
}

// Session is what the API says of a session, as far as it is asked for here.
type Session struct {
	SessionID      string    `json:"sessionId"`
	Status         string    `json:"status"`
	PreviewURL     string    `json:"previewUrl"`
	LastActivityAt time.Time `json:"lastActivityAt"`
}

// Activate makes a session of the client, asleep until its first visit. An empty id has one made up.
func (a API) Activate(ctx context.Context, client, id string) (Session, error) {
	body := map[string]any{"clientId": client, "userId": "tester", "wake": false}
	if id != "" {
		body["sessionId"] = id
	}
	return a.call(ctx, http.MethodPost, "activate", body)
}

// Status returns the session as it is.
func (a API) Status(ctx context.Context, id string) (Session, error) {
	return a.call(ctx, http.MethodGet, id+"/status", nil)
}

// End ends the session.
func (a API) End(ctx context.Context, id string) error {
	_, err := a.call(ctx, http.MethodPost, id+"/deactivate", struct{}{})
	return err
}

// Metric returns the sum of all samples of a metric.
func (a API) Metric(ctx context.Context, name string) (float64, error) {
	text, err := a.send(ctx, http.MethodGet, "/metrics", http.NoBody)
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for line := range strings.Lines(string(text)) {
		sample, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if family, _, _ := strings.Cut(sample, "{"); family != name {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, err
		}
		sum += v
	}
	return sum, nil
}

// call calls /api/sessions/path.
func (a API) call(ctx context.Context, method, path string, body any) (Session, error) {
	var s Session
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			return s, err
		}
	}
	text, err := a.send(ctx, method, "/api/sessions/"+path, &sent)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(text, &s)
}

// send sends a request with the token and returns the answer's body, or an error if it is no success.
func (a API) send(ctx context.Context, method, path string, body io.Reader) ([]byte, error) {
	token, err := os.ReadFile(a.TokenFile)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+a.Address+path, body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, response.Status, text)
	}
	return text, err
}
