package databricks

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// WorkspaceFile returns what a file in a workspace's tree holds. resource.ErrNotFound means that it is
// certainly not there: to whoever may not look into a folder the service can answer so, too, and then
// the error matches resource.ErrForbidden.
func (f *Fleet) WorkspaceFile(ctx context.Context, host, at string) ([]byte, error) {
	return memo.Recall(ctx, &f.memo, "files/"+host+at, func(ctx context.Context) ([]byte, error) {
		var file struct {
			Content string `json:"content"`
		}
		query := map[string]any{"path": at, "format": "AUTO"}
		err := f.sendTo(ctx, host, request{method: http.MethodGet, path: "/api/2.0/workspace/export", query: query}, &file)
		if errors.Is(err, resource.ErrNotFound) {
			err = f.orUnseen(ctx, host, at, err)
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", at, err)
		}
		content, err := base64.StdEncoding.DecodeString(file.Content)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", at, err)
		}
		return content, nil
	})
}

// orUnseen keeps what may not be seen from looking as if it were not there. An administrator sees all;
// anybody else what lies in a folder that is shown to them.
func (f *Fleet) orUnseen(ctx context.Context, host, at string, missing error) error {
	_, administers, err := f.Stands(ctx, host, "admins")
	if err != nil || administers {
		return errors.Join(err, missing)
	}
	for dir := path.Dir(at); !everybodys(dir); dir = path.Dir(dir) {
		query := map[string]any{"path": dir}
		err := f.sendTo(ctx, host, request{method: http.MethodGet, path: "/api/2.0/workspace/get-status", query: query}, nil)
		switch {
		case err == nil:
			return missing
		case !errors.Is(err, resource.ErrNotFound):
			return err
		}
	}
	return fmt.Errorf("%w to look into %s: be an administrator of the workspace, or be given CAN_READ on the folder: %v", resource.ErrForbidden, path.Dir(at), missing)
}

// everybodys reports whether a folder is shown to everybody, though what lies in it need not be.
func everybodys(dir string) bool {
	switch strings.TrimPrefix(dir, "/Workspace") {
	case "", "/", "/Users", "/Repos", ".":
		return true
	default:
		return false
	}
}

// Job is a job of a workspace: who its runs are, and whether it starts them by itself.
type Job struct {
	ID, Name, RunsAs string
	Paused           bool // it has a schedule or another trigger, which is switched off
}

// Job returns a job, resource.ErrNotFound where the workspace has none of that id.
func (f *Fleet) Job(ctx context.Context, host, id string) (Job, error) {
	return memo.Recall(ctx, &f.memo, "jobs/"+host+"/"+id, func(ctx context.Context) (Job, error) {
		n, err := number("job", id)
		if err != nil {
			return Job{}, err
		}
		type switched struct {
			Status string `json:"pause_status"`
		}
		var answer struct {
			RunsAs   string `json:"run_as_user_name"`
			Settings struct {
				Name       string   `json:"name"`
				Schedule   switched `json:"schedule"`
				Trigger    switched `json:"trigger"`
				Continuous switched `json:"continuous"`
			} `json:"settings"`
		}
		err = f.sendTo(ctx, host, request{method: http.MethodGet, path: "/api/2.2/jobs/get", query: map[string]any{"job_id": n}}, &answer)
		if says(err, "does not exist") { // 400 INVALID_PARAMETER_VALUE (databricks-sdk-go, apierr/error_overrides.go)
			err = fmt.Errorf("%w: %v", resource.ErrNotFound, err)
		}
		if err != nil {
			return Job{}, fmt.Errorf("reading job %s: %w", id, err)
		}
		s, paused := answer.Settings, "PAUSED"
		return Job{
			ID: id, Name: s.Name, RunsAs: answer.RunsAs,
			Paused: s.Schedule.Status == paused || s.Trigger.Status == paused || s.Continuous.Status == paused,
		}, nil
	})
}

// ForgetDeployed makes the next look at files and jobs of a workspace one at live state.
func (f *Fleet) ForgetDeployed(host string) { f.memo.Drop("files/"+host+"/", "jobs/"+host+"/") }
