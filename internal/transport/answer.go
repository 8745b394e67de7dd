package transport

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// answer makes an error of an answer that is not a success.
func (w *wire) answer(req *http.Request, resp *http.Response, data []byte) *Error {
	e := about(req)
	e.Status = resp.StatusCode
	e.RequestID = requestID(resp.Header)
	switch {
	case resp.StatusCode < 400 && resp.StatusCode >= 300:
		e.Message, e.Advice = "it points to "+place(resp.Header.Get("Location")), adviceOnRedirect(req, resp)
	case looksLikePage(resp, data):
		e.page = true
		e.Message = "a web page came back, not an answer of the API"
		e.Advice = fmt.Sprintf("is %s the right host?", req.URL.Host)
	default:
		e.strange = !decode(e, data) && asksAPI(req)
	}
	e.limit(w.opt.Clock.Now(), req, resp)
	e.kind = kindOf(e)
	if login(req) && !e.limited && !e.page && e.Status >= 400 && e.Status < 500 {
		e.kind = resource.ErrUnauthorized // whatever it is that is not found there, it is not what was to be read
	}
	if resp.StatusCode >= 400 {
		e.Advice = cmp.Or(advice(req, resp, e), e.Advice)
	}
	return w.cleaned(e)
}

func about(req *http.Request) *Error {
	return &Error{Host: req.URL.Host, Method: cmp.Or(req.Method, http.MethodGet), Path: req.URL.EscapedPath(), again: repeatable(req)}
}

func (w *wire) refusal(req *http.Request, why, advice string) *Error {
	e := about(req)
	e.Message, e.Advice, e.Cause, e.unsent = "not sent: "+why, advice, ErrRefused, true
	return w.cleaned(e)
}

// shut makes an error of a request that would have to wait for a limit for too long.
func (w *wire) shut(req *http.Request, left time.Duration) *Error {
	e := about(req)
	e.limited, e.unsent, e.asked = true, true, left
	e.Message = "not sent: " + req.URL.Host + " has said that it takes no more requests of these credentials for now"
	e.Advice = "try again in " + left.Round(time.Second).String()
	return w.cleaned(e)
}

func (w *wire) oversized(req *http.Request, resp *http.Response) *Error {
	e := about(req)
	e.Status = resp.StatusCode
	e.RequestID = requestID(resp.Header)
	e.Message = fmt.Sprintf("the answer is larger than %d MB", w.boundOn(resp)>>20)
	if !e.again {
		e.kind = resource.ErrLost
	}
	return w.cleaned(e)
}

// torn makes an error of a success whose JSON is not whole: its end was lost on the way. No decoder
// sees it, as the SDKs' put what they cannot read into their error texts, secrets included.
func (w *wire) torn(req *http.Request, resp *http.Response) *Error {
	e := w.broken(req, io.ErrUnexpectedEOF, maybeSent)
	e.RequestID = requestID(resp.Header)
	return w.cleaned(e)
}

func isTorn(req *http.Request, resp *http.Response, data []byte) bool {
	if len(data) == 0 {
		// Decoded, it would be an object without fields or a list without members.
		return asksAPI(req) && req.Method == http.MethodGet && resp.StatusCode == http.StatusOK
	}
	isJSON := strings.Contains(resp.Header.Get("Content-Type"), "json") || hasForm(data) && asksAPI(req)
	return isJSON && !json.Valid(data)
}

// hasForm reports whether JSON is an object or a list, as everything is that these services answer. Null
// would be taken for an object without fields.
func hasForm(data []byte) bool {
	data = bytes.TrimSpace(data)
	return len(data) > 0 && (data[0] == '{' || data[0] == '[')
}

// foreign makes an error of a success that is neither an object nor a list in JSON: somebody else than the API answers.
func (w *wire) foreign(req *http.Request, resp *http.Response) *Error {
	e := about(req)
	e.Status = resp.StatusCode
	e.RequestID = requestID(resp.Header)
	e.Message = "the answer is no object or list in JSON but " + cmp.Or(resp.Header.Get("Content-Type"), "of no known type")
	e.Advice = fmt.Sprintf("is %s the right host, and does a proxy stand in front of it?", req.URL.Host)
	if !e.again {
		e.kind = resource.ErrLost
	}
	return w.cleaned(e)
}

