package databricks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// TokenOrder is a personal access token on behalf of a service principal, as it is ordered.
type TokenOrder struct {
	ApplicationID string
	Comment       string
	Lifetime      time.Duration
}

type tokenInfo struct {
	ID      string `json:"token_id"`
	Owner   int64  `json:"owner_id"`
	Created int64  `json:"creation_time"` // milliseconds
	Expires int64  `json:"expiry_time"`   // -1 is never
}

func (t tokenInfo) secret() Secret {
	s := Secret{ID: t.ID, Created: time.UnixMilli(t.Created).UTC()}
	if t.Expires > 0 {
		s.Expires = time.UnixMilli(t.Expires).UTC()
	}
	return s
}

const tokenManagement = "/api/2.0/token-management"

// PersonalTokens returns the personal access tokens that a service principal has in a workspace, by its numeric
// id. All of a workspace come in one answer.
func (f *Fleet) PersonalTokens(ctx context.Context, host, principalID string) ([]Secret, error) {
	owner, err := number("principal", principalID)
	if err != nil {
		return nil, err
	}
	all, err := memo.Recall(ctx, &f.memo, "tokens/"+host, func(ctx context.Context) ([]tokenInfo, error) {
		var answer struct {
			Tokens []tokenInfo `json:"token_infos"`
		}
		err := f.sendTo(ctx, host, request{method: http.MethodGet, path: tokenManagement + "/tokens"}, &answer)
		return answer.Tokens, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the tokens of principal %s on %s: %w", principalID, host, misplaced(err))
	}
	secrets := []Secret{}
	for _, t := range all {
		if t.Owner == owner {
			secrets = append(secrets, t.secret())
		}
	}
	return secrets, nil
}

// ForgetPersonalTokens makes the next look at a workspace's tokens one at live state.
func (f *Fleet) ForgetPersonalTokens(host string) { f.memo.Drop("tokens/" + host) }

// IssuePersonalToken issues a personal access token on behalf of a service principal. It is not sent again by
// itself: one whose answer was lost is of no use, and stays. The clouds of Azure have no such call.
func (f *Fleet) IssuePersonalToken(ctx context.Context, host string, o TokenOrder) (Secret, error) {
	defer f.ForgetPersonalTokens(host)
	var made struct {
		Value string    `json:"token_value"`
		Info  tokenInfo `json:"token_info"`
	}
	body := map[string]any{"application_id": o.ApplicationID, "comment": o.Comment, "lifetime_seconds": int64(o.Lifetime / time.Second)}
	err := f.sendTo(ctx, host, request{method: http.MethodPost, path: tokenManagement + "/on-behalf-of/tokens", body: body}, &made)
	switch {
	case code(err) == "FEATURE_DISABLED":
		return Secret{}, fmt.Errorf("issuing a token for %s on %s: this workspace issues none on behalf of service principals (Azure's do not): use oidc or oauth_secret: %v", o.ApplicationID, host, withheld(err))
	case err != nil:
		return Secret{}, fmt.Errorf("issuing a token for %s on %s: %w", o.ApplicationID, host, withheld(err))
	}
	secret := made.Info.secret()
	secret.Value = Seal(made.Value)
	return secret, nil
}

// RevokePersonalToken deletes a personal access token; one that is gone already is no error.
func (f *Fleet) RevokePersonalToken(ctx context.Context, host, id string) error {
	defer f.ForgetPersonalTokens(host)
	err := f.sendTo(ctx, host, request{method: http.MethodDelete, path: tokenManagement}.below("tokens", id), nil)
	if ignoreMissing(err) != nil {
		return fmt.Errorf("revoking token %s on %s: %w", id, host, err)
	}
	return nil
}

const tokenAccess = "/api/2.0/permissions/authorization/tokens"

// AllowTokens lets a service principal use tokens of a workspace. It is added to those who may: to replace the list
// would revoke the tokens of everybody whom it does not name.
func (f *Fleet) AllowTokens(ctx context.Context, host, applicationID string) error {
	var list struct {
		Entries []struct {
			Principal string `json:"service_principal_name"`
		} `json:"access_control_list"`
	}
	if err := f.sendTo(ctx, host, request{method: http.MethodGet, path: tokenAccess}, &list); err != nil {
		return fmt.Errorf("reading who may use tokens on %s: %w", host, misplaced(err))
	}
	for _, e := range list.Entries {
		if strings.EqualFold(e.Principal, applicationID) {
			return nil // an entry is CAN_USE, or more
		}
	}
	entry := map[string]string{"service_principal_name": applicationID, "permission_level": "CAN_USE"}
	body := map[string]any{"access_control_list": []any{entry}}
	err := f.sendTo(ctx, host, request{method: http.MethodPatch, path: tokenAccess, body: body}, nil)
	if errors.Is(err, resource.ErrNotFound) || errors.Is(err, resource.ErrLost) { // adding it twice is adding it once
		err = fmt.Errorf("%w: %w", resource.ErrNotYet, err)
	}
	if err != nil {
		return fmt.Errorf("letting %s use tokens on %s: %w", applicationID, host, err)
	}
	return nil
}

// TryToken asks a workspace who the bearer of a token is, and fails unless it is the principal of that numeric id.
func (f *Fleet) TryToken(ctx context.Context, host, principalID string, token Sealed) error {
	wire, err := f.transport(host)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, host+"/api/2.0/preview/scim/v2/Me", http.NoBody)
	if err != nil {
		return fmt.Errorf("trying a token on %s: %w", host, err)
	}
	req.Header.Set("Authorization", "Bearer "+token.Reveal())
	req.Header.Set("Accept", "application/json")
	resp, err := wire.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("trying a token on %s: %w", host, bare(err))
	}
	id, err := idIn(resp)
	if err == nil && id != principalID {
		err = fmt.Errorf("it is that of principal %s, not of %s", strconv.Quote(id), principalID)
	}
	if err != nil {
		return fmt.Errorf("trying a token on %s: %w", host, err)
	}
	return nil
}

// idIn returns the id in the answer to who somebody is.
func idIn(resp *http.Response) (string, error) {
	defer func() { _ = resp.Body.Close() }() // read to its end below
	var answer struct {
		ID string `json:"id"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return "", errors.New("the answer says nothing of who it is")
	}
	return answer.ID, nil
}
