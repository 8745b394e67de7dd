package github

import "time"

// UpdatedAt returns when the ruleset was changed last; the zero time where GitHub does not show it.
func (r Ruleset) UpdatedAt() time.Time {
	text, _ := r.raw["updated_at"].(string)
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return at
}
