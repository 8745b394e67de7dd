package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// DoAll does all that an apply may wait for, again and again until nothing is left: it ends the runs that can
// end with success, approves those that wait for somebody, reviews the open pull requests and merges them. It
// returns how much that was. What the rules do not let anybody do is left.
func (s *Sandbox) DoAll(ctx context.Context, repository string) (int, error) {
	full, err := s.repositoryOf(Deed{Repository: repository})
	if err != nil {
		return 0, err
	}
	all := 0
	for {
		n, err := s.endRuns(full)
		if err != nil {
			return all, err
		}
		for _, do := range []func(context.Context, string) (int, error){s.approveAll, s.mergeAll} {
			more, err := do(ctx, full)
			if err != nil {
				return all, err
			}
			n += more
		}
		if n == 0 {
			return all, nil
		}
		all += n
	}
}

// endRuns ends with success every job that could end.
func (s *Sandbox) endRuns(full string) (int, error) {
	s.lock()
	defer s.unlock()
	r, runs := s.runsOf(full, "")
	jobs := 0
	for _, run := range runs {
		jobs += s.finish(r, run, "success")
	}
	if jobs == 0 {
		return 0, nil
	}
	return jobs, s.save()
}

func (s *Sandbox) approveAll(ctx context.Context, full string) (int, error) {
	for n := 0; ; n++ {
		_, err := person{box: s, repository: full}.onDeployment(ctx, Deed{Do: "approve"})
		switch {
		case errors.Is(err, errNobodyWaits):
			return n, nil
		case err != nil:
			return n, err
		}
	}
}

// mergeAll reviews and merges the open pull requests, those of them that the rules let be merged.
func (s *Sandbox) mergeAll(ctx context.Context, full string) (int, error) {
	var open []pullRequest
	if err := (person{box: s, repository: full}).send(ctx, wish{http.MethodGet, "/pulls?state=open&per_page=100", nil}, &open); err != nil {
		return 0, err
	}
	n := 0
	for _, pull := range open {
		p, on := person{box: s, repository: full}, fmt.Sprint(pull.Number)
		if s.reviewerOf(full, pull.User.Login) != "" {
			if _, err := p.onPull(ctx, Deed{Do: "review", On: on}); err != nil {
				return n, err
			}
		}
		if _, err := p.onPull(ctx, Deed{Do: "merge", On: on}); err == nil {
			n++
		}
	}
	return n, nil
}
