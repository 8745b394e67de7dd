package gitrepo

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
)

func text(t *testing.T, resp *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// replaced is an answer with another body.
func replaced(resp *http.Response, err error, body string) (*http.Response, error) {
	if err != nil {
		return nil, err
	}
	err = resp.Body.Close()
	resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	return resp, err
}

// closed is an answer that never arrived.
func closed(resp *http.Response, err, cut error) (*http.Response, error) {
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, resp.Body) // only now it is certain that the server is done
	return nil, errors.Join(cut, err, resp.Body.Close())
}
