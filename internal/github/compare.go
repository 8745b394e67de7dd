package github

import (
	"context"
	"fmt"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/memo"
)

// Distance is what a branch has that another lacks.
type Distance struct {
	Commits []Change // the newest last; of very many, the first hundred
	Ahead   int      // how many commits these are
	Behind  int      // how many commits the other has that this one lacks
	Files   []string // that differ; at most the 300 that GitHub lists
}

// Change is a commit, in a line.
type Change struct{ SHA, Subject, Author string }

// Distance compares two branches: what head has that base lacks.
func (c *Client) Distance(ctx context.Context, base, head string) (Distance, error) {
	return memo.Recall(ctx, &c.memo, "distance/"+base+"..."+head, func(ctx context.Context) (Distance, error) {
		var answer struct {
			Ahead   int `json:"ahead_by"`
			Behind  int `json:"behind_by"`
			Commits []struct {
				SHA    string `json:"sha"`
				Commit struct {
					Message string `json:"message"`
					Author  struct {
						Name string `json:"name"`
					} `json:"author"`
				} `json:"commit"`
			} `json:"commits"`
			Files []struct {
				Name string `json:"filename"`
			} `json:"files"`
		}
		if err := c.get(ctx, c.at("compare", base+"..."+head)+"?per_page=100", &answer); err != nil {
			return Distance{}, fmt.Errorf("comparing %s with %s: %w", head, base, err)
		}
		d := Distance{Ahead: answer.Ahead, Behind: answer.Behind}
		for _, x := range answer.Commits {
			subject, _, _ := strings.Cut(x.Commit.Message, "\n")
			d.Commits = append(d.Commits, Change{SHA: x.SHA, Subject: subject, Author: x.Commit.Author.Name})
		}
		for _, f := range answer.Files {
			d.Files = append(d.Files, f.Name)
		}
		return d, nil
	})
}
