package databricks

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// errCircle is a listing whose page says that it follows itself.
var errCircle = errors.New("the listing goes round in a circle; " + newer)

// circles finds a page that names itself as the next one: the SDK would ask for it for ever.
func circles(req *http.Request, resp *http.Response) error {
	token := req.URL.Query().Get("page_token")
	if token == "" || req.Method != http.MethodGet {
		return nil
	}
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("reading a page: %w", err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(data))
	var page struct {
		Next string `json:"next_page_token"`
	}
	if json.Unmarshal(data, &page) == nil && page.Next == token {
		return fmt.Errorf("%s%s: %w", req.URL.Host, req.URL.EscapedPath(), errCircle)
	}
	return nil
}
