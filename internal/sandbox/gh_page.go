package sandbox

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// ghPage cuts the page out of items that the request asks for, and says in Link where the others
// are. A per_page beyond most is taken as most.
func ghPage[T any](g *ghCall, items []T, usual, most int) ([]T, http.Header) {
	query := g.req.URL.Query()
	size, err := strconv.Atoi(query.Get("per_page"))
	if err != nil || size < 1 {
		size = usual
	}
	size = min(size, most)
	page, err := strconv.Atoi(query.Get("page"))
	if err != nil || page < 1 {
		page = 1
	}
	last := max(1, (len(items)+size-1)/size)
	var links []string
	link := func(to int, rel string) {
		q := url.Values{}
		for k, v := range query {
			q[k] = v
		}
		q.Set("page", strconv.Itoa(to))
		links = append(links, fmt.Sprintf("<%s?%s>; rel=%q", g.linkPath(), q.Encode(), rel))
	}
	if page > 1 {
		link(page-1, "prev")
	}
	if page < last {
		link(page+1, "next")
		link(last, "last")
	}
	if page > 1 {
		link(1, "first")
	}
	header := http.Header{}
	if links != nil {
		header.Set("Link", strings.Join(links, ", "))
	}
	from := min((page-1)*size, len(items))
	part := items[from:min(from+size, len(items))]
	if part == nil {
		part = []T{} // an empty list, never null
	}
	return part, header
}

// linkPath is the address of this listing; below a repository GitHub's links lead to its id.
func (g *ghCall) linkPath() string {
	path := g.path
	if g.repo != nil {
		parts := strings.SplitN(strings.Trim(g.path, "/"), "/", 4)
		if parts[0] == "repos" && len(parts) == 4 {
			path = fmt.Sprintf("/repositories/%d/%s", g.repo.ID, parts[3])
		}
	}
	return g.apiBase() + "/" + strings.Trim(path, "/")
}

// ghList answers a plain listing.
func ghList[T any](g *ghCall, items []T) (any, error) {
	part, header := ghPage(g, items, 30, 100)
	return &reply{status: http.StatusOK, header: header, body: part}, nil
}

// ghCounted answers a listing inside an object with its total_count.
func ghCounted[T any](g *ghCall, name string, items []T) (any, error) {
	part, header := ghPage(g, items, 30, 100)
	return &reply{status: http.StatusOK, header: header, body: ghObject{"total_count": len(items), name: part}}, nil
}
