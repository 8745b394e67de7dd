package databricks

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/databricks/databricks-sdk-go/service/catalog"
	"github.com/databricks/databricks-sdk-go/service/provisioning"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Metastore is the Unity Catalog metastore of a workspace.
type Metastore struct{ ID, WorkspaceID string }

// Metastore returns the metastore that the workspace is attached to, resource.ErrNotFound if none.
func (f *Fleet) Metastore(ctx context.Context, host string) (Metastore, error) {
	return memo.Recall(ctx, &f.memo, "metastore/"+host, func(ctx context.Context) (Metastore, error) {
		c, err := f.on(host)
		if err != nil {
			return Metastore{}, err
		}
		m, err := catalog.NewMetastores(c).Current(ctx)
		if err != nil {
			return Metastore{}, fmt.Errorf("reading the metastore of %s: %w", host, bare(err))
		}
		return Metastore{ID: m.MetastoreId, WorkspaceID: strconv.FormatInt(m.WorkspaceId, 10)}, nil
	})
}

// MetastoreSummary is what a workspace shows of its metastore. StorageRoot is "" where the metastore
// has no storage of its own.
type MetastoreSummary struct{ ID, Name, Owner, StorageRoot string }

// MetastoreSummary returns what the workspace shows of its metastore.
func (f *Fleet) MetastoreSummary(ctx context.Context, host string) (MetastoreSummary, error) {
	return memo.Recall(ctx, &f.memo, "metastore_summary/"+host, func(ctx context.Context) (MetastoreSummary, error) {
		c, err := f.on(host)
		if err != nil {
			return MetastoreSummary{}, err
		}
		m, err := catalog.NewMetastores(c).Summary(ctx)
		if err != nil {
			return MetastoreSummary{}, fmt.Errorf("reading the metastore of %s: %w", host, bare(err))
		}
		return MetastoreSummary{ID: m.MetastoreId, Name: m.Name, Owner: m.Owner, StorageRoot: m.StorageRoot}, nil
	})
}

// WorkspaceID returns the id of the workspace: its metastore's assignment gives it, a workspace
// without a metastore tells it itself, and what cannot be asked there is found in the account's list.
func (f *Fleet) WorkspaceID(ctx context.Context, host string) (string, error) {
	m, err := f.Metastore(ctx, host)
	if err == nil && m.WorkspaceID != "0" {
		return m.WorkspaceID, nil
	}
	if err != nil && !errors.Is(err, resource.ErrNotFound) {
		return f.listedWorkspaceID(ctx, host, err)
	}
	me, err := f.me(ctx, host)
	if err == nil && me.workspaceID != "" {
		return me.workspaceID, nil
	}
	return f.listedWorkspaceID(ctx, host, err)
}

// listedWorkspaceID finds the workspace in the account's list; where that fails too, the error is why
// the workspace itself could not be asked.
func (f *Fleet) listedWorkspaceID(ctx context.Context, host string, why error) (string, error) {
	if !f.HasAccount() {
		return "", why
	}
	list, err := f.listWorkspaces(ctx)
	if err != nil {
		return "", errors.Join(why, err)
	}
	for _, w := range list {
		if w.DeploymentName != "" && isDeployment(host, w.DeploymentName) {
			return strconv.FormatInt(w.WorkspaceId, 10), nil
		}
	}
	if why != nil {
		return "", why
	}
	return "", fmt.Errorf("%s does not tell its workspace id and is not in the list of account %s", host, f.AccountID())
}

func (f *Fleet) listWorkspaces(ctx context.Context) ([]provisioning.Workspace, error) {
	return memo.Recall(ctx, &f.memo, "workspaces", func(ctx context.Context) ([]provisioning.Workspace, error) {
		c, err := f.onAccount()
		if err != nil {
			return nil, err
		}
		list, err := provisioning.NewWorkspaces(c).List(ctx)
		if err != nil {
			return nil, fmt.Errorf("listing the workspaces of account %s: %w", f.AccountID(), bare(err))
		}
		return list, nil
	})
}

// isDeployment reports whether a host is a deployment's: https://DEPLOYMENT.cloud.databricks.com.
func isDeployment(host, deployment string) bool {
	u, err := url.Parse(host)
	return err == nil && strings.HasPrefix(strings.ToLower(u.Hostname())+".", strings.ToLower(deployment)+".")
}