// asksAPI reports whether a request asks for JSON: a page that comes back is a wrong host's, or that of
// a login in front of the right one.
func asksAPI(req *http.Request) bool {
	p := req.URL.Path
	return strings.HasPrefix(p, "/api/") || strings.HasPrefix(p, "/oidc/") || strings.HasPrefix(req.URL.Host, "api.")
}

// place is where a redirect points, without what may be secret in it.
func place(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		return "what is no address"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

func looksLikePage(resp *http.Response, data []byte) bool {
	if strings.HasPrefix(strings.ToLower(resp.Header.Get("Content-Type")), "text/html") {
		return true
	}
	start := bytes.ToLower(bytes.TrimSpace(data[:min(len(data), 64)]))
	return bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html"))
}

// scimError is the schema by which SCIM's own refusals are known (RFC 7644, 3.12).
const scimError = "urn:ietf:params:scim:api:messages:2.0:Error"

// decode reads what a service says of a failure, in any of the forms that Databricks (REST, SCIM,
// OAuth) and GitHub use, and reports whether it was one of them.
func decode(e *Error, data []byte) bool {
	var said struct {
		ErrorCode   any             `json:"error_code"`
		Message     any             `json:"message"`
		Detail      any             `json:"detail"`
		ScimType    string          `json:"scimType"`
		Schemas     any             `json:"schemas"`
		Error       any             `json:"error"`
		Description string          `json:"error_description"`
		Errors      json.RawMessage `json:"errors"`
		RequestID   string          `json:"request_id"`
	}
	if err := json.Unmarshal(data, &said); err != nil {
		e.Message = string(data[:min(len(data), 4*longest)])
		return false
	}
	e.Message = cmp.Or(text(said.Message), text(said.Detail), said.Description)
	e.Code = cmp.Or(text(said.ErrorCode), said.ScimType)
	e.RequestID = cmp.Or(e.RequestID, said.RequestID)
	schemas, _ := said.Schemas.([]any)
	e.scim = slices.Contains(schemas, any(scimError))
	if e.Code == "" {
		// OAuth has the code in error; the oldest services of Databricks have a message there.
		if said.Description != "" || e.Message != "" {
			e.Code = text(said.Error)
		} else {
			e.Message = text(said.Error)
		}
	}
	decodeFields(e, said.Errors)
	return e.Code != "" || e.Message != ""
}

// most is how many fields are told of.
const most = 20

func decodeFields(e *Error, raw json.RawMessage) {
	var items []json.RawMessage
	if len(raw) == 0 || string(raw) == "null" {
		return
	}
	if err := json.Unmarshal(raw, &items); err != nil {
		items = []json.RawMessage{raw} // GitHub has sent a bare string as well
	}
	for _, item := range items[:min(len(items), most)] {
		var f Field
		var words string
		if json.Unmarshal(item, &words) == nil {
			f.Message = words
		} else if json.Unmarshal(item, &f) != nil {
			continue // a form that nobody documents; the message stands without it
		}
		e.Fields = append(e.Fields, f)
		e.Message = strings.TrimPrefix(e.Message+"; "+f.String(), "; ")
		e.Code = cmp.Or(e.Code, f.Code)
	}
}

// String returns resource.field: message (code).
func (f Field) String() string {
	where := strings.Trim(f.Resource+"."+f.Field, ".")
	switch {
	case f.Message == "":
		return strings.TrimSpace(where + " " + f.Code)
	case where == "":
		return f.Message
	default:
		return where + ": " + f.Message
	}
}

func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		out, err := json.Marshal(v)
		if err != nil {
			return "" // impossible: it came out of JSON
		}
		return string(out)
	}
}

func requestID(h http.Header) string {
	return cmp.Or(h.Get("X-Github-Request-Id"), h.Get("X-Databricks-Request-Id"), h.Get("X-Request-Id"))
}
