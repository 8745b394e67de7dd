package databricks

import (
	"context"

	"github.com/databricks/databricks-sdk-go/config"
	"github.com/databricks/databricks-sdk-go/config/credentials"
	"github.com/databricks/databricks-sdk-go/logger"
)

// quiet is one of the SDK's own logins without the SDK's own words: it tells whoever reads the standard
// error which ids it logs in with.
type quiet struct{ config.CredentialsStrategy }

// Configure logs in.
func (q quiet) Configure(ctx context.Context, cfg *config.Config) (credentials.CredentialsProvider, error) {
	return q.CredentialsStrategy.Configure(logger.NewContext(ctx, silent{}), cfg)
}

// silent is a logger that says nothing.
type silent struct{}

// Enabled reports whether anything is logged.
func (silent) Enabled(context.Context, logger.Level) bool { return false }

// Tracef says nothing.
func (silent) Tracef(context.Context, string, ...any) {}

// Debugf says nothing.
func (silent) Debugf(context.Context, string, ...any) {}

// Infof says nothing.
func (silent) Infof(context.Context, string, ...any) {}

// Warnf says nothing.
func (silent) Warnf(context.Context, string, ...any) {}

// Errorf says nothing.
func (silent) Errorf(context.Context, string, ...any) {}
